//! docs/tutorial.md, followed word by word: its files, its commands, and what it says that they say. Then apt reads the
//! repository that comes of it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ran, Test, have, native_engine, repository, skip};

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

/// A command of the page, by a shell that finds the farm of this test.
fn shell(test: &Test, project: &Path, line: &str) -> Ran {
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
    if !have(&["gpg", "apt-get", "dpkg-deb"]) {
        return skip("gpg, apt-get and dpkg-deb are not all there");
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

    // As a user: the file that is pasted, with the folder in place of the address, and an apt that knows nothing else.
    let (www, root) = (test.folder().join("www"), test.folder().join("apt"));
    for folder in ["sources", "lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("status"), "").unwrap();
    let sources = fs::read_to_string(www.join("setup/bookworm.sources")).unwrap();
    assert!(sources.contains("https://packages.example.org"), "{sources}");
    let sources = sources.replace("https://packages.example.org", &format!("file:{}", www.display()));
    fs::write(root.join("sources/greet.sources"), sources).unwrap();
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        let at = |path: &str| root.join(path).display().to_string();
        for (option, value) in [
            ("Dir::Etc::sourcelist", "/dev/null".to_owned()),
            ("Dir::Etc::sourceparts", at("sources")),
            ("Dir::State::lists", at("lists")),
            ("Dir::State::status", at("status")),
            ("Dir::Cache", at("cache")),
            ("APT::Sandbox::User", "root".to_owned()),
            ("Debug::NoLocking", "true".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
        ] {
            apt.arg("-o").arg(format!("{option}={value}"));
        }
        Ran::of(apt.args(arguments).current_dir(&root).env("LC_ALL", "C"))
    };
    apt(&["update", "--error-on=any"]).exits(0);
    apt(&["download", "greet"]).exits(0);
    let fetched = fs::read_dir(&root).unwrap().flatten().map(|entry| entry.path());
    let package = fetched.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb")).unwrap();
    Ran::of(Command::new("dpkg-deb").arg("-x").arg(package).arg(root.join("system"))).exits(0);
    let ran = Ran::of(&mut Command::new(root.join("system/usr/bin/greet"))).exits(0);
    assert_eq!(ran.stdout, "hello\n");
}
