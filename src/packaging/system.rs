//! What a package asks of the installed system, as files that are the same in both formats: sysusers.d(5), tmpfiles.d(5)
//! and systemd.preset(5). The maintainer scripts around them are in `deb` and `scriptlets`.

use crate::recipe::{Service, System};
use crate::types::Format;

use super::members::Member;

/// Where units lie, whatever the release: packages for older ones are told by `deb`.
pub(super) const UNITS: &str = "/usr/lib/systemd/system";

/// The home of a user that has none: a folder that does not exist (Debian Policy 9.2.3).
pub(super) const NO_HOME: &str = "/nonexistent";

/// A file that farm writes into a package.
#[derive(Debug)]
pub(super) struct OwnFile {
    /// In the installed system.
    pub(super) path: String,
    /// What debhelper calls such a file, and the ending of its name among the sources of a .spec.
    pub(super) kind: &'static str,
    pub(super) content: String,
}

/// The function that gives files away and sets their capabilities, in dpkg's `postinst`: an .rpm says both in its header. What
/// the administrator says by dpkg-statoverride(1) stays (Debian Policy 10.9). Neither survives `chown`: not the bits for other
/// users, nor capabilities.
pub(super) const ATTRIBUTE_FUNCTION: &str = "    # farm_attribute OWNER:GROUP CAPABILITIES PATH\n    \
    farm_attribute() {\n        \
    [ -e \"$3\" ] && [ ! -L \"$3\" ] || return 0\n        \
    if [ \"$1\" != - ] && ! dpkg-statoverride --list \"$3\" >/dev/null; then\n            \
    farm_mode=$(stat -c %a -- \"$3\")\n            \
    chown -h -- \"$1\" \"$3\"\n            \
    chmod -- \"$farm_mode\" \"$3\"\n        \
    fi\n        \
    [ \"$2\" = - ] || setcap \"$2\" \"$3\"\n    \
    }\n";

/// Whether `postinst` of a .deb has something to do with files.
pub(super) fn has_attributes(system: &System) -> bool {
    system.attributes.values().any(|one| one.owners().is_some() || one.capabilities.is_some())
}

/// The package with setcap(8), where capabilities are set.
pub(super) fn setcap_package(system: &System) -> Option<&'static str> {
    system.attributes.values().any(|one| one.capabilities.is_some()).then_some("libcap2-bin")
}

pub(super) fn own_files(member: &Member<'_>, format: Format) -> Vec<OwnFile> {
    let (name, system) = (&member.name, member.system);
    let sysusers =
        OwnFile { path: format!("/usr/lib/sysusers.d/{name}.conf"), kind: "sysusers", content: sysusers(system) };
    let tmpfiles =
        OwnFile { path: format!("/usr/lib/tmpfiles.d/{name}.conf"), kind: "tmpfiles", content: tmpfiles(system) };
    let mut files = vec![sysusers, tmpfiles];
    // Debian asks no presets: its helpers are told in the maintainer scripts.
    if format == Format::Rpm {
        let path = format!("/usr/lib/systemd/system-preset/50-{name}.preset");
        files.push(OwnFile { path, kind: "preset", content: presets(system) });
    }
    files.retain(|file| !file.content.is_empty());
    files
}

fn sysusers(system: &System) -> String {
    let mut lines: Vec<String> = system.groups.iter().map(|group| format!("g {group} -\n")).collect();
    for (name, user) in &system.users {
        let comment = user.comment.as_ref().map_or("-".to_owned(), |comment| format!("\"{comment}\""));
        let home = user.home.as_deref().unwrap_or(NO_HOME);
        let shell = user.shell.as_ref().map(|shell| format!(" {shell}")).unwrap_or_default();
        lines.push(format!("u {name} - {comment} {home}{shell}\n"));
        lines.extend(user.groups.iter().map(|group| format!("m {name} {group}\n")));
    }
    lines.concat()
}

fn tmpfiles(system: &System) -> String {
    system.tmpfiles.iter().map(|line| format!("{line}\n")).collect()
}

/// Whether a unit is a template: nothing to enable, start or stop itself, only its instances are.
pub(super) fn is_template(unit: &str) -> bool {
    unit.contains("@.")
}

pub(super) fn plain_units(system: &System) -> impl Iterator<Item = (&String, &Service)> {
    system.services.iter().filter(|(unit, _)| !is_template(unit))
}

/// What is done, when `condition` holds, with the instances of a package's templates: the administrator's, of whom
/// nothing is known when the package is made.
pub(super) fn templates(system: &System, condition: &str, command: fn(&str, &Service) -> Option<String>) -> String {
    let commands: String = system
        .services
        .iter()
        .filter(|(unit, _)| is_template(unit))
        .filter_map(|(unit, service)| command(unit, service))
        .collect();
    match commands.is_empty() {
        true => String::new(),
        false => format!("if {condition} && command -v systemctl >/dev/null; then\n{commands}fi\n"),
    }
}

/// Before a package goes: instances end, and are no longer enabled.
pub(super) fn stop_instances(unit: &str, _: &Service) -> Option<String> {
    Some(format!(
        "    systemctl --no-reload disable '{unit}' >/dev/null 2>&1 || :\n    \
         [ ! -d /run/systemd/system ] || systemctl stop '{}' || :\n",
        instances(unit)
    ))
}

/// After an upgrade: those that run start anew.
pub(super) fn restart_instances(unit: &str, service: &Service) -> Option<String> {
    service.restart.then(|| {
        format!(
            "    [ ! -d /run/systemd/system ] || {{ systemctl daemon-reload || :; systemctl try-restart '{}' || :; }}\n",
            instances(unit)
        )
    })
}

/// The loaded instances of a template, as systemctl(1) takes them.
fn instances(unit: &str) -> String {
    unit.replacen("@.", "@*.", 1)
}

/// Units for which the recipe wants something else than the distribution's policy.
fn presets(system: &System) -> String {
    let verb = |service: &Service| service.enable.map(|enable| if enable { "enable" } else { "disable" });
    plain_units(system).filter_map(|(unit, service)| verb(service).map(|verb| format!("{verb} {unit}\n"))).collect()
}

/// What is done with a unit, Debian's policy filled in: what is installed is enabled, and what is enabled is started.
pub(super) struct Choices {
    pub(super) enable: bool,
    pub(super) start: bool,
    pub(super) restart: bool,
}

pub(super) fn service_choices(service: &Service) -> Choices {
    let enable = service.enable.unwrap_or(true);
    Choices { enable, start: service.start.unwrap_or(enable), restart: service.restart }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::recipe::SystemUser;

    #[test]
    fn users_become_lines_of_sysusers() {
        let user = SystemUser {
            comment: Some("Greeting daemon".to_owned()),
            home: None,
            shell: None,
            groups: vec!["audio".to_owned()],
        };
        let other = SystemUser {
            comment: None,
            home: Some("/var/lib/other".to_owned()),
            shell: Some("/bin/sh".to_owned()),
            groups: vec![],
        };
        let system = System {
            users: BTreeMap::from([("greetd".to_owned(), user), ("other".to_owned(), other)]),
            groups: vec!["greeters".to_owned()],
            ..System::default()
        };
        assert_eq!(
            sysusers(&system),
            "g greeters -\nu greetd - \"Greeting daemon\" /nonexistent\nm greetd audio\nu other - - /var/lib/other /bin/sh\n"
        );
    }

    #[test]
    fn presets_are_written_only_against_the_distributions_policy() {
        let service = |enable| Service { enable, start: None, restart: true };
        let system = System {
            services: BTreeMap::from([
                ("a.service".to_owned(), service(None)),
                ("b.service".to_owned(), service(Some(true))),
                ("c.timer".to_owned(), service(Some(false))),
            ]),
            ..System::default()
        };
        assert_eq!(presets(&system), "enable b.service\ndisable c.timer\n");
    }
}
