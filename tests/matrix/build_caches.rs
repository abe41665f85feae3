//! Caches that a build takes over from the last good one: it hits what has not changed, in generated packaging and a
//! project's own, and not a byte of a package is another than without.

use std::fs;

use crate::support::{Test, engine, native_engine};

const MAKEFILE: &str = r#"OBJECTS = main.o depth.o wind.o fish.o reed.o
CPPFLAGS += -Inear -Ifar
pond: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS)
$(OBJECTS): %.o: %.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
install: pond
	install -D -m755 pond $(DESTDIR)/usr/bin/$(NAME)
"#;

const PACKAGE: &str = r#"
version = "1.0"
summary = "A pond of several files"
description = "It tells how deep the pond is."
license = "MIT"
homepage = "https://example.org/pond"
maintainer = "Farm Tests <tests@example.org>"
date = 2026-01-02

[[sources]]
path = "../../src"

[matrix]
distros = ["debian-12", "rpm-generic"]

[build]
cache = ["ccache"]
"#;

const GENERATED: &str = r#"
build = "make NAME=pond"
install = "make install NAME=pond DESTDIR=$DESTDIR"
"#;

const CONTROL: &str = "Source: own-pond\nSection: utils\nPriority: optional\n\
    Maintainer: Farm Tests <tests@example.org>\nBuild-Depends: debhelper-compat (= 13)\nStandards-Version: 4.6.2\n\
    Rules-Requires-Root: no\n\nPackage: own-pond\nArchitecture: any\nDepends: ${shlibs:Depends}, ${misc:Depends}\n\
    Description: A pond of several files\n It tells how deep the pond is.\n";

const RULES: &str = "#!/usr/bin/make -f\n%:\n\tdh $@\noverride_dh_auto_build:\n\tdh_auto_build -- NAME=own-pond\n\
    override_dh_auto_install:\n\tdh_auto_install -- NAME=own-pond\n";

const CHANGELOG: &str = "own-pond (1.0-1) unstable; urgency=medium\n\n  * First.\n\n -- Farm Tests <tests@example.org>  Fri, 02 Jan 2026 00:00:00 +0000\n";

const COPYRIGHT: &str = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
    Files: *\nCopyright: 2026 Farm Tests\nLicense: MIT\n";

const SPEC: &str = r#"Name: own-pond
Version: 1.0
Release: 1
Summary: A pond of several files
License: MIT
Source0: %{name}-%{version}.tar.gz

%description
It tells how deep the pond is.

%prep
%setup -q

%build
make %{?_smp_mflags} CFLAGS="%{optflags}" NAME=own-pond

%install
make install DESTDIR=%{buildroot} NAME=own-pond

%files
/usr/bin/own-pond

%changelog
* Fri Jan 02 2026 Farm Tests <tests@example.org> - 1.0-1
- First.
"#;

fn file(name: &str) -> String {
    format!(
        "#include \"depth.h\"\n#include <stdio.h>\nint {name}(int n) {{ printf(\"%d\\n\", n); return n + {}; }}\n",
        name.len()
    )
}

#[test]
fn a_second_build_compiles_what_has_changed_and_packages_the_same_bytes() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let own = format!("{PACKAGE}\n[packaging]\ndebian = \"debian\"\nspec = \"own-pond.spec\"\n");
    let main = "int depth(int);\nint wind(int);\nint fish(int);\nint reed(int);\n#include <assert.h>\n#include <depth.h>\n\
                int main(void) { assert(DEPTH > 0); return depth(DEPTH) + wind(1) + fish(2) + reed(3) == 0; }\n";
    let mut test = Test::on("build-caches", &native_engine())
        .file("recipes/pond/farm.toml", &format!("[package]\nname = \"pond\"{PACKAGE}{GENERATED}"))
        .file("recipes/own-pond/farm.toml", &format!("[package]\nname = \"own-pond\"{own}"))
        .file("src/Makefile", MAKEFILE)
        .file("src/LICENSE", "Copyright 2026 Farm Tests\n")
        .file("src/debian/control", CONTROL)
        .file("src/debian/rules", RULES)
        .file("src/debian/changelog", CHANGELOG)
        .file("src/debian/copyright", COPYRIGHT)
        .file("src/debian/source/format", "3.0 (quilt)\n")
        .file("src/own-pond.spec", SPEC)
        .file("src/near/README", "Nothing yet.\n")
        .file("src/far/depth.h", "#define DEPTH 3\n")
        .file("src/main.c", main);
    for name in ["depth", "wind", "fish", "reed"] {
        // Only one of them looks at the header.
        let text = file(name);
        let text = if name == "depth" { text } else { text.replace("#include \"depth.h\"\n", "") };
        test = test.file(&format!("src/{name}.c"), &text);
    }
    let targets =
        ["pond", "own-pond"].map(|name| [format!("{name}@debian-12/amd64"), format!("{name}@rpm-generic/x86_64")]);
    let targets = targets.concat();
    let build = ["build", "--matrix", "-j", "2", "--no-test"];
    let ran = test.run(&build).exits(0);
    let hits = |ran: crate::support::Ran, counted: &str| {
        targets.iter().fold(ran, |ran, target| ran.says(&format!("cache: {target} ccache {counted} hits\n")));
    };
    hits(ran, "0 of 5");

    // One file is another, and one header is found before the one that was there: two more are to be compiled.
    test.write("src/reed.c", &file("reed").replace("n + 4", "n + 5").replace("#include \"depth.h\"\n", ""));
    test.write("src/near/depth.h", "#define DEPTH 4\n");
    // A new version is built in the folder of the old one.
    let recipe = format!("[package]\nname = \"pond\"{PACKAGE}{GENERATED}");
    test.write("recipes/pond/farm.toml", &recipe.replace("version = \"1.0\"", "version = \"1.1\""));
    hits(test.run(&build).exits(0), "2 of 5");
    let record = fs::read_to_string(test.dist().join("pond/debian-12-amd64/job.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["caches"][0]["hits"], 2);

    // As if no build had been before.
    let warm = Test::at(test.folder().join("warm"));
    fs::create_dir(warm.folder()).unwrap();
    fs::rename(test.dist(), warm.dist()).unwrap();
    hits(test.run(&[&build[..], &["--no-build-cache"]].concat()).exits(0), "0 of 5");
    for target in
        ["pond/debian-12-amd64", "pond/rpm-generic-x86_64", "own-pond/debian-12-amd64", "own-pond/rpm-generic-x86_64"]
    {
        test.has_the_packages_of(&warm, target);
    }
    for name in ["pond", "own-pond"] {
        // What it was compiled by is told by nobody.
        let info = &test.files(&format!("{name}/debian-12-amd64"), ".buildinfo")[0];
        assert!(!fs::read_to_string(info).unwrap().to_lowercase().contains("ccache"), "{}", info.display());
    }

    // What one engine has left, another takes.
    if let Some(docker) = engine("DOCKER_HOST") {
        let there = test.env("FARM_ENGINE", &docker);
        there
            .run(&["build", "-t", "pond@debian-12", "--no-test", "--force"])
            .exits(0)
            .says("cache: pond@debian-12/amd64 ccache 5 of 5 hits\n");
        there.has_the_packages_of(&warm, "pond/debian-12-amd64");
    }
}
