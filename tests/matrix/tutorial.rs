//! docs/tutorial.md, followed word by word: its files, its commands, and what it says that they say. Then the apt
//! of Debian 12 installs from the repository that comes of it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ran, Test, have, native_engine, repository, skip};

const USER: &str = r#"[package]
name = "user"
version = "1"
summary = "A system of somebody else"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
architecture = "all"
date = 2026-01-02

[[sources]]
path = "www"

[build]
build = "false"
install = "true"

[matrix]
distros = ["debian-12"]
"#;

/// A block of the page: what stands behind its opening fence, and its lines.
struct Block {
    info: String,
    lines: Vec<String>,
}

fn blocks() -> Vec<Block> {
    let page = fs::read_to_string(repository().join("docs/tutorial.md")).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some(Block { info: info.to_owned(), lines: Vec::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    blocks
}

/// Without numbers, and without what columns need.
fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A command of a page, by a shell that finds the farm of this test.
pub(crate) fn shell(test: &Test, project: &Path, line: &str) -> Ran {
    let farm = test.command(&[]);
    let program = PathBuf::from(farm.get_program());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: OsString =
        std::env::join_paths([program.parent().unwrap().to_owned()].into_iter().chain(std::env::split_paths(&path)))
            .unwrap();
    let mut command = Command::new("sh");
    command.args(["-euc", line]).current_dir(project).env_clear();
    command.envs(farm.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", path).env("GNUPGHOME", test.folder().join("gpg"));
    command.env("DEBFULLNAME", "Ada Lovelace").env("DEBEMAIL", "ada@example.org");
    Ran::of(&mut command)
}

#[test]
fn the_tutorial_leads_where_it_says() {
    if !have(&["gpg"]) {
        return skip("gpg is missing");
    }
    let test = Test::on("tutorial", &native_engine()).env("FARM_NO_LINT", "");
    let project = test.folder().join("greet");
    fs::create_dir_all(&project).unwrap();
    fs::create_dir_all(test.folder().join("gpg")).unwrap();
    let (mut commands, mut farms) = (0, 0);
    for Block { info, lines } in blocks() {
        if info != "console" {
            let (_, name) = info.split_once(' ').expect("a block of the page is a file by its name, or commands");
            fs::write(project.join(name), lines.join("\n") + "\n").unwrap();
            continue;
        }
        let mut said = String::new();
        for line in lines {
            match line.strip_prefix("$ ") {
                Some(line) => {
                    let ran = shell(&test, &project, line).exits(0);
                    said = plain(&ran.text());
                    commands += 1;
                    farms += usize::from(line.starts_with("farm ") && !line.starts_with("farm repo check"));
                }
                None => assert!(said.contains(&plain(&line)), "`{line}` is not in\n{said}"),
            }
        }
    }
    let _ = shell(&test, &project, "gpgconf --kill all");
    assert_eq!((commands, farms), (6, 3), "five commands, and one that looks at what came of them");

    // As a user: a Debian 12 that knows nothing else gets the file that is pasted, with the folder in place of the address. That
    // system is the container of a build that fails, and which is kept.
    let user = test.folder().join("user");
    fs::create_dir_all(&user).unwrap();
    fs::rename(test.folder().join("www"), user.join("www")).unwrap();
    fs::write(user.join("farm.toml"), USER).unwrap();
    let farm = |arguments: &[&str]| Ran::of(test.command(arguments).current_dir(&user));
    farm(&["build", "-t", "debian-12", "--keep-failed"]).exits(10);
    let install = r#"
        rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
        grep -q https://packages.example.org setup/bookworm.sources
        sed "s|https://packages.example.org|file:$PWD|" setup/bookworm.sources >/etc/apt/sources.list.d/greet.sources
        apt-get update --error-on=any
        ! greet
        apt-get install -y greet
        dpkg -s greet | grep -x 'Status: install ok installed'
        echo "it says $(greet)"
    "#;
    let installed = farm(&["exec", "--root", "debian-12", "--", "sh", "-euc", install]).exits(0);
    installed.says("it says hello").says("Setting up greet");
    farm(&["shell", "--drop", "debian-12"]).exits(0);
}
