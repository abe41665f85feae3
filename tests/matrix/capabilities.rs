//! A recipe that names capabilities, and no distribution, on several of them. The archives of these are looked into.

use std::path::Path;

use crate::support::{Test, native_engine, repository};

fn recipe() -> std::path::PathBuf {
    repository().join("tests/capabilities")
}

/// A mirror may well have older Contents indexes than it says: what is tested here is what is built.
const STALE: &str = "--stale-contents";

#[test]
fn one_recipe_without_a_line_for_a_distribution_builds_on_each() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("capabilities", &native_engine());
    let recipe = recipe();
    test.run_in(repository(), &["build", path(&recipe), "--matrix", STALE]).exits(0).says("4 succeeded");
    for (distro, zlib) in [("debian-11", "1:1.2.11"), ("debian-13", "1:1.3")] {
        let debs = test.files(&format!("capable/{distro}-amd64"), ".deb");
        let deb = debs.iter().find(|path| !path.to_str().unwrap().contains("-dbgsym_")).unwrap();
        let fields = std::process::Command::new("dpkg-deb").arg("-f").arg(deb).output().unwrap();
        let fields = String::from_utf8(fields.stdout).unwrap();
        let depends = fields.lines().find(|line| line.starts_with("Depends: ")).unwrap_or_default();
        for expected in ["libjson-perl", "python3-yaml (>= 5)", "xsltproc", "zlib1g (>= 1:", "libpopt0"] {
            assert!(depends.contains(expected), "{distro}: {expected} is missing in {depends}");
        }
        let plan = test.run_in(repository(), &["plan", path(&recipe), "-t", distro, "--json", STALE]).exits(0);
        assert!(plan.text().contains("\"package\": \"zlib1g-dev\"") && plan.text().contains(zlib), "{}", plan.text());
    }
    // Resolved to the same, they are the same inputs.
    test.run_in(repository(), &["build", path(&recipe), "--matrix", STALE]).exits(0).says("4 up to date");
}

/// What an RPM requires that was made on Debian is proved by the files of Debian's packages when it is installed there, and what
/// nothing proves stops it. A library that it was linked with comes from where the build had it.
#[test]
fn an_rpm_made_on_debian_finds_what_it_requires() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("capabilities-rpm", &native_engine());
    let project = test.folder().join("project");
    std::fs::create_dir_all(&project).unwrap();
    let write = |requires: &str| {
        let recipe = format!(
            "[package]\nname = \"wants\"\nversion = \"1.0\"\nsummary = \"Much that is wanted\"\nlicense = \"MIT\"\n\
             maintainer = \"T <t@example.org>\"\narchitecture = \"all\"\nrequires = [{requires}]\n\n\
             [build]\ninstall = \"mkdir -p $DESTDIR/usr/share/wants; echo x >$DESTDIR/usr/share/wants/x\"\n\n\
             [test]\nscript = \"rpm -q wants\"\n\n[matrix]\ndistros = [\"rpm-generic\"]\n"
        );
        std::fs::write(project.join("farm.toml"), recipe).unwrap();
    };
    let wanted = "\"pkgconfig(zlib) >= 1.2\", \"python3dist(pyyaml) >= 5\", \"perl(JSON)\", \"cmake(Catch2)\", \"rubygem(rake)\"";
    write(wanted);
    test.run_in(&project, &["build", "--matrix", STALE]).exits(0).says("1 succeeded");
    write(&wanted.replace(">= 1.2", ">= 99"));
    test.run_in(&project, &["build", "--matrix", STALE]).exits(11).says("pkgconfig(zlib) >= 99 is needed by wants");

    let linked = test.folder().join("linked");
    std::fs::create_dir_all(&linked).unwrap();
    let recipe = "[package]\nname = \"curse\"\nversion = \"1.0\"\nsummary = \"Names a key\"\nlicense = \"MIT\"\n\
         maintainer = \"T <t@example.org>\"\n\n[[sources]]\nfile = \"curse.c\"\ntext = \"\"\"\n#include <curses.h>\n\
         int main(void) { return keyname(65)[0] != 65; }\n\"\"\"\n\n\
         [build]\nrequires = [\"libncurses-dev\"]\nbuild = \"cc $CFLAGS $LDFLAGS -o curse curse.c -lncurses\"\n\
         install = \"install -D -m 755 curse $DESTDIR$PREFIX/bin/curse\"\n\n\
         [test]\nscript = \"curse\"\n\n[matrix]\ndistros = [\"rpm-generic\"]\n";
    std::fs::write(linked.join("farm.toml"), recipe).unwrap();
    test.run_in(&linked, &["build", "--matrix", STALE]).exits(0).says("1 succeeded");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
