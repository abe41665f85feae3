use std::path::PathBuf;

use super::*;

/// A folder as a user has it beside the recipe: `(file, text)`.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let folders = vec![dir.path().to_owned()];
    (dir, folders)
}

/// What a person would read: `file:line: text at the span: message (help)`.
fn error(files: &[(&str, &str)]) -> String {
    let (dir, folders) = folder(files);
    match Catalogue::load(&folders).unwrap_err() {
        DistroError::Invalid { path, text, span, message, help } => {
            let name = path.strip_prefix(dir.path()).unwrap().display();
            let line = text[..span.start].matches('\n').count() + 1;
            format!("{name}:{line}: {}: {message} ({})", &text[span], help.unwrap_or_default())
        }
        read => read.to_string(),
    }
}

#[test]
fn every_built_in_definition_is_valid_and_complete() {
    let catalogue = Catalogue::load(&[]).unwrap();
    let distros: Vec<_> = catalogue.iter().collect();
    assert!(distros.len() >= 25, "{} distributions", distros.len());
    for distro in &distros {
        assert!(!distro.build_packages.is_empty(), "{}", distro.id);
        assert!(distro.image.is_some(), "{}", distro.id);
        assert_eq!(distro.manager == PackageManager::Apt, distro.bootstrap.is_some(), "{}", distro.id);
        for entry in distro.bootstrap.iter().flat_map(|bootstrap| &bootstrap.keyrings) {
            assert!(keyring(entry).unwrap().len() > 1000, "{entry}");
        }
        let template = |tag: &str| distro.release_tag.starts_with(tag);
        match (distro.format, distro.id.as_str()) {
            (Format::Rpm, "rpm-generic") | (Format::Deb, "debian-sid") => assert_eq!(distro.release_tag, ""),
            (Format::Deb, id) => assert!(template("~"), "{id}: the tag of a release sorts below the bare version"),
            (Format::Rpm, id) => assert!(template("."), "{id}"),
        }
    }
    let mut tags: Vec<_> = distros.iter().map(|distro| (&distro.family, &distro.release_tag)).collect();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), distros.len(), "two releases of a family have the same tag");
}

#[test]
fn the_catalogue_is_in_the_order_that_people_expect() {
    let catalogue = Catalogue::load(&[]).unwrap();
    let ids = |family: &str| -> Vec<String> {
        catalogue.iter().filter(|distro| distro.family == family).map(|distro| distro.id.clone()).collect()
    };
    assert_eq!(ids("debian"), ["debian-11", "debian-12", "debian-13", "debian-14", "debian-sid"]);
    assert_eq!(ids("centos-stream"), ["centos-stream-9", "centos-stream-10"]);
    assert_eq!(ids("fedora").last().unwrap(), "fedora-rawhide");
}

#[test]
fn debian_tags_let_upgrades_between_releases_sort() {
    let catalogue = Catalogue::load(&[]).unwrap();
    let versions: Vec<debversion::Version> = catalogue
        .iter()
        .filter(|distro| distro.family == "debian")
        .map(|distro| format!("2.10-1{}", distro.release_tag).parse().unwrap())
        .collect();
    assert!(versions.is_sorted() && versions.len() == 5, "{versions:?}");
}

#[test]
fn templates_are_inherited_key_by_key() {
    let catalogue = Catalogue::load(&[]).unwrap();
    let debian = catalogue.get("debian-12").unwrap();
    let bootstrap = debian.bootstrap.as_ref().unwrap();
    assert_eq!((debian.format, debian.manager), (Format::Deb, PackageManager::Apt));
    assert_eq!((bootstrap.archive.as_str(), bootstrap.suite.as_str()), ("debian", "bookworm"));
    assert_eq!(bootstrap.security.as_ref().unwrap().suite, "bookworm-security");
    let generic = catalogue.get("rpm-generic").unwrap();
    assert_eq!((generic.format, generic.manager), (Format::Rpm, PackageManager::Apt));
    assert_eq!(generic.bootstrap, debian.bootstrap);
    let sid = catalogue.get("debian-sid").unwrap().bootstrap.clone().unwrap();
    assert!(sid.tolerate_expired && sid.security.is_none() && sid.updates.is_empty());
}

#[test]
fn a_user_adds_a_distribution_and_changes_one() {
    let (_dir, folders) = folder(&[
        ("acme-1.toml", "extends = \"common/acme\"\nname = \"Acme 1\"\nversion = \"1\"\n"),
        (
            "common/acme.toml",
            "extends = \"debian-12\"\nfamily = \"acme\"\n[bootstrap]\nmirror = \"https://acme.example/debian/\"\nkeyrings = [\"acme.gpg\"]\n",
        ),
        ("keyrings/acme.gpg", "a key"),
        ("debian-12.toml", "extends = \"debian-12\"\nname = \"Our Debian 12\"\nmacros = { x = \"1\" }\n"),
    ]);
    let catalogue = Catalogue::load(&folders).unwrap();
    let acme = catalogue.get("acme-1").unwrap();
    let bootstrap = acme.bootstrap.as_ref().unwrap();
    assert_eq!((acme.family.as_str(), acme.macros["x"].as_str()), ("acme", "1"));
    assert_eq!((bootstrap.mirror.as_str(), bootstrap.suite.as_str()), ("https://acme.example/debian", "bookworm"));
    assert_eq!(keyring(&bootstrap.keyrings[0]).unwrap().as_ref(), b"a key");
    let ours = catalogue.get("debian-12").unwrap();
    assert_eq!((ours.name.as_str(), ours.release_tag.as_str()), ("Our Debian 12", "~deb12"));
}

#[test]
fn digests_follow_what_changes_a_build_and_nothing_else() {
    let digest = |text: &str| {
        let text = format!("extends = \"debian-12\"\nname = \"One\"\n{text}");
        let (_dir, folders) = folder(&[("one.toml", &text), ("keyrings/k.gpg", "k")]);
        Catalogue::load(&folders).unwrap().get("one").unwrap().digest.clone()
    };
    assert_eq!(digest(""), digest(""));
    assert_eq!(digest(""), digest("end-of-life = \"2040-01-01\""));
    assert_eq!(digest(""), digest("stage = \"rolling\""));
    assert_eq!(digest(""), digest("[toolchains]\ngo = \"1.99\""));
    assert_ne!(digest(""), digest("setup = \"true\""));
    // By content: the folders, and so the paths, are different ones.
    let with_key = "[bootstrap]\nkeyrings = [\"k.gpg\"]";
    assert_eq!(digest(with_key), digest(with_key));
    assert_ne!(digest(with_key), digest(""));
}

#[test]
fn mistakes_are_told_with_place_and_suggestion() {
    let one = |text: &str| error(&[("x.toml", text)]);
    let rest = "extends = \"debian-12\"\nname = \"X\"\n";
    let said = [
        one("build-package = []"),
        one("name = 1"),
        one("[bootstrap]\nsuit = \"x\""),
        one("arches = [\"amd64\", \"arm46\"]"),
        one("arches = [\"amd64\", \"x86_64\"]"),
        one("end-of-life = \"2028-02-30\""),
        one("manager = \"apd\""),
        one("release-tag = \"-1\""),
        one("name = \"unclosed"),
        one(&format!("{rest}manager = \"dnf\"\n")),
        one(&format!("{rest}[bootstrap]\nkeyrings = [\"debian-archive.gpg\"]\n")),
        one(&format!("{rest}[bootstrap]\nkeyrings = [\"../x.gpg\"]\n")),
        one("extends = \"debian-12\"\n"),
        one("name = \"X\"\nformat = \"deb\"\nmanager = \"apt\"\n"),
        one("name = \"X\"\nextends = \"common/debain\"\n"),
        error(&[("x.toml", "extends = \"y\""), ("y.toml", "extends = \"x\"")]),
        error(&[("Debian 12.toml", "")]),
    ]
    .join("\n");
    insta::assert_snapshot!(said);
}

#[test]
fn what_packaging_has_to_know_is_checked() {
    for (text, expected) in [
        (
            "[deb]\ndebhelper = \"13\"",
            "x.toml:2: \"13\": `debhelper` is \"13\", and has to be a compatibility level of debhelper",
        ),
        (
            "[deb]\ndebhelper = 5",
            "x.toml:2: 5: `debhelper` is a value of type integer, and has to be a compatibility level",
        ),
        (
            "[deb]\nstandards-version = \"4.x\"",
            "x.toml:2: \"4.x\": `standards-version` is \"4.x\", and has to be a version",
        ),
        (
            "[deb]\nunit-folder = \"lib/x\"",
            "x.toml:2: \"lib/x\": `unit-folder` is \"lib/x\", and has to be an absolute path",
        ),
        ("[deb]\nunit-folder = \"/lib/$(x)\"", "x.toml:2: \"/lib/$(x)\": `unit-folder` is"),
        ("[rpm]\nsystemd = \"macro\"", "(did you mean \"macros\"?)"),
        ("[rpm]\npayload = \"xz\"", "unknown payload `xz` (known: gzip, zstd)"),
        ("[rpm]\nsbin = \"/../x\"", "has to be an absolute path"),
        ("[rpm]\ngroup-tags = true", "unknown key `group-tags` (did you mean `group-tag`?)"),
    ] {
        let said = error(&[("x.toml", text)]);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn toolchains_are_inherited_one_by_one_and_checked() {
    let (_dir, folders) = folder(&[(
        "one.toml",
        "extends = \"debian-12\"\nname = \"One\"\n[toolchains]\ngo = \"1.99\"\n\
         [toolchains.newer.go]\nversion = \"2.0\"\npackage = \"go-next\"\nfolder = \"/opt/go/bin\"\n",
    )]);
    let catalogue = Catalogue::load(&folders).unwrap();
    let own = &catalogue.get("one").unwrap().toolchains;
    let debian = &catalogue.get("debian-12").unwrap().toolchains;
    assert_eq!((own.versions["go"].as_str(), &own.versions["rust"]), ("1.99", &debian.versions["rust"]));
    assert_eq!((own.newer["go"].package.as_str(), &own.newer["rust"]), ("go-next", &debian.newer["rust"]));
    for distro in catalogue.iter() {
        for (name, newer) in &distro.toolchains.newer {
            let numbers = |text: &str| text.split('.').map(|part| part.parse().unwrap()).collect::<Vec<u32>>();
            assert!(numbers(&newer.version) > numbers(&distro.toolchains.versions[name]), "{}: {name}", distro.id);
        }
    }
    for (text, expected) in [
        ("[toolchains]\ngolang = \"1.2\"", "unknown key `golang`"),
        ("[toolchains]\ngo = \"1.x\"", "`go` is \"1.x\", and has to be a version"),
        ("[toolchains.newer.go]\nversion = \"1.2\"", "has to be a table with `version` and `package`"),
        ("[toolchains.newer.go]\nversion = \"1\"\npackage = \"$(x)\"", "has to be the name of a package"),
    ] {
        let said = error(&[("x.toml", text)]);
        assert!(said.contains(expected), "{said}");
    }
}
