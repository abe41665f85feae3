//! The scriptlets of an .rpm: the recipe's maintainer scripts, and what units, users, temporary files and alternatives need
//! around them. In a .spec, a distribution's own macros are used where it has them; on Debian, whose rpm has none, and in
//! packages that farm makes itself, their meaning is written out.

use std::collections::BTreeMap;

use crate::distro::{Distro, SystemdWords, Trigger};
use crate::recipe::{Alternative, System};

use super::contract::{self, Moment};
use super::members::{Member, source_name};
use super::spec::{self, tag};
use super::system::{NO_HOME, own_files, plain_units, restart_instances, stop_instances, templates};
use super::text::quote;
use crate::types::Format;

/// The package with the macros of systemd, when a recipe needs them and the distribution has them.
pub(super) fn macros_package<'a>(members: &[Member<'_>], distro: &'a Distro) -> Option<&'a str> {
    let needed = members.iter().any(|member| uses_macros(member, distro));
    distro.rpm.systemd_macros.as_deref().filter(|_| needed)
}

fn uses_macros(member: &Member<'_>, distro: &Distro) -> bool {
    !member.system.services.is_empty() || makes_tmpfiles(member, distro)
}

/// rpm from 4.19 on makes the users of sysusers.d files itself, before it unpacks, where the distribution lets it.
pub(super) fn rpm_makes_users(distro: &Distro) -> bool {
    distro.triggers.contains(&Trigger::Users)
}

/// Whether libraries need a scriptlet that runs ldconfig.
pub(super) fn runs_ldconfig(distro: &Distro) -> bool {
    !distro.triggers.contains(&Trigger::Ldconfig)
}

/// Whether a scriptlet makes what a tmpfiles.d file names. systemd's own trigger does so at the end of the transaction,
/// which is too late for what else the package does when it is installed.
fn makes_tmpfiles(member: &Member<'_>, distro: &Distro) -> bool {
    let is_early = member.scripts.post_install.is_some()
        || member.scripts.post_upgrade.is_some()
        || member.system.services.values().any(|service| service.start == Some(true));
    !member.system.tmpfiles.is_empty() && (is_early || !distro.triggers.contains(&Trigger::Tmpfiles))
}

/// Whether users are made by what openSUSE's sysuser-tools writes, of the package's sysusers.d file. rpm puts that behind
/// what else there is of %pre: not where a script of the recipe's may want the users.
fn generates_users(member: &Member<'_>, distro: &Distro) -> bool {
    let has_users = !member.system.users.is_empty() || !member.system.groups.is_empty();
    let is_free = member.scripts.pre_install.is_none() && member.scripts.pre_upgrade.is_none();
    has_users && is_free && distro.rpm.user_macros.is_some() && !rpm_makes_users(distro)
}

/// The package with sysuser-tools' macros, when a .spec needs them.
pub(super) fn users_package<'a>(members: &[Member<'_>], distro: &'a Distro) -> Option<&'a str> {
    let needed = members.iter().any(|member| generates_users(member, distro));
    distro.rpm.user_macros.as_deref().filter(|_| needed)
}

/// The lines of %build that write the scriptlets with users, which `%pre -f` takes.
pub(super) fn generated_users(members: &[Member<'_>], distro: &Distro) -> String {
    let users = members.iter().filter(|member| generates_users(member, distro)).map(|member| {
        let name = &member.name;
        format!("%sysusers_generate_pre %{{_sourcedir}}/{} {name} {name}.conf\n", source_name(name, "sysusers"))
    });
    users.collect()
}

/// What the scriptlets of a member need, for its part of the preamble.
pub(super) fn requirements(spec: &mut String, member: &Member<'_>, distro: &Distro) {
    if needs_systemd(member, distro) {
        spec.push_str("%{?systemd_requires}\n");
    }
    let generated = generates_users(member, distro);
    if generated {
        spec.push_str("%sysusers_requires\n");
    }
    for (name, tool) in tools(member, distro, !generated, "%{_sbindir}") {
        tag(spec, name, &tool);
    }
}

/// The same, written out for a package without a .spec.
pub(super) fn assembled_requirements(member: &Member<'_>, distro: &Distro) -> Vec<(&'static str, String)> {
    let phases = ["Requires(post)", "Requires(preun)", "Requires(postun)"];
    let systemd = phases.iter().filter(|_| needs_systemd(member, distro)).map(|phase| (*phase, "systemd".to_owned()));
    systemd.chain(tools(member, distro, true, &distro.rpm.sbin)).collect()
}

fn needs_systemd(member: &Member<'_>, distro: &Distro) -> bool {
    distro.rpm.systemd != SystemdWords::Systemctl && uses_macros(member, distro)
}

/// The programs that scriptlets run, with the tag that says when. `users`: whether scriptlets make them with such.
/// `sbin` is how the place of alternatives is written.
fn tools(member: &Member<'_>, distro: &Distro, users: bool, sbin: &str) -> Vec<(&'static str, String)> {
    let mut tools = Vec::new();
    if users && !rpm_makes_users(distro) {
        tools.extend(user_tools(member.system).into_iter().map(|tool| ("Requires(pre)", format!("/usr/sbin/{tool}"))));
    }
    if !member.system.alternatives.is_empty() {
        let program = format!("{sbin}/update-alternatives");
        tools.extend([("Requires(post)", program.clone()), ("Requires(preun)", program)]);
    }
    tools
}

fn user_tools(system: &System) -> Vec<&'static str> {
    let groups = !system.groups.is_empty() || !system.users.is_empty();
    let members = system.users.values().any(|user| !user.groups.is_empty());
    [("groupadd", groups), ("useradd", !system.users.is_empty()), ("usermod", members)]
        .into_iter()
        .filter_map(|(tool, used)| used.then_some(tool))
        .collect()
}

/// The files that farm adds to packages, as sources from `first` on.
pub(super) fn sources(spec: &mut String, members: &[Member<'_>], first: usize) {
    let names = members
        .iter()
        .flat_map(|member| own_files(member, Format::Rpm).into_iter().map(|file| source_name(&member.name, file.kind)));
    for (index, name) in names.enumerate() {
        tag(spec, &format!("Source{}", first + index), &name);
    }
}

/// A piece of a scriptlet.
enum Part<'a> {
    /// Shell and macros of farm's own.
    Own(String),
    /// A script of the recipe.
    Recipe(&'a str, Moment),
}

fn recipe(script: &Option<String>, moment: Moment) -> Option<Part<'_>> {
    script.as_deref().map(|script| Part::Recipe(script, moment))
}

fn own<'a>(text: String) -> Option<Part<'a>> {
    (!text.is_empty()).then_some(Part::Own(text))
}

/// Takes links away where the package has folders: rpm does not put one in place of the other. In Lua, as before a first
/// installation there may be nothing else to run it (Fedora's Packaging Guidelines, "Scriptlets to replace a directory").
fn former_links(system: &System) -> Option<String> {
    let remove = |path: &String| {
        format!(
            "path = \"{path}\"\nst = posix.stat(path)\nif st and st.type == \"link\" then\n  os.remove(path)\nend\n"
        )
    };
    let script: String = system.former_links.keys().map(remove).collect();
    (!script.is_empty()).then_some(script)
}

/// All scriptlets of a member, for a .spec. `libraries`: whether it has some, of which ldconfig has to know.
pub(super) fn scriptlets(spec: &mut String, member: &Member<'_>, distro: &Distro, libraries: bool, environment: &str) {
    if let Some(script) = former_links(member.system) {
        spec.push_str(&format!("\n%pretrans -n {} -p <lua>\n{script}", member.name));
    }
    let users = !generates_users(member, distro);
    for (section, mut parts) in sections(member, distro, users, Systemd::in_spec(distro)) {
        let name = &member.name;
        let ldconfig = libraries && runs_ldconfig(distro) && matches!(section, "post" | "postun");
        let generated = section == "pre" && generates_users(member, distro);
        match (&parts[..], ldconfig) {
            ([], false) if generated => spec.push_str(&format!("\n%pre -n {name} -f {name}.pre\n")),
            ([], false) => {}
            ([], true) => spec.push_str(&format!("\n%{section} -n {name} -p /sbin/ldconfig\n")),
            (_, ldconfig) => {
                if ldconfig {
                    // What is installed comes first, and what is removed after the recipe's own script.
                    let at = usize::from(section == "postun" && matches!(parts[0], Part::Recipe(..)));
                    parts.insert(at, Part::Own("/sbin/ldconfig\n".to_owned()));
                }
                let file = if generated { format!(" -f {name}.pre") } else { String::new() };
                spec.push_str(&format!("\n%{section} -n {name}{file}\n{}", text(&parts, environment, spec::script)));
            }
        }
    }
}

/// The same for a package that has no .spec: nothing in it is a macro. ldconfig is not in it.
pub(super) fn assembled(member: &Member<'_>, distro: &Distro, environment: &str) -> BTreeMap<String, String> {
    let sections = sections(member, distro, true, Systemd::written(distro)).into_iter();
    let written = sections.filter(|(_, parts)| !parts.is_empty());
    let shell = written.map(|(section, parts)| (section.to_owned(), text(&parts, environment, str::to_owned)));
    shell.chain(former_links(member.system).map(|script| ("pretrans".to_owned(), script))).collect()
}

/// The order is that of the .deb: `post-install` finds users and temporary files made and services not yet started;
/// `pre-remove` finds all as it was.
fn sections<'a>(
    member: &'a Member<'_>,
    distro: &Distro,
    users: bool,
    systemd: Systemd,
) -> [(&'static str, Vec<Part<'a>>); 5] {
    let (system, scripts) = (member.system, member.scripts);
    let users = if rpm_makes_users(distro) || !users { String::new() } else { make_users(system) };
    let install = system.alternatives.iter().map(|(name, value)| install_alternative(name, value)).collect();
    [
        (
            "pre",
            vec![
                own(users),
                own(systemd.pre(system)),
                recipe(&scripts.pre_install, Moment::PreInstall),
                recipe(&scripts.pre_upgrade, Moment::PreUpgrade),
            ],
        ),
        (
            "post",
            vec![
                own(systemd.tmpfiles(member, distro)),
                recipe(&scripts.post_install, Moment::PostInstall),
                recipe(&scripts.post_upgrade, Moment::PostUpgrade),
                own(install),
                own(systemd.post(system)),
            ],
        ),
        (
            "preun",
            vec![
                recipe(&scripts.pre_remove, Moment::PreRemove),
                // While their links are there: rpm erases those, which are ghosts of the package, before %postun, and
                // update-alternatives then cannot find out what it has to take away.
                own(remove_alternatives(system)),
                own(systemd.preun(system)),
                own(templates(system, "[ \"$1\" -eq 0 ]", stop_instances)),
            ],
        ),
        (
            "postun",
            vec![
                recipe(&scripts.post_remove, Moment::PostRemove),
                own(systemd.postun(system)),
                own(templates(system, "[ \"$1\" -ge 1 ]", restart_instances)),
            ],
        ),
        ("posttrans", vec![recipe(&scripts.post_transaction, Moment::PostTransaction)]),
    ]
    .map(|(section, parts)| (section, parts.into_iter().flatten().collect()))
}

fn text(parts: &[Part<'_>], environment: &str, escape: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Own(own) => text.push_str(own),
            Part::Recipe(script, moment) => {
                text.push_str(&contract::rpm(script, *moment, environment, &escape));
                // An `||` behind the parentheses would switch `set -e` off within them.
                if index + 1 < parts.len() {
                    text.push_str("[ $? -eq 0 ] || exit 1\n");
                }
            }
        }
    }
    text
}

/// What systemd's macros run where there is one, from release 249 on.
const HELPER: &str = "/usr/lib/systemd/systemd-update-helper";

/// The words in which a package speaks to systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Systemd {
    /// Macros that the Fedora family has.
    Macros,
    SuseMacros,
    /// What those of the Fedora family come to: systemd's helper where it is, which leaves restarts to the end of the
    /// transaction, else systemctl.
    Helper,
    /// systemctl alone. openSUSE's helper asks for a mark that only its own macros make.
    Systemctl,
}

impl Systemd {
    fn in_spec(distro: &Distro) -> Systemd {
        match distro.rpm.systemd {
            SystemdWords::Systemctl => Systemd::Systemctl,
            SystemdWords::Macros => Systemd::Macros,
            SystemdWords::SuseMacros => Systemd::SuseMacros,
        }
    }

    fn written(distro: &Distro) -> Systemd {
        match distro.rpm.systemd {
            SystemdWords::Macros => Systemd::Helper,
            SystemdWords::Systemctl | SystemdWords::SuseMacros => Systemd::Systemctl,
        }
    }

    fn pre(self, system: &System) -> String {
        match units(system, |_| true) {
            Some(units) if self == Systemd::SuseMacros => format!("%service_add_pre {units}\n"),
            _ => String::new(),
        }
    }

    fn tmpfiles(self, member: &Member<'_>, distro: &Distro) -> String {
        if !makes_tmpfiles(member, distro) {
            return String::new();
        }
        let file = format!("{}.conf", member.name);
        match self {
            Systemd::SuseMacros => format!("%tmpfiles_create %{{_tmpfilesdir}}/{file}\n"),
            // The Fedora family has given the macro up.
            Systemd::Macros | Systemd::Helper | Systemd::Systemctl => format!(
                "if command -v systemd-tmpfiles >/dev/null; then\n    systemd-tmpfiles --create {file} || :\nfi\n"
            ),
        }
    }

    /// Presets say what is enabled; the package has one for units that the recipe enables or disables by name.
    fn post(self, system: &System) -> String {
        let Some(all) = units(system, |_| true) else { return String::new() };
        let mut text = match self {
            Systemd::SuseMacros => format!("%service_add_post {all}\n"),
            Systemd::Macros => format!("%systemd_post {all}\n"),
            Systemd::Helper | Systemd::Systemctl => self.or_helper(
                "-eq 1",
                &format!("install-system-units {all}"),
                format!(
                    "if [ \"$1\" -eq 1 ] && command -v systemctl >/dev/null; then\n    systemctl --no-reload preset {all} || :\nfi\n"
                ),
            ),
        };
        if let Some(started) = units(system, |service| service.start == Some(true)) {
            text.push_str(&format!(
                "if [ \"$1\" -eq 1 ] && [ -d /run/systemd/system ]; then\n    systemctl daemon-reload || :\n    \
                 systemctl start {started} || :\nfi\n"
            ));
        }
        text
    }

    fn preun(self, system: &System) -> String {
        let Some(all) = units(system, |_| true) else { return String::new() };
        match self {
            Systemd::SuseMacros => format!("%service_del_preun {all}\n"),
            Systemd::Macros => format!("%systemd_preun {all}\n"),
            Systemd::Helper | Systemd::Systemctl => self.or_helper(
                "-eq 0",
                &format!("remove-system-units {all}"),
                format!(
                    "if [ \"$1\" -eq 0 ] && command -v systemctl >/dev/null; then\n    now=\n    \
                     [ ! -d /run/systemd/system ] || now=--now\n    systemctl --no-reload disable $now {all} || :\nfi\n"
                ),
            ),
        }
    }

    fn postun(self, system: &System) -> String {
        let kept = units(system, |service| !service.restart);
        let restarted = units(system, |service| service.restart);
        let (kept_macro, restarted_macro) = match self {
            Systemd::SuseMacros => ("service_del_postun_without_restart", "service_del_postun"),
            Systemd::Macros => ("systemd_postun", "systemd_postun_with_restart"),
            Systemd::Helper | Systemd::Systemctl => return self.written_postun(kept, restarted),
        };
        let line = |name: &str, units: Option<String>| units.map(|units| format!("%{name} {units}\n"));
        [line(kept_macro, kept), line(restarted_macro, restarted)].into_iter().flatten().collect()
    }

    fn written_postun(self, kept: Option<String>, restarted: Option<String>) -> String {
        if kept.is_none() && restarted.is_none() {
            return String::new();
        }
        let Some(restarted) = restarted else {
            return "if [ -d /run/systemd/system ]; then\n    systemctl daemon-reload || :\nfi\n".to_owned();
        };
        self.or_helper(
            "-ge 1",
            &format!("mark-restart-system-units {restarted}"),
            format!(
                "if [ -d /run/systemd/system ]; then\n    systemctl daemon-reload || :\n    \
                 [ \"$1\" -eq 0 ] || systemctl try-restart {restarted} || :\nfi\n"
            ),
        )
    }

    /// An `if` that comes second to systemd's helper. Whether there is one is known on the user's machine only: it came
    /// into the distributions in the middle of their releases.
    fn or_helper(self, when: &str, command: &str, without: String) -> String {
        match self {
            Systemd::Helper => {
                format!("if [ \"$1\" {when} ] && [ -x {HELPER} ]; then\n    {HELPER} {command} || :\nel{without}")
            }
            _ => without,
        }
    }
}

/// Units that the scriptlets name; templates have a part of their own.
fn units(system: &System, wanted: impl Fn(&crate::recipe::Service) -> bool) -> Option<String> {
    let units: Vec<&str> =
        plain_units(system).filter(|(_, service)| wanted(service)).map(|(unit, _)| unit.as_str()).collect();
    (!units.is_empty()).then(|| units.join(" "))
}

fn make_users(system: &System) -> String {
    let mut text = String::new();
    for group in system.groups.iter().chain(system.users.keys()) {
        text.push_str(&format!("getent group {group} >/dev/null || groupadd -r {group}\n"));
    }
    for (name, user) in &system.users {
        let comment = user.comment.as_ref().map(|comment| format!(" -c {}", quote(comment))).unwrap_or_default();
        text.push_str(&format!(
            "getent passwd {name} >/dev/null || useradd -r -g {name} -d {} -s {}{comment} {name}\n",
            user.home.as_deref().unwrap_or(NO_HOME),
            user.shell.as_deref().unwrap_or("/usr/sbin/nologin"),
        ));
        if !user.groups.is_empty() {
            text.push_str(&format!("usermod -a -G {} {name}\n", user.groups.join(",")));
        }
    }
    text
}

fn install_alternative(name: &str, alternative: &Alternative) -> String {
    let Alternative { link, priority, dependents } = alternative;
    let mut text = format!("update-alternatives --install {} {name} {} {priority}", link.link, link.path);
    for (name, link) in dependents {
        text.push_str(&format!(" \\\n    --slave {} {name} {}", link.link, link.path));
    }
    text + "\n"
}

fn remove_alternatives(system: &System) -> String {
    system
        .alternatives
        .iter()
        .map(|(name, value)| format!("[ \"$1\" -ne 0 ] || update-alternatives --remove {name} {}\n", value.link.path))
        .collect()
}
