//! What is generated, as people would read it. That it also works is tested in containers, by `tests/matrix`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::distro::{Bootstrap, Catalogue, Payload, RpmFacts, Security};
use crate::recipe::{
    Alternative, AlternativeLink, Attributes, Build, MaintainerScripts, MultiArch, Origin, Package, PackageArch,
    Packaging as OwnPackaging, Patch, PrivateLibraries, RecipeLimits, Relations, Service, Source, Strip, SubPackage,
    System, SystemUser, Test,
};
use crate::types::{Arch, PackageManager};

mod assembled;
mod assigned;
mod caches;
mod going_on;
mod guidelines;
mod moments;
mod near;
#[cfg(unix)]
mod own;
mod releases;
mod scripts;
mod source;
mod tools;

/// A distribution without a name in the catalogue, with what the template of its package manager says.
fn distro(format: Format, manager: PackageManager) -> Distro {
    let catalogue = Catalogue::load(&[]).unwrap();
    let like = match manager {
        PackageManager::Apt => "debian-13",
        PackageManager::Dnf => "rocky-9",
        PackageManager::Zypper => "opensuse-leap-16.0",
    };
    let facts = catalogue.get(like).unwrap();
    Distro {
        lint: None,
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
        build_caches: facts.build_caches.clone(),
        triggers: Vec::new(),
        deb: facts.deb.clone(),
        rpm: RpmFacts { payload: Payload::Gzip, ..facts.rpm.clone() },
        toolchains: crate::distro::Toolchains::default(),
        macros: BTreeMap::new(),
        bootstrap: None,
        setup: None,
        digest: String::new(),
    }
}

/// A recipe that names packages only.
fn in_words(recipe: &Recipe) -> TargetRecipe {
    TargetRecipe::unchanged(recipe.clone())
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
        multi_arch: Some(MultiArch::Same),
        files: strings(&["/usr/include/**", "${libdir}/*.so"]),
        config_files: vec![],
        relations: Relations { requires: strings(&["pkg (= ${self-version})"]), ..Relations::default() },
        system: System::default(),
        scripts: MaintainerScripts::default(),
    };
    Recipe {
        lint: BTreeMap::new(),
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
            vendor: Some("100% ${Ponds}".to_owned()),
            section: "libs".to_owned(),
            group: None,
            architecture: PackageArch::Any,
            multi_arch: Some(MultiArch::Allowed),
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
        },
        sources: vec![Source {
            origin: Origin::Path { path: ".".to_owned() },
            strip: 0,
            strip_said: false,
            gitignore: true,
            place: Default::default(),
            into: "sub dir".to_owned(),
            unpack: true,
            patches: vec![Patch { path: "patches/fix it.diff".to_owned(), strip: 1, place: None }],
            fuzz: 0,
        }],
        modules: BTreeMap::new(),
        repositories: Vec::new(),
        build: Build {
            requires: strings(&["zlib >= 1.2", "make"]),
            env: BTreeMap::from([("GREETING".to_owned(), "it's 100%".to_owned())]),
            build: Some("make CFLAGS=\"$CFLAGS\"\nprintf '%s\\n' done".to_owned()),
            check: Some("make check".to_owned()),
            install: Some("make install".to_owned()),
            network: false,
            strip: Strip::All,
            private_libraries: PrivateLibraries::And(strings(&["${libdir}/libpkgown.so.1"])),
            cache: Vec::new(),
        },
        environment: None,
        packages: BTreeMap::from([("dev".to_owned(), sub)]),
        packaging: OwnPackaging::default(),
        test: Some(Test {
            script: Some("pkg --version".to_owned()),
            requires: strings(&["curl"]),
            network: false,
            skip: BTreeMap::new(),
            upgrade_from: None,
        }),
        limits: RecipeLimits { memory_bytes: 1, pids: 1, timeout: Duration::ZERO, stall: Duration::ZERO, log_bytes: 1 },
        waivers: BTreeMap::new(),
        parameters: BTreeMap::new(),
        variant: BTreeMap::from([("ssl-kind".to_owned(), "open".to_owned())]),
    }
}

/// What a file has that is not for all to read.
fn for_the_daemon() -> Attributes {
    let capabilities = Some("cap_net_raw=ep  cap_chown=i".to_owned());
    Attributes { mode: Some(0o640), group: Some("pkgd".to_owned()), capabilities, ..Attributes::default() }
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
        former_config_files: strings(&["/etc/pkg/old.conf"]),
        attributes: BTreeMap::from([("/opt/pkg/*.conf".to_owned(), for_the_daemon())]),
    };
    recipe
}

/// Of the packaging of [`daemon`], what it is about.
fn system_parts(distro: &Distro) -> String {
    let packaging = generate(&in_words(&daemon()), distro, 1_700_000_000);
    let mut text = String::new();
    for file in packaging.files {
        let content = file.content.whole();
        let content = match file.path.as_str() {
            "pkg.spec" => {
                let preamble: Vec<&str> = content
                    .lines()
                    .filter(|line| {
                        ["Source", "BuildRequires", "Requires", "%{?systemd"].iter().any(|s| line.starts_with(s))
                    })
                    .collect();
                let (_, end) = content.split_once("\n%pre -n").expect("there is a %pre");
                format!("{}\n\n%pre -n{}", preamble.join("\n"), end.split_once("\n%changelog").expect("an end").0)
            }
            "debian/rules" => content.split_once("override_dh_auto_install:").expect("it is there").1.to_owned(),
            path if [".sysusers", ".tmpfiles", ".preset", ".alternatives", ".postinst", "packages"]
                .iter()
                .any(|end| path.ends_with(end)) =>
            {
                content.into_owned()
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
    let spec =
        generate(&in_words(&daemon()), &fedora, 0).files.into_iter().find(|file| file.path == "pkg.spec").unwrap();
    assert!(
        !spec.content.whole().contains("useradd") && !spec.content.whole().contains("\n%pre "),
        "{:?}",
        spec.content
    );
    assert!(spec.content.whole().contains("farm-pkg.sysusers"), "{:?}", spec.content);
}

#[test]
fn macros_of_systemd_are_installed_where_they_exist() {
    let catalogue = Catalogue::load(&[]).unwrap();
    for (id, expected) in [
        ("fedora-43", Some("systemd-rpm-macros")),
        ("rocky-8", Some("systemd")),
        ("oracle-8", Some("systemd")),
        ("opensuse-leap-15.6", Some("systemd-rpm-macros")),
        ("rpm-generic", None),
    ] {
        let distro = catalogue.get(id).unwrap();
        let Requirements::Listed(listed) = builder(&in_words(&daemon()), distro).requirements else { panic!("a list") };
        let found = listed.iter().find(|name| name.starts_with("systemd")).map(String::as_str);
        assert_eq!(found, expected, "{id}");
        let Requirements::Listed(plain) = builder(&in_words(&recipe()), distro).requirements else { panic!("a list") };
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
        let Requirements::Listed(listed) = builder(&in_words(&recipe), &distro).requirements else { panic!("a list") };
        assert_eq!(listed.iter().filter(|name| *name == "dh-sequence-python3").count(), usize::from(expected));
        let control =
            generate(&in_words(&recipe), &distro, 0).files.into_iter().find(|f| f.path == "debian/control").unwrap();
        assert_eq!(
            control.content.whole().matches("dh-sequence-python3,\n").count(),
            usize::from(expected),
            "{requires:?}"
        );
        assert_eq!(control.content.whole().contains("${python3:Depends}"), expected, "{requires:?}");
    }
}

/// All files but the scripts that are the same for every recipe.
fn rendered(recipe: &Recipe, distro: &Distro) -> String {
    let packaging = generate(&in_words(recipe), distro, 1_700_000_000);
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
    recipe.packaging = OwnPackaging {
        debian: Some("pack/debian".to_owned()),
        spec: Some("pack/own.spec".to_owned()),
        ..OwnPackaging::default()
    };
    for (format, manager) in [(Format::Deb, PackageManager::Apt), (Format::Rpm, PackageManager::Zypper)] {
        let distro = distro(format, manager);
        let packaging = generate(&in_words(&recipe), &distro, 1_700_000_000);
        assert_eq!(packaging.files, []);
        assert_eq!(packaging.expected, []);
        let Requirements::FromSource { path, toolchain } = builder(&in_words(&recipe), &distro).requirements else {
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
        let expected = generate(&in_words(&recipe()), &distro, 0).expected;
        let names: Vec<(&str, &str)> = expected.iter().map(|e| (e.name.as_str(), e.version.as_str())).collect();
        assert_eq!(names, [("pkg", version.as_str()), (devel, version.as_str())]);
    }
}

#[test]
fn builders_do_not_depend_on_mirrors_or_on_the_order_of_requirements() {
    let mut distro = distro(Format::Deb, PackageManager::Apt);
    distro.bootstrap = Some(Bootstrap {
        snapshot: None,
        archive: "debian".to_owned(),
        mirror: "http://public.example".to_owned(),
        suite: "first".to_owned(),
        updates: vec![],
        security: Some(Security {
            snapshot: None,
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
    assert_eq!(builder(&in_words(&one), &distro), builder(&in_words(&other), &distro));
    assert!(!builder(&in_words(&one), &distro).script.whole().contains("example"), "a mirror is in the key");
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
    assert_eq!(
        check(&in_words(&recipe), &distro, Some(&distro)),
        Vec::<String>::new(),
        "the recipe is wrong without the change, too"
    );
    change(&mut recipe);
    let problems = check(&in_words(&recipe), &distro, Some(&distro));
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
    let said = |path: &'static str, ghost| {
        let attributes = Attributes { ghost, ..Attributes::default() };
        move |r: &mut Recipe| r.package.system.attributes = BTreeMap::from([(path.to_owned(), attributes)])
    };
    problem(Deb, said("/var/log/pkg.log", true), "[override.rpm.package.attributes.\"/var/log/pkg.log\"]");
    problem(Rpm, said("/var/log/*.log", true), "name the one file that it is");
    problem(Rpm, said("/home/x", false), "is outside of /usr");
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
    problem(Deb, |r| r.package.config_files = strings(&["/opt/${x}/*"]), "holds a variable");
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
    assert_eq!(check(&in_words(&recipe), &distro(Format::Rpm, PackageManager::Dnf), None), Vec::<String>::new());
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
                recipe.packaging = OwnPackaging {
                    debian: Some("pack/debian".to_owned()),
                    spec: Some("own.spec".to_owned()),
                    ..OwnPackaging::default()
                };
            }
            let distro = distro(format, manager);
            scripts.push(builder(&in_words(&recipe), &distro).script.to_string());
            let packaging = generate(&in_words(&recipe), &distro, 0);
            scripts.extend(packaging.steps.into_iter().map(|step| step.script));
            let shell = |file: &GuestFile| file.content.whole().starts_with("#!/bin/sh");
            scripts.extend(packaging.files.into_iter().filter(shell).map(|file| file.content.to_string()));
            let test = test(&in_words(&recipe), &distro, &[]);
            scripts.extend(
                [test.install, test.remove].into_iter().chain(test.tester.map(|t| t.script)).map(|s| s.to_string()),
            );
            scripts.extend(test.test);
        }
    }
    scripts.iter().for_each(|script| parses(script));
}

#[track_caller]
fn parses(script: &str) {
    let output = std::process::Command::new("sh").args(["-n", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
}
