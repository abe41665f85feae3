//! Signing and repositories through the real binary: keys of GnuPG's making, in a file, in its agent and behind a program;
//! and where no secret may be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Test, tool};

const PASSPHRASE: &str = "correct-horse-battery";
const CONTROL: &str =
    "Package: hello\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a test\n";

/// A project with a package, and a key of GnuPG that has a passphrase.
struct World {
    test: Test,
    fingerprint: String,
}

impl World {
    fn new() -> Option<World> {
        for program in ["gpg", "dpkg-deb"] {
            tool(program, &["--version"])?;
        }
        let test = Test::new().file("hello/DEBIAN/control", CONTROL).file("hello/usr/share/hello/x", "x\n");
        let folder = test.folder().to_owned();
        let home = folder.join("gnupg");
        fs::create_dir(&home).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        fs::write(home.join("gpg-agent.conf"), "allow-loopback-pinentry\n").unwrap();
        fs::create_dir(folder.join("given")).unwrap();
        run(
            &folder,
            Command::new("dpkg-deb").args(["--build", "--root-owner-group", "hello", "given/hello_1.0_all.deb"]),
        );
        let gpg = |args: &[&str]| {
            let mut gpg = Command::new("gpg");
            gpg.env("GNUPGHOME", &home).args(["--batch", "--pinentry-mode", "loopback", "--passphrase", PASSPHRASE]);
            run(&folder, gpg.args(args))
        };
        gpg(&["--quick-gen-key", "Release <release@example.org>", "ed25519", "sign", "1y"]);
        let listed = gpg(&["--list-keys", "--with-colons"]);
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
        let fingerprint = fingerprint.trim_end_matches(':').to_owned();
        fs::write(folder.join("secret.asc"), gpg(&["--armor", "--export-secret-keys"])).unwrap();
        fs::write(folder.join("public.asc"), gpg(&["--armor", "--export"])).unwrap();
        fs::write(folder.join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        let home = home.display().to_string();
        let config = folder.join("config.toml").display().to_string();
        Some(World { test: test.env("GNUPGHOME", &home).env("FARM_CONFIG", &config), fingerprint })
    }

    fn sign_with(&self, text: &str) {
        self.test.write("config.toml", &format!("[sign]\n{text}\n"));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let home = self.test.folder().join("gnupg");
        let _ = Command::new("gpgconf").env("GNUPGHOME", home).args(["--kill", "all"]).status();
    }
}

fn run(folder: &Path, command: &mut Command) -> String {
    let output = command.current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

const ADD: &[&str] = &["repo", "www", "given", "--suite", "bookworm"];

#[test]
fn a_repository_is_signed_by_whatever_the_configuration_names() {
    let Some(world) = World::new() else { return };
    let test = &world.test;
    test.write("config.toml", "");
    test.run(ADD).exits(2).says("nothing says what is to sign");
    assert!(!test.folder().join("www").exists());

    // A file, with its passphrase in another one.
    world.sign_with("key = 'secret.asc'");
    test.run(ADD).exits(12).says("passphrase-file or passphrase-env");
    assert!(!test.folder().join("www").exists(), "a key that is of no use is known before anything is written");
    world.sign_with("key = 'secret.asc'\npassphrase-file = 'passphrase'");
    let ran = test.run(ADD).exits(0).says("dists/bookworm: 1 package, 1 added").says("www/setup/bookworm.sources");
    assert!(!ran.text().contains(PASSPHRASE));
    test.run(ADD).exits(0).says("nothing new");
    test.run(&["repo", "check", "www", "--key", "public.asc"]).exits(0).says("1 repository with 1 package checked");

    // A program, which is gpg here.
    let gpg = "gpg --batch --pinentry-mode loopback --passphrase-file passphrase --armor --output -";
    let script = format!(
        "case $FARM_SIGN in detached) {gpg} --detach-sign;; cleartext) {gpg} --clear-sign;; esac; env > environment"
    );
    world.sign_with(&format!("command = ['sh', '-c', '''{script}''']\npublic-key = 'public.asc'"));
    test.run(&["repo", "www", "--suite", "bookworm", "--label", "by command", "given"]).exits(0).says("signed anew");
    test.run(&["repo", "check", "www", "--key", "public.asc"]).exits(0);

    // GnuPG's own agent, which knows the passphrase since then.
    world.sign_with(&format!("gpg = '{}'", world.fingerprint));
    test.run(&["repo", "www", "--suite", "bookworm", "--label", "by agent", "given"]).exits(0).says("signed anew");
    test.run(&["repo", "check", "www", "--key", "public.asc"]).exits(0);
    let release = fs::read_to_string(test.folder().join("www/dists/bookworm/Release")).unwrap();
    assert!(release.contains("Label: by agent\n"), "{release}");

    // Nothing of the secret is in what was written.
    let secret = fs::read_to_string(test.folder().join("secret.asc")).unwrap();
    let line = secret.lines().nth(3).unwrap();
    for path in files(&test.folder().join("www")).into_iter().chain([test.folder().join("environment")]) {
        let content = fs::read(&path).unwrap();
        for secret in [PASSPHRASE, line] {
            let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} has {secret}", path.display());
        }
    }
    let ran = test.run(&["repo", "www", "given", "--suite", "bookworm", "--sign-key", &secret]).exits(2);
    assert!(!ran.text().contains(line), "{ran}");

    let publish = ["repo", "publish", "www", "public"];
    let dry = test.run(&[&publish[..], &["--dry-run"]].concat()).exits(0).says("would send dists/bookworm/InRelease (");
    assert!(dry.text().contains(" to send, ") && !test.folder().join("public").exists(), "{dry}");
    test.run(&publish).exits(0).says("sending 1 package, ").says(" sent, ");
    test.run(&["repo", "check", "public", "--key", "public.asc"]).exits(0).says("1 repository with 1 package checked");
    test.run(&publish).exits(0).says("nothing to send; ");
    let ran = test.run(&["repo", "publish", "www", "https://ada:geheim@example.org/x"]).exits(2).says("~/.netrc");
    assert!(!ran.text().contains("geheim"), "{ran}");
    test.run(&["repo", "publish", "given", "public"]).exits(4).says("there are no repositories in given");
    let damaged = test.folder().join("www/pool/bookworm/main/h/hello/hello_1.0_all.deb");
    fs::write(&damaged, "x").unwrap();
    test.run(&["repo", "check", "www", "--key", "public.asc"]).exits(12).says("hello_1.0_all.deb: it has 1 bytes");
}

#[test]
fn files_are_signed_as_their_kind_is() {
    let Some(world) = World::new() else { return };
    let test = &world.test;
    world.sign_with("key = 'secret.asc'\npassphrase-env = 'RELEASE_PASSPHRASE'");
    test.write("sums/SHA256SUMS", "abc  x\n");
    test.run(&["sign", "sums"]).exits(12).says("RELEASE_PASSPHRASE, which is not set");
    let mut command = test.command(&["sign", "sums"]);
    let output = command.env("RELEASE_PASSPHRASE", PASSPHRASE).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    test.run(&["verify-signature", "sums/SHA256SUMS", "--key", "public.asc"]).exits(0).says("signed");
    let keyring = test.folder().join("gnupg/pubring.kbx").display().to_string();
    run(test.folder(), Command::new("gpgv").args(["--keyring", &keyring, "sums/SHA256SUMS.asc", "sums/SHA256SUMS"]));

    // A .dsc is another file once it is signed, and the .changes that lists it says so.
    test.write("build/a_1.dsc", "Format: 3.0 (native)\nSource: a\n");
    test.write("build/a_1_amd64.changes", "Format: 1.8\nChecksums-Sha256:\n 00 1 b.deb\n 0123456789012345678901234567890123456789012345678901234567890123 36 a_1.dsc\nFiles:\n 01234567890123456789012345678901 36 utils optional a_1.dsc\n");
    let mut command = test.command(&["sign", "build", "-o", "signed"]);
    let output = command.env("RELEASE_PASSPHRASE", PASSPHRASE).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dsc = fs::read(test.folder().join("signed/a_1.dsc")).unwrap();
    let changes = fs::read_to_string(test.folder().join("signed/a_1_amd64.changes")).unwrap();
    let sum = run(test.folder(), Command::new("sha256sum").arg("signed/a_1.dsc"));
    assert!(changes.contains(&format!(" {} {} a_1.dsc\n", &sum[..64], dsc.len())), "{changes}");
    assert!(
        changes.contains(" 00 1 b.deb\n") && changes.contains(&format!(" {} utils optional a_1.dsc\n", dsc.len())),
        "{changes}"
    );
    for name in ["a_1.dsc", "a_1_amd64.changes"] {
        run(test.folder(), Command::new("gpgv").args(["--keyring", &keyring, &format!("signed/{name}")]));
    }
    test.write("signed/a_1.dsc", &String::from_utf8(dsc).unwrap().replace("Source: a", "Source: b"));
    let names = ["verify-signature", "signed/a_1.dsc", "signed/a_1_amd64.changes", "--key", "public.asc"];
    test.run(&names).exits(12).says("a_1.dsc: none of the given keys").says("a_1_amd64.changes: signed");
}
