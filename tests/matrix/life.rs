//! What packages go through in their test: without a network, and from the last good version to the next.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;

use crate::support::{Ran, Test, engine, native_engine};

fn project(test: &Test, name: &str, recipe: &str) -> PathBuf {
    let project = test.folder().join(name);
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("farm.toml"), recipe).unwrap();
    project
}

fn head(name: &str, version: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"{version}\"\nsummary = \"Goes through a life\"\nlicense = \"MIT\"\n\
         maintainer = \"Farm Tests <tests@example.org>\"\narchitecture = \"all\"\ndate = 2026-01-02\n"
    )
}

/// A package whose script at installation, and whose test, look for ways out: to a listener on the host's loopback
/// device, to an abstract socket of the host, to a name server. With `hello` beside, which has to be fetched. `build` builds
/// the recipe that it is given.
pub(crate) fn nothing_gets_out(build: impl FnOnce(&str)) {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    tcp.set_nonblocking(true).unwrap();
    let port = tcp.local_addr().unwrap().port();
    let name = format!("farm-life-{port}");
    let unix = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    unix.set_nonblocking(true).unwrap();
    let probe = format!(
        "perl -MSocket -e 'socket(my $t, PF_INET, SOCK_STREAM, 0); \
         connect($t, pack_sockaddr_in({port}, inet_aton(\"127.0.0.1\"))) and die \"tcp\"; \
         socket(my $u, PF_UNIX, SOCK_STREAM, 0); connect($u, pack_sockaddr_un(\"\\0{name}\")) and die \"unix\"; \
         gethostbyname(\"deb.debian.org\") and die \"dns\"'\n\
         if env | grep -i -E 'mirror|proxy'; then exit 1; fi\n"
    );
    let recipe = format!(
        "{}[package.scripts]\npost-install = '''\n{probe}'''\n\
         [build]\ninstall = 'install -d \"$DESTDIR/usr/share/ways-out\"; echo x >\"$DESTDIR/usr/share/ways-out/x\"'\n\
         [test]\nrequires = [\"hello\"]\nscript = '''\nhello\n{probe}'''\n\
         [matrix]\ndistros = [\"debian-12\"]\n",
        head("ways-out", "1.0")
    );
    // Who listens can be reached from here.
    TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    assert!(tcp.accept().is_ok() && unix.accept().is_ok());
    build(&recipe);
    assert_eq!(tcp.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody came by the network");
    assert_eq!(unix.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody came to the socket");
}

fn nothing_gets_out_of(test: &Test) {
    nothing_gets_out(|recipe| {
        test.run_in(&project(test, "ways-out", recipe), &["build"]).exits(0).says("1 succeeded");
    });
}

#[test]
fn packages_under_test_reach_nobody() {
    nothing_gets_out_of(&Test::on("life-network", &native_engine()));
}

#[test]
fn packages_under_test_reach_nobody_on_docker() {
    let Some(docker) = engine("DOCKER_HOST") else { return };
    nothing_gets_out_of(&Test::on("life-network-docker", &docker));
}

#[test]
fn packages_under_test_reach_nobody_on_podman() {
    let Some(podman) = engine("FARM_TEST_PODMAN") else { return };
    nothing_gets_out_of(&Test::on("life-network-podman", &podman));
}

/// Builds both versions, the second on the first in `dist/`; what the second run says.
fn upgraded(test: &Test, first: &str, second: &str, expected: i32) -> Ran {
    let matrix = "[matrix]\ndistros = [\"debian-12\", \"rpm-generic\"]\n";
    let one = project(test, "one", &format!("{}{first}{matrix}", head("lively", "1.0")));
    test.run_in(&one, &["build", "--matrix"]).exits(0);
    let two = project(test, "two", &format!("{}{second}{matrix}", head("lively", "1.1")));
    test.run_in(&two, &["build", "--matrix"]).exits(expected)
}

#[test]
fn an_upgrade_keeps_what_an_administrator_wrote_and_leaves_nothing() {
    let test = Test::on("life-upgrade", &native_engine());
    // Each says in the log that it runs.
    let tell = |key: &str| format!("{key} = '''echo \"life: {key} $1 $FARM_OLD_VERSION.\"'''\n");
    let scripts: String =
        ["pre-install", "pre-upgrade", "post-install", "post-upgrade", "post-remove"].map(tell).concat();
    let apart = format!(
        "[override.deb.package.scripts]\n{}[override.rpm.package.scripts]\n{}",
        tell("purge"),
        tell("post-transaction")
    );
    // What is left of a configuration file that only the first has, and that somebody has changed.
    let found = "pre-remove = 'echo \"life: of the old: $(cd /etc && echo lively-old*).\"'\n";
    let recipe = |word: &str| {
        let (former, more) = match word {
            "old" => ("", "echo x >\"$DESTDIR/etc/lively-old.conf\"\n"),
            _ => ("former-config-files = [\"/etc/lively-old.conf\"]\n", ""),
        };
        format!(
            "config-files = [\"/etc/lively.conf\"]\n{former}\
             [package.scripts]\n{scripts}{found}\
             [package.alternatives.pond]\nlink = \"/usr/bin/pond\"\npath = \"/usr/bin/lively\"\npriority = 10\n\
             [build]\ninstall = '''\ninstall -d \"$DESTDIR/etc\" \"$DESTDIR/usr/bin\" \"$DESTDIR/var/lib/lively\"\necho {word} >\"$DESTDIR/etc/lively.conf\"\n{more}\
             printf '#!/bin/sh\\necho {word}\\n' >\"$DESTDIR/usr/bin/lively\"\nchmod 755 \"$DESTDIR/usr/bin/lively\"\n'''\n\
             [test]\nscript = 'test \"$(pond)\" = {word}'\n{apart}"
        )
    };
    upgraded(&test, &recipe("old"), &recipe("new"), 0)
        .says("2 succeeded")
        .says("changed: lively@debian-12/amd64: 1.0-1~deb12 -> 1.1-1~deb12; files: 1 gone");
    for (target, old, of_its_own, kept) in [
        ("debian-12-amd64", "1.0-1~deb12", "purge purge", "dpkg-bak"),
        ("rpm-generic-x86_64", "", "post-transaction transaction", "rpmsave"),
    ] {
        let log = fs::read_to_string(test.dist().join("lively").join(target).join("build.log")).unwrap();
        assert!(log.contains("farm: upgrade from 1.0-1"), "{log}");
        for call in [
            "pre-install install ",
            "post-install upgrade ",
            &format!("pre-upgrade upgrade {old}"),
            &format!("post-upgrade upgrade {old}"),
            "post-remove remove ",
            &format!("{of_its_own} "),
            &format!("of the old: lively-old.conf.{kept}"),
        ] {
            assert!(log.contains(&format!("life: {call}.")), "{call:?} is missing in:\n{log}");
        }
        assert!(!log.contains("upgrade install"), "{log}");
    }
}

/// A recipe that installs by a script in which `$d` is the package's own folder.
fn in_its_folder(environment: &str, install: &str) -> String {
    format!("[build]\ninstall = '''\nd=\"$DESTDIR/usr/share/lively\"\ninstall -d \"$d\"\n{install}\n'''\n{environment}")
}

const LINK: &str = "install -d \"$d/skins-1\"; echo x >\"$d/skins-1/x\"; ln -s skins-1 \"$d/skins\"";
const FOLDER: &str = "install -d \"$d/skins\"; echo y >\"$d/skins/x\"";

/// dpkg would unpack through the link, and rpm would not unpack at all.
#[test]
fn a_folder_takes_the_place_of_a_link() {
    for (name, environment) in
        [("life-link", ""), ("life-link-by-farm", "[environment]\ndistro = \"debian-12\"\ntools = \"farm\"\n")]
    {
        let test = Test::on(name, &native_engine());
        let script =
            "[test]\nscript = 'test \"$(cat /usr/share/lively/skins/x)\" = y && test ! -L /usr/share/lively/skins'\n";
        let second = format!("{}{script}", in_its_folder(environment, FOLDER));
        let run = upgraded(&test, &in_its_folder(environment, LINK), &second, 0).says("2 succeeded");
        let said = run.text().split_whitespace().collect::<Vec<_>>().join(" ");
        for words in ["/usr/share/lively/skins was a link to skins-1 in 1.0-1", "[link-became-folder]"] {
            assert!(said.contains(words), "{words:?} is missing in:\n{}", run.text());
        }
        // Once known, it stays so, and nothing is built twice.
        let forced = test.run_in(&test.folder().join("two"), &["build", "--matrix", "--force"]).exits(0).text();
        assert!(forced.contains("[link-became-folder]"), "{forced}");
        for target in ["debian-12-amd64", "rpm-generic-x86_64"] {
            let log = fs::read_to_string(test.dist().join("lively").join(target).join("build.log")).unwrap();
            assert!(!log.contains("built once more"), "{log}");
        }
        // A recipe that says it itself has nothing to be told.
        let third = format!(
            "{}[package.former-links]\n\"/usr/share/lively/skins\" = \"skins-1\"\n{second}[matrix]\ndistros = \
             [\"debian-12\", \"rpm-generic\"]\n",
            head("lively", "1.2")
        );
        let run = test.run_in(&project(&test, "three", &third), &["build", "--matrix"]).exits(0).says("2 succeeded");
        assert!(!run.text().contains("link-became-folder"), "{}", run.text());
    }
}

#[test]
fn what_only_an_upgrade_breaks_is_named() {
    let test = Test::on("life-broken", &native_engine());
    let run = upgraded(&test, &in_its_folder("", FOLDER), &in_its_folder("", LINK), 11).says("2 rejected");
    let said = run.text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("/usr/share/lively/skins"), "{}", run.text());

    let other = format!(
        "{}[package.former-links]\n\"/usr/share/lively/skins\" = \"skins-0\"\n{}[matrix]\ndistros = [\"debian-12\"]\n",
        head("lively", "1.2"),
        in_its_folder("", LINK)
    );
    test.run_in(&project(&test, "three", &other), &["build", "--matrix"])
        .exits(11)
        .says("`former-links` names /usr/share/lively/skins, which is no folder in");
}

/// Who packages anew what the distribution has.
#[test]
fn an_upgrade_begins_with_the_distributions_own_package() {
    let test = Test::on("life-released", &native_engine());
    let recipe = |from: &str| {
        format!(
            "{}[build]\ninstall = 'install -D /bin/true \"$DESTDIR/usr/bin/hello\"'\n[test]\nupgrade-from = \"{from}\"\n\
             [matrix]\ndistros = [\"debian-12\"]\n",
            head("hello", "9.0").replace("architecture = \"all\"\n", "")
        )
    };
    test.write("farm.toml", &recipe("2.0-1"));
    let has = "dist/ has no packages of this target; the archive of Debian 12 (bookworm) has hello 2.10-3";
    test.run(&["build"]).exits(11).says_all(&[has]);
    test.write("farm.toml", &recipe("2.10-3"));
    test.run(&["build"]).exits(0);
    let log = fs::read_to_string(test.dist().join("hello/debian-12-amd64/build.log")).unwrap();
    for words in
        ["2.10-3 from the archive of Debian 12", "upgrade from 2.10-3, which [test] upgrade-from of the recipe names"]
    {
        assert!(log.contains(words), "{words:?} is missing in:\n{log}");
    }
}

/// What users have, where `dist/` knows nothing of it.
#[test]
fn an_upgrade_begins_with_what_the_recipe_names() {
    let test = Test::on("life-upgrade-from", &native_engine());
    let recipe = |version: &str, more: &str| {
        format!(
            "{}[build]\ninstall = 'install -d \"$DESTDIR/usr/share/gate\"; echo {version} >\"$DESTDIR/usr/share/gate/x\"'\n\
             {more}[matrix]\ndistros = [\"debian-12\"]\n",
            head("gate", version)
        )
    };
    test.write("farm.toml", &recipe("1.0", ""));
    test.run(&["build", "--no-test"]).exits(0);
    let first = test.files("gate/debian-12-amd64", ".deb");
    fs::create_dir_all(test.folder().join("released")).unwrap();
    fs::copy(&first[0], test.folder().join("released/gate.deb")).unwrap();
    fs::remove_dir_all(test.dist()).unwrap();

    let wrong = "[test] upgrade-from = \"nowhere\": it cannot be read";
    test.write("farm.toml", &recipe("2.0", "[test]\nupgrade-from = \"nowhere\"\n"));
    test.run(&["build"]).exits(11).says(wrong);
    let lost = "[package.scripts]\npost-upgrade = \"rm /usr/share/gate/x\"\n";
    test.write("farm.toml", &recipe("2.0", &format!("[test]\nupgrade-from = \"released\"\n{lost}")));
    test.run(&["build"]).exits(11).says("/usr/share/gate/x was a file in 1.0-1~deb12 and is gone after an upgrade");
    test.write("farm.toml", &recipe("2.0", "[test]\nupgrade-from = \"released/gate.deb\"\n"));
    test.run(&["build"]).exits(0);
    let log = fs::read_to_string(test.dist().join("gate/debian-12-amd64/build.log")).unwrap();
    assert!(log.contains("upgrade from 1.0-1~deb12, which [test] upgrade-from of the recipe names"), "{log}");

    // A version: of dist/, or of nobody.
    test.write("farm.toml", &recipe("3.0", "[test]\nupgrade-from = \"1.0-1\"\n"));
    test.run(&["build"]).exits(11).says_all(&[
        "[test] upgrade-from = \"1.0-1\": nobody has this version: dist/ has 2.0-1~deb12",
        "the archive of Debian 12 (bookworm) has no package of these names",
    ]);
    test.write("farm.toml", &recipe("3.0", "[test]\nupgrade-from = \"2.0-1\"\n"));
    test.run(&["build"]).exits(0);
    let log = fs::read_to_string(test.dist().join("gate/debian-12-amd64/build.log")).unwrap();
    assert!(log.contains("upgrade from 2.0-1~deb12, which [test] upgrade-from of the recipe names"), "{log}");
}
