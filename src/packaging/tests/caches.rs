//! What a recipe's caches add to a build, and that it is not in what is built.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::recipe::BuildCache;

const ALL: [(Format, PackageManager); 4] = [
    (Format::Deb, PackageManager::Apt),
    (Format::Rpm, PackageManager::Apt),
    (Format::Rpm, PackageManager::Dnf),
    (Format::Rpm, PackageManager::Zypper),
];

fn cached() -> Recipe {
    let mut recipe = recipe();
    recipe.build.cache = vec![BuildCache::Ccache, BuildCache::Go];
    recipe
}

#[test]
fn a_cache_is_in_builder_and_steps_and_in_no_packaging_file() {
    for (format, manager) in ALL {
        let distro = distro(format, manager);
        let (without, with) = (in_words(&recipe()), in_words(&cached()));
        let Requirements::Listed(listed) = builder(&with, &distro).requirements else { panic!() };
        let Requirements::Listed(usual) = builder(&without, &distro).requirements else { panic!() };
        let more: Vec<_> = listed.iter().filter(|package| !usual.contains(package)).collect();
        assert_eq!(more, ["ccache"], "{manager:?}");
        for (plain, cached) in [
            (generate(&without, &distro, 0), generate(&with, &distro, 0)),
            (staging(&without, &distro, 0), staging(&with, &distro, 0)),
        ] {
            // In a folder that is the same for all versions, and otherwise as ever.
            let text = |packaging: &Packaging| {
                let files = packaging.files.iter().map(|file| (file.path.clone(), file.content.to_string()));
                files
                    .map(|(path, text)| (path, text.replace("%autosetup -n pkg-source", "%autosetup")))
                    .collect::<Vec<_>>()
            };
            assert_eq!(text(&plain), text(&cached), "{manager:?}");
            match &cached.sources {
                SourceLayout::Tree { folder } => assert_eq!(folder, "/build/pkg-source"),
                SourceLayout::Tarball { path, top } => {
                    assert_eq!(
                        (path.as_str(), top.as_str()),
                        ("/build/rpmbuild/SOURCES/pkg-1.0~rc1.tar", "pkg-source")
                    );
                }
                SourceLayout::Originals { .. } => panic!("{:?}", cached.sources),
            }
            for (plain, cached) in plain.steps.iter().zip(&cached.steps) {
                let (_, script) = cached.script.split_once("\nset -eu\numask").unwrap();
                // What takes the folder out of packages has the version in it, and is for builds without caches.
                let named = |script: &str| {
                    let lines: Vec<&str> = script.lines().filter(|line| !line.contains("-ffile-prefix-map=")).collect();
                    lines
                        .join("\n")
                        .replace("'/build/pkg-1.0~rc1'", "/build/pkg-source")
                        .replace("pkg-1.0~rc1", "pkg-source")
                };
                assert!(!script.contains("-ffile-prefix-map="), "{manager:?}");
                assert_eq!(named(&plain.script), named(&format!("set -eu\numask{script}")));
                assert_eq!(cached.env["CCACHE_DIR"], "/build/caches/ccache");
                assert_eq!(cached.env["GOCACHE"], "/build/caches/go");
                assert!(!plain.env.contains_key("CCACHE_DIR"));
            }
        }
    }
}

#[test]
fn a_projects_own_packaging_has_its_caches_too_and_what_a_recipe_says_stays() {
    let mut recipe = cached();
    recipe.packaging.debian = Some("debian".to_owned());
    recipe.packaging.spec = Some("pkg.spec".to_owned());
    recipe.build.env.insert("CCACHE_MAXSIZE".to_owned(), "5G".to_owned());
    for (format, manager) in ALL {
        let distro = distro(format, manager);
        let recipe = in_words(&recipe);
        let (Requirements::FromSource { toolchain, .. } | Requirements::Listed(toolchain)) =
            builder(&recipe, &distro).requirements;
        assert!(toolchain.contains(&"ccache".to_owned()), "{manager:?}");
        let step = &generate(&recipe, &distro, 0).steps[0];
        assert_eq!((step.env["CCACHE_MAXSIZE"].as_str(), step.env["CCACHE_NODIRECT"].as_str()), ("5G", "1"));
    }
}

fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs what a step begins with in a folder, where `installed` is what dpkg-query says, and then `script`.
fn begun(folder: &Path, installed: &str, script: &str) -> (bool, String) {
    let bin = folder.join("bin");
    program(&bin.join("dpkg-query"), &format!("echo {installed}"));
    let mut packaging = generate(&in_words(&cached()), &distro(Format::Deb, PackageManager::Apt), 0);
    let step = packaging.steps.remove(0);
    let (begin, _) = step.script.split_once("\nset -eu\numask").unwrap();
    let text = format!("{begin}\n{script}").replace("/build/", &format!("{}/build/", folder.display()));
    let mut shell = Command::new("sh");
    shell.args(["-c", &text]).env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let ran = shell.output().unwrap();
    (ran.status.success(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
}

#[test]
fn compilers_are_found_as_ccache_and_a_cache_of_other_packages_is_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    // What is installed here is no part of the test.
    if Path::new("/usr/bin/ccache").exists() {
        return;
    }
    let (good, told) = begun(folder.path(), "one", "true");
    assert!(!good && told.contains("the image has no ccache"), "{told}");
    program(&bin.join("ccache"), "exit 0");
    for name in
        ["gcc", "gcc-99", "g++", "clang++-99", "x86_64-linux-gnu-gcc-99", "gcc-ar", "gcc-ar-99", "clang-format-99"]
    {
        program(&bin.join(name), "exit 0");
    }
    let build = folder.path().join("build");
    let keep = "mkdir -p /build/caches/ccache; echo kept >/build/caches/ccache/object; command -v gcc-99";
    let (good, told) = begun(folder.path(), "one", keep);
    assert!(good && told.trim() == build.join("cache-tools/gcc-99").display().to_string(), "{told}");
    for (name, is_link) in [
        ("gcc", true),
        ("g++", true),
        ("clang++-99", true),
        ("x86_64-linux-gnu-gcc-99", true),
        ("gcc-ar", false),
        ("gcc-ar-99", false),
        ("clang-format-99", false),
    ] {
        let link = fs::read_link(build.join("cache-tools").join(name)).ok();
        assert_eq!(link, is_link.then(|| bin.join("ccache")), "{name}");
    }
    let object = build.join("caches/ccache/object");
    assert!(begun(folder.path(), "one", "true").0 && object.exists());
    assert!(begun(folder.path(), "two", "true").0 && !object.exists());
}
