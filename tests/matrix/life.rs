//! What packages go through in their test: without a network, and from the last good version to the next.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;

use crate::lab::{Lab, engine};
use crate::native::store;

fn project(lab: &Lab, name: &str, recipe: &str) -> PathBuf {
    let project = lab.folder.join(name);
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
/// device, to an abstract socket of the host, to a name server. With `hello` beside, which has to be fetched.
fn nothing_gets_out(lab: &Lab) {
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
    lab.farm_in(&project(lab, "ways-out", &recipe), &["build"]).expect(0).says("1 succeeded");
    assert_eq!(tcp.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody came by the network");
    assert_eq!(unix.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody came to the socket");
}

#[test]
fn packages_under_test_reach_nobody() {
    nothing_gets_out(&Lab::new("life-network", &store()));
}

#[test]
fn packages_under_test_reach_nobody_on_docker() {
    let Some(docker) = engine("DOCKER_HOST") else { return };
    nothing_gets_out(&Lab::new("life-network-docker", &docker));
}

#[test]
fn packages_under_test_reach_nobody_on_podman() {
    let Some(podman) = engine("FARM_TEST_PODMAN") else { return };
    nothing_gets_out(&Lab::new("life-network-podman", &podman));
}

/// Builds both versions, the second on the first in `dist/`; what the second run says.
fn upgraded(lab: &Lab, first: &str, second: &str, expected: i32) -> crate::lab::Run {
    let matrix = "[matrix]\ndistros = [\"debian-12\", \"rpm-generic\"]\n";
    let one = project(lab, "one", &format!("{}{first}{matrix}", head("lively", "1.0")));
    lab.farm_in(&one, &["build", "--matrix"]).expect(0);
    let two = project(lab, "two", &format!("{}{second}{matrix}", head("lively", "1.1")));
    lab.farm_in(&two, &["build", "--matrix"]).expect(expected)
}

#[test]
fn an_upgrade_keeps_what_an_administrator_wrote_and_leaves_nothing() {
    let lab = Lab::new("life-upgrade", &store());
    let recipe = |word: &str| {
        format!(
            "config-files = [\"/etc/lively.conf\"]\n\
             [package.alternatives.pond]\nlink = \"/usr/bin/pond\"\npath = \"/usr/bin/lively\"\npriority = 10\n\
             [build]\ninstall = '''\ninstall -d \"$DESTDIR/etc\" \"$DESTDIR/usr/bin\"\necho {word} >\"$DESTDIR/etc/lively.conf\"\n\
             printf '#!/bin/sh\\necho {word}\\n' >\"$DESTDIR/usr/bin/lively\"\nchmod 755 \"$DESTDIR/usr/bin/lively\"\n'''\n\
             [test]\nscript = 'test \"$(pond)\" = {word}'\n"
        )
    };
    upgraded(&lab, &recipe("old"), &recipe("new"), 0).says("2 succeeded");
    for target in ["debian-12-amd64", "rpm-generic-x86_64"] {
        let log = fs::read_to_string(lab.dist().join("lively").join(target).join("build.log")).unwrap();
        assert!(log.contains("farm: upgrade from 1.0-1"), "{log}");
    }
}

#[test]
fn what_only_an_upgrade_breaks_is_named() {
    let lab = Lab::new("life-broken", &store());
    let recipe = |install: &str| {
        format!("[build]\ninstall = '''\nd=\"$DESTDIR/usr/share/lively\"\ninstall -d \"$d\"\n{install}\n'''\n")
    };
    let link = recipe("install -d \"$d/skins-1\"; echo x >\"$d/skins-1/x\"; ln -s skins-1 \"$d/skins\"");
    let folder = recipe("install -d \"$d/skins\"; echo y >\"$d/skins/x\"");
    let run = upgraded(&lab, &link, &folder, 11).says("2 rejected");
    let said = "/usr/share/lively/skins was a link to skins-1 in 1.0-1";
    assert!(run.text.replace('\n', " ").replace("    ", " ").contains("was a link to skins-1"), "{said}: {}", run.text);
}
