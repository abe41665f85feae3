//! The last good build once more in another environment: packages that take over what a build finds, and packages that do not.

use std::fs;
use std::path::PathBuf;

use crate::support::{Test, native_engine};

/// Each file has something else of the environment in it.
const PLANTED: &str = r#"[package]
name = "planted"
version = "1.0"
summary = "Has in it what builds take over of their environment"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
date = 2026-01-02

[build]
build = '''
date >built
pwd >where
id -un >who
hostname >host
uname -r >kernel
nproc >processors
touch a B C d
ls a B C d | sort >sorted
# The longer a step takes, the later it writes, unless it is alone.
printf 'all: 1 2 3\n1 2 3:\n\t@sleep 0.$$((9 - $@ * 2)); echo step $@\n' >steps.mk
make -f steps.mk -j"$FARM_PARALLEL" >steps
printf '#include <stdio.h>\nint main(void) { puts(__FILE__); return 0; }\n' >"$PWD/planted.c"
cc -O2 -o planted "$PWD/planted.c"
'''
install = '''
install -D -t "$DESTDIR/usr/share/planted" built where who host kernel processors sorted steps
install -D -t "$DESTDIR/usr/bin" planted
tar -c --mtime=@1 planted | gzip >"$DESTDIR/usr/share/planted/planted.tar.gz"
'''

[matrix]
distros = ["debian-12", "rpm-generic"]
"#;

/// The same program, without what was planted.
const CLEAN: &str = r#"[package]
name = "clean"
version = "1.0"
summary = "Takes nothing over of its environment"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
date = 2026-01-02

[[sources]]
file = "clean.c"
text = '''
#include <stdio.h>
int main(void) { puts("built from " __FILE__); return 0; }
'''

[build]
build = "cc $CFLAGS -c -o clean.o $PWD/clean.c && cc $LDFLAGS -o clean clean.o"
install = 'install -D -t "$DESTDIR/usr/bin" clean'

[matrix]
distros = ["debian-12", "rpm-generic"]
"#;

fn project(test: &Test, name: &str, recipe: &str) -> PathBuf {
    let project = test.folder().join("recipes").join(name);
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("farm.toml"), recipe).unwrap();
    test.folder().to_owned()
}

#[test]
fn what_packages_take_over_of_their_build_is_found_located_and_named() {
    let test = Test::on("verify", &native_engine());
    project(&test, "planted", PLANTED);
    let folder = project(&test, "clean", CLEAN);
    test.run_in(&folder, &["verify"]).exits(4).says("has no packages to verify");
    test.run_in(&folder, &["build", "--matrix", "--no-test"]).exits(0).says("4 succeeded");
    let packages = |target: &str, ending: &str| {
        test.files(target, ending).iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let before = packages("planted/debian-12-amd64", ".deb");

    let run = test.run_in(&folder, &["verify", "--matrix"]).exits(13).says("2 reproduced").says("2 not-reproduced");
    let told: String = run.text().split_whitespace().collect::<Vec<_>>().join(" ");
    for (package, files) in
        [("planted_1.0-1~deb12_amd64.deb", "debian-12"), ("planted-1.0-1.x86_64.rpm", "rpm-generic")]
    {
        let log = fs::read_to_string(
            fs::read_dir(test.dist().join("planted"))
                .unwrap()
                .flatten()
                .find(|entry| entry.file_name().to_string_lossy().starts_with(files))
                .unwrap()
                .path()
                .join("build.log"),
        )
        .unwrap();
        for (place, cause) in [
            ("built, line 1", "the time of the build"),
            ("where, line 1", "the folder that it is built in"),
            ("who, line 1", "the user who builds"),
            ("host, line 1", "the name of the host"),
            ("kernel, line 1", "the kernel"),
            ("processors, line 1", "the number of processors"),
            ("sorted, the order of its lines, from line 1", "names that are sorted as the locale sorts them"),
            (
                "steps, the order of its lines, from line 1",
                "the order in which parallel steps end, or in which a folder lists its files",
            ),
        ] {
            let line = format!("{package}: /usr/share/planted/{place}: probably {cause}\n");
            assert!(log.contains(&line), "{line} is not in\n{log}");
        }
        let in_tar = format!("{package}: /usr/share/planted/planted.tar.gz, unpacked, ");
        let line = log.lines().find(|line| line.starts_with(&in_tar)).unwrap_or_else(|| panic!("{log}"));
        assert!(line.ends_with("probably the user who builds"), "{line}");
        assert!(log.contains("/usr/bin/planted, a string in it"), "{log}");
    }
    for words in [
        "built once more with another time, path, user, locale, timezone, processors, host-name, kernel, packages are not the same",
        "write the date of $SOURCE_DATE_EPOCH",
        "more, in the log",
    ] {
        assert!(told.contains(words), "`{words}` is not in\n{}", run.text());
    }
    // The good packages stay, those that came out otherwise lie beside them.
    assert_eq!(packages("planted/debian-12-amd64", ".deb"), before);
    assert_eq!(packages("planted/debian-12-amd64/broken", ".deb").len(), before.len());

    // One thing alone: what else is planted is not varied, and the time is always another one.
    let run = test.run_in(&folder, &["verify", "planted", "-t", "debian-12", "--vary", "user"]).exits(13);
    let told = run.text();
    assert!(told.contains("who, line 1") && told.contains("built, line 1") && !told.contains("where"), "{told}");
    // A .buildinfo in the store means its target: that of .rpm packages is farm's own.
    let buildinfo = test.files("clean/rpm-generic-x86_64", "clean-1.0-1.x86_64.buildinfo");
    let text = fs::read_to_string(&buildinfo[0]).unwrap();
    for words in [
        "\nSource: clean\n",
        "\nVersion: 1.0-1\n",
        "\nInstalled-Build-Depends:\n adduser (= ",
        " clean-1.0-1.src.rpm\n",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let path = buildinfo[0].to_str().unwrap();
    test.run_in(&folder, &["verify", path, "--vary", "none"]).exits(0).says("clean@rpm-generic").says("1 reproduced");
    fs::copy(&buildinfo[0], folder.join("alone.buildinfo")).unwrap();
    test.run_in(&folder, &["verify", "alone.buildinfo"]).exits(2).says("does not say from which recipe");

    // Nothing is compared with what was made of something else.
    fs::write(folder.join("recipes/clean/farm.toml"), CLEAN.replace("built from ", "made from ")).unwrap();
    let run = test.run_in(&folder, &["verify", "clean", "-t", "debian-12"]).exits(13);
    run.says("cannot be built as it was").says("since the last good build these inputs have changed: ");
}
