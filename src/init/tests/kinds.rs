//! What projects of a kind have in common: each rule here was missing when real ones were tried (`benches/corpus`).

use super::*;

#[test]
fn other_distributions_than_those_offered_get_newer_toolchains_too() {
    let catalogue = crate::distro::Catalogue::load(&[]).unwrap();
    let known = catalogue.iter().map(std::sync::Arc::clone).collect();
    let manifest = "[package]\nname = \"greet\"\nversion = \"1.0\"\nrust-version = \"1.78\"\n";
    let tree = Tree::of_texts(&[("Cargo.toml", manifest), ("src/main.rs", "")]);
    let text = recipe(&tree, &Request { known, ..request("greet") }).unwrap().text;
    assert!(text.contains("{% if distro in ['debian-12', 'debian-11', 'rpm-generic'] %}cargo-web{% elif"), "{text}");
    assert_eq!(text.matches("cargo-web").count(), 1, "{text}");
    assert!(!text.contains("\"rpm-generic\""), "{text}");
}

#[test]
fn makefiles_that_automake_does_not_get_to_install_nothing() {
    let files = [
        ("configure.ac", "AC_INIT([greet], [1.0])\nAM_INIT_AUTOMAKE\nLT_INIT\nAC_OUTPUT\n"),
        ("Makefile.am", "SUBDIRS = src doc\n"),
        ("src/Makefile.am", "bin_PROGRAMS = greet\nlib_LTLIBRARIES = libgreet.la\ninclude_HEADERS = greet.h\n"),
        ("copy/Makefile.am", "lib_LTLIBRARIES = libother.la\nlibother_la_LDFLAGS = -version-info 2:0:0\n"),
        ("README", "greet - says hello\n"),
    ];
    let text = written("greet-1.0", &files);
    assert!(!text.contains("other"), "{text}");
    // libtool's own default, where nothing is said.
    assert!(text.contains("name = \"libgreet0\""), "{text}");
    // automake wants these, unless it is told otherwise.
    assert!(text.contains("touch NEWS AUTHORS ChangeLog\nautoreconf -fi"), "{text}");
    let included = [files[0], ("Makefile.am", "SUBDIRS = .\ninclude $(top_srcdir)/src/Makefile.am\n"), files[2]];
    assert!(written("greet-1.0", &included).contains("libgreet0"));
    let foreign = ("configure.ac", "AC_INIT([greet], [1.0])\nAM_INIT_AUTOMAKE([foreign])\nAC_OUTPUT\n");
    assert!(!written("greet-1.0", &[foreign, files[1], files[2]]).contains("touch"));
}

#[test]
fn a_library_that_is_called_like_its_project_has_a_package_of_its_own() {
    let makefile = "bin_PROGRAMS = greeter\nlib_LTLIBRARIES = libgreet.la\nlibgreet_la_LDFLAGS = -release $(V)\n";
    let text = written(
        "libgreet-1.0",
        &[("configure.ac", "AC_INIT([libgreet], [1.0])\n"), ("configure", "GNU Autoconf"), ("Makefile.am", makefile)],
    );
    assert!(text.contains("[packages.libs]\nname = \"libgreet-libs\""), "{text}");
}

#[test]
fn own_packaging_says_what_the_licence_files_do_not() {
    let gpl = "GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n\nEND OF TERMS AND CONDITIONS\n";
    let spec = "Name: greet\nVersion: 1.0\nSummary: Says hello\nLicense: GPLv2+\n\n%install\nmake install\n";
    let with = |more: &[(&str, &str)]| {
        let files = [&[("Makefile", "install:\n\tcp greet $(DESTDIR)\n"), ("COPYING", gpl), ("greet.c", "")], more];
        written("greet-1.0", &files.concat())
    };
    assert!(with(&[]).contains("license = \"LicenseRef-GPL-2.0\""));
    assert!(with(&[("greet.spec", spec)]).contains("license = \"GPL-2.0-or-later\""));
    assert!(with(&[("greet.spec", &spec.replace("GPLv2+", "GPL"))]).contains("LicenseRef"), "a vague tag says nothing");
    let copyright =
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2\n";
    let debian = [("debian/control", "Source: greet\n\nPackage: greet\n"), ("debian/copyright", copyright)];
    assert!(with(&debian).contains("license = \"GPL-2.0-only\""));
    // What the project itself says goes first.
    let tagged = "// SPDX-License-Identifier: GPL-2.0-or-later\n";
    assert!(with(&[&debian[..], &[("a.c", tagged), ("b.c", tagged)]].concat()).contains("GPL-2.0-or-later"));
}

#[test]
fn a_perl_program_has_its_own_name_and_what_tests_compile_is_no_part_of_it() {
    let makefile =
        "WriteMakefile(NAME => 'greet', VERSION => '1.0', LICENSE => 'artistic_2', EXE_FILES => [ 'greet' ]);";
    let text = written("greet-1.0", &[("Makefile.PL", makefile), ("greet", "#!perl\n"), ("t/samples/a.c", "int a;")]);
    for expected in ["name = \"greet\"", "architecture = \"all\"", "command -v greet", "section = \"utils\""] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("-Mgreet") && !text.contains("\"cc\"") && !text.contains("perl-greet"), "{text}");
    let makefile = "WriteMakefile(NAME => 'App::Greet', VERSION => '1.0');";
    let files = [("Makefile.PL", makefile), ("bin/greet", "#!perl\n"), ("lib/App/Greet.pm", "package App::Greet;")];
    let text = written("App-Greet-1.0", &files);
    assert!(text.contains("name = \"greet\"") && text.contains("perl -MApp::Greet -e 1"), "{text}");
    let makefile = "WriteMakefile(NAME => 'Greet::Politely', VERSION => '1.0', EXE_FILES => [ 'bin/greet' ]);";
    let text = written("x", &[("Makefile.PL", makefile), ("bin/greet", "#!perl\n")]);
    assert!(text.contains("name = \"libgreet-politely-perl\"") && text.contains("command -v greet"), "{text}");
}

#[test]
fn go_programs_without_a_module_or_a_main_go_are_built() {
    let source = "package main\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n)\n\nfunc main() {}\n";
    let text = written("greet-1.0.tar.gz", &[("hello.go", source), ("other.go", "package main\n")]);
    assert!(text.contains("test -f go.mod || go mod init "), "{text}");
    // Others need modules that nothing pins.
    let foreign = source.replace("net/http", "github.com/a/b");
    assert!(written("greet-1.0.tar.gz", &[("hello.go", &foreign)]).contains("no build system was found"));
    let module = written("greet", &[("go.mod", "module example.org/greet\n\ngo 1.19\n"), ("hello.go", source)]);
    assert!(module.contains("-o farm-bin/greet .") && !module.contains("go mod init"), "{module}");
    let library = written("greet", &[("go.mod", "module example.org/greet\n"), ("hello.go", "package greet\n")]);
    assert!(library.contains("no main.go was found"), "{library}");
}

#[test]
fn configuration_is_below_etc_wherever_the_prefix_is() {
    let makefile = "PREFIX := /usr/local\nCFG_DIR := $(PREFIX)/etc/greet\nODD := $(PREFIX)/etc;id\ninstall:\n\tcp greetrc $(DESTDIR)$(CFG_DIR)\n";
    let text = written("greet-1.0", &[("Makefile", makefile), ("greet", "#!/bin/sh\n")]);
    assert!(text.contains("PREFIX=$PREFIX CFG_DIR=/etc/greet'") && !text.contains("ODD"), "{text}");
    let lists = "project(greet C)\nadd_executable(greet greet.c)\ninstall(TARGETS greet DESTINATION bin)\n";
    let moved = "cp -R $DESTDIR$PREFIX/etc/. $DESTDIR/etc/";
    assert!(!written("greet-1.0", &[("CMakeLists.txt", lists)]).contains(moved));
    let lists = format!("{lists}install(FILES greetrc DESTINATION etc)\n");
    assert!(written("greet-1.0", &[("CMakeLists.txt", &lists)]).contains(moved));
}

#[test]
fn a_makefile_for_developers_is_not_what_builds_the_project() {
    let package = r#"{"name": "greet", "version": "1.0", "bin": "greet.js"}"#;
    let files = [("Makefile", "test:\n\tnode test.js\n"), ("package.json", package), ("greet.js", "")];
    let text = written("greet", &files);
    assert!(text.contains("built with Node") && text.contains("npm pack"), "{text}");
}

#[test]
fn gems_that_lie_with_the_project_are_installed_without_a_network() {
    let gemspec = "s.name = 'greet'\ns.version = '1.0'\ns.executables = ['greet']\ns.add_dependency 'thor', '~> 1.2'\n";
    let text = written("greet", &[("greet.gemspec", gemspec), ("vendor/cache/thor-1.2.1.gem", "")]);
    let expected = "cd vendor/cache\ngem install --local --no-document";
    assert!(text.contains(expected) && text.contains("../../farm.gem") && !text.contains("network"), "{text}");
}

#[test]
fn helpers_of_a_cargo_workspace_are_not_installed_and_do_not_name_it() {
    let crate_of = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
    let (cli, xtask) =
        (format!("{}[[bin]]\nname = \"greet\"\npath = \"src/main.rs\"\n", crate_of("greet-cli")), crate_of("xtask"));
    let files = [
        ("Cargo.toml", "[workspace]\nmembers = [\"greet-cli\", \"xtask\"]\n"),
        ("greet-cli/Cargo.toml", &cli),
        ("greet-cli/src/main.rs", ""),
        ("xtask/Cargo.toml", &xtask),
        ("xtask/src/main.rs", ""),
    ];
    let text = written("project", &files);
    assert!(text.contains("name = \"greet\"\n") && !text.contains("release/xtask"), "{text}");
}

#[test]
fn files_with_tags_of_their_own_join_the_licence_of_the_whole() {
    let mit = "Permission is hereby granted, free of charge";
    let gpl = "GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n\nEND OF TERMS AND CONDITIONS\n";
    let notice = "/* GNU General Public License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later version. */";
    let tag = "/* SPDX-License-Identifier: BSD-2-Clause */";
    let files = [("Makefile", "install:\n\ttrue\n"), ("COPYING", gpl), ("a.c", notice), ("b.c", tag), ("c.h", mit)];
    let text = written("greet-1.0", &files);
    assert!(text.contains("license = \"GPL-2.0-or-later AND BSD-2-Clause\""), "{text}");
}

#[test]
fn a_makefile_that_calls_the_folder_of_programs_destdir_installs_below_the_real_one() {
    let makefile = "PREFIX=/usr/local\nGREET=greet\nDESTDIR=${PREFIX}/bin\nMANDIR=${PREFIX}/man\nall: greet\n\ngreet: greet.o\n\t$(CC) -o $(GREET) greet.o\n\ninstall: greet\n\tinstall -m 755 $(GREET) $(DESTDIR)/$(GREET)\n\tcp greet $(PREFIX)/bin\n";
    let text = written("greet-1.0", &[("Makefile", makefile), ("greet.c", "")]);
    let expected = "make install PREFIX=$DESTDIR$PREFIX MANDIR=$DESTDIR$PREFIX/share/man";
    assert!(text.contains(expected) && !text.contains("DESTDIR=$DESTDIR"), "{text}");
    assert!(text.contains("command -v greet"), "{text}");
}

#[test]
fn what_a_makefile_links_is_installed_where_it_installs_nothing() {
    let makefile = "CC=gcc\nCFLAGS=-O\n\ngreet: greet.c\n\t$(CC) $(CFLAGS) -o $@ greet.c\n\nclean:\n\trm -f greet\n";
    let files = [("Makefile", makefile), ("greet.c", ""), ("greet.1", ".SH NAME\ngreet \\- say hello\n")];
    let text = written("greet-1.0", &files);
    assert!(text.contains("install -m 755 greet $DESTDIR$PREFIX/bin/\n") && !text.contains("exit 1"), "{text}");
    assert!(text.contains("greet.1 $DESTDIR$PREFIX/share/man/man1/") && text.contains("command -v greet"), "{text}");
    assert!(
        text.contains("summary = \"Say hello\"") && text.contains("# Check: Makefile has no target `install`"),
        "{text}"
    );
    // A library alone is no program.
    let library = makefile.replace("-o $@ greet.c", "-c greet.c");
    assert!(written("greet-1.0", &[("Makefile", &library), files[1]]).contains("exit 1"));
}

#[test]
fn headers_below_a_folder_of_the_project_s_own_choice_are_for_development() {
    let lists = "\
project(greet VERSION 1.2 LANGUAGES CXX)
cmake_dependent_option(VERSIONED \"in a folder of its own\" OFF \"x\" OFF)
set(versioned-dir $<$<BOOL:${VERSIONED}>:/greet-1.2>)
get_directory_property(greet_parent PARENT_DIRECTORY)
if(greet_parent STREQUAL \"\")
  option(GREET_INSTALL \"install it\" ON)
else()
  option(GREET_INSTALL \"install it\" OFF)
endif()
add_library(greet SHARED greet.cpp)
if(GREET_INSTALL)
  install(TARGETS greet)
  install(FILES greet.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}${versioned-dir})
  install(FILES ${x}/greet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  if(NOT CMAKE_VERSION VERSION_LESS 3.0)
    install(EXPORT greet DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/greet)
  endif()
endif()
";
    let text = written("greet-1.2", &[("CMakeLists.txt", lists), ("greet.cpp", "")]);
    for folder in ["\"/usr/include/**\"", "\"${libdir}/cmake/**\"", "\"${libdir}/pkgconfig/**\""] {
        assert!(text.contains(folder), "{folder}: {text}");
    }
}

#[test]
fn perl_modules_that_hide_their_names_are_provided_and_perldoc_comes_with_its_manual() {
    let meta = r#"{"name": "Greet", "version": "1.0", "license": ["perl_5"], "prereqs": {"runtime": {"requires": {"Pod::Perldoc": "0"}}}}"#;
    let files = [
        ("Makefile.PL", "WriteMakefile();"),
        ("META.json", meta),
        ("lib/Greet.pm", "package Greet;\nrequire Greet::Hidden;\n"),
        ("lib/Greet/Hidden.pm", "package # not for the index\n  Greet::Other;\n"),
    ];
    let text = written("Greet-1.0", &files);
    assert!(text.contains("provides = [\"perl(Greet::Hidden)\"]"), "{text}");
    assert!(text.contains("{% if format == 'deb' %}perl-doc{% else %}perl(Pod::Perldoc){% endif %}"), "{text}");
    assert!(text.contains("{% if manager == 'apt' %}perl-doc{% else %}perl(Pod::Perldoc){% endif %}"), "{text}");
}

#[test]
fn macros_in_a_spec_do_not_end_what_it_says_and_a_notice_without_later_versions_is_for_one() {
    let gpl = "GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n\nEND OF TERMS AND CONDITIONS\n";
    let spec = "Summary: says hello\n%global V 1\nName: greet\nVersion: 1.0\nLicense: GPLv2\n\n%description\nLicense: MIT\n\n%install\n";
    let files = [("Makefile", "install:\n\tcp greet $(DESTDIR)\n"), ("COPYING", gpl), ("greet.c", "")];
    let text = written("greet-1.0", &[&files[..], &[("greet.spec", spec)]].concat());
    assert!(text.contains("license = \"GPL-2.0-only\""), "{text}");
    let notice = "/* greet is distributed under the terms of\nthe GNU General Public License, version 2, 1991. */";
    let text = written("greet-1.0", &[files[0], files[1], ("greet.c", notice)]);
    assert!(text.contains("license = \"GPL-2.0-only\""), "{text}");
    let later = notice.replace("1991.", "or any later version.");
    let text = written("greet-1.0", &[files[0], files[1], ("greet.c", &later)]);
    assert!(text.contains("GPL-2.0-or-later"), "{text}");
}

#[test]
fn what_npm_makes_before_it_packs_is_made_while_its_modules_are_there() {
    let package = |prepare: &str| {
        let scripts = format!(r#"{{"prepare": "{prepare}", "test": "x"}}"#);
        format!(r#"{{"name": "greet", "version": "1.0", "bin": "greet.js", "scripts": {scripts}}}"#)
    };
    let text = written("greet", &[("package.json", &package("rollup -c")), ("greet.js", "")]);
    let (made, pruned) = (text.find("npm run prepare").unwrap(), text.find("npm prune").unwrap());
    assert!(made < pruned && text.contains("npm pkg delete scripts.prepare\n"), "{text}");
    assert!(text.contains("rm -rf $DESTDIR$PREFIX/share/nodejs/greet/debian\n"), "{text}");
    let text = written("greet", &[("package.json", &package("husky install")), ("greet.js", "")]);
    assert!(!text.contains("npm run prepare") && text.contains("npm pkg delete scripts.prepare\n"), "{text}");
}

#[test]
fn what_only_tests_compile_makes_no_package_for_one_architecture() {
    let project = "project('greet', 'c', version: '1.0')\ninstall_data('greet.xml')\nsubdir('tests')\n";
    let files = [("meson.build", project), ("tests/meson.build", "executable('t', 't.c')\n"), ("tests/t.c", "")];
    let text = written("greet-1.0", &files);
    assert!(text.contains("architecture = \"all\"") && text.contains("\"cc\""), "{text}");
    let program = format!("{project}executable('greet', 'greet.c', install: true)\n");
    let text = written("greet-1.0", &[("meson.build", &program), files[1]]);
    assert!(!text.contains("architecture"), "{text}");
    // Its version is not known here, and its link is for those who compile.
    let library = "project('greet', 'c', version: '1.0')\nlibrary('greet', 'greet.c', version: f(), install: true)\n\
                   install_headers('greet.h')\n";
    let text = written("greet-1.0", &[("meson.build", library), ("greet.c", "")]);
    assert!(text.contains("\"${libdir}/*.so\""), "{text}");
}

#[test]
fn makefiles_that_no_automake_wrote_say_what_they_install_and_whether_they_test() {
    let configure = ("configure", "#!/bin/sh\npkgname=greet\nprogname=greet\n: --prefix\n");
    let rules = "all : $(progname)\n\ninstall : install-bin\n\ninstall-bin : all\n\tinstall ./$(progname) \\\n\
                 \t  \"$(DESTDIR)$(bindir)/$(progname)\"\n\nuninstall :\n\t$(UNINSTALL) $(bindir)/other\n\ncheck : all\n\t./t\n";
    let page =
        ("doc/greet.1", ".TH GREET 1\n.SH NAME\ngreet \\- says hello\n.SH OPTIONS\n.TP\n\\fB\\-\\-version\\fR\n");
    let text = written("greet-1.0", &[configure, ("Makefile.in", rules), ("main.cc", ""), page]);
    assert!(text.contains("check = 'make check'") && text.contains("greet --version"), "{text}");
    assert!(!text.contains("other"), "{text}");
    // Put together of parts, of which configure.in names the first.
    let source = (
        "configure.in",
        "AC_INIT(src/a.c)\nPACKAGE=greet\nmk=a.in\nfor i in b.mk; do mk=\"$mk:$i\"; done\nAC_OUTPUT(Makefile:$mk)\n",
    );
    let parts = [
        ("make/vars.mk", "package = @PACKAGE@\n"),
        (
            "make/rules.mk",
            "check test: all\n\t./t\n\ninstall: all\n\t$(INSTALL) $(package) \"$(DESTDIR)$(bindir)/$(package)\"\n",
        ),
    ];
    let files = [("configure", "GNU Autoconf"), source, parts[0], parts[1], ("a.c", ""), page];
    let text = written("greet-1.0", &files);
    assert!(text.contains("check = 'make check'") && text.contains("greet --version"), "{text}");
}

#[test]
fn a_folder_that_is_called_like_a_number_is_no_version() {
    let manifest = "[workspace]\n[workspace.package]\nversion = \"1.2.0\"\n[package]\nname = \"greet\"\nversion.workspace = true\n";
    let text = written("53", &[("Cargo.toml", manifest), ("src/main.rs", "")]);
    assert!(text.contains("version = \"1.2.0\""), "{text}");
}

#[test]
fn files_that_each_say_their_licence_are_all_licences_together() {
    let tagged = |tag: &str| format!("/* SPDX-License-Identifier: {tag} */\n");
    let (bsd, gpl) = (tagged("BSD-2-Clause"), tagged("GPL-2.0-or-later"));
    let makefile = ("Makefile", "install:\n\tcp greet $(DESTDIR)\n");
    let words = (
        "COPYING",
        "Most of the code is covered by a licence. Some of the older utilities are covered by another one.\n",
    );
    let text = written("greet-1.0", &[makefile, words, ("a.c", &bsd), ("b.c", &bsd), ("c.c", &gpl)]);
    assert!(text.contains("license = \"BSD-2-Clause AND GPL-2.0-or-later\""), "{text}");
    let text = written("greet-1.0", &[makefile, words, ("a.c", &bsd), ("b.c", ""), ("c.c", &gpl)]);
    assert!(text.contains("license = \"LicenseRef-"), "{text}");
}
