//! The scriptlets of a .spec: the recipe's maintainer scripts, and what units, users, temporary files and alternatives need
//! around them. A distribution's own macros are used where it has them; on Debian, whose rpm has none, their meaning is
//! written out.

use crate::distro::{Distro, PackageManager};
use crate::recipe::{Alternative, System};

use super::members::{Member, source_name};
use super::rpm::{escape, tag};
use super::system::{NO_HOME, own_files};
use super::text::{body, quote};
use crate::types::Format;

/// The package with the macros of systemd, when a recipe needs them and the distribution has them.
pub(super) fn macros_package(members: &[Member<'_>], distro: &Distro) -> Option<&'static str> {
    let needed = members.iter().any(|member| uses_macros(member.system));
    match distro.manager {
        _ if !needed => None,
        PackageManager::Apt => None,
        // Enterprise Linux 8 has them in systemd itself.
        PackageManager::Dnf if distro.version == "8" => Some("systemd"),
        PackageManager::Dnf | PackageManager::Zypper => Some("systemd-rpm-macros"),
    }
}

fn uses_macros(system: &System) -> bool {
    !system.services.is_empty() || !system.tmpfiles.is_empty()
}

/// rpm from 4.19 on makes the users of sysusers.d files itself, before it unpacks, where the distribution lets it.
fn rpm_makes_users(distro: &Distro) -> bool {
    match distro.family.as_str() {
        "fedora" => true,
        "centos-stream" | "almalinux" | "rocky" | "oracle" => !matches!(distro.version.as_str(), "8" | "9"),
        _ => false,
    }
}

/// What the scriptlets of a member need, for its part of the preamble.
pub(super) fn requirements(spec: &mut String, member: &Member<'_>, distro: &Distro) {
    let (system, has_macros) = (member.system, distro.manager != PackageManager::Apt);
    if has_macros && uses_macros(system) {
        spec.push_str("%{?systemd_requires}\n");
    }
    if !rpm_makes_users(distro) {
        for tool in user_tools(system) {
            tag(spec, "Requires(pre)", &format!("/usr/sbin/{tool}"));
        }
    }
    if !system.alternatives.is_empty() {
        tag(spec, "Requires(post)", "%{_sbindir}/update-alternatives");
        tag(spec, "Requires(postun)", "%{_sbindir}/update-alternatives");
    }
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
    /// A script of the recipe, and whether it is for the removal of the last version only (`$1` is 0), not for upgrades,
    /// as in Debian's maintainer scripts.
    Recipe(&'a str, bool),
}

fn recipe(script: &Option<String>, at_removal: bool) -> Option<Part<'_>> {
    script.as_deref().map(|script| Part::Recipe(script, at_removal))
}

fn own<'a>(text: String) -> Option<Part<'a>> {
    (!text.is_empty()).then_some(Part::Own(text))
}

/// All scriptlets of a member. `libraries`: new glibc has a file trigger that runs ldconfig, others have none; where it is,
/// the scriptlet does no harm.
///
/// The order is that of the .deb: `post-install` finds users and temporary files made and services not yet started;
/// `pre-remove` finds all as it was.
pub(super) fn scriptlets(spec: &mut String, member: &Member<'_>, distro: &Distro, libraries: bool) {
    let (system, scripts) = (member.system, member.scripts);
    let systemd =
        Systemd { macros: distro.manager != PackageManager::Apt, suse: distro.manager == PackageManager::Zypper };
    let ldconfig = || own(if libraries { "/sbin/ldconfig\n".to_owned() } else { String::new() });
    let users = if rpm_makes_users(distro) { String::new() } else { make_users(system) };
    for (section, parts) in [
        ("pre", vec![own(users), own(systemd.pre(system)), recipe(&scripts.pre_install, false)]),
        (
            "post",
            vec![
                ldconfig(),
                own(systemd.tmpfiles(member)),
                recipe(&scripts.post_install, false),
                own(system.alternatives.iter().map(|(name, value)| install_alternative(name, value)).collect()),
                own(systemd.post(system)),
            ],
        ),
        ("preun", vec![recipe(&scripts.pre_remove, true), own(systemd.preun(system))]),
        (
            "postun",
            vec![
                recipe(&scripts.post_remove, true),
                ldconfig(),
                own(remove_alternatives(system)),
                own(systemd.postun(system)),
            ],
        ),
    ] {
        write(spec, section, &member.name, &parts.into_iter().flatten().collect::<Vec<_>>());
    }
}

fn write(spec: &mut String, section: &str, member: &str, parts: &[Part<'_>]) {
    match parts {
        [] => return,
        [Part::Own(only)] if only == "/sbin/ldconfig\n" => {
            spec.push_str(&format!("\n%{section} -n {member} -p /sbin/ldconfig\n"));
            return;
        }
        _ => spec.push_str(&format!("\n%{section} -n {member}\n")),
    }
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Own(text) => spec.push_str(text),
            Part::Recipe(script, at_removal) => {
                let script = escape(&body(script));
                match at_removal {
                    true => spec.push_str(&format!("if [ \"$1\" -eq 0 ]; then (\nset -e\n{script}) fi\n")),
                    false => spec.push_str(&format!("(\nset -e\n{script})\n")),
                }
                // An `||` behind the parentheses would switch `set -e` off within them.
                if index + 1 < parts.len() {
                    spec.push_str("[ $? -eq 0 ] || exit 1\n");
                }
            }
        }
    }
}

/// The words in which a distribution speaks to systemd.
struct Systemd {
    macros: bool,
    suse: bool,
}

impl Systemd {
    fn pre(&self, system: &System) -> String {
        match units(system, |_| true) {
            Some(units) if self.suse => format!("%service_add_pre {units}\n"),
            _ => String::new(),
        }
    }

    fn tmpfiles(&self, member: &Member<'_>) -> String {
        if member.system.tmpfiles.is_empty() {
            return String::new();
        }
        let file = format!("{}.conf", member.name);
        if self.macros {
            return format!("%tmpfiles_create %{{_tmpfilesdir}}/{file}\n");
        }
        format!("if command -v systemd-tmpfiles >/dev/null; then\n    systemd-tmpfiles --create {file} || :\nfi\n")
    }

    /// Presets say what is enabled; the package has one for units that the recipe enables or disables by name.
    fn post(&self, system: &System) -> String {
        let Some(all) = units(system, |_| true) else { return String::new() };
        let mut text = match (self.macros, self.suse) {
            (true, true) => format!("%service_add_post {all}\n"),
            (true, false) => format!("%systemd_post {all}\n"),
            (false, _) => format!(
                "if [ \"$1\" -eq 1 ] && command -v systemctl >/dev/null; then\n    systemctl --no-reload preset {all} || :\nfi\n"
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

    fn preun(&self, system: &System) -> String {
        let Some(all) = units(system, |_| true) else { return String::new() };
        match (self.macros, self.suse) {
            (true, true) => format!("%service_del_preun {all}\n"),
            (true, false) => format!("%systemd_preun {all}\n"),
            (false, _) => format!(
                "if [ \"$1\" -eq 0 ] && command -v systemctl >/dev/null; then\n    now=\n    \
                 [ ! -d /run/systemd/system ] || now=--now\n    systemctl --no-reload disable $now {all} || :\nfi\n"
            ),
        }
    }

    fn postun(&self, system: &System) -> String {
        let kept = units(system, |service| !service.restart);
        let restarted = units(system, |service| service.restart);
        if self.macros {
            let (kept_macro, restarted_macro) = match self.suse {
                true => ("service_del_postun_without_restart", "service_del_postun"),
                false => ("systemd_postun", "systemd_postun_with_restart"),
            };
            let line = |name: &str, units: Option<String>| units.map(|units| format!("%{name} {units}\n"));
            return [line(kept_macro, kept), line(restarted_macro, restarted)].into_iter().flatten().collect();
        }
        if kept.is_none() && restarted.is_none() {
            return String::new();
        }
        let restart = restarted
            .map(|units| format!("    [ \"$1\" -eq 0 ] || systemctl try-restart {units} || :\n"))
            .unwrap_or_default();
        format!("if [ -d /run/systemd/system ]; then\n    systemctl daemon-reload || :\n{restart}fi\n")
    }
}

fn units(system: &System, wanted: impl Fn(&crate::recipe::Service) -> bool) -> Option<String> {
    let units: Vec<&str> =
        system.services.iter().filter(|(_, service)| wanted(service)).map(|(unit, _)| unit.as_str()).collect();
    (!units.is_empty()).then(|| units.join(" "))
}

fn make_users(system: &System) -> String {
    let mut text = String::new();
    for group in system.groups.iter().chain(system.users.keys()) {
        text.push_str(&format!("getent group {group} >/dev/null || groupadd -r {group}\n"));
    }
    for (name, user) in &system.users {
        let comment =
            user.comment.as_ref().map(|comment| format!(" -c {}", escape(&quote(comment)))).unwrap_or_default();
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
