//! The command lines that the pages of docs/ print, run in the order in which they stand, each in what its page is about. The
//! tutorial has a test of its own.

use std::fs;
use std::path::Path;

use crate::support::{Test, have, native_engine, repository, skip};
use crate::tutorial::shell;

const HELLO: &str = r#"[package]
name = "hello"
version = "2.10"
summary = "Says hello to whoever asks"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
architecture = "all"
date = 2026-01-02

[[sources]]
path = "src"

[build]
requires = ["ed"]
build = "true"
install = "install -D -m 755 hello.sh $DESTDIR/usr/bin/hello"

[test]
script = "hello"

[matrix]
distros = ["debian-12", "rpm-generic"]
"#;

/// A page: what is there before its first command, and its commands of which more is to be said.
struct Page {
    name: &'static str,
    before: &'static str,
    commands: &'static [Command],
}

/// A command of a page, by how it begins.
struct Command {
    begins: &'static str,
    /// What is done before it.
    before: &'static str,
    exits: i32,
    says: &'static str,
}

const fn command(begins: &'static str, before: &'static str, exits: i32, says: &'static str) -> Command {
    Command { begins, before, exits, says }
}

const PAGES: [Page; 13] = [
    Page {
        name: "attest.md",
        before: "farm build --matrix",
        commands: &[
            command("farm attest attested", "", 0, "attested: "),
            command("farm attest verify --statements", "", 0, "as it was built for hello@debian-12/amd64"),
            command(
                "farm attest verify hello",
                "cp attested/hello/debian-12-amd64/* . && cp dist/*/debian-12-amd64/hello_*.deb hello_2.10-1_amd64.deb\n\
                 printf x >>hello_2.10-1_amd64.deb",
                13,
                "hello_2.10-1_amd64.deb",
            ),
        ],
    },
    Page {
        name: "ci.md",
        before: "",
        commands: &[
            command("farm plan --matrix --ci github", "", 0, "debian-12"),
            command("farm plan --matrix --ci gitlab", "", 0, "debian-12"),
            command("farm plan --matrix --ci jenkins", "", 0, "debian-12"),
        ],
    },
    Page {
        name: "diff.md",
        before: "farm build -t debian-12 && mv dist old && sed -i 's/2.10/2.11/' farm.toml && farm build -t debian-12\n\
                 cp old/hello/debian-12-amd64/hello_*.deb old/hello_2.10-1_amd64.deb\n\
                 cp dist/hello/debian-12-amd64/hello_*.deb dist/hello/debian-12-amd64/hello_2.10-2_amd64.deb",
        commands: &[
            command("farm diff old/hello_2", "", 13, "hello 2.10-1"),
            command("farm diff old/hello/", "rm dist/hello/debian-12-amd64/hello_2.10-2_amd64.deb", 13, "hello 2.10-1"),
            command("farm diff old dist", "rm old/hello_2.10-1_amd64.deb", 13, "2.11-1"),
        ],
    },
    Page {
        name: "dist.md",
        before: "farm build -t debian-12",
        commands: &[command("farm list", "", 0, "hello@debian-12/amd64")],
    },
    Page {
        name: "failed.md",
        before: "sed -i 's/name = \"hello\"/name = \"jq\"/; s/build = \"true\"/build = \"grep good answer\"/' farm.toml\n\
                 printf 'bad\\n' >src/answer && printf 'check:\\n\\techo checked\\n' >src/Makefile && mkdir src/src && touch src/src/main.c",
        commands: &[
            command("farm build --keep-failed", "", 10, "farm shell jq@debian-12/amd64"),
            command("farm exec --discard", "", 0, "checked"),
            command(
                "farm build -t jq@debian-12 --from",
                "farm exec jq@debian-12 -- sh -c 'echo good >answer'",
                0,
                "went-on",
            ),
            command("farm shell --drop", "farm build -t jq@debian-12 --keep-failed || true", 0, ""),
        ],
    },
    Page {
        name: "lock.md",
        before: "",
        commands: &[
            command("farm lock", "", 0, "farm.lock: written, 2 targets"),
            command("farm build --matrix --locked", "", 0, "up to date"),
        ],
    },
    Page { name: "publish.md", before: "", commands: &[] },
    Page {
        name: "recipe.md",
        before: "rm farm.toml && printf 'all:\\n\\techo hello >greet\\ninstall:\\n\\tinstall -D greet $(DESTDIR)/usr/bin/greet\\n' >Makefile",
        commands: &[
            command("farm init", "", 0, "farm.toml"),
            command(
                "farm init --from",
                "mkdir -p recipes/greet && xz -dc \"$PRINTED\"/greet-1.4.tar.xz | gzip >greet-1.4.tar.gz",
                0,
                "",
            ),
        ],
    },
    Page {
        name: "repo.md",
        before: "",
        commands: &[
            command("farm repo www --url", "", 0, "dists/bookworm: 1 package, 1 added"),
            command(
                "farm repo www /srv/reprepro",
                "cp -a www reprepro && rm -r reprepro/.farm reprepro/setup",
                0,
                "1 package",
            ),
            command("farm repo www --keep 3", "", 0, "dists/bookworm"),
            command("farm repo remove", "farm repo www dist --suite testing --apt", 0, "1 removed"),
            command("farm repo promote", "farm repo www dist --suite testing --apt", 0, "1 added"),
            command("farm repo check", "", 0, "all as clients want it"),
            command("farm verify-signature", "", 0, "SHA256SUMS"),
        ],
    },
    Page { name: "scale.md", before: "", commands: &[] },
    Page {
        name: "testing.md",
        before: "farm build -t debian-12 --no-test && mkdir old new && cp dist/hello/debian-12-amd64/hello_*.deb old/\n\
                 sed -i 's/2.10/2.11/' farm.toml && farm build -t debian-12 --no-test && cp dist/hello/debian-12-amd64/hello_*.deb new/\n\
                 dpkg-deb -R old/hello_*.deb of && sed -i 's/^Version:.*/Version: 2.10-3/; s/^Architecture:.*/Architecture: amd64/' of/DEBIAN/control\n\
                 dpkg-deb --root-owner-group -b of hello_2.10-3_amd64.deb",
        commands: &[command("farm test hello", "", 0, "1 succeeded"), command("farm test new/", "", 0, "1 succeeded")],
    },
    Page {
        name: "troubleshooting.md",
        before: "",
        commands: &[
            command("farm explain dep-wait", "", 0, "The distribution does not have"),
            command("farm explain 11", "", 0, "its test said no"),
        ],
    },
    Page {
        name: "verify.md",
        before: "farm build -t debian-12",
        commands: &[command("farm verify -t debian-12", "", 0, "byte by byte the same")],
    },
];

/// What needs something that is not here, and the test that runs the like of it.
const ELSEWHERE: [(&str, &str); 9] = [
    ("farm repo publish www s3:", "src/publish/tests"),
    ("farm build --matrix --engine ssh:", "pool.rs"),
    ("farm build --matrix --engine 'kubernetes:", "tests/engine"),
    ("farm init --url https://example.org/", "init.rs"),
    ("farm verify hello_2.10-3_amd64.buildinfo", "buildinfo.rs"),
    ("farm build pass --matrix --force", "the screen of README.md"),
    ("farm shell jq@debian-12", "kept.rs"),
    ("farm requires --unused", "unused.rs"),
    ("farm repo www --sign-key old.asc", "src/repo/tree/tests/rotation.rs"),
];

/// The commands of farm in the blocks of a page, without what stands beside them.
fn commands(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let mut fence: Option<&str> = None;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(kind) };
            continue;
        }
        let code = match fence {
            None => line.strip_prefix("    "),
            Some("console" | "sh" | "") => Some(line),
            Some(_) => None,
        };
        let Some(code) = code else { continue };
        let code = code.strip_prefix("$ ").unwrap_or(code);
        if code.starts_with("farm ") {
            let end = [code.find("  "), code.find(" #")].into_iter().flatten().min().unwrap_or(code.len());
            found.push(code[..end].to_owned());
        }
    }
    found
}

#[test]
fn every_page_with_commands_is_known() {
    let pages = fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for page in pages.chain([repository().join("README.md"), repository().join("CONTRIBUTING.md")]) {
        let name = page.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".md") || name == "tutorial.md" || PAGES.iter().any(|page| page.name == name) {
            continue;
        }
        let rest: Vec<String> = commands(&page)
            .into_iter()
            .filter(|line| !ELSEWHERE.iter().any(|(begins, _)| line.starts_with(begins)))
            .collect();
        // The reference is made of the program's own help.
        assert!(rest.is_empty() || name == "cli.md", "{name} is not in PAGES: {rest:?}");
    }
}

#[test]
fn commands_of_the_pages_do_what_the_pages_say() {
    if !have(&["dpkg-deb", "gpg", "xz"]) {
        return skip("dpkg-deb, gpg or xz is missing");
    }
    for page in &PAGES {
        let name = page.name.trim_end_matches(".md");
        let test = Test::on(&format!("documented-{name}"), &native_engine())
            .env("PRINTED", repository().join("tests/printed").to_str().unwrap())
            .env("FARM_CONFIG", "config.toml");
        let folder = test.folder().to_owned();
        test.write("config.toml", "");
        test.write("farm.toml", HELLO);
        test.write("src/hello.sh", "#!/bin/sh\necho hello\n");
        if page.name == "repo.md" {
            fs::create_dir_all(folder.join("gpg")).unwrap();
            let keys = "gpg --batch --quiet --passphrase '' --quick-generate-key 'Ada <ada@example.org>' ed25519 sign\n\
                        gpg --armor --export-secret-keys >release.asc && gpg --armor --export >release-public.asc\n\
                        printf '[sign]\\nkey = \"release.asc\"\\n' >config.toml && gpgconf --kill all";
            shell(&test, &folder, keys).exits(0);
        }
        shell(&test, &folder, page.before).exits(0);
        let mut known = 0;
        for line in commands(&repository().join("docs").join(page.name)) {
            if ELSEWHERE.iter().any(|(begins, _)| line.starts_with(begins)) {
                continue;
            }
            let begun = page.commands.iter().filter(|command| line.starts_with(command.begins));
            let more = begun.max_by_key(|command| command.begins.len());
            known += usize::from(more.is_some());
            if let Some(before) = more.map(|command| command.before).filter(|before| !before.is_empty()) {
                shell(&test, &folder, before).exits(0);
            }
            let ran = shell(&test, &folder, &line.replace("/srv/reprepro", "reprepro"));
            eprintln!("{}: {line}", page.name);
            let ran = ran.exits(more.map_or(0, |command| command.exits));
            ran.says(more.map_or("", |command| command.says));
        }
        assert_eq!(known, page.commands.len(), "{} has no longer all of them", page.name);
    }
}
