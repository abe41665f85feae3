//! What is generated, as people would read it. That it also works is tested in containers, by `tests/family`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::distro::{Bootstrap, Security};
use crate::recipe::{
    Alternative, AlternativeLink, Build, FromProject, MaintainerScripts, Origin, Package, Packaging as OwnPackaging,
    Patch, RecipeLimits, Relations, Service, Source, Strip, SubPackage, System, SystemUser, Test,
};
use crate::types::Arch;

mod assembled;
mod guidelines;
mod tools;

fn distro(format: Format, manager: PackageManager) -> Distro {
    Distro {
        id: "some-1".to_owned(),
        name: "Some 1 (first)".to_owned(),
        family: "some".to_owned(),
        version: "1".to_owned(),
        format,
        manager,
        image: None,
        arches: vec![Arch::Amd64],
        release_tag: if format == Format::Deb { "~some1" } else { ".some1" }.to_owned(),
        stage: crate::distro::Stage::Released,
        end_of_life: None,
        enable_repositories: vec![],
        build_packages: vec!["make".to_owned()],
        triggers: Vec::new(),
        macros: BTreeMap::new(),
        bootstrap: None,
        setup: None,
        digest: String::new(),
    }
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

fn recipe() -> Recipe {
    let sub = SubPackage {
        name: None,
        summary: None,
        description: Some("Headers.\n\n * one\n * two".to_owned()),
        section: None,
        group: None,
        architecture: None,
        files: strings(&["/usr/include/**", "${libdir}/*.so"]),
        config_files: vec![],
        relations: Relations { requires: strings(&["pkg (= ${self-version})"]), ..Relations::default() },
        system: System::default(),
        scripts: MaintainerScripts::default(),
    };
    Recipe {
        root: PathBuf::from("/nowhere"),
        package: Package {
            name: "pkg".to_owned(),
            version: "1.0~rc1".to_owned(),
            release: 2,
            epoch: 1,
            summary: "Does 100% of it.".to_owned(),
            description: "First line\nof a paragraph.\n\n.hidden at the start".to_owned(),
            license: "GPL-2.0-or-later OR MIT".to_owned(),
            homepage: Some("https://example.org/100%25".to_owned()),
            maintainer: "Jane Doe <jane@example.org>".to_owned(),
            section: "libs".to_owned(),
            group: None,
            architecture: PackageArch::Any,
            relations: Relations {
                requires: strings(&["foo >= 1.2", "bar (<< 3)"]),
                recommends: strings(&["aa | bb"]),
                replaces: strings(&["old-pkg < 1"]),
                ..Relations::default()
            },
            files: vec![],
            is_empty: false,
            config_files: strings(&["/etc/pkg.conf", "/opt/pkg/pkg.conf"]),
            system: System::default(),
            scripts: MaintainerScripts {
                post_install: Some("echo installed 100%".to_owned()),
                pre_remove: Some("echo going".to_owned()),
                ..MaintainerScripts::default()
            },
            date: None,
            fallback_date: None,
            changelog: vec![],
            from_project: FromProject::default(),
        },
        sources: vec![Source {
            origin: Origin::Path { path: ".".to_owned() },
            strip: 0,
            strip_said: false,
            gitignore: true,
            place: Default::default(),
            into: "sub dir".to_owned(),
            unpack: true,
            series: None,
            patches: vec![Patch { path: "patches/fix it.diff".to_owned(), strip: 1 }],
            fuzz: 0,
        }],
        build: Build {
            requires: strings(&["zlib >= 1.2", "make"]),
            env: BTreeMap::from([("GREETING".to_owned(), "it's 100%".to_owned())]),
            build: Some("make CFLAGS=\"$CFLAGS\"\nprintf '%s\\n' done".to_owned()),
            check: Some("make check".to_owned()),
            install: Some("make install".to_owned()),
            network: false,
            strip: Strip::All,
        },
        environment: None,
        packages: BTreeMap::from([("dev".to_owned(), sub)]),
        packaging: OwnPackaging::default(),
        test: Some(Test { script: "pkg --version".to_owned(), requires: strings(&["curl"]), network: false }),
        limits: RecipeLimits { memory_bytes: 1, pids: 1, timeout: Duration::ZERO, stall: Duration::ZERO, log_bytes: 1 },
        variant: BTreeMap::from([("ssl-kind".to_owned(), "open".to_owned())]),
    }
}

/// A daemon with all that a package can ask of the system.
fn daemon() -> Recipe {
    let mut recipe = recipe();
    let service = |enable, start, restart| Service { enable, start, restart };
    let link = |link: &str, path: &str| AlternativeLink { link: link.to_owned(), path: path.to_owned() };
    recipe.packages.clear();
    recipe.package.files = strings(&["/usr/**/pkgd*", "/etc/pkg.conf", "/opt/pkg"]);
    recipe.package.system = System {
        services: BTreeMap::from([
            ("pkgd.service".to_owned(), service(None, None, true)),
            ("pkgd.socket".to_owned(), service(Some(true), Some(true), false)),
            ("pkgd-tidy.timer".to_owned(), service(Some(false), None, true)),
        ]),
        users: BTreeMap::from([(
            "pkgd".to_owned(),
            SystemUser {
                comment: Some("Package daemon".to_owned()),
                home: Some("/var/lib/pkgd".to_owned()),
                shell: None,
                groups: strings(&["audio"]),
            },
        )]),
        groups: strings(&["pkgers"]),
        tmpfiles: strings(&["d /run/pkgd 0755 pkgd pkgd -"]),
        alternatives: BTreeMap::from([(
            "pkg".to_owned(),
            Alternative {
                link: link("/usr/bin/pkg", "/usr/bin/pkgd-client"),
                priority: 40,
                dependents: BTreeMap::from([(
                    "pkg.1.gz".to_owned(),
                    link("/usr/share/man/man1/pkg.1.gz", "/usr/share/man/man1/pkgd-client.1.gz"),
                )]),
            },
        )]),
        former_links: BTreeMap::new(),
    };
    recipe
}

/// Of the packaging of [`daemon`], what it is about.
fn system_parts(distro: &Distro) -> String {
    let packaging = packaging(&daemon(), distro, 1_700_000_000);
    let mut text = String::new();
    for file in packaging.files {
        let content = match file.path.as_str() {
            "pkg.spec" => {
                let preamble: Vec<&str> = file
                    .content
                    .lines()
                    .filter(|line| {
                        ["Source", "BuildRequires", "Requires", "%{?systemd"].iter().any(|s| line.starts_with(s))
                    })
                    .collect();
                let (_, end) = file.content.split_once("\n%pre -n").expect("there is a %pre");
                format!("{}\n\n%pre -n{}", preamble.join("\n"), end.split_once("\n%changelog").expect("an end").0)
            }
            "debian/rules" => file.content.split_once("override_dh_auto_install:").expect("it is there").1.to_owned(),
            path if [".sysusers", ".tmpfiles", ".preset", ".alternatives", ".postinst", "packages"]
                .iter()
                .any(|end| path.ends_with(end)) =>
            {
                file.content
            }
            _ => continue,
        };
        text.push_str(&format!("==== {}\n{content}\n", file.path));
    }
    text
}

#[test]
fn system_debian() {
    insta::assert_snapshot!(system_parts(&distro(Format::Deb, PackageManager::Apt)));
}

#[test]
fn system_spec_with_macros() {
    insta::assert_snapshot!(system_parts(&distro(Format::Rpm, PackageManager::Dnf)));
}

#[test]
fn system_spec_of_suse() {
    insta::assert_snapshot!(system_parts(&distro(Format::Rpm, PackageManager::Zypper)));
}

#[test]
fn system_spec_without_macros() {
    insta::assert_snapshot!(system_parts(&distro(Format::Rpm, PackageManager::Apt)));
}

/// Where rpm makes users itself, nobody else does.
#[test]
fn users_are_made_once() {
    let mut fedora = distro(Format::Rpm, PackageManager::Dnf);
    assert!(system_parts(&fedora).contains("useradd"));
    fedora.triggers = vec![crate::distro::Trigger::Users];
    let spec = packaging(&daemon(), &fedora, 0).files.into_iter().find(|file| file.path == "pkg.spec").unwrap();
    assert!(!spec.content.contains("useradd") && !spec.content.contains("\n%pre "), "{}", spec.content);
    assert!(spec.content.contains("farm-pkg.sysusers"), "{}", spec.content);
}

#[test]
fn macros_of_systemd_are_installed_where_they_exist() {
    for (manager, version, expected) in [
        (PackageManager::Dnf, "43", Some("systemd-rpm-macros")),
        (PackageManager::Dnf, "8", Some("systemd")),
        (PackageManager::Zypper, "15.6", Some("systemd-rpm-macros")),
        (PackageManager::Apt, "12", None),
    ] {
        let mut distro = distro(Format::Rpm, manager);
        distro.version = version.to_owned();
        let Requirements::Listed(listed) = builder(&daemon(), &distro).requirements else { panic!("a list") };
        let found = listed.iter().find(|name| name.starts_with("systemd")).map(String::as_str);
        assert_eq!(found, expected, "{manager:?} {version}");
        let Requirements::Listed(plain) = builder(&recipe(), &distro).requirements else { panic!("a list") };
        assert!(!plain.iter().any(|name| name.starts_with("systemd")), "{plain:?}");
    }
}

/// A recipe with Python in its build gets the dependencies of Python code.
#[test]
fn python_is_looked_at_where_it_is_used() {
    let distro = distro(Format::Deb, PackageManager::Apt);
    for (requires, expected) in [
        (&["python3-setuptools"][..], true),
        (&["python3dist(setuptools)"], true),
        (&["dh-python"], true),
        (&["dh-sequence-python3", "python3"], true),
        (&["zlib1g-dev"], false),
    ] {
        let mut recipe = recipe();
        recipe.build.requires = strings(requires);
        let Requirements::Listed(listed) = builder(&recipe, &distro).requirements else { panic!("a list") };
        assert_eq!(listed.iter().filter(|name| *name == "dh-sequence-python3").count(), usize::from(expected));
        let control = packaging(&recipe, &distro, 0).files.into_iter().find(|f| f.path == "debian/control").unwrap();
        assert_eq!(control.content.matches("dh-sequence-python3,\n").count(), usize::from(expected), "{requires:?}");
        assert_eq!(control.content.contains("${python3:Depends}"), expected, "{requires:?}");
    }
}

/// Units lie where a release's debhelper looks for them.
#[test]
fn old_releases_have_units_in_the_old_place() {
    for (family, version, folder) in [
        ("debian", "12", " lib/systemd/system\n"),
        ("debian", "13", " usr/lib/systemd/system\n"),
        ("ubuntu", "22.04", " lib/systemd/system\n"),
        ("ubuntu", "24.04", " usr/lib/systemd/system\n"),
    ] {
        let mut distro = distro(Format::Deb, PackageManager::Apt);
        (distro.family, distro.version) = (family.to_owned(), version.to_owned());
        let rules =
            packaging(&daemon(), &distro, 0).files.into_iter().find(|file| file.path == "debian/rules").unwrap();
        assert!(rules.content.contains(folder), "{}", rules.content);
    }
}

/// All files but the scripts that are the same for every recipe.
fn rendered(recipe: &Recipe, distro: &Distro) -> String {
    let packaging = packaging(recipe, distro, 1_700_000_000);
    let own = |file: &&GuestFile| {
        let common = [
            "assign.awk",
            "staged.awk",
            "split",
            "depends",
            "licence",
            "manifest",
            "modes",
            "whole",
            "farm-files.awk",
            "farm-files.sh",
            "farm-manifest.sh",
            "farm-staged.awk",
            "farm-whole.sh",
        ];
        !common.iter().any(|name| file.path.ends_with(name))
    };
    let mut text = String::new();
    for file in packaging.files.iter().filter(own) {
        let mode = if file.executable { " (executable)" } else { "" };
        text.push_str(&format!("==== {}{mode}\n{}", file.path, file.content));
    }
    for step in &packaging.steps {
        text.push_str(&format!("==== step {} {:?}\n{}", step.kind, step.env, step.script));
    }
    text
}

#[test]
fn generated_debian() {
    insta::assert_snapshot!(rendered(&recipe(), &distro(Format::Deb, PackageManager::Apt)));
}

#[test]
fn generated_spec() {
    insta::assert_snapshot!(rendered(&recipe(), &distro(Format::Rpm, PackageManager::Dnf)));
}

#[test]
fn packaging_of_the_project_itself_is_used_as_it_is() {
    let mut recipe = recipe();
    recipe.packaging = OwnPackaging { debian: Some("pack/debian".to_owned()), spec: Some("pack/own.spec".to_owned()) };
    for (format, manager) in [(Format::Deb, PackageManager::Apt), (Format::Rpm, PackageManager::Zypper)] {
        let distro = distro(format, manager);
        let packaging = packaging(&recipe, &distro, 1_700_000_000);
        assert_eq!(packaging.files, []);
        assert_eq!(packaging.expected, []);
        let Requirements::FromSource { path, toolchain } = builder(&recipe, &distro).requirements else {
            panic!("requirements are not taken from the sources");
        };
        assert_eq!(path, if format == Format::Deb { "pack/debian/control" } else { "pack/own.spec" });
        assert!(toolchain.contains(&"make".to_owned()), "{toolchain:?}");
        assert!(toolchain.is_sorted(), "{toolchain:?}");
    }
}

#[test]
fn expected_packages_carry_full_versions() {
    for (format, devel) in [(Format::Deb, "pkg-dev"), (Format::Rpm, "pkg-devel")] {
        let manager = if format == Format::Deb { PackageManager::Apt } else { PackageManager::Dnf };
        let distro = distro(format, manager);
        let version = format!("1:1.0~rc1-2{}", distro.release_tag);
        let expected = packaging(&recipe(), &distro, 0).expected;
        let names: Vec<(&str, &str)> = expected.iter().map(|e| (e.name.as_str(), e.version.as_str())).collect();
        assert_eq!(names, [("pkg", version.as_str()), (devel, version.as_str())]);
    }
}

#[test]
fn builders_do_not_depend_on_mirrors_or_on_the_order_of_requirements() {
    let mut distro = distro(Format::Deb, PackageManager::Apt);
    distro.bootstrap = Some(Bootstrap {
        archive: "debian".to_owned(),
        mirror: "http://public.example".to_owned(),
        suite: "first".to_owned(),
        updates: vec![],
        security: Some(Security {
            archive: "debian-security".to_owned(),
            mirror: "http://security.example".to_owned(),
            suite: "first-security".to_owned(),
        }),
        components: vec!["main".to_owned()],
        keyrings: vec![],
        include: vec![],
        tolerate_expired: false,
    });
    let one = recipe();
    let mut other = recipe();
    other.build.requires.reverse();
    assert_eq!(builder(&one, &distro), builder(&other, &distro));
    assert!(!builder(&one, &distro).script.contains("example"), "a mirror is in the key");
    let mirrors = Mirrors::from([
        ("debian".to_owned(), "http://ada:secret@near.example/debian".into()),
        ("debian-security".to_owned(), "http://near.example/security?token=secret".into()),
        ("ubuntu".to_owned(), "http://near.example/ubuntu".into()),
    ]);
    let env = network_env(&distro, &mirrors);
    assert_eq!(
        env.into_iter().filter(|(name, _)| name.starts_with("FARM_")).collect::<Vec<_>>(),
        [
            ("FARM_MIRROR_DEBIAN".to_owned(), "http://near.example/debian".to_owned()),
            ("FARM_MIRROR_DEBIAN_SECURITY".to_owned(), "http://near.example/security".to_owned()),
        ]
    );
}

#[track_caller]
fn problem(format: Format, change: impl FnOnce(&mut Recipe), expect: &str) {
    let manager = if format == Format::Deb { PackageManager::Apt } else { PackageManager::Dnf };
    let distro = distro(format, manager);
    let mut recipe = recipe();
    assert_eq!(check(&recipe, &distro), Vec::<String>::new(), "the recipe is wrong without the change, too");
    change(&mut recipe);
    let problems = check(&recipe, &distro);
    assert!(problems.iter().any(|problem| problem.contains(expect)), "{problems:?} lacks {expect:?}");
}

#[test]
fn what_a_format_cannot_say_is_a_problem() {
    use Format::{Deb, Rpm};
    problem(Deb, |r| r.package.name = "Pkg_x".to_owned(), "Policy 5.6.1");
    problem(Rpm, |r| r.package.name = "pkg name".to_owned(), "cannot be the name of an RPM");
    problem(Deb, |r| r.package.version = "v1".to_owned(), "begins with a digit");
    problem(Rpm, |r| r.package.version = "1-2".to_owned(), "cannot be written in an .rpm");
    problem(Deb, |r| r.package.summary = "a\nDepends: evil".to_owned(), "summary must be one line");
    problem(Deb, |r| r.package.maintainer = "Jane".to_owned(), "Name <address>");
    problem(Deb, |r| r.package.relations.requires = strings(&["pkgconfig(x)"]), "[package] requires: `pkgconfig(x)`");
    problem(Rpm, |r| r.build.requires = strings(&["foo [amd64]"]), "[build] requires: `foo [amd64]`");
    problem(Deb, |r| r.package.summary = " .".to_owned(), "summary is empty");
    let replaces = |name: &'static str| move |r: &mut Recipe| r.package.relations.replaces = strings(&[name]);
    for format in [Deb, Rpm] {
        problem(format, replaces("pkg"), "`pkg` is a package of this recipe, and would be removed");
        problem(format, replaces("one | two"), "leaves a choice");
        problem(format, |r| r.package.relations.conflicts = strings(&["pkg"]), "is this package itself");
    }
    problem(
        Deb,
        |r| r.packages.values_mut().for_each(|p| p.relations.replaces = strings(&["pkg"])),
        "`pkg (<< VERSION)`",
    );
    problem(Rpm, replaces("pkg-devel"), "`pkg-devel` is a package of this recipe");
    let arch_part = |r: &mut Recipe| {
        r.package.architecture = PackageArch::All;
        r.packages.values_mut().for_each(|p| p.architecture = Some(PackageArch::Any));
    };
    problem(Rpm, arch_part, "noarch");
    problem(Deb, |r| r.sources[0].into = "../up".to_owned(), "into");
    problem(Deb, |r| r.packaging.debian = Some("/debian".to_owned()), "inside the source tree");
    problem(Deb, |r| r.package.config_files = strings(&["/etc/*"]), "is a pattern");
    problem(Deb, |r| r.package.files = strings(&["/usr/**"]), "[package] files: `/usr/**` takes all of /usr");
    let alternative = |r: &mut Recipe| {
        let link = AlternativeLink { link: "/usr/local/bin/x".to_owned(), path: "/usr/bin/x".to_owned() };
        let alternative = Alternative { link, priority: 1, dependents: BTreeMap::new() };
        r.package.system.alternatives.insert("x".to_owned(), alternative);
    };
    problem(Rpm, alternative, "[package.alternatives] `/usr/local/bin/x` is in /usr/local");
    for (pattern, expect) in [
        ("usr/include/**", "is not absolute"),
        ("/usr/**", "takes all of /usr"),
        ("/**", "is outside"),
        ("/usr/../etc/x", "component"),
        ("/home/jane/x", "is outside"),
        ("/usr/local/bin/x", "administrator"),
        ("${bindir}/x", "variable other than"),
    ] {
        problem(Deb, |r| r.packages.values_mut().for_each(|p| p.files = strings(&[pattern])), expect);
    }
    problem(Deb, |r| r.packages.values_mut().for_each(|p| p.name = Some("pkg".to_owned())), "two packages");
}

#[test]
fn an_architecture_independent_main_package_has_only_such_parts_in_rpm() {
    let mut recipe = recipe();
    recipe.package.architecture = PackageArch::All;
    assert_eq!(check(&recipe, &distro(Format::Rpm, PackageManager::Dnf)), Vec::<String>::new());
}

/// Runs the real assign.awk, as a builder image would.
fn assign(format: Format, packages: &str, listing: &str) -> (bool, BTreeMap<String, String>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("assign.awk"), staged::ASSIGN).unwrap();
    std::fs::write(folder.path().join("packages"), packages).unwrap();
    std::fs::write(folder.path().join("listing"), listing).unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let output = std::process::Command::new("awk")
        .args(["-v", &format!("format={format}"), "-v", "main=pkg", "-v", "libdir=/usr/lib64", "-v", "out=out/"])
        .args(["-f", "assign.awk", "packages", "listing"])
        .env("LC_ALL", "C")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let lists = std::fs::read_dir(folder.path().join("out"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    (output.status.success(), lists, String::from_utf8_lossy(&output.stderr).into_owned())
}

const LISTING: &str = "d /\nd /etc\nd /etc/pkg\nf /etc/pkg/pkg.conf\nd /usr\nd /usr/bin\nf /usr/bin/pkg\nd /usr/include\n\
                       d /usr/include/a\nf /usr/include/a/b.h\nd /usr/lib64\nl /usr/lib64/libpkg.so\nf /usr/lib64/libpkg.so.1\n\
                       d /usr/share\nd /usr/share/pkg\nf /usr/share/pkg/1[a] %.txt\nd /usr/share/pkg/empty\n\
                       d /usr/share/man\nd /usr/share/man/man1\nf /usr/share/man/man1/pkg.1.gz\n";

#[test]
fn files_are_assigned_by_pattern_and_the_rest_stays() {
    let packages =
        "# comment\npkg-dev files /usr/include/**\npkg-dev files ${libdir}/*.so\npkg config /etc/pkg/pkg.conf\n";
    let (ok, lists, errors) = assign(Format::Deb, packages, LISTING);
    assert!(ok, "{errors}");
    assert_eq!(lists["pkg-dev"], "./usr/include/a/b.h\n./usr/lib64/libpkg.so\n");
    assert_eq!(lists["pkg"], "");

    let (ok, lists, errors) = assign(Format::Rpm, packages, LISTING);
    assert!(ok, "{errors}");
    assert_eq!(lists["pkg-dev"], "/usr/include/a/b.h\n/usr/lib64/libpkg.so\n%dir /usr/include/a\n");
    assert_eq!(
        lists["pkg"],
        "%config(noreplace) /etc/pkg/pkg.conf\n/usr/bin/pkg\n/usr/lib64/libpkg.so.1\n/usr/share/pkg/1[[]a][\u{1f}-!][%%%%].txt\n\
         /usr/share/man/man1/pkg.1.gz\n%dir /etc/pkg\n%dir /usr/share/pkg\n%dir /usr/share/pkg/empty\n"
    );
}

/// Files, globs and folders; what is below /etc is configuration in any case; links never are.
#[test]
fn configuration_files_are_the_same_in_both_formats() {
    let listing = "d /\nd /etc\nd /etc/pkg\nf /etc/pkg/a.conf\nl /etc/pkg/link\nd /opt\nd /opt/pkg\nd /opt/pkg/conf\n\
                   f /opt/pkg/conf/b.conf\nf /opt/pkg/conf/c d.conf\nf /opt/pkg/one.ini\nf /opt/pkg/two.txt\n";
    for pattern in ["/opt/pkg/conf", "/opt/pkg/conf/", "/opt/pkg/conf/*", "/opt/**/*.conf"] {
        let packages = format!("pkg config {pattern}\npkg config /opt/pkg/one.ini\n");
        let (ok, lists, errors) = assign(Format::Rpm, &packages, listing);
        assert!(ok, "{errors}");
        let config: Vec<&str> =
            lists["pkg"].lines().filter_map(|line| line.strip_prefix("%config(noreplace) ")).collect();
        assert_eq!(config.len(), 4, "{pattern}: {config:?}");
        let (ok, lists, errors) = assign(Format::Deb, &packages, listing);
        assert!(ok, "{errors}");
        assert_eq!(lists[".conffiles.pkg"], "/opt/pkg/conf/b.conf\n/opt/pkg/conf/c d.conf\n/opt/pkg/one.ini\n");
    }
    for (pattern, why) in [
        ("/opt/pkg/none/*", "was not installed"),
        ("/etc/pkg/link", "links and empty folders cannot be configuration files"),
        ("/opt/pkg/*.cfg", "was not installed"),
    ] {
        let (ok, _, errors) = assign(Format::Deb, &format!("pkg config {pattern}\n"), listing);
        assert!(!ok && errors.contains(why), "{pattern}: {errors}");
    }
}

/// What manifest.sh finds in a staged tree, run as a builder image would: `prepare` makes the tree.
fn staged_notes(recipe_lines: &str, prepare: &str) -> (bool, BTreeMap<String, String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("manifest.sh", &staged::manifest_script());
    write("staged.awk", staged::STAGED);
    write("packages", recipe_lines);
    let script = format!(
        "set -e; umask 022; mkdir root; (cd root; {prepare})\n\
         FARM_MANIFEST=$PWD/out sh manifest.sh root packages staged.awk /usr/lib64 notes"
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_remove(PHASE_TOKEN)
        .output()
        .unwrap();
    let mut notes = BTreeMap::new();
    for (name, path) in [("modes", "notes/modes"), ("whole", "notes/whole"), ("sums", "out.sums")] {
        let mut lines: Vec<String> =
            std::fs::read_to_string(folder.path().join(path)).unwrap_or_default().lines().map(str::to_owned).collect();
        lines.sort();
        notes.insert(name.to_owned(), lines.join("\n"));
    }
    (output.status.success(), notes, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_staged_tree_keeps_the_modes_that_say_something() {
    let (ok, notes, errors) = staged_notes(
        "",
        "mkdir -p usr/bin etc/x etc/keys 'usr/share/a b' usr/share/doc/x var/games; \
         for f in usr/bin/su usr/bin/plain etc/x/secret 'usr/share/a b/ro ' usr/share/doc/x/README etc/x/open; do echo x >\"$f\"; done; \
         chmod 4755 usr/bin/su; chmod 755 usr/bin/plain; chmod 600 etc/x/secret usr/share/doc/x/README; chmod 666 etc/x/open; \
         chmod 444 'usr/share/a b/ro '; chmod 700 etc/keys; chmod 2775 var/games; chmod 555 'usr/share/a b'",
    );
    assert!(ok, "{errors}");
    assert_eq!(
        notes["modes"],
        "kept 0600 /etc/x/secret\nkept 0700 /etc/keys\nkept 2775 /var/games\nkept 4755 /usr/bin/su\n\
         rest 0444 /usr/share/a b/ro \nrest 0555 /usr/share/a b\nrest 0644 /usr/share/doc/x/README"
    );
    assert_eq!(notes["sums"].lines().count(), 6);
}

#[test]
fn what_no_package_can_have_is_told_before_the_tools_stumble() {
    for (prepare, expected) in [
        ("mkdir -p usr/x; touch \"usr/x/a\tb\"", "/usr/x/a?b has a line feed or another control character"),
        ("mkdir -p usr/x; touch \"usr/x/$(printf 'a\\nb')\"", "/usr/x/a?b has a line feed"),
        ("mkdir -p usr/x; touch usr/x/a; chmod 0 usr/x/a", "/usr/x/a cannot be read"),
        ("mkdir -p usr/x/y; chmod 311 usr/x/y", "/usr/x/y cannot be read"),
        (
            "mkdir -p usr/x; ln -s /build/x-1.0/debian/x/usr/y usr/x/a",
            "/usr/x/a is a link to /build/x-1.0/debian/x/usr/y",
        ),
        ("mkdir -p usr/x; ln -s /build usr/x/a", "/usr/x/a is a link to /build,"),
    ] {
        let (ok, _, errors) = staged_notes("", prepare);
        assert!(!ok && errors.contains(&format!("farm: {expected}")), "{prepare}: {errors}");
    }
}

/// Programs of a real compiler, with and without something behind their image.
#[test]
fn what_carries_something_behind_its_image_is_not_stripped() {
    if std::process::Command::new("cc").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "there is no cc, and in CI nothing is skipped");
        return;
    }
    let prepare = "mkdir -p usr/bin usr/lib; echo 'int main(void) { return 0; }' >../x.c; cc -g -o usr/bin/plain ../x.c; \
        cp usr/bin/plain usr/bin/script; printf 'echo behind' >>usr/bin/script; \
        strip -o 'usr/bin/with blank' usr/bin/plain; printf xyz >>'usr/bin/with blank'; \
        cc -static -o usr/bin/archive ../x.c; head -c 70000 /dev/urandom >>usr/bin/archive; \
        ln usr/bin/archive usr/lib/other-name; \
        cc -shared -fPIC -o usr/lib/libx.so ../x.c; cp usr/bin/script usr/lib/data; chmod 644 usr/lib/data; \
        echo text >usr/bin/text; chmod 755 usr/bin/text";
    let (ok, notes, errors) = staged_notes("pkg whole /usr/lib/*.so\n", prepare);
    assert!(ok, "{errors}");
    assert_eq!(
        notes["whole"],
        "- /usr/lib/libx.so\n11 /usr/bin/script\n3 /usr/bin/with blank\n70000 /usr/bin/archive\n70000 /usr/lib/other-name"
    );
    assert!(errors.contains("farm: note: /usr/bin/script carries 11 bytes behind its ELF image"), "{errors}");
    assert!(!errors.contains("libx.so"), "the recipe names it: {errors}");
    let (_, notes, _) = staged_notes("pkg whole /**\n", prepare);
    assert_eq!(notes["whole"].lines().filter(|line| line.starts_with("- ")).count(), 6, "{notes:?}");
}

#[test]
fn patterns_mean_what_they_say() {
    let takes = |pattern: &str, path: &str| {
        let (ok, lists, _) = assign(Format::Deb, &format!("sub files {pattern}\n"), &format!("f {path}\n"));
        ok && lists["sub"] == format!(".{path}\n")
    };
    assert!(takes("/usr/bin/a*", "/usr/bin/abc"));
    assert!(!takes("/usr/*/abc", "/usr/share/bin/abc"), "* must not cross a slash");
    assert!(takes("/usr/**/abc", "/usr/share/bin/abc"));
    assert!(takes("/usr/**/abc", "/usr/abc"));
    assert!(takes("/usr/bin/?", "/usr/bin/a"));
    assert!(takes("/usr/bin/?", "/usr/bin/é"), "a character of two bytes is one");
    assert!(!takes("/usr/bin/?", "/usr/bin/aé"));
    assert!(!takes("/usr/bin/a.c", "/usr/bin/abc"), "a full stop is no wildcard");
    assert!(takes("/usr/include", "/usr/include/x/y.h"), "a directory takes what is in it");
    assert!(!takes("/usr/include", "/usr/include2/y.h"));
    assert!(takes("/usr/share/a+b(c)|d$^\\e/*", "/usr/share/a+b(c)|d$^\\e/f"));
}

#[test]
fn doubtful_assignments_are_errors_that_name_the_file() {
    for format in [Format::Deb, Format::Rpm] {
        let mistake = |packages: &str, expected: &str| {
            let (ok, _, errors) = assign(format, packages, LISTING);
            assert!(!ok && errors.contains(expected), "{format}: {errors}");
        };
        mistake(
            "a files /usr/bin/*\nb files /usr/**\n",
            "farm: /usr/bin/pkg is in two packages: a takes it by /usr/bin/*, b by /usr/**\n",
        );
        mistake("a files /usr/sbin/*\n", "farm: nothing that was installed matches /usr/sbin/* of package a\n");
        mistake("pkg config /etc/none\n", "farm: configuration file /etc/none of package pkg was not installed\n");
        mistake(
            "a files /etc/**\npkg config /etc/pkg/pkg.conf\n",
            "farm: configuration file /etc/pkg/pkg.conf of package pkg is in package a: change their patterns\n",
        );
        mistake("pkg has /usr/lib/systemd/system/a.service\n", "a.service of package pkg was not installed\n");
        mistake("pkg link /usr/bin/pkg pkg\n", "farm: /usr/bin/pkg was installed, and is the link of an alternative");
        let (ok, _, errors) = assign(format, "", "f /usr/bin/a\u{1}b\u{7f}\n");
        assert!(!ok && errors.contains("/usr/bin/a?b? has a control character"), "{errors}");
        mistake(
            "pkg own /etc/pkg/pkg.conf farm-x\n",
            "farm: /etc/pkg/pkg.conf was installed, and is where farm writes",
        );
    }
}

/// No list of rpm can tell a few names apart: that is no harm while they are files of one kind in one package.
#[test]
fn names_that_rpm_cannot_tell_apart_are_errors_where_it_matters() {
    for (one, other) in [("a}", "a|"), ("[a b", "[a!b"), ("x}%", "x~%")] {
        let listing = format!("f /usr/bin/{one}\nf /usr/bin/{other}\n");
        let (ok, lists, errors) = assign(Format::Rpm, "", &listing);
        assert!(ok && lists["pkg"].lines().count() == 2, "{errors}");
        let (ok, _, errors) = assign(Format::Rpm, &format!("sub files /usr/bin/{other}\n"), &listing);
        assert!(!ok && errors.contains("can tell their names apart"), "{one} {other}: {errors}");
        let (ok, _, errors) = assign(Format::Rpm, &format!("pkg config /usr/bin/{one}\n"), &listing);
        assert!(!ok && errors.contains("can tell their names apart"), "{one} {other}: {errors}");
        let (ok, _, errors) = assign(Format::Deb, &format!("sub files /usr/bin/{other}\n"), &listing);
        assert!(ok, "a .deb has no lists: {errors}");
    }
}

/// With patterns of its own, the main package takes nothing else.
#[test]
fn a_main_package_with_patterns_leaves_no_file_behind() {
    let sub = "pkg-sub files /usr/include\npkg-sub files /usr/lib64/**\npkg-sub files /usr/share/man/man1/pkg.1\n";
    for format in [Format::Deb, Format::Rpm] {
        let (ok, _, errors) = assign(format, &format!("{sub}pkg files /usr/bin/*\n"), LISTING);
        assert!(!ok);
        let paths: Vec<&str> = errors
            .lines()
            .filter_map(|line| line.strip_prefix("farm: ")?.strip_suffix(" is in no package: no pattern takes it"))
            .collect();
        assert_eq!(paths, ["/etc/pkg/pkg.conf", "/usr/share/pkg/1[a] %.txt", "/usr/share/pkg/empty"], "{errors}");
        let all = format!("{sub}pkg files /usr/bin/*\npkg files /etc\npkg files /usr/share/pkg\n");
        let (ok, lists, errors) = assign(format, &all, LISTING);
        assert!(ok && errors.is_empty(), "{errors}");
        assert!(lists["pkg-sub"].contains("/usr/share/man/man1/pkg.1.gz\n"), "{lists:?}");
        // What the recipe declares beside the files is nobody's mistake.
        let own = format!("{all}pkg own /usr/lib/tmpfiles.d/pkg.conf farm-pkg.tmpfiles\npkg link /usr/bin/alt alt\n");
        let (ok, lists, errors) = assign(format, &own, LISTING);
        assert!(ok && errors.is_empty(), "{errors}");
        let listed = lists["pkg"]
            .starts_with("/usr/lib/tmpfiles.d/pkg.conf\n%ghost /usr/bin/alt\n%ghost /etc/alternatives/alt\n");
        assert_eq!(listed, format == Format::Rpm, "{lists:?}");
    }
}

/// One wrong pattern over a large tree does not drown the log.
#[test]
fn many_mistakes_of_one_kind_are_counted() {
    let listing: String = (0..50).map(|n| format!("f /usr/share/pkg/{n}\n")).collect();
    let (ok, _, errors) = assign(Format::Deb, "pkg files /usr/bin/pkg\n", &(listing + "f /usr/bin/pkg\n"));
    assert!(!ok);
    assert_eq!(errors.matches(" is in no package").count(), 20, "{errors}");
    assert!(errors.contains("farm: and 30 more of this kind\n"), "{errors}");
}

/// A .deb gets compressed man pages and compiled Python later, an .rpm before its files are listed.
#[test]
fn patterns_know_files_by_their_other_names() {
    let takes = |pattern: &str, path: &str| {
        let (ok, lists, _) = assign(Format::Deb, &format!("sub files {pattern}\n"), &format!("f {path}\n"));
        ok && lists["sub"] == format!(".{path}\n")
    };
    assert!(takes("/usr/share/man/man1/a.1", "/usr/share/man/man1/a.1.gz"));
    assert!(takes("/usr/share/man/man1/a.1.gz", "/usr/share/man/man1/a.1"));
    assert!(takes("/usr/share/man/man1/a.1.gz", "/usr/share/man/man1/a.1.xz"));
    assert!(!takes("/usr/share/a", "/usr/share/a.gz"));
    let module = "/usr/lib/python3/site-packages/m/a.py";
    assert!(takes(module, "/usr/lib/python3/site-packages/m/__pycache__/a.cpython-311.opt-1.pyc"));
    assert!(!takes(module, "/usr/lib/python3/site-packages/m/__pycache__/b.cpython-311.pyc"));
}

#[test]
fn system_directories_belong_to_no_package() {
    let listing = "d /usr\nd /usr/share\nd /usr/share/locale\nd /usr/share/locale/de\nd /usr/share/locale/de/LC_MESSAGES\n\
                   f /usr/share/locale/de/LC_MESSAGES/pkg.mo\nd /usr/bin\nd /usr/lib/systemd/system\n\
                   f /usr/lib/systemd/system/pkg.service\nf /etc/cron.d/pkg\nf /usr/share/icons/hicolor/48x48/apps/pkg.png\n";
    let (ok, lists, errors) = assign(Format::Rpm, "", listing);
    assert!(ok, "{errors}");
    assert!(!lists["pkg"].contains("%dir"), "{}", lists["pkg"]);
    assert!(lists["pkg"].contains("%lang(de) /usr/share/locale/de/LC_MESSAGES/pkg.mo\n"), "{}", lists["pkg"]);
}

/// Every script must at least be a shell script, and say nothing about hosts.
#[test]
fn scripts_parse() {
    let mut scripts: Vec<String> = vec![];
    for (format, manager) in [
        (Format::Deb, PackageManager::Apt),
        (Format::Rpm, PackageManager::Apt),
        (Format::Rpm, PackageManager::Dnf),
        (Format::Rpm, PackageManager::Zypper),
    ] {
        for own in [false, true] {
            let mut recipe = recipe();
            if own {
                recipe.packaging =
                    OwnPackaging { debian: Some("pack/debian".to_owned()), spec: Some("own.spec".to_owned()) };
            }
            let distro = distro(format, manager);
            scripts.push(builder(&recipe, &distro).script);
            let packaging = packaging(&recipe, &distro, 0);
            scripts.extend(packaging.steps.into_iter().map(|step| step.script));
            let shell = |file: &GuestFile| file.content.starts_with("#!/bin/sh");
            scripts.extend(packaging.files.into_iter().filter(shell).map(|file| file.content));
            let test = test(&recipe, &distro, &[]);
            scripts
                .extend([test.install, test.remove].into_iter().chain(test.test).chain(test.tester.map(|t| t.script)));
        }
    }
    scripts.iter().for_each(|script| parses(script));
}

#[track_caller]
fn parses(script: &str) {
    let output = std::process::Command::new("sh").args(["-n", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
}
