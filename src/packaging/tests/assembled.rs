//! What packages that farm makes itself run on the user's machine.

use std::collections::BTreeSet;

use super::*;

/// What the packages of [`daemon`] run on the user's machine when farm makes them itself.
fn assembled_scripts(distro: &Distro) -> String {
    let assembly = assembly(&in_words(&daemon()), distro, 1_700_000_000);
    let package = &assembly.packages[0];
    let unit = |is_installable, also: &[&str]| UnitFile {
        is_installable,
        also: also.iter().map(|name| (*name).to_owned()).collect(),
    };
    let files = SystemFiles {
        units: BTreeMap::from([
            ("pkgd.service".to_owned(), unit(true, &["pkgd-extra.path", "pkgd@.service", "missing.timer"])),
            ("pkgd.socket".to_owned(), unit(false, &[])),
            ("pkgd-tidy.timer".to_owned(), unit(true, &[])),
            ("pkgd-extra.path".to_owned(), unit(true, &["pkgd.service"])),
            ("pkgd@.service".to_owned(), unit(true, &[])),
        ]),
        sysusers: BTreeSet::from(["pkg.conf".to_owned()]),
        tmpfiles: BTreeSet::from(["pkg.conf".to_owned()]),
        attributes: BTreeMap::from([("/opt/pkg/it's.conf".to_owned(), for_the_daemon())]),
    };
    let scripts = match distro.format {
        Format::Deb => maintainer_scripts(package, &files),
        Format::Rpm => package.scriptlets.clone(),
    };
    let mut text = format!("{:#?}\n", package.relations);
    text.extend(package.own_files.iter().map(|(path, content)| format!("==== {path}\n{content}\n")));
    text.extend(scripts.iter().map(|(name, script)| format!("==== {name}\n{script}\n")));
    for script in scripts.values() {
        parses(script);
    }
    text
}

#[test]
fn system_assembled_debian() {
    insta::assert_snapshot!(assembled_scripts(&distro(Format::Deb, PackageManager::Apt)));
}

#[test]
fn system_assembled_with_the_helper() {
    insta::assert_snapshot!(assembled_scripts(&distro(Format::Rpm, PackageManager::Dnf)));
}

#[test]
fn system_assembled_without_macros() {
    insta::assert_snapshot!(assembled_scripts(&distro(Format::Rpm, PackageManager::Zypper)));
}
