//! What a distribution definition says is what is generated for it.

use super::*;

/// Units lie where a release's debhelper looks for them, and Policy is the release's own.
#[test]
fn releases_have_what_their_definitions_say() {
    let catalogue = Catalogue::load(&[]).unwrap();
    for (id, folder, policy) in [
        ("debian-11", " lib/systemd/system\n", "4.5.1"),
        ("debian-12", " lib/systemd/system\n", "4.6.2"),
        ("debian-13", " usr/lib/systemd/system\n", "4.7.0"),
        ("ubuntu-22.04", " lib/systemd/system\n", "4.5.1"),
        ("ubuntu-24.04", " usr/lib/systemd/system\n", "4.6.2"),
    ] {
        let files = generate(&in_words(&daemon()), catalogue.get(id).unwrap(), 0).files;
        let content = |path: &str| files.iter().find(|file| file.path == path).unwrap().content.whole();
        assert!(content("debian/rules").contains(folder), "{id}");
        assert!(content("debian/control").contains(&format!("\nStandards-Version: {policy}\n")), "{id}");
    }
}

/// A distribution of a family that farm has never heard of, made of TOML alone, has what it says, in either format.
#[test]
fn a_new_distribution_is_a_file_and_no_code() {
    let folder = tempfile::tempdir().unwrap();
    let acme = "family = \"acme\"\narches = [\"amd64\"]\nimage = \"registry.example.org/acme:1\"\n";
    let definitions = [
        (
            "acme-1",
            format!(
                "name = \"Acme 1\"\nversion = \"1\"\nformat = \"deb\"\nmanager = \"apt\"\nrelease-tag = \"~acme1\"\n{acme}\
                 build-packages = [\"acme-build\"]\n[deb]\ndebhelper = 12\nstandards-version = \"4.1.3\"\n\
                 unit-folder = \"/opt/units\"\n"
            ),
        ),
        // As a company has it: Debian 12 under a name and number of its own, and all else as there.
        ("acme-5", "extends = \"debian-12\"\nname = \"Acme 5\"\nfamily = \"acme\"\nversion = \"5\"\n".to_owned()),
        (
            "acme-rpm-1",
            format!(
                "name = \"Acme RPM 1\"\nversion = \"1\"\nformat = \"rpm\"\nmanager = \"dnf\"\nrelease-tag = \".acme1\"\n{acme}\
                 [rpm]\nsystemd = \"suse-macros\"\nsystemd-macros = \"acme-systemd\"\nuser-macros = \"acme-users\"\n\
                 payload = \"zstd\"\nsbin = \"/acme/sbin\"\ngroup-tag = true\n"
            ),
        ),
        // It says nothing of all that: as dnf's distributions have it.
        (
            "acme-rpm-2",
            format!(
                "name = \"Acme RPM 2\"\nversion = \"2\"\nformat = \"rpm\"\nmanager = \"dnf\"\nrelease-tag = \".acme2\"\n{acme}"
            ),
        ),
    ];
    for (id, text) in definitions {
        std::fs::write(folder.path().join(format!("{id}.toml")), text).unwrap();
    }
    let catalogue = Catalogue::load(&[folder.path().to_owned()]).unwrap();
    let recipe = daemon();
    let rendered = |id: &str| -> String {
        let distro = catalogue.get(id).unwrap();
        let files = generate(&in_words(&recipe), distro, 0).files.into_iter().map(|file| file.content.to_string());
        let Requirements::Listed(listed) = builder(&in_words(&recipe), distro).requirements else { panic!("a list") };
        files.chain([listed.join("\n"), format!("{:?}", assembly(&in_words(&recipe), distro, 0))]).collect()
    };
    for (id, with, without) in [
        (
            "acme-1",
            &["debhelper-compat (= 12)", "Standards-Version: 4.1.3", " opt/units\n", "~acme1", "acme-build"][..],
            &["lib/systemd/system\n"][..],
        ),
        (
            "acme-5",
            &["debhelper-compat (= 13)", "Standards-Version: 4.6.2", " lib/systemd/system\n", "~deb12"],
            &[" usr/lib/systemd/system\n", "4.7.0"],
        ),
        (
            "acme-rpm-1",
            &[
                "%service_add_post",
                "acme-systemd",
                "acme-users",
                "%sysusers_generate_pre",
                "payload: Zstd",
                "/acme/sbin/update-alternatives",
                "\nGroup:",
                ".acme1",
            ],
            &["%systemd_post", "systemd-rpm-macros"],
        ),
        (
            "acme-rpm-2",
            &["%systemd_post", "systemd-rpm-macros", "payload: Gzip", "/usr/sbin/update-alternatives", "useradd"],
            &["%service_add_post", "\nGroup:", "%sysusers_generate_pre"],
        ),
    ] {
        let text = rendered(id);
        for word in with {
            assert!(text.contains(word), "{id} lacks {word}:\n{text}");
        }
        for word in without {
            assert!(!text.contains(word), "{id} has {word}:\n{text}");
        }
    }
}
