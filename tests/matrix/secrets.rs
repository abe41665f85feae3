//! Passwords and tokens in addresses: a mirror that asks who is there, and an archive behind a token. Whoever connects
//! knows them, and nobody else: no container, log, record, cache, image or message.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use crate::support::{Ran, Test, repository, skip, tool, upstream};

const PASSWORD: &str = "open-sesame-5b1f";
const TOKEN: &str = "token-77c0e";
/// How they can be found again.
const SECRETS: [&str; 3] = [PASSWORD, TOKEN, "YWRhOm9wZW4tc2VzYW1lLTViMWY="];
/// `ada:` and the password, as HTTP has them.
const AUTHORIZATION: &str = "authorization: Basic YWRhOm9wZW4tc2VzYW1lLTViMWY=";

/// Answers until the process ends: `/debian/…` from the mirror to whoever knows the password, `/greet.tar.xz` to
/// whoever has the token. Returns its port.
fn serve(archive: Vec<u8>) -> Option<u16> {
    let (host, path) = upstream()?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = Arc::new((host, path, archive));
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answers = answers.clone();
            std::thread::spawn(move || answer(connection, &answers.0, &answers.1, &answers.2));
        }
    });
    Some(port)
}

fn answer(mut connection: TcpStream, host: &str, folder: &str, archive: &[u8]) -> io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut is_known = false;
    let mut ranges = String::new();
    for line in lines {
        let line = line?;
        is_known |= line.eq_ignore_ascii_case(AUTHORIZATION);
        if line.to_ascii_lowercase().starts_with("range:") {
            ranges = format!("{line}\r\n");
        }
        if line.is_empty() {
            break;
        }
    }
    let (method, path) = request.split_once(' ').unwrap_or_default();
    let path = path.split(' ').next().unwrap_or_default();
    match path.strip_prefix("/debian/") {
        _ if path == format!("/greet.tar.xz?token={TOKEN}") && is_known => {
            write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", archive.len())?;
            connection.write_all(archive)
        }
        Some(rest) if is_known => {
            let mut mirror = TcpStream::connect(host)?;
            let name = host.trim_end_matches(":80");
            write!(
                mirror,
                "{method} {folder}/{rest} HTTP/1.1\r\nHost: {name}\r\n{ranges}User-Agent: farm-test\r\nConnection: close\r\n\r\n"
            )?;
            io::copy(&mut mirror, &mut connection).map(drop)
        }
        _ => {
            let status =
                if path.contains("greet") || path.contains("/debian/") { "401 Unauthorized" } else { "404 Not Found" };
            write!(connection, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
    }
}

/// The files in a folder that have one of the secrets in them, packages unpacked.
fn holders(folder: &Path) -> Vec<String> {
    let script = "cd \"$0\"; for deb in $(find . -name '*.deb' -path './dist/*'); do dpkg-deb -R \"$deb\" \"$deb.unpacked\"; done; \
                  grep -r -l -a -F --exclude=farm.toml -D skip -e \"$1\" -e \"$2\" -e \"$3\" . || true";
    let arguments = [&["-c", script, folder.to_str().unwrap()], &SECRETS[..]].concat();
    tool("sh", &arguments).unwrap().exits(0).text().lines().map(str::to_owned).collect()
}

/// What looks around in each place where something of a recipe runs.
const LOOK: &str = "env; cat /proc/self/mountinfo /proc/self/cmdline | tr '\\0' ' '; \
                    find /etc/apt /var/lib/apt /root /tmp -type f -size -200k 2>/dev/null | xargs -r cat -- 2>/dev/null | tr -d '\\0' || true";

#[test]
fn passwords_of_mirrors_and_sources_are_nowhere() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let name = "secrets";
    let engine = format!(
        "native://{}",
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix").join(name).join("store").display()
    );
    let test = Test::on(name, &engine);
    let archive = repository().join("tests/printed/greet-1.4.tar.xz");
    let Some(port) = serve(fs::read(&archive).unwrap()) else {
        return skip("this machine's apt has no mirror of Debian by http");
    };
    let sum = tool("sha256sum", &[archive.to_str().unwrap()]).unwrap().exits(0).text();
    let sum = sum.split(' ').next().unwrap();
    let project = test.folder().join("project");
    fs::create_dir_all(&project).unwrap();
    let recipe = |path: &str| {
        format!(
            "[package]\nname = \"greet\"\nversion = \"1.4\"\nsummary = \"Greets\"\nlicense = \"MIT\"\n\
             maintainer = \"Ada Lovelace <ada@example.org>\"\narchitecture = \"all\"\n\
             [package.scripts]\npost-install = '''\n{LOOK}\n'''\n\
             [[sources]]\nurl = \"http://ada:{PASSWORD}@127.0.0.1:{port}/{path}?token={TOKEN}\"\nsha256 = \"{sum}\"\n\
             [build]\nrequires = [\"bc\"]\nbuild = '''\n{LOOK}\n'''\n\
             install = 'install -D /dev/null \"$DESTDIR/usr/share/greet/x\"; echo x >\"$DESTDIR/usr/share/greet/x\"'\n\
             [test]\nscript = '''\n{LOOK}\n'''\n[matrix]\ndistros = [\"debian-12\"]\n"
        )
    };
    let mirror = format!("debian=http://ada:{PASSWORD}@127.0.0.1:{port}/debian");
    let farm = |arguments: &[&str]| {
        let mut command = test.command(arguments);
        command.current_dir(&project).args(["--base", "bootstrap", "--mirror", &mirror]);
        command.env("XDG_CACHE_HOME", test.folder().join("cache")).env("HOME", test.folder().join("home"));
        Ran::of(&mut command)
    };
    let mut said = String::new();
    // The wrong path of the right host, first: its error names the address.
    fs::write(project.join("farm.toml"), recipe("elsewhere.tar.xz")).unwrap();
    let failed = farm(&["build", "--progress", "plain"]);
    assert_ne!(failed.code, Some(0), "{}", failed.text());
    assert!(failed.text().contains(&format!("127.0.0.1:{port}/elsewhere.tar.xz")), "{}", failed.text());
    said.push_str(&failed.text());
    fs::write(project.join("farm.toml"), recipe("greet.tar.xz")).unwrap();
    said.push_str(&farm(&["plan", "--json"]).text());
    said.push_str(&farm(&["build", "--progress", "json"]).exits(0).text());
    said.push_str(&farm(&["plan", "--explain"]).text());
    // What is wrong with an address is said without showing it, too.
    let wrong = format!("--mirror=debian=ftp://ada:{PASSWORD}@127.0.0.1/debian");
    said.push_str(&farm(&["plan", &wrong]).exits(2).text());
    let log = fs::read(test.dist().join("greet/debian-12-amd64/build.log")).unwrap();
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("FARM_NAME=greet"), "nobody has looked around: {log}");
    for secret in SECRETS {
        assert!(!said.contains(secret), "{secret} is in what farm printed: {said}");
    }
    assert_eq!(holders(test.folder()), Vec::<String>::new());
}
