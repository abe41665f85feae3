//! What is stated is what the project's own files declare; what cannot be known is left out or said.

use super::*;

#[test]
fn newer_toolchains_are_required_where_they_are_and_distributions_without_left_out() {
    let manifest = "[package]\nname = \"greet\"\nversion = \"1.0\"\nrust-version = \"1.88.0\"\nedition = \"2024\"\n";
    let rust = written("greet", &[("Cargo.toml", manifest), ("src/main.rs", ""), ("Cargo.lock", "version = 4\n")]);
    let debian = "{% if distro in ['debian-12', 'debian-13'] %}cargo-web{% elif distro in ['ubuntu-24.04'] %}";
    assert!(rust.contains(debian) && rust.contains("{% else %}cargo{% endif %}"), "{rust}");
    let path = "case $FARM_DISTRO in ubuntu-24.04) export PATH=/usr/lib/rust-";
    assert_eq!(rust.matches(path).count(), 2, "in each script that compiles: {rust}");
    let lock = "[package]\nname = \"greet\"\nversion = \"1.0\"\n";
    let rust = written("greet", &[("Cargo.toml", lock), ("src/main.rs", ""), ("Cargo.lock", "version = 4\n")]);
    assert!(rust.contains("['debian-12'] %}cargo-web") && !rust.contains("'debian-13'"), "{rust}");

    let package = r#"{"name": "greet", "bin": "a.js", "engines": {"node": "^18.19.0 || >=20.5.0"}}"#;
    let node = written("greet", &[("package.json", package), ("a.js", "")]);
    assert!(!node.contains("# Left out"), "{node}");
    let node = written("greet", &[("package.json", &package.replace("^18.19.0 || ", "")), ("a.js", "")]);
    assert!(node.contains("# Left out: debian-12 has Node 18.20, package.json asks for 20.5.0."), "{node}");
    assert!(node.contains("distros = [\"debian-13\", \"fedora-44\"]"), "{node}");
    let ranges = [
        (
            "pyproject.toml",
            "[project]\nname = \"greet\"\nrequires-python = \">=3.12\"\n[build-system]\n",
            "debian-12 has Python 3.11",
        ),
        (
            "CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.28...3.30)\nproject(x C)\ninstall(TARGETS x)\n",
            "debian-12 has CMake 3.25",
        ),
        ("meson.build", "project('x', 'c', meson_version : '>= 1.3')\ninstall_data('x')\n", "debian-12 has Meson 1.0"),
        ("x.gemspec", "s.name = 'x'\ns.required_ruby_version = '>= 3.2'\n", "debian-12 has Ruby 3.1"),
    ];
    for (file, content, reason) in ranges {
        let text = written("greet", &[(file, content)]);
        assert!(text.contains(&format!("# Left out: {reason}, {file} asks for")), "{text}");
    }
    // Nobody has it: the person has to decide.
    let manifest = "[project]\nname = \"greet\"\nrequires-python = \">=9.9\"\n";
    let future = recipe(&Tree::of_texts(&[("pyproject.toml", manifest)]), &request("x")).unwrap();
    assert!(future.checks.iter().any(|check| check.contains("no distribution has")), "{:?}", future.checks);
    // What was written long ago is still built by CMake 4.
    let old =
        written("x", &[("CMakeLists.txt", "cmake_minimum_required(VERSION 2.8)\nproject(x C)\ninstall(TARGETS x)\n")]);
    assert!(old.contains("-DCMAKE_POLICY_VERSION_MINIMUM=3.5"), "{old}");
}

#[test]
fn headers_alone_are_a_package_for_development() {
    let lists = "\
project(greet VERSION 1.2 LANGUAGES CXX)
add_library(greet INTERFACE)
add_library(greet::greet ALIAS greet)
option(NO_INSTALL \"nothing\" OFF)
if(NOT ${NO_INSTALL})
  install(TARGETS greet EXPORT greetTargets)
  install(FILES greet/greet.h DESTINATION \"${CMAKE_INSTALL_INCLUDEDIR}/greet\")
  install(EXPORT greetTargets DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/greet)
endif()
";
    let text = written("greet", &[("CMakeLists.txt", lists), ("greet/greet.h", "")]);
    for line in [
        "name = \"greet-dev\"\n",
        "section = \"libdevel\"\n",
        "[override.rpm.package]\nname = \"greet-devel\"\n",
        "script = 'test -f /usr/include/greet/greet.h'\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("[packages.") && !text.contains("architecture"), "{text}");
}

#[test]
fn a_maven_project_installs_the_jars_of_its_modules() {
    let parent = "<project>\n<!-- <version>0</version> --><parent><groupId>o</groupId><artifactId>oss</artifactId><version>9</version></parent>\n\
        <artifactId>greet-parent</artifactId><version>1.3-SNAPSHOT</version><packaging>pom</packaging>\n\
        <description>Says hello</description><licenses><license><name>Apache-2.0</name></license></licenses>\n\
        <modules><module>greet</module><module>greet-tests</module></modules></project>\n";
    let module = |name: &str| {
        format!("<project><parent><version>1.3-SNAPSHOT</version></parent><artifactId>{name}</artifactId></project>")
    };
    let (greet, tests, stray) = (module("greet"), module("greet-tests"), module("stray"));
    let text = written(
        "greet",
        &[("pom.xml", parent), ("greet/pom.xml", &greet), ("greet-tests/pom.xml", &tests), ("other/pom.xml", &stray)],
    );
    for line in [
        "version = \"1.3~snapshot\"\n",
        "license = \"Apache-2.0\"\n",
        "install -m 644 greet/target/greet-1.3-SNAPSHOT.jar $DESTDIR$PREFIX/share/java/greet.jar\n",
        "network = true\n",
        "\"ca-certificates\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("greet-tests") && !text.contains("stray"), "{text}");
    let hostile = written("x", &[("pom.xml", &module("$(id)"))]);
    assert!(!hostile.contains("$(id)") && hostile.contains("exit 1"), "{hostile}");
}

#[test]
fn what_cannot_be_packaged_fails_and_says_why() {
    for (file, content, why) in [
        ("build.gradle", "apply plugin: 'java'\n", "what Gradle builds is not known"),
        ("go.mod", "module example.org/greet\n", "a library only makes no package"),
        ("Cargo.toml", "[package]\nname = \"greet\"\n", "a library only makes no package"),
        ("CMakeLists.txt", "project(greet C)\n", "CMakeLists.txt installs nothing"),
        ("Makefile", "all:\n\ttrue\n", "no target install"),
    ] {
        let written = recipe(&Tree::of_texts(&[(file, content)]), &request("greet")).unwrap();
        let install = written.text.split("install = ").nth(1).unwrap();
        assert!(install.contains(why) && install.contains("exit 1"), "{file}: {}", written.text);
        assert!(written.checks.iter().any(|check| check.contains(why)), "{file}: {:?}", written.checks);
    }
}

#[test]
fn node_modules_with_machine_code_depend_on_the_architecture() {
    let package =
        r#"{"name": "greet", "bin": "dist/a.js", "scripts": {"build": "tsc"}, "dependencies": {"sharp": "1"}}"#;
    let lock = r#"{"packages": {"": {}, "node_modules/sharp": {"hasInstallScript": true},
        "node_modules/dev-only": {"dev": true, "hasInstallScript": true}}}"#;
    let text = written("greet", &[("package.json", package), ("package-lock.json", lock)]);
    assert!(!text.contains("architecture = \"all\"") && !text.contains("share/nodejs"), "{text}");
    assert!(text.contains("to compile: sharp") && text.contains("npm ci --no-audit"), "{text}");
    assert!(text.contains("npm run build\nnpm prune --omit=dev"), "{text}");
}

#[test]
fn python_s_back_ends_are_told_the_version_that_git_would_say() {
    let manifest = "[build-system]\nrequires = [\"setuptools\", \"setuptools_scm[toml]>=6\"]\n[project]\nname = \"greet\"\ndynamic = [\"version\"]\n";
    let tree = Tree::of_texts(&[("pyproject.toml", manifest), ("greet.py", "")]).tagged(&["v2.1"]);
    let text = recipe(&tree, &request("greet")).unwrap().text;
    assert!(text.contains("export SETUPTOOLS_SCM_PRETEND_VERSION=$FARM_VERSION\npython3 -m pip wheel"), "{text}");
    assert!(text.contains("version = { from = \"git\" }"), "{text}");
}

#[test]
fn a_project_never_requires_itself() {
    let lists = "project(YAML_THING LANGUAGES CXX)\nadd_library(yaml-thing SHARED a.cpp)\ninstall(TARGETS yaml-thing)\n\
                 find_package(ZLIB REQUIRED)\npkg_check_modules(SELF REQUIRED yamlthing)\n";
    let text = written(
        "yaml-thing",
        &[
            ("CMakeLists.txt", lists),
            ("yaml-thing-config.cmake.in", ""),
            ("yamlthing.pc.in", ""),
            ("test/cmake/CMakeLists.txt", "project(consumer)\nfind_package(Other REQUIRED)\n"),
            ("test/CMakeLists.txt", "find_package(yaml-thing REQUIRED)\n"),
            ("examples/CMakeLists.txt", "find_package(Shown REQUIRED)\n"),
            ("third_party/x/CMakeLists.txt", "project(x)\nfind_package(Foreign REQUIRED)\n"),
            ("third_party/zlib/zlib.pc.in", ""),
        ],
    );
    let required = text.split("[build]").nth(1).unwrap();
    for foreign in ["yaml-thing)", "yamlthing", "cmake(Other)", "Foreign"] {
        assert!(!required.split("build = ").next().unwrap().contains(foreign), "{foreign}: {text}");
    }
    assert!(required.contains("\"pkgconfig(zlib)\"") && required.contains("# \"cmake(Shown)\""), "{text}");
}

#[test]
fn a_version_is_what_tags_or_a_changelog_say() {
    let tree = || Tree::of_texts(&[("go.mod", "module example.org/greet\n"), ("main.go", "package main\n")]);
    let tagged = recipe(&tree().tagged(&["v0.9", "v1.2.0", "v1.3.0-rc1"]), &request("greet")).unwrap();
    assert_eq!(tagged.version, "1.2.0");
    assert!(tagged.text.contains("version = { from = \"git\" }"), "{}", tagged.text);
    assert!(!tagged.checks.iter().any(|check| check.contains("no version")), "{:?}", tagged.checks);
    let debian =
        [("go.mod", "module example.org/greet\n"), ("debian/changelog", "greet (1:2.5-3) unstable; urgency=low\n")];
    assert!(written("greet", &debian).contains("version = \"2.5\""));
    let cmake = [
        (
            "CMakeLists.txt",
            "file(READ ${CMAKE_CURRENT_SOURCE_DIR}/cmake/version.txt ver)\nproject(greet VERSION ${ver})\n",
        ),
        ("cmake/version.txt", "2.5.2\n"),
    ];
    assert!(written("greet", &cmake).contains("version = \"2.5.2\""));
}

#[test]
fn what_installs_is_preferred_to_what_does_not() {
    let cmake = ("CMakeLists.txt", "project(greet C)\nadd_executable(greet a.c)\ninstall(TARGETS greet)\n");
    let text = written("greet", &[("meson.build", "project('greet', 'c', version : '1')\n"), cmake]);
    assert!(text.contains("built with CMake (CMakeLists.txt)") && text.contains("also files for Meson"), "{text}");
    let meson = "project('greet', 'c')\nexecutable('greet', 'a.c', install : true)\n";
    assert!(written("greet", &[("meson.build", meson), cmake]).contains("built with Meson"));
    assert!(written("greet", &[("meson.build", "project('greet', 'c')\n")]).contains("built with Meson"));
}

#[test]
fn patterns_are_for_files_that_are_surely_there() {
    let lists = "\
project(greet C)
add_library(greet ${greet-type} a.c)
add_executable(hello b.c)
set(CONFIG \"${CMAKE_INSTALL_LIBDIR}/cmake/greet\" CACHE STRING \"where\")
if(GREET_INSTALL)
  install(TARGETS greet hello)
  install(FILES greet.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT greet-targets DESTINATION ${CONFIG})
  install(FILES greet.pc DESTINATION lib/pkgconfig)
  install(FILES x.cmake DESTINATION ${UNKNOWN}/cmake)
  if(SOMETHING)
    install(FILES greet.3 DESTINATION share/man/man3)
  endif()
endif()
";
    let text = written("greet", &[("CMakeLists.txt", lists)]);
    // Without a version in its name, the library is no link.
    assert!(text.contains("files = [\"${libdir}/libgreet.so*\"]"), "{text}");
    let expected = "files = [\"/usr/include/**\", \"${libdir}/cmake/**\", \"/usr/lib/pkgconfig/**\"]";
    assert!(text.contains(expected), "{text}");
    let versioned =
        lists.replace("install(TARGETS", "set_target_properties(greet PROPERTIES SOVERSION 3)\ninstall(TARGETS");
    let text = written("greet", &[("CMakeLists.txt", &versioned)]);
    assert!(text.contains("\"/usr/include/**\", \"${libdir}/*.so\"") && text.contains("libgreet.so.*"), "{text}");
}
