//! What `farm init` writes builds, without a hand laid on it.

use std::fs;
use std::process::Command;

use crate::support::{Ran, Test, native_engine};

const MAKEFILE: &str = "\
PREFIX ?= /usr/local
CFLAGS = -O2
all: greet
greet: greet.c
\t$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ greet.c
check: greet
\ttest \"$$(./greet)\" = hello
install: greet
\tinstall -D -m 755 greet $(DESTDIR)$(PREFIX)/bin/greet
PROGRAM = greet
";

#[test]
fn a_recipe_of_farm_init_builds_as_it_is() {
    let test = Test::on("init", &native_engine());
    let project = test.folder().join("greet");
    fs::create_dir_all(&project).unwrap();
    for (name, text) in [
        ("Makefile", MAKEFILE),
        (
            "greet.c",
            "// SPDX-License-Identifier: MIT\n#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n",
        ),
        (
            "README",
            "greet - says hello to whoever asks\n\nIt is small, but polite, and it is the same on every distribution.\n",
        ),
        ("VERSION", "1.4\n"),
        (".gitignore", "dist\n"),
    ] {
        fs::write(project.join(name), text).unwrap();
    }
    let mut init = Command::new(env!("CARGO_BIN_EXE_farm"));
    init.arg("init").current_dir(&project).env("DEBFULLNAME", "Ada Lovelace").env("DEBEMAIL", "ada@example.org");
    Ran::of(&mut init).exits(0).says("greet 1.4").says("MIT");
    test.run_in(&project, &["build", "-t", "debian-12"]).exits(0).says("1 succeeded");
    assert_eq!(
        test.files("greet/debian-12-amd64", "_amd64.deb").len(),
        1 + test.files("greet/debian-12-amd64", "dbgsym_1.4-1~deb12_amd64.deb").len()
    );
}
