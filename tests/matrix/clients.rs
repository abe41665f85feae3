//! A published tree, and the clients of other people's systems: apt of four releases, dnf 4 and 5, zypper. Each installs from
//! it, and refuses it with a bit flipped, without a signature, and, where its format has that, late or in an older state.

use std::fs;
use std::process::Command;

use crate::support::{Ran, Test, have, native_engine, skip};

const REED: &str = r#"[package]
name = "reed"
version = "1.0"
summary = "Rustles wherever it stands"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
architecture = "all"
date = 2026-01-02

[[sources]]
file = "rustle"
text = "rustle\n"

[build]
install = "install -D -m 644 rustle $DESTDIR/usr/share/reed/rustle"

[matrix]
distros = ["debian-11", "debian-12", "debian-13", "debian-sid", "rpm-generic"]
"#;

/// Systems with what clients need, which the containers of builds are that fail.
const USER: &str = r#"[package]
name = "user"
version = "1"
summary = "Systems of other people"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
architecture = "all"
date = 2026-01-02

[[sources]]
path = "trees"

[build]
requires = ["faketime"]
build = "false"
install = "true"

[override.debian-12.build]
requires = ["dnf", "faketime", "rpm"]

[override.debian-13.build]
requires = ["faketime", "zypper"]

[override.debian-sid.build]
requires = ["dnf5", "faketime"]

[matrix]
distros = ["debian-11", "debian-12", "debian-13", "debian-sid"]
"#;

/// The systems, their clients and what each is asked for.
const CLIENTS: [(&str, &str, &str); 7] = [
    ("debian-11", "apt", "bullseye"),
    ("debian-12", "apt", "bookworm"),
    ("debian-12", "rpm", "dnf"),
    ("debian-13", "apt", "trixie"),
    ("debian-13", "rpm", "zypper"),
    ("debian-sid", "apt", "sid"),
    ("debian-sid", "rpm", "dnf5"),
];

#[test]
fn clients_of_all_kinds_install_what_is_right_and_refuse_the_rest() {
    if !have(&["gpg"]) {
        return skip("gpg is missing");
    }
    let test = Test::on("clients", &native_engine());
    let folder = test.folder().to_owned();
    let home = folder.join("gpg");
    fs::create_dir_all(&home).unwrap();
    let gpg = |arguments: &[&str]| {
        let mut gpg = Command::new("gpg");
        Ran::of(gpg.args(["--batch", "--passphrase", ""]).args(arguments).env("GNUPGHOME", &home)).exits(0).stdout
    };
    gpg(&["--quick-generate-key", "Reed <reed@example.org>", "rsa3072", "sign"]);
    fs::write(folder.join("key.asc"), gpg(&["--armor", "--export-secret-keys"])).unwrap();
    let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", &home).status();

    let trees = folder.join("user/trees");
    fs::create_dir_all(&trees).unwrap();
    for version in ["1.0", "1.1"] {
        test.write("farm.toml", &REED.replace("\"1.0\"", &format!("{version:?}")));
        test.run(&["build", "--matrix", "--no-test"]).exits(0);
        let www = trees.join("www").display().to_string();
        let url = "https://packages.example.org";
        let dist = test.dist().display().to_string();
        let published = ["repo", &www, &dist, "--url", url, "--sign-key", "key.asc", "--valid-days", "10"];
        test.without_output()
            .run(&published)
            .exits(0)
            .says("bullseye.sources into /etc/apt/sources.list.d/, and key.asc");
        if version == "1.0" {
            Ran::of(Command::new("cp").args(["-a", "www", "old"]).current_dir(&trees)).exits(0);
        }
    }
    test.write("user/farm.toml", USER);
    let farm = |arguments: &[&str]| Ran::of(test.command(arguments).current_dir(folder.join("user")));
    farm(&["build", "--matrix", "--keep-failed"]).exits(10);
    for (distro, kind, argument) in CLIENTS {
        let script = match kind {
            "apt" => include_str!("clients/apt.sh"),
            _ => include_str!("clients/rpm.sh"),
        };
        let script = format!("set -- {argument}\n{}\n{script}", include_str!("clients/both.sh"));
        let ran = farm(&["exec", "--root", "--discard", distro, "--", "sh", "-euc", &script]).exits(0);
        assert_eq!(ran.stdout.matches("client: refuses ").count(), 5, "{distro} {argument}: {ran}");
        eprint!("{}", ran.stdout);
    }
}
