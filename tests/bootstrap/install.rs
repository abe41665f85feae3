//! What farm unpacks for a builder, with apt as the oracle: the same image, file by file, as when apt does it all.

use super::*;
use farm::image::{Derivation, Install};
use farm::packaging;
use farm::recipe::{RecipeFile, Selection};

/// Beside what differs in a base.
const DIFFERENT: Allowed = &[
    ("etc/group", "numbers are given in the order of configuration"),
    ("etc/gshadow", "as group"),
    ("etc/group-", "a backup"),
    ("etc/gshadow-", "a backup"),
    ("etc/machine-id", "random"),
    ("etc/passwd", "numbers are given in the order of configuration"),
    ("etc/passwd-", "a backup"),
    ("etc/subgid-", "a backup"),
    ("etc/subuid-", "a backup"),
    ("usr/lib/dbus-1.0/dbus-daemon-launch-helper", "its group has such a number"),
    ("var/cache/debconf/tmp.ci", "left by apt"),
    ("var/cache/fontconfig", "holds times of folders"),
    ("var/cache/ldconfig/aux-cache", "holds times and numbers of files"),
    ("var/lib/dbus/machine-id", "random"),
    ("var/lib/dpkg/triggers/File", "in the order of unpacking"),
    ("var/lib/sgml-base/supercatalog.old", "a backup"),
    ("var/lib/systemd/network", "its owner has such a number"),
];

/// Of all kinds: many files, daemons with users and units, triggers, alternatives, scripts that run before unpacking.
const REQUIRES: &str = "cmake, ca-certificates, dbus, dh-python, emacsen-common, fontconfig, libglib2.0-dev, \
                        openssh-client, python3-all-dev, systemd, texinfo, tzdata, ucf, xml-core, zlib1g-dev";

/// Some of each kind: what all releases have in common is seen on one.
const REQUIRES_LESS: &str =
    "ca-certificates, dbus, fontconfig, openssh-client, python3-dev, systemd, tzdata, ucf, xml-core, zlib1g-dev";

#[tokio::test(flavor = "multi_thread")]
async fn on_debian_12_farm_unpacks_what_apt_would() {
    compare("debian-12", REQUIRES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_debian_13_farm_unpacks_what_apt_would() {
    compare("debian-13", REQUIRES_LESS).await;
}

async fn compare(id: &str, requires: &str) {
    let Some(engine) = engine().await else { return };
    let catalogue = Catalogue::load(&[]).unwrap();
    let mut distro = Distro::clone(catalogue.get(id).unwrap());
    // A base of today: one that is older than the archive would have to be upgraded, which is apt's to do.
    distro.id = format!("test-install-{}-{id}", std::process::id());
    let distro = Arc::new(distro);
    let mirrors = mirror::choose(&[&distro], &BTreeMap::new());
    let folder = tempfile::tempdir().unwrap();
    let requires: Vec<String> = requires.split(", ").map(|name| format!("\"{name}\"")).collect();
    let text = format!(
        "[package]\nname = \"a-test\"\nversion = \"1\"\nsummary = \"A\"\nlicense = \"MIT\"\n\
         maintainer = \"T <t@example.org>\"\ndate = 2026-01-02\n\n[matrix]\ndistros = [\"debian-12\"]\n\n\
         [build]\nrequires = [{}]\ninstall = \"true\"\n",
        requires.join(", ")
    );
    let path = folder.path().join("farm.toml");
    std::fs::write(&path, text).unwrap();
    let arch = Arch::host().unwrap();
    let selection = Selection {
        format: "deb".to_owned(),
        manager: "apt".to_owned(),
        distro: distro.family.clone(),
        distro_version: id.to_owned(),
        arch: arch.deb().to_owned(),
        variant: None,
    };
    let recipe = RecipeFile::load(&path, &BTreeMap::new())
        .unwrap()
        .merged(&selection, &BTreeMap::new())
        .unwrap()
        .without_project()
        .unwrap();
    let recipe = packaging::answered(&Arc::new(recipe), &distro, &packaging::Answers::new()).recipe;
    let setup = packaging::builder(&recipe, &distro);
    let urls = mirrors.iter().map(|(name, mirror)| (name.clone(), mirror.url.clone())).collect();
    let env = packaging::network_env(&distro, &urls);
    let asked = packaging::asked_of_apt(&setup, &distro, &env).to_vec();
    assert!(asked.len() > 10, "{asked:?}");

    let images = images(&engine, &mirrors, BaseChoice::Bootstrap);
    let cancel = CancellationToken::new();
    let base = images.base(&distro, arch, None, &mut Collect::default(), &NoProgress, &|_| (), &cancel).await.unwrap();
    let mut seen = Vec::new();
    for (way, install) in
        [("farm", Some(Install::new(distro.clone(), arch, asked, packaging::OFFERED_PACKAGES))), ("apt", None)]
    {
        let derivation = Derivation {
            kind: "builder",
            arch,
            // A key of its own, in each run.
            script: format!("{}\n# {way} {}\n", setup.script, std::process::id()),
            env: env.clone(),
            files: Vec::new(),
            fetch_first: None,
            description: "a test".to_owned(),
            inputs: Vec::new(),
            toolchain: None,
        };
        let mut log = Collect::default();
        let made = images.derive(&base, &derivation, install, &mut log, &NoProgress, &cancel).await;
        let log = String::from_utf8_lossy(&log.stdout).into_owned();
        let image = made.unwrap_or_else(|error| panic!("{error}\n{log}"));
        let unpacked = log.contains("farm: unpacking ") && !log.contains("\nUnpacking ");
        assert_eq!(unpacked, way == "farm", "{log}");
        seen.push(contents(&engine, &image, &format!("{id}-{way}")).await);
        engine.remove_image(&image).await.unwrap();
    }
    engine.remove_image(&base.image).await.unwrap();
    let (ours, apts) = (&seen[0], &seen[1]);
    assert!(ours.len() > 10_000, "only {} files", ours.len());
    assert_same("apt", apts, ours, &[super::DIFFERENT, DIFFERENT]);
}
