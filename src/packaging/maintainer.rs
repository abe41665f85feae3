//! dpkg's maintainer scripts for packages that farm makes itself: the recipe's own, and around them what debhelper's
//! helpers would add for units, users, temporary files and alternatives (dh_installsystemd(1), dh_installsysusers(1),
//! dh_installtmpfiles(1), dh_installalternatives(1), of compatibility levels 12 and 13). Which script dpkg runs when is
//! Debian Policy 6.5. Units and files are looked at by whoever has the tree; nothing is read here.

use std::collections::{BTreeMap, BTreeSet};

use crate::recipe::{Attributes, Service, System};

use super::AssembledPackage;
use super::contract;
use super::system::{
    ATTRIBUTE_FUNCTION, is_template, restart_instances, service_choices, setcap_package, stop_instances, templates,
};
use super::text::quote;

/// What the files of a package say that its scripts depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SystemFiles {
    /// Units of systemd, by name.
    pub(crate) units: BTreeMap<String, UnitFile>,
    /// Names of files of sysusers.d(5) and tmpfiles.d(5).
    pub(crate) sysusers: BTreeSet<String>,
    pub(crate) tmpfiles: BTreeSet<String>,
    /// Files for which the recipe has an owner or capabilities, by path.
    pub(crate) attributes: BTreeMap<String, Attributes>,
}

/// A unit's file, as far as packaging looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UnitFile {
    /// Whether it has an `[Install]` section: others cannot be enabled.
    pub(crate) is_installable: bool,
    /// Units that are enabled and disabled with it, by `Also=`.
    pub(crate) also: Vec<String>,
}

/// The package with the program that makes users (dh_installsysusers(1)).
const SYSUSERS: &str = "systemd | systemd-standalone-sysusers | systemd-sysusers";

/// What the scripts need of other packages.
pub(crate) fn maintainer_depends(package: &AssembledPackage) -> impl Iterator<Item = &'static str> {
    makes_users(&package.system).then_some(SYSUSERS).into_iter().chain(setcap_package(&package.system))
}

/// The scripts by name, each a whole file.
///
/// The order is that of the .rpm: `post-install` finds users and temporary files made and services not yet started,
/// `pre-remove` finds all as it was.
pub(crate) fn maintainer_scripts(package: &AssembledPackage, files: &SystemFiles) -> BTreeMap<String, String> {
    let system = &package.system;
    let units = units(system, files);
    let mut scripts = [
        ("preinst", recipe(package, "preinst")),
        ("postinst", postinst(package, files, &units)),
        ("prerm", prerm(package, &units)),
        ("postrm", postrm(package, &units)),
    ];
    for (_, parts) in scripts.iter_mut().filter(|(name, _)| *name != "prerm") {
        parts.splice(0..0, former(system));
    }
    let whole = scripts.into_iter().filter(|(_, parts): &(_, Vec<String>)| !parts.is_empty());
    whole.map(|(name, parts)| (name.to_owned(), format!("#!/bin/sh\nset -e\n\n{}", parts.concat()))).collect()
}

/// The recipe's parts of the script of that name.
fn recipe(package: &AssembledPackage, name: &str) -> Vec<String> {
    let parts = contract::in_deb(&package.maintainer_scripts, name).into_iter();
    parts.map(|(moment, script)| contract::deb(script, moment, &package.script_environment)).collect()
}

fn makes_users(system: &System) -> bool {
    !system.users.is_empty() || !system.groups.is_empty()
}

/// What puts a folder where a link was, and takes configuration files away that no package has any more: a part of all
/// scripts but `prerm` (dpkg-maintscript-helper(1)).
fn former(system: &System) -> impl Iterator<Item = String> {
    let links = system.former_links.iter().map(|(path, target)| format!("symlink_to_dir {path} {target}"));
    let files = system.former_config_files.iter().map(|path| format!("rm_conffile {path}"));
    links.chain(files).map(|what| format!("dpkg-maintscript-helper {what} -- \"$@\"\n"))
}

/// A unit that the scripts enable or start.
struct Unit<'a> {
    name: &'a str,
    is_installable: bool,
    service: &'a Service,
}

/// The units that the recipe names, and those that their files name beside. A template is nothing to enable or start
/// without an instance.
fn units<'a>(system: &'a System, files: &'a SystemFiles) -> Vec<Unit<'a>> {
    let mut units = Vec::new();
    let mut seen: BTreeSet<&str> = system.services.keys().map(String::as_str).collect();
    for (name, service) in &system.services {
        let mut names = vec![name.as_str()];
        while let Some(name) = names.pop() {
            let Some(file) = files.units.get(name) else { continue };
            if !is_template(name) {
                units.push(Unit { name, is_installable: file.is_installable, service });
            }
            names.extend(file.also.iter().map(String::as_str).filter(|also| seen.insert(also)));
        }
    }
    units
}

fn quoted<'a>(units: impl IntoIterator<Item = &'a Unit<'a>>) -> String {
    units.into_iter().map(|unit| format!(" '{}'", unit.name)).collect()
}

fn postinst(package: &AssembledPackage, files: &SystemFiles, units: &[Unit<'_>]) -> Vec<String> {
    let system = &package.system;
    let mut parts = Vec::new();
    let names = |names: &BTreeSet<String>| names.iter().map(|name| format!(" {name}")).collect::<String>();
    if makes_users(system) {
        parts.push(format!("systemd-sysusers ${{DPKG_ROOT:+--root=\"$DPKG_ROOT\"}}{}\n", names(&files.sysusers)));
    }
    if !files.tmpfiles.is_empty() {
        parts.push(format!(
            "if command -v systemd-tmpfiles >/dev/null; then\n    \
             systemd-tmpfiles ${{DPKG_ROOT:+--root=\"$DPKG_ROOT\"}} --create{} >/dev/null || true\nfi\n",
            names(&files.tmpfiles)
        ));
    }
    if !files.attributes.is_empty() {
        // From the inside out: who owns a folder may put something else in a file's place.
        let calls = files.attributes.iter().rev().map(|(path, attributes)| {
            let owners = attributes.owners().unwrap_or_else(|| "-".to_owned());
            let capabilities = attributes.capabilities.as_deref().unwrap_or("-");
            format!("    farm_attribute {owners} {} {}\n", quote(capabilities), quote(path))
        });
        let calls: String = calls.collect();
        parts.push(format!("if [ \"$1\" = configure ]; then\n{ATTRIBUTE_FUNCTION}{calls}fi\n"));
    }
    let at_configure = recipe(package, "postinst");
    let recipe_count = at_configure.len();
    parts.extend(at_configure);
    for (name, alternative) in &system.alternatives {
        let link = &alternative.link;
        let mut line =
            format!("update-alternatives --install {} {name} {} {}", link.link, link.path, alternative.priority);
        for (name, link) in &alternative.dependents {
            line.push_str(&format!(" \\\n    --slave {} {name} {}", link.link, link.path));
        }
        parts.push(line + "\n");
    }
    parts.extend(units.iter().filter(|unit| unit.is_installable).map(enable));
    parts.extend(units.iter().filter_map(start));
    parts.extend(template_restart(system));
    if parts.len() > recipe_count {
        // Triggers are nobody's here.
        let when =
            "case \"$1\" in\nconfigure | abort-upgrade | abort-deconfigure | abort-remove) ;;\n*) exit 0 ;;\nesac\n";
        parts.insert(0, when.to_owned());
    }
    parts
}

/// What an administrator or an earlier version has enabled or disabled stays so (deb-systemd-helper(1p)).
fn enable(unit: &Unit<'_>) -> String {
    let name = unit.name;
    let unmask = format!("deb-systemd-helper unmask '{name}' >/dev/null || true\n");
    let update = format!("deb-systemd-helper update-state '{name}' >/dev/null || true\n");
    let enable = format!("deb-systemd-helper enable '{name}' >/dev/null || true\n");
    let was_enabled = format!("deb-systemd-helper --quiet was-enabled '{name}'");
    if service_choices(unit.service).enable {
        return format!("{unmask}if {was_enabled}; then\n    {enable}else\n    {update}fi\n");
    }
    format!(
        "if deb-systemd-helper debian-installed '{name}'; then\n    {unmask}    if {was_enabled}; then\n        {enable}    fi\nfi\n{update}"
    )
}

fn start(unit: &Unit<'_>) -> Option<String> {
    let choices = service_choices(unit.service);
    let name = unit.name;
    let invoke = |action: &str| format!("deb-systemd-invoke {action} '{name}' >/dev/null || true\n");
    let action = match (choices.start, choices.restart) {
        (true, true) => {
            format!(
                "    if [ -n \"$2\" ]; then\n        {}    else\n        {}    fi\n",
                invoke("restart"),
                invoke("start")
            )
        }
        (true, false) => format!("    {}", invoke("start")),
        (false, true) => format!("    if [ -n \"$2\" ]; then\n        {}    fi\n", invoke("try-restart")),
        (false, false) => return None,
    };
    Some(format!(
        "if [ -z \"$DPKG_ROOT\" ] && [ -d /run/systemd/system ]; then\n    \
         systemctl --system daemon-reload >/dev/null || true\n{action}fi\n"
    ))
}

/// In `postinst`: the part for templates, as no helper of Debian's has one.
pub(super) fn template_restart(system: &System) -> Option<String> {
    let condition = "[ \"$1\" = configure ] && [ -n \"$2\" ] && [ -z \"$DPKG_ROOT\" ]";
    Some(templates(system, condition, restart_instances)).filter(|text| !text.is_empty())
}

/// In `prerm`.
pub(super) fn template_stop(system: &System) -> Option<String> {
    let condition = "[ \"$1\" = remove ] && [ -z \"$DPKG_ROOT\" ]";
    Some(templates(system, condition, stop_instances)).filter(|text| !text.is_empty())
}

fn prerm(package: &AssembledPackage, units: &[Unit<'_>]) -> Vec<String> {
    let mut parts = recipe(package, "prerm");
    let stopped = quoted(units.iter().filter(|unit| service_choices(unit.service).start));
    if !stopped.is_empty() {
        parts.push(format!(
            "if [ -z \"$DPKG_ROOT\" ] && [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n    \
             deb-systemd-invoke stop{stopped} >/dev/null || true\nfi\n"
        ));
    }
    parts.extend(template_stop(&package.system));
    for (name, alternative) in &package.system.alternatives {
        parts.push(format!(
            "if [ \"$1\" = remove ]; then\n    update-alternatives --remove {name} {}\nfi\n",
            alternative.link.path
        ));
    }
    parts
}

fn postrm(package: &AssembledPackage, units: &[Unit<'_>]) -> Vec<String> {
    let mut parts = recipe(package, "postrm");
    if !units.is_empty() {
        parts.push(
            "if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n    \
             systemctl --system daemon-reload >/dev/null || true\nfi\n"
                .to_owned(),
        );
    }
    let enabled = quoted(units.iter().filter(|unit| unit.is_installable));
    if !enabled.is_empty() {
        parts.push(format!(
            "if [ \"$1\" = purge ] && [ -x /usr/bin/deb-systemd-helper ]; then\n    \
             deb-systemd-helper purge{enabled} >/dev/null || true\nfi\n"
        ));
    }
    parts
}
