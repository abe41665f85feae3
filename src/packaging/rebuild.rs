//! Packages built once more as a .buildinfo says: from the source package, in the folder that it names, with the environment
//! that it names and no other. Nothing of a recipe is in it.

use std::collections::BTreeMap;

use crate::formats::buildinfo::{Buildinfo, Installed, is_allowed};
use crate::formats::version::upstream;
use crate::types::SharedText;

use super::step_environment;
use super::text::quote;
use super::{
    BUILD_ROOT, BUILD_UID, BUILD_USER, BuilderSetup, GuestFile, Packaging, RESULTS, SourceLayout, Step, StepKind, User,
};

/// Where the source package lies.
const SOURCE: &str = "/build/source-package";
/// The entry of the changelog of packages that are only built anew.
const CHANGES: &str = "farm-binary-only-changes";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The folder of the sources: that of the file, else one of farm's own.
pub(crate) fn folder(info: &Buildinfo) -> String {
    let own = || format!("{BUILD_ROOT}/{}-{}", info.source, upstream(&info.source_version));
    info.path.clone().unwrap_or_else(own)
}

/// What keeps a folder from being the one to build in.
pub(crate) fn check_folder(folder: &str) -> Result<(), String> {
    let is_within = |one: &str, other: &str| one == other || one.starts_with(&format!("{other}/"));
    match is_within(SOURCE, folder) || is_within(folder, SOURCE) || is_within(folder, RESULTS) {
        true => Err(format!("Build-Path is {folder}, where farm has files of its own in the container")),
        false => Ok(()),
    }
}

/// Variables of the file that it should not have: they are left out.
pub(crate) fn left_out(info: &Buildinfo) -> Vec<&str> {
    info.environment.keys().map(String::as_str).filter(|name| !is_allowed(name)).collect()
}

/// The steps, of the source package whose files are the recipe's sources; `dsc` is one of them.
pub(crate) fn rebuild(info: &Buildinfo, dsc: &str) -> Packaging {
    let folder = folder(info);
    let parent = match folder.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    };
    let files = info.binary_only_changes.iter().map(|text| GuestFile {
        path: CHANGES.to_owned(),
        content: format!("{text}\n").into(),
        executable: false,
    });
    let step = |script: String, user: User| Step { kind: StepKind::Unpack, script, user, env: BTreeMap::new() };
    let place = quote(parent);
    Packaging {
        sources: SourceLayout::Tree { folder: SOURCE.to_owned() },
        files: files.collect(),
        steps: vec![
            step(format!("set -eu\nmkdir -p {place}\nchown {BUILD_UID}:{BUILD_UID} {place}\n"), User::Root),
            step(script(info, dsc, &folder, parent), User::Builder),
        ],
        results: RESULTS.to_owned(),
        expected: Vec::new(),
    }
}

/// The builder, with these very packages installed; `pins` are those of which the archive has newer versions: a base has the newest.
pub(crate) fn exactly<'a>(
    setup: &BuilderSetup,
    all: impl Iterator<Item = &'a Installed>,
    pins: impl Iterator<Item = &'a Installed>,
) -> BuilderSetup {
    let all: Vec<String> = all.map(|package| format!("{}={}", package.name, package.version)).collect();
    let pin = |package: &Installed| {
        format!("Package: {}\nPin: version {}\nPin-Priority: 1001\n\n", package.name, package.version)
    };
    let pins: String = pins.map(pin).collect();
    let mut script = format!("farm_exact={}\n", quote(&all.join(" ")));
    if !pins.is_empty() {
        script.push_str(&format!(
            "mkdir -p /etc/apt/preferences.d /etc/apt/apt.conf.d\n\
             printf %s {} >/etc/apt/preferences.d/farm-buildinfo\n\
             echo 'APT::Get::allow-downgrades \"true\";' >/etc/apt/apt.conf.d/farm-buildinfo\n",
            quote(&pins)
        ));
    }
    BuilderSetup { script: SharedText::from(script).with(setup.script.to_string()), ..setup.clone() }
}

fn script(info: &Buildinfo, dsc: &str, folder: &str, parent: &str) -> String {
    let (all, any) = (info.architectures.contains("all"), info.architectures.contains(&info.build_architecture));
    let kind = match (all, any) {
        (true, false) => "-A",
        (false, true) => "-B",
        _ => "-b",
    };
    let own = [("HOME", BUILD_ROOT), ("LOGNAME", BUILD_USER), ("PATH", PATH), ("USER", BUILD_USER)];
    let own = own.into_iter().filter(|(name, _)| !info.environment.contains_key(*name));
    let of_file = info.environment.iter().filter(|(name, _)| is_allowed(name));
    let of_file = of_file.map(|(name, value)| (name.as_str(), value.as_str()));
    let variables: String =
        own.chain(of_file).map(|(name, value)| format!(" {}", quote(&format!("{name}={value}")))).collect();
    let mut script = format!("set -eu\numask 022\n{}", step_environment::phase_function());
    // Its files are those whose sums were verified when they were fetched.
    script.push_str(&format!("cd {SOURCE}\ndpkg-source --no-check -x {} {}\n", quote(dsc), quote(folder)));
    script.push_str(&format!("cd {}\n", quote(folder)));
    if info.binary_only_changes.is_some() {
        let changes = format!("{BUILD_ROOT}/{CHANGES}");
        script.push_str(&format!(
            "cat {changes} debian/changelog >../farm-changelog\nmv ../farm-changelog debian/changelog\n"
        ));
    }
    script.push_str(&format!("phase build\nenv -i{variables} dpkg-buildpackage -us -uc {kind}\nphase package\n"));
    script.push_str(&format!(
        "mkdir -p {RESULTS}\ncut -d ' ' -f 1 debian/files | while read -r file; do mv {}/\"$file\" {RESULTS}/; done\n",
        quote(parent.trim_end_matches('/'))
    ));
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Format: 1.0\nSource: a (1-1)\nArchitecture: amd64\nVersion: 1-1+b2\nBinary-Only-Changes:\n a (1-1+b2) \
        sid; urgency=low\n .\n   * Rebuild.\nChecksums-Sha256:\nBuild-Architecture: amd64\nBuild-Path: /tmp/it's here\n\
        Installed-Build-Depends:\n gcc (= 1)\nEnvironment:\n LANG=\"a'b $(reboot)\"\n LD_PRELOAD=\"evil\"\n";

    #[test]
    fn nothing_of_the_file_is_shell() {
        assert!(Buildinfo::parse(TEXT).unwrap_err().contains("Checksums-Sha256"));
        let sums = format!("Checksums-Sha256:\n {} 1 a_1-1+b2_amd64.deb\n", "0".repeat(64));
        let text = TEXT.replace("Checksums-Sha256:\n", &sums);
        assert!(Buildinfo::parse(&text).unwrap_err().contains("Build-Path"));
        let info = Buildinfo::parse(&text.replace("it's here", "is here/a-1")).unwrap();
        assert_eq!(left_out(&info), ["LD_PRELOAD"]);
        let packaging = rebuild(&info, "a_1-1.dsc");
        insta::assert_snapshot!(
            packaging.steps.iter().map(|step| step.script.as_str()).collect::<Vec<_>>().join("---\n")
        );
        assert_eq!(packaging.files[0].content.to_string(), "a (1-1+b2) sid; urgency=low\n\n  * Rebuild.\n\n");
        let without = Buildinfo { path: None, ..info };
        assert_eq!(folder(&without), "/build/a-1");
        for (folder, is_good) in
            [("/build/a-1", true), ("/build", false), ("/build/results/x", false), ("/build/source-package", false)]
        {
            assert_eq!(check_folder(folder).is_ok(), is_good, "{folder}");
        }
    }
}
