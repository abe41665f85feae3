//! A lock, and an archive that has moved on since: Debian's own packages behind a server of this test, which signs what it
//! says of them, and one of which has a newer version the next day.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::support::{Ran, Test, copy, have, native_engine, skip, upstream};

const RECIPE: &str = r#"[package]
name = "pond"
version = "1.0"
summary = "Says which patch it was built with"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
architecture = "all"
date = 2026-01-02

[build]
requires = ["patch"]
install = """
mkdir -p $DESTDIR/usr/share/pond
dpkg-query -W patch >$DESTDIR/usr/share/pond/built-with
"""

[matrix]
distros = ["held-12"]
"#;

/// `SNAPSHOT` stands for a line of its own.
const DISTRO: &str = r#"extends = "common/debian"
name = "Held 12"
version = "12"
arches = ["amd64"]
release-tag = "~held12"

[deb]
standards-version = "4.6.2"
unit-folder = "/lib/systemd/system"

[bootstrap]
archive = "held"
mirror = "http://127.0.0.1:PORT/now"
SNAPSHOT
suite = "bookworm"
keyrings = ["held.gpg"]
"#;

fn get((host, folder): &(String, String), path: &str) -> Vec<u8> {
    let mut mirror = TcpStream::connect(host).unwrap();
    let name = host.trim_end_matches(":80");
    write!(
        mirror,
        "GET {folder}/{path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: farm-test\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    mirror.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(
        head.starts_with("http/1.1 200") && head.contains(&format!("content-length: {}\r\n", body.len())),
        "{path}: {head}"
    );
    body
}

/// The archive on each day, in folders of this one; `now` says which it is.
struct Archive {
    folder: PathBuf,
}

impl Archive {
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("LC_ALL", "C.UTF-8")
            .env("GNUPGHOME", self.folder.join("gpg"));
        Ran::of(&mut command).exits(0).stdout
    }

    /// What the archive says on a day.
    fn publish(&self, day: &str, packages: &str) {
        let suite = self.folder.join(day).join("dists/bookworm");
        fs::create_dir_all(suite.join("main/binary-amd64")).unwrap();
        let file = "main/binary-amd64/Packages";
        fs::write(suite.join(file), packages).unwrap();
        let sum = self.run("sha256sum", &[suite.join(file).to_str().unwrap()]);
        let size = packages.len();
        let date = self.run("date", &["-Ru"]);
        let release = format!(
            "Origin: Held\nSuite: stable\nCodename: bookworm\nDate: {}\nArchitectures: all amd64\n\
             No-Support-for-Architecture-all: Packages\nComponents: main\nSHA256:\n {} {size} {file}\n",
            date.trim(),
            &sum[..64]
        );
        fs::write(suite.join("Release"), release).unwrap();
        let (from, to) = (suite.join("Release"), suite.join("InRelease"));
        self.run("gpg", &["--batch", "--yes", "--clearsign", "-o", to.to_str().unwrap(), from.to_str().unwrap()]);
    }

    /// The next version of a package, which nothing but its number tells from the last one; its new stanza.
    fn next(&self, upstream: &(String, String), stanza: &str) -> String {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        fs::write(self.folder.join("old.deb"), get(upstream, &field("Filename:"))).unwrap();
        self.run("dpkg-deb", &["-R", "old.deb", "tree"]);
        let control = self.folder.join("tree/DEBIAN/control");
        let (version, text) = (field("Version:"), fs::read_to_string(&control).unwrap());
        let next = format!("{version}+next1");
        fs::write(&control, text.replace(&format!("Version: {version}"), &format!("Version: {next}"))).unwrap();
        let name = "pool/held/next.deb";
        fs::create_dir_all(self.folder.join("pool/held")).unwrap();
        self.run("dpkg-deb", &["--root-owner-group", "-b", "tree", name]);
        let sum = self.run("sha256sum", &[name]);
        let size = fs::metadata(self.folder.join(name)).unwrap().len();
        let new = |line: &str| match line.split_once(':').map_or("", |(name, _)| name) {
            "Version" => format!("Version: {next}\n"),
            "Filename" => format!("Filename: {name}\n"),
            "Size" => format!("Size: {size}\n"),
            "SHA256" => format!("SHA256: {}\n", &sum[..64]),
            "MD5sum" => String::new(),
            _ => format!("{line}\n"),
        };
        stanza.lines().map(new).collect()
    }

    /// `/now` is the archive of today, `/at/TIME` that of the first day; returns the port.
    fn serve(&self, upstream: (String, String)) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (folder, upstream) = (Arc::new(self.folder.clone()), Arc::new(upstream));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (folder, upstream) = (folder.clone(), upstream.clone());
                std::thread::spawn(move || answer(connection, &folder, &upstream));
            }
        });
        port
    }
}

fn answer(mut connection: TcpStream, folder: &Path, (host, mirror): &(String, String)) -> io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (method, path) = request.split_once(' ').unwrap_or_default();
    let path = path.split(' ').next().unwrap_or_default();
    let is_time = |text: &str| text.len() == 16 && text.starts_with('2') && text.ends_with('Z') && text.contains('T');
    let (day, rest) = match path.strip_prefix("/now/") {
        Some(rest) => (fs::read_to_string(folder.join("now"))?, rest),
        None => match path.strip_prefix("/at/").and_then(|rest| rest.split_once('/')) {
            Some((time, rest)) if is_time(time) => ("first".to_owned(), rest),
            _ => ("none".to_owned(), ""),
        },
    };
    let own = if rest.starts_with("pool/") { folder.join(rest) } else { folder.join(day).join(rest) };
    match fs::read(own) {
        Ok(content) => {
            write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len())?;
            connection.write_all(&content)
        }
        Err(_) if rest.starts_with("pool/") => {
            let mut upstream = TcpStream::connect(host)?;
            let name = host.trim_end_matches(":80");
            write!(
                upstream,
                "{method} {mirror}/{rest} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: farm-test\r\nConnection: close\r\n\r\n"
            )?;
            io::copy(&mut upstream, &mut connection).map(drop)
        }
        Err(_) => write!(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}

#[test]
fn a_locked_build_the_next_day_gives_the_same_bytes_or_says_why_not() {
    if !have(&["gpg", "dpkg-deb", "xz"]) {
        return;
    }
    let Some(upstream) = upstream() else { return skip("this machine's apt has no mirror of Debian by http") };
    let test = Test::on("locks", &native_engine());
    let archive = Archive { folder: test.folder().join("archive") };
    fs::create_dir_all(archive.folder.join("gpg")).unwrap();
    archive.run("chmod", &["700", "gpg"]);
    let make =
        ["--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "held@example.org"];
    archive.run("gpg", &[&make[..], &["ed25519", "sign"]].concat());
    archive.run("gpg", &["-o", "held.gpg", "--export"]);
    fs::write(archive.folder.join("Packages.xz"), get(&upstream, "dists/bookworm/main/binary-amd64/Packages.xz"))
        .unwrap();
    archive.run("xz", &["-d", "Packages.xz"]);
    let first = fs::read_to_string(archive.folder.join("Packages")).unwrap();
    let stanza = first.split("\n\n").find(|stanza| stanza.starts_with("Package: patch\n")).unwrap();
    archive.publish("first", &first);
    let next = first.replacen(stanza, archive.next(&upstream, stanza).trim_end(), 1);
    archive.publish("next", &next);
    let today = |day: &str| fs::write(archive.folder.join("now"), day).unwrap();
    today("first");
    let distro = DISTRO.replace("PORT", &archive.serve(upstream).to_string());
    let with = |test: &Test, snapshot: &str| {
        test.write("project/distros/held-12.toml", &distro.replace("SNAPSHOT", snapshot));
        fs::create_dir_all(test.folder().join("project/distros/keyrings")).unwrap();
        fs::copy(archive.folder.join("held.gpg"), test.folder().join("project/distros/keyrings/held.gpg")).unwrap();
    };
    test.write("project/farm.toml", RECIPE);
    with(&test, "");
    let project = test.folder().join("project");

    test.run_in(&project, &["build", "--locked"]).exits(3).says("there is no farm.lock").says("`farm lock` writes");
    test.run_in(&project, &["build"]).exits(0).says("1 succeeded");
    test.run_in(&project, &["lock"]).exits(0).says("farm.lock: written, 1 target");
    let lock = fs::read_to_string(project.join("farm.lock")).unwrap();
    let line = lock.lines().find(|line| line.starts_with("    \"patch ")).unwrap();
    assert!(line.contains(" amd64 sha256:"), "{line}");
    test.run_in(&project, &["lock", "--check"]).exits(0).says("is what the builds were made of");
    test.run_in(&project, &["build", "--locked"]).exits(0).says("1 up to date");

    // The next day, on the same machine: its images are still what the lock says.
    today("next");
    let moved = "cannot be held at the state of the lock: the archive held has moved on";
    let kept = test.dist().join("../kept");
    copy(&test.dist(), &kept);
    test.run_in(&project, &["build", "--locked", "--force"]).exits(0).says("1 succeeded").says(moved);
    let same = |other: &Test| {
        let name = "pond_1.0-1~held12_all.deb";
        let [there, here] =
            [&kept, &other.dist()].map(|dist| fs::read(dist.join("pond/held-12-amd64").join(name)).unwrap());
        assert!(there == here, "{name} is another one");
    };
    same(&test);

    // On another machine, which has to make images anew, nothing is built from something else.
    let engine = format!("native://{}", archive.folder.join("store").display());
    let other = Test::on("locks-next", &engine);
    copy(&project, &other.folder().join("project"));
    let project = other.folder().join("project");
    let refused = other.run_in(&project, &["build", "--locked"]).exits(13).says(moved);
    refused.says("2.7.6-7+next1 and not 2.7.6-7").says("is not as farm.lock says");
    assert!(other.files("pond/held-12-amd64", ".deb").is_empty());

    // Where the distribution says where former states are, it is built from that, and the bytes are the same.
    let port = distro.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap();
    with(&other, &format!("snapshot = \"http://127.0.0.1:{port}/at/{{time}}\""));
    let built = other.run_in(&project, &["build", "--locked"]).exits(0).says("1 succeeded");
    assert!(!built.text().contains("cannot be held"), "{built}");
    same(&other);

    // A lock of something else is refused before anything is made.
    fs::write(project.join("farm.lock"), lock.replace("pond@held-12/amd64", "pond@held-11/amd64")).unwrap();
    other.run_in(&project, &["build", "--locked"]).exits(3).says("does not have pond@held-12/amd64");
    fs::remove_dir_all(archive.folder.join("store")).unwrap();
}
