//! `farm init`: a project in a folder or an archive becomes a recipe that plans.

use std::io::Write as _;

use crate::support::Test;

const CMAKE: &str = "project(greet VERSION 1.2 DESCRIPTION \"Says hello\" LANGUAGES C)\nfind_package(ZLIB REQUIRED)\n\
                     add_executable(greet main.c)\ninstall(TARGETS greet)\n";

fn project() -> Test {
    Test::new()
        .env("DEBFULLNAME", "Ada Lovelace")
        .env("DEBEMAIL", "ada@example.org")
        .file("CMakeLists.txt", CMAKE)
        .file("main.c", "// SPDX-License-Identifier: MIT\nint main(void) { return 0; }\n")
}

#[test]
fn a_project_becomes_a_recipe_that_plans() {
    let test = project();
    let ran = test.run(&["init"]).exits(0);
    insta::assert_snapshot!(ran.stdout);
    let text = std::fs::read_to_string(test.folder().join("farm.toml")).unwrap();
    for line in
        ["name = \"greet\"", "license = \"MIT\"", "maintainer = \"Ada Lovelace <ada@example.org>\"", "path = \".\""]
    {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
    test.run(&["plan", "-t", "fedora-*"]).exits(0);
}

#[test]
fn what_is_there_is_overwritten_by_force_only() {
    let test = project().file("farm.toml", "mine");
    let ran = test.run(&["init"]).exits(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: farm.toml is there already
      help: write another file with -o, or let --force overwrite it
    ");
    assert_eq!(std::fs::read_to_string(test.folder().join("farm.toml")).unwrap(), "mine");
    test.run(&["init", "--force"]).exits(0);
    test.run(&["plan", "-t", "fedora-*"]).exits(0);
}

#[test]
fn an_archive_is_read_as_a_build_reads_it() {
    let test = Test::new();
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in [("greet-1.2/CMakeLists.txt", CMAKE), ("greet-1.2/main.c", "int main(void) { return 0; }\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    let archive = test.folder().join("greet-1.2.tar.xz");
    std::fs::write(&archive, encoder.finish().unwrap()).unwrap();

    test.run(&["init", "--from", "greet-1.2.tar.xz", "-o", "recipes/greet/farm.toml"]).exits(0);
    let text = std::fs::read_to_string(test.folder().join("recipes/greet/farm.toml")).unwrap();
    assert!(text.contains("path = \"../../greet-1.2.tar.xz\"\nstrip = 1\n"), "{text}");
    test.run(&["plan", "-t", "fedora-*"]).exits(0);

    let url = format!("file://{}", archive.display());
    test.run(&["init", "--url", &url, "-o", "recipes/greet/farm.toml", "--force"]).exits(0);
    let text = std::fs::read_to_string(test.folder().join("recipes/greet/farm.toml")).unwrap();
    let written = url.replace("1.2", "{{ version }}");
    assert!(text.contains(&written) && text.contains("sha256 = \"") && !text.contains("strip"), "{text}");
    test.run(&["plan", "-t", "fedora-*"]).exits(0);
}

#[test]
fn what_is_no_project_is_told() {
    let test = Test::new().file("a.tar", "not a tar");
    test.run(&["init", "a.tar"]).exits(2);
    test.run(&["init", "missing"]).exits(2);
    test.run(&["init", "--url", "ext::sh"]).exits(2);
    test.run(&["init", "--url", "file:///nonexistent/x.tar.gz"]).exits(3);
    // A single file is a source, too: there is nothing in it that builds, and that is said.
    let ran = test.run(&["init", "--from", "a.tar"]).exits(0);
    assert!(ran.stdout.contains("no build system was found"), "{ran}");
}
