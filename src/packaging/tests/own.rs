//! A project's own packaging: what its tools are given, as these tools read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::super::own;
use super::*;
use crate::recipe::OwnVersion;
use crate::types::testing::have;

fn shell(folder: &Path, script: &str) -> (i32, String) {
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).env("LC_ALL", "C").output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

/// A .spec in a tree, with what lies beside it and in SOURCES.
struct Spec {
    folder: tempfile::TempDir,
}

impl Spec {
    fn new(tags: &str, prep: &str) -> Spec {
        let spec = Spec { folder: tempfile::tempdir().unwrap() };
        let text = format!(
            "Name: a\nVersion: 1.2\nRelease: 1\nSummary: a\nLicense: MIT\n{tags}\n%description\na\n%prep\n{prep}\n%files\n"
        );
        spec.with("SPECS/a.spec", &text).with("SOURCES/.keep", "").with("tree/a/rpm/.keep", "")
    }

    fn with(self, path: &str, content: &str) -> Spec {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    /// What the script says when Source0 comes from there.
    fn sources(&self, from: &str) -> (i32, String) {
        let script = format!(
            "set -eu\ntop={}\nspec=$top/SPECS/a.spec tree=$top/tree/a beside=$top/tree/a/rpm source={from} epoch=1700000000\n\
             set -- -ba --nodeps --define \"_topdir $top\" --define 'word given'\n{}\necho \"goes on: $*\"\n",
            self.folder.path().display(),
            concat!(include_str!("../scripts/rpm-own.sh"), include_str!("../scripts/rpm-sources.sh"))
        );
        let _ = fs::remove_file(self.path("SOURCES/.keep"));
        shell(self.folder.path(), &script)
    }
}

#[test]
fn sources_that_a_spec_wants_and_nobody_has_are_named() {
    if !have(&["rpmspec"]) {
        return;
    }
    let check = |tags: &str, there: &[&str]| {
        let spec = there.iter().fold(Spec::new(tags, ""), |spec, name| spec.with(&format!("SOURCES/{name}"), "x"));
        spec.sources("fetched")
    };
    let (code, text) = check("Source0: https://example.org/%{name}-%{version}.tar.gz", &["a-1.2.tar"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("farm: a.spec wants a-1.2.tar.gz, and no source of the recipe has this name"), "{text}");
    assert!(text.contains("farm: the sources are: a-1.2.tar\n"), "{text}");
    assert!(text.contains("farm: beside the .spec are: none at all\n"), "{text}");
    let (code, text) = check("Source: a.tar\nSource9: b.conf\nPatch3: c d.patch", &["a.tar"]);
    assert!(code == 1 && text.contains("wants b.conf") && text.contains("wants c d.patch"), "{text}");
    let (code, text) = check("Source0: a.tar.xz", &[]);
    assert!(code == 1 && text.contains("the sources are: none at all"), "{text}");
    for (tags, there) in
        [("Source0: https://example.org/x/a.tar", vec!["a.tar", "other"]), ("", vec![]), ("Patch0: p", vec!["p"])]
    {
        let (code, text) = check(tags, &there);
        assert_eq!(code, 0, "{tags}: {text}");
        assert!(text.contains("goes on: -ba --nodeps --define"), "{text}");
    }
    // What rpm cannot read is rpmbuild's to say.
    assert_eq!(check("%if", &[]).0, 0);
}

#[test]
fn the_tree_is_packed_as_the_spec_asks_for_it() {
    if !have(&["rpmspec", "tar", "gzip", "xz", "bzip2"]) {
        return;
    }
    for (end, tool) in [
        (".tar", "tar"),
        (".tar.gz", "gzip"),
        (".tgz", "gzip"),
        (".tar.xz", "xz"),
        (".tar.bz2", "bzip2"),
        (".tar.zst", "zstd"),
        (".zip", "zip"),
    ] {
        if Command::new(tool).arg("--version").output().is_err() {
            let (code, text) = Spec::new(&format!("Source0: a{end}"), "%setup -q").sources("tree");
            assert!(code == 127 && text.contains(&format!("the builder image has no {tool} to make it")), "{text}");
            continue;
        }
        let spec = || {
            let spec = Spec::new(
                &format!("Source0: https://example.org/%{{word}}/v%{{version}}{end}"),
                "%setup -q -n a-v%{version}",
            )
            .with("tree/a/README", "it\n")
            .with("tree/a/src/b c", "x");
            fs::set_permissions(spec.path("tree/a/src/b c"), fs::Permissions::from_mode(0o755)).unwrap();
            std::os::unix::fs::symlink("README", spec.path("tree/a/link")).unwrap();
            spec
        };
        let (one, two) = (spec(), spec());
        // When a file was written is no matter, nor in which order.
        assert!(shell(one.folder.path(), "touch -d @1 tree/a/README").0 == 0);
        let (code, text) = one.sources("tree");
        assert!(code == 0 && text.contains(&format!("v1.2{end} is the source tree, below a-v1.2")), "{end}: {text}");
        assert_eq!(two.sources("tree").0, 0);
        let name = format!("SOURCES/v1.2{end}");
        assert!(fs::read(one.path(&name)).unwrap() == fs::read(two.path(&name)).unwrap(), "{end} differs");
        if end != ".zip" {
            let (code, list) = shell(one.folder.path(), &format!("tar -tf {name} | LC_ALL=C sort"));
            let expected =
                ["", "README", "link", "rpm/", "rpm/.keep", "src/", "src/b c"].map(|name| format!("a-v1.2/{name}\n"));
            assert_eq!((code, list), (0, expected.concat()), "{end}");
            let (_, owners) =
                shell(one.folder.path(), &format!("tar --numeric-owner -tvf {name} | awk '{{print $2}}' | sort -u"));
            assert_eq!(owners, "0/0\n", "{end}");
        }
        assert!(one.path("tree/a/README").is_file(), "the tree is still there");
        if have(&["rpmbuild"]) {
            // rpm itself unpacks it.
            let unpack = "rpmbuild -bp --nodeps --define \"_topdir $PWD\" --define 'word given' SPECS/a.spec && cat BUILD/*/README";
            let (code, text) = shell(one.folder.path(), unpack);
            assert!(code == 0 && text.lines().any(|line| line == "it"), "{end}: {text}");
        }
    }
    // Without a name of its own, the top is what `%setup` expects; a compression that is not known is named.
    let spec = Spec::new("Source: %{name}.tar.gz", "%autosetup -p1").with("tree/a/README", "");
    assert!(spec.sources("tree").1.contains("a.tar.gz is the source tree, below a-1.2"));
    let (code, text) = Spec::new("Source0: a.tar.lrz", "").sources("tree");
    assert!(code == 1 && text.contains("wants a.tar.lrz"), "{text}");
    // What was downloaded under another name may be another version.
    let (code, text) = Spec::new("Source0: a-1.2.tar.gz", "").with("SOURCES/a-1.1.tar.gz", "").sources("fetched");
    assert!(code == 1 && text.contains("wants a-1.2.tar.gz"), "{text}");
}

#[test]
fn what_lies_beside_the_spec_is_a_source() {
    if !have(&["rpmspec", "gzip"]) {
        return;
    }
    let spec = Spec::new(
        "Source0: a-%{version}.tar.gz\nSource1: a.service\nSource2: https://x/in-sources\nPatch1: fix it.patch",
        "",
    )
    .with("tree/a/rpm/a.service", "unit")
    .with("tree/a/rpm/fix it.patch", "patch")
    .with("tree/a/SOURCES/in-sources", "y")
    .with("tree/a/rpm/other", "no source")
    .with("SOURCES/in-sources", "fetched");
    let (code, text) = spec.sources("tree");
    assert_eq!(code, 0, "{text}");
    for (name, content) in [("a.service", "unit"), ("fix it.patch", "patch"), ("in-sources", "fetched")] {
        assert_eq!(fs::read_to_string(spec.path("SOURCES").join(name)).unwrap(), content, "{name}");
    }
    assert!(!spec.path("SOURCES/other").exists());
    fs::remove_file(spec.path("SOURCES/in-sources")).unwrap();
    assert_eq!(spec.sources("tree").0, 0);
    assert_eq!(fs::read_to_string(spec.path("SOURCES/in-sources")).unwrap(), "y", "of the folder beside");
}

#[test]
fn a_tree_that_was_prepared_is_the_source() {
    if !have(&["rpmspec", "gzip"]) {
        return;
    }
    let old = |spec: Spec| spec.with("SOURCES/a-1.2.tar.gz", "old");
    let spec = old(Spec::new("Source0: a-1.2.tar.gz", ""));
    assert!(spec.sources("prepared").1.contains("a-1.2.tar.gz is the source tree"));
    // `make dist` has made it.
    let spec = old(Spec::new("Source0: a-1.2.tar.gz", "")).with("tree/a/a-1.2.tar.gz", "made");
    assert_eq!(spec.sources("prepared").0, 0);
    assert_eq!(fs::read_to_string(spec.path("SOURCES/a-1.2.tar.gz")).unwrap(), "made");
    let spec = old(Spec::new("Source0: a-1.2.tar.gz", ""));
    assert_eq!(spec.sources("tree").0, 0);
    assert_eq!(fs::read_to_string(spec.path("SOURCES/a-1.2.tar.gz")).unwrap(), "old", "what was fetched");
}

#[test]
fn a_project_is_prepared_before_its_packaging_is_read() {
    let mut recipe = recipe();
    recipe.packaging = OwnPackaging {
        debian: Some("debian".to_owned()),
        spec: Some("a.spec".to_owned()),
        prepare: Some("echo \"$0 in $PWD at $SOURCE_DATE_EPOCH\"\nexit 3".to_owned()),
        ..OwnPackaging::default()
    };
    recipe.packaging.define =
        [("word", "it's"), ("dist", ".own"), ("nothing", "")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    for (format, manager, reads) in
        [(Format::Deb, PackageManager::Apt, "debian/control"), (Format::Rpm, PackageManager::Dnf, "cp \"$beside")]
    {
        let packaging = generate(&in_words(&recipe), &distro(format, manager), 7);
        assert_eq!(packaging.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["farm-prepare"]);
        let script = &packaging.steps[0].script;
        assert!(script.find("farm-prepare").unwrap() < script.find(reads).unwrap(), "{script}");
        let builder = builder(&in_words(&recipe), &distro(format, manager)).script.to_string();
        assert!(builder.contains("] || exit 0\n"), "what is required may not be known yet: {builder}");
    }
    let rpm = distro(Format::Rpm, PackageManager::Dnf);
    for script in [
        generate(&in_words(&recipe), &rpm, 7).steps[0].script.to_string(),
        builder(&in_words(&recipe), &rpm).script.to_string(),
    ] {
        for define in ["--define 'word it'\\''s'", "--define 'dist .own'", "--define 'nothing %{nil}'"] {
            assert!(script.contains(define), "{define}: {script}");
        }
        assert_eq!(script.matches("--define 'dist ").count(), 1);
    }
    // In a shell of its own, whose end is told.
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display().to_string();
    fs::create_dir(folder.path().join("tree")).unwrap();
    fs::write(folder.path().join("farm-prepare"), own::files(&recipe)[0].content.to_string()).unwrap();
    let script = own::prepare(&recipe, &format!("{here}/tree"), 7).replace(BUILD_ROOT, &here);
    let (code, text) = shell(folder.path(), &format!("set -eu\n{script}\necho goes on\n"));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(&format!("farm-prepare in {here}/tree at 7\n")), "{text}");
    assert!(text.contains("farm: [packaging] prepare ended with exit status 3"), "{text}");
    recipe.packaging.prepare = None;
    recipe.packaging.spec = None;
    assert!(!generate(&in_words(&recipe), &rpm, 7).steps[0].script.contains("'word "), "they are of its own .spec");
}

/// A changelog of several shapes, and what becomes of its version.
#[test]
fn a_changelog_gets_an_entry_as_dch_writes_it() {
    if !have(&["dpkg-parsechangelog"]) {
        return;
    }
    let distro = distro(Format::Deb, PackageManager::Apt);
    let tag = &distro.release_tag;
    // No entry is older than the one before it.
    for (before, date) in
        [("Fri, 03 Jan 2020", "Tue, 14 Nov 2023 22:13:20"), ("Fri, 02 Jan 2026", "Fri, 02 Jan 2026 00:00:00")]
    {
        let check = |written: &str, recipes: &str, replaces: bool, suffix: Option<bool>| {
            let mut recipe = recipe();
            recipe.package.version = recipes.to_owned();
            let upstream = written.split_once(':').map_or(written, |(_, rest)| rest);
            let upstream = upstream.rsplit_once('-').map_or(upstream, |(upstream, _)| upstream).to_owned();
            recipe.packaging = OwnPackaging {
                debian: Some("debian".to_owned()),
                version: Some(OwnVersion { written: written.to_owned(), upstream }),
                replaces_version: replaces,
                distribution_suffix: suffix,
                ..OwnPackaging::default()
            };
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("debian")).unwrap();
            let old =
                format!("pkg ({written}) stable; urgency=low\n\n  * One\n\n -- A <a@b.c>  {before} 00:00:00 +0000\n");
            fs::write(folder.path().join("debian/changelog"), &old).unwrap();
            let script = own::deb_version(&recipe, &distro, 1_700_000_000);
            let (code, text) = shell(folder.path(), &format!("set -eu\nFARM_VERSION={recipes}\n{script}"));
            if code != 0 {
                return Err(text);
            }
            let (_, found) = shell(folder.path(), "dpkg-parsechangelog -S Version");
            assert_eq!(found.trim(), own::version(&recipe, &distro).unwrap(), "as the plan says");
            let new = fs::read_to_string(folder.path().join("debian/changelog")).unwrap();
            assert!(new.ends_with(&old), "{new}");
            if new != old {
                let (_, all) = shell(folder.path(), "dpkg-parsechangelog --all 2>&1");
                assert!(!all.contains("warning"), "{all}");
                assert!(all.contains("Distribution: stable") && all.contains(&format!("Date: {date} +0000")), "{all}");
            }
            Ok(found.trim().to_owned())
        };
        assert_eq!(check("1:2.10-3", "2.10", false, None).unwrap(), "1:2.10-3");
        assert_eq!(check("2.10+dfsg-3", "2.10", false, Some(false)).unwrap(), "2.10+dfsg-3");
        assert_eq!(check("1:2.10-3", "2.10", false, Some(true)).unwrap(), format!("1:2.10-3{tag}"));
        assert_eq!(check("1:2.10-3", "2.10+git2.abc", true, None).unwrap(), "1:2.10+git2.abc-3");
        assert_eq!(check("2.10", "2.11~git2.abc", true, Some(true)).unwrap(), format!("2.11~git2.abc{tag}"));
        assert_eq!(check("2.3.1-SNAPSHOT", "2.3.1", false, None).unwrap(), "2.3.1-SNAPSHOT");
        let text = check("2.10-3", "2.11", false, None).unwrap_err();
        assert!(text.contains("debian/changelog says 2.10-3, which is not of version 2.11"), "{text}");
        assert!(check("2.10-3", "2.1", false, None).is_err());
    }
}

/// What `dch -b -v 1:1.4~git1.abc-2 --distribution unstable --force-distribution TEXT` of devscripts 2.23.4 has made of it, with
/// the date put in.
#[test]
fn an_entry_is_byte_for_byte_that_of_dch() {
    if !have(&["dpkg-parsechangelog"]) {
        return;
    }
    let old = "signpost (1:1.4-2) unstable; urgency=medium\n\n  * First.\n\n -- Ada Lovelace <ada@example.org>  Fri, 02 Jan 2026 \
               00:00:00 +0000\n";
    let of_dch = "signpost (1:1.4~git1.abc-2) unstable; urgency=medium\n\n  * The sources as they are: \
                  1.4~git1.abc.\n\n -- Ada Lovelace <ada@example.org>  Mon, 02 Feb 2026 03:04:05 +0000\n\n";
    let mut recipe = recipe();
    recipe.package.version = "1.4~git1.abc".to_owned();
    recipe.package.maintainer = "Ada Lovelace <ada@example.org>".to_owned();
    recipe.packaging =
        OwnPackaging { debian: Some("debian".to_owned()), replaces_version: true, ..OwnPackaging::default() };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("debian")).unwrap();
    fs::write(folder.path().join("debian/changelog"), old).unwrap();
    let script = own::deb_version(&recipe, &distro(Format::Deb, PackageManager::Apt), 1_770_001_445);
    let (code, text) = shell(folder.path(), &format!("set -eu\nFARM_VERSION=1.4\n{script}"));
    assert_eq!(code, 0, "{text}");
    assert_eq!(fs::read_to_string(folder.path().join("debian/changelog")).unwrap(), format!("{of_dch}{old}"));
}

#[test]
fn a_spec_gets_a_version_and_an_entry_as_bumpspec_writes_it() {
    if !have(&["rpmspec"]) {
        return;
    }
    let distro = distro(Format::Rpm, PackageManager::Dnf);
    let tag = &distro.release_tag;
    // rpm refuses an entry that is older than the one after it.
    for (before, date) in [("Fri Jan 03 2020", 1_699_963_200), ("Fri Jan 02 2026", 1_767_355_200)] {
        let check = |tags: &str, written: &str, recipes: &str, replaces: bool, suffix: Option<bool>| {
            let mut recipe = recipe();
            recipe.package.version = recipes.to_owned();
            let upstream =
                written.split_once(':').map_or(written, |(_, rest)| rest).split('-').next().unwrap().to_owned();
            recipe.packaging = OwnPackaging {
                spec: Some("a.spec".to_owned()),
                version: Some(OwnVersion { written: written.to_owned(), upstream }),
                replaces_version: replaces,
                distribution_suffix: suffix,
                ..OwnPackaging::default()
            };
            let folder = tempfile::tempdir().unwrap();
            let changes = format!("%changelog\n* {before} A <a@b.c> - 1-1\n- One\n");
            let text = format!(
                "Name: a\n{tags}\nSummary: a\nLicense: MIT\n%description\nVersion: 1\n%package b\nSummary: b\nVersion: 7\n%description b\nb\n%files\n{changes}"
            );
            fs::write(folder.path().join("a.spec"), &text).unwrap();
            let script = own::spec_version(&recipe, &distro, 1_700_000_000);
            let begin = format!(
                "set -eu\nFARM_VERSION={recipes}\nspec=$PWD/a.spec tree= epoch=1\nset -- -ba --define 'dist {tag}'\n{}",
                include_str!("../scripts/rpm-own.sh")
            );
            let (code, said) = shell(folder.path(), &format!("{begin}{script}"));
            if code != 0 {
                return Err(said);
            }
            let query = format!(
                "rpmspec -q --srpm --define 'dist {tag}' --qf '%|EPOCH?{{%{{EPOCH}}:}}|%{{VERSION}}-%{{RELEASE}}\n%{{CHANGELOGNAME}}\n%{{CHANGELOGTIME}}' a.spec"
            );
            let (_, found) = shell(folder.path(), &query);
            let (version, entry) = found.split_once('\n').unwrap();
            assert_eq!(Some(version), own::version(&recipe, &distro).as_deref(), "as the plan says");
            let new = fs::read_to_string(folder.path().join("a.spec")).unwrap();
            if new == text {
                assert!(entry.starts_with("A <a@b.c> - 1-1"), "{entry}");
            } else {
                // As rpmdev-bumpspec has it: without the distribution's tag.
                let entered = version.strip_suffix(tag.as_str()).unwrap_or(version);
                assert_eq!(entry, format!("{} - {entered}\n{date}", recipe.package.maintainer), "{new}");
                assert!(new.ends_with(&changes.replace("%changelog\n", "\n")), "{new}");
            }
            assert!(new.contains("Summary: b\nVersion: 7\n"), "{new}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no more files");
            Ok(version.to_owned())
        };
        let plain = "Version: 1.2\nRelease: 3%{?dist}";
        assert_eq!(check(plain, "1.2-3%{?dist}", "1.2", false, None).unwrap(), format!("1.2-3{tag}"));
        assert_eq!(
            check(plain, "1.2-3%{?dist}", "1.2", false, Some(true)).unwrap(),
            format!("1.2-3{tag}"),
            "it has it"
        );
        assert_eq!(check(plain, "1.2-3%{?dist}", "1.2+git1.abc", true, None).unwrap(), format!("1.2+git1.abc-3{tag}"));
        let odd = "%global up 1.2\nepoch: 1\nversion : %up\nRELEASE:3";
        assert_eq!(check(odd, "1:1.2-3", "1.2", false, None).unwrap(), "1:1.2-3");
        assert_eq!(check(odd, "1:1.2-3", "1.2~git1.abc", true, Some(true)).unwrap(), format!("1:1.2~git1.abc-3{tag}"));
        let text = check(plain, "1.2-3%{?dist}", "1.3", false, None).unwrap_err();
        assert!(text.contains("a.spec says 1.2, which is not of version 1.3"), "{text}");
    }
}
