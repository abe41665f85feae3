use std::process::{Command, Stdio};

use chrono::Utc;
use debian_pgp::{ArmorOptions, KeyType, SignedPublicKey};

use super::testing::{TestKey, signer};
use super::*;
use crate::types::testing::have;

fn opened(key: TestKey) -> Result<Signer, SignError> {
    let folder = tempfile::tempdir().unwrap();
    let path = key.write(folder.path());
    Signer::open(&KeySource::File { path, passphrase: None })
}

const TEXT: &str = "Origin: x\n- dash \n\nFrom: me\t\nSHA256:\n a 1 b\n";

#[test]
fn what_is_signed_is_verified_and_nothing_else() {
    let signer = signer();
    let keys = signer.certificate().as_bytes();
    let message = signer.cleartext("x", TEXT).unwrap();
    let text = openpgp::verify_cleartext(&message, keys).unwrap();
    assert_eq!(text, "Origin: x\n- dash\n\nFrom: me\nSHA256:\n a 1 b\n");
    assert!(openpgp::verify_cleartext(&message.replace("Origin: x", "Origin: y"), keys).is_err());
    assert!(openpgp::verify_cleartext(&message, self::signer().certificate().as_bytes()).is_err());

    let armoured = signer.armoured("x", Content::Bytes(b"abc")).unwrap();
    openpgp::verify_detached(b"abc", armoured.as_bytes(), keys).unwrap();
    assert!(openpgp::verify_detached(b"abd", armoured.as_bytes(), keys).is_err());
    let binary = signer.detached("x", Content::Bytes(b"abc")).unwrap();
    openpgp::verify_detached(b"abc", &binary, keys).unwrap();
}

#[test]
fn gpgv_takes_what_farm_signs() {
    if !have(&["gpgv", "gpg"]) {
        return;
    }
    for kind in [KeyType::EdDSALegacy, KeyType::Rsa(2048)] {
        let folder = tempfile::tempdir().unwrap();
        let signer = opened(TestKey { kind, ..TestKey::default() }).unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("key.asc"), signer.certificate()).unwrap();
        std::fs::write(at("text"), TEXT).unwrap();
        std::fs::write(at("text.asc"), signer.armoured("text", Content::File(&at("text"))).unwrap()).unwrap();
        std::fs::write(at("inline"), signer.cleartext("text", TEXT).unwrap()).unwrap();
        let run = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().unwrap().success()
        };
        assert!(run("gpg", &["--batch", "--dearmor", "-o", "key.gpg", "key.asc"]));
        assert!(run("gpgv", &["--keyring", "./key.gpg", "text.asc", "text"]));
        assert!(run("gpgv", &["--keyring", "./key.gpg", "--output", "got", "inline"]));
        assert!(!run("gpgv", &["--keyring", "./key.gpg", "text.asc", "inline"]));
    }
}

#[test]
fn two_keys_sign_together_for_those_who_have_either() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let sources = folders.each_ref().map(|folder| {
        let kind = if folder.path() == folders[0].path() { KeyType::Rsa(2048) } else { KeyType::EdDSALegacy };
        KeySource::File { path: TestKey { kind, ..TestKey::default() }.write(folder.path()), passphrase: None }
    });
    let twice = Signer::open_all(&[sources[0].clone(), sources[0].clone()]).unwrap_err().to_string();
    assert!(twice.contains("named twice"), "{twice}");
    let both = Signer::open_all(&sources).unwrap();
    let signers = sources.each_ref().map(|source| Signer::open(source).unwrap());
    let fingerprints = signers.each_ref().map(|signer| signer.fingerprint().to_owned());
    assert_eq!(openpgp::fingerprints(both.certificate().as_bytes()).unwrap(), fingerprints);
    let (message, armoured) = (both.cleartext("x", TEXT).unwrap(), both.armoured("x", Content::Bytes(b"abc")).unwrap());
    assert_eq!(armoured.matches("BEGIN PGP").count(), 1);
    for (signer, fingerprint) in signers.iter().zip(&fingerprints) {
        let keys = signer.certificate().as_bytes();
        assert_eq!(openpgp::signers_of_cleartext(&message, keys).unwrap().1, std::slice::from_ref(fingerprint));
        let signers = openpgp::signers_of_detached(b"abc", armoured.as_bytes(), keys).unwrap();
        assert_eq!(signers, std::slice::from_ref(fingerprint));
    }
    // Put together by cat, as users do.
    let all = signers.each_ref().map(|signer| signer.certificate().to_owned()).concat();
    assert_eq!(openpgp::signers_of_cleartext(&message, all.as_bytes()).unwrap().1, fingerprints);
    // A package has room for one.
    let packet = both.detached("x", Content::Bytes(b"abc")).unwrap();
    assert_eq!(openpgp::signers_of_detached(b"abc", &packet, all.as_bytes()).unwrap(), fingerprints[..1]);
    if !have(&["gpg", "gpgv"]) {
        return;
    }
    let at = |name: &str| folders[0].path().join(name);
    std::fs::write(at("inline"), message).unwrap();
    std::fs::write(at("abc"), "abc").unwrap();
    std::fs::write(at("abc.asc"), armoured).unwrap();
    for (number, signer) in signers.iter().enumerate() {
        let ring = format!("./{number}.gpg");
        std::fs::write(at("public"), signer.certificate()).unwrap();
        let run = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).current_dir(folders[0].path()).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        run("gpg", &["--batch", "--dearmor", "-o", &ring, "public"]);
        for files in [&["inline"][..], &["abc.asc", "abc"]] {
            let said = run("gpgv", &[&["--status-fd", "1", "--keyring", &ring], files].concat());
            let good = format!("VALIDSIG {}", fingerprints[number]);
            assert!(said.contains(&good) && !said.contains("BADSIG"), "{files:?}: {said}");
        }
    }
}

#[test]
fn keys_that_others_refuse_are_refused_before_anything_is_written() {
    let day = |days: u64| std::time::Duration::from_secs(days * 24 * 3600);
    let ago = |days: i64| Utc::now() - chrono::Duration::days(days);
    let why = |key: TestKey| opened(key).unwrap_err().to_string();
    let expired = why(TestKey { created: ago(20), lasts: Some(day(10)), ..TestKey::default() });
    assert!(expired.contains("it expired on 20"), "{expired}");
    let early = why(TestKey { created: ago(-20), ..TestKey::default() });
    assert!(early.contains("is to come"), "{early}");
    let soon = opened(TestKey { created: ago(20), lasts: Some(day(30)), ..TestKey::default() }).unwrap();
    assert!(soon.warnings().next().unwrap().1.contains("expires on 20"));
    assert_eq!(opened(TestKey::default()).unwrap().warnings().count(), 0);
}

#[test]
fn weak_and_revoked_keys_of_gnupg_are_refused() {
    if !have(&["gpg", "gpgconf"]) {
        return;
    }
    for (kind, revoked, reason) in [
        ("rsa1024", false, "RSA key of 1024 bits"),
        ("dsa2048", false, "it is a DSA key"),
        ("ed25519", true, "it is revoked"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let gpg = |args: &[&str]| {
            let mut gpg = Command::new("gpg");
            gpg.args(["--homedir", home.path().to_str().unwrap(), "--batch", "--pinentry-mode", "loopback"]);
            let output = gpg.args(["--passphrase", ""]).args(args).stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        gpg(&["--quick-gen-key", "Old <old@example.org>", kind, "sign", "1y"]);
        if revoked {
            let certificate = std::fs::read_dir(home.path().join("openpgp-revocs.d")).unwrap().next().unwrap();
            let text = std::fs::read_to_string(certificate.unwrap().path()).unwrap();
            let path = home.path().join("revoked.asc");
            std::fs::write(&path, text.replace(":-----BEGIN", "-----BEGIN")).unwrap();
            gpg(&["--import", path.to_str().unwrap()]);
        }
        let path = home.path().join("key.asc");
        std::fs::write(&path, gpg(&["--armor", "--export-secret-keys"])).unwrap();
        let said = Signer::open(&KeySource::File { path, passphrase: None }).unwrap_err().to_string();
        let _ = Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]).status();
        assert!(said.contains(reason), "{kind}: {said}");
    }
}

#[test]
fn passphrases_come_from_files_and_variables_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = TestKey { passphrase: Some("geheim".to_owned()), ..TestKey::default() }.write(folder.path());
    let open = |passphrase| Signer::open(&KeySource::File { path: path.clone(), passphrase });
    let said = open(None).unwrap_err().to_string();
    assert!(said.contains("passphrase-file or passphrase-env"), "{said}");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "wrong\n").unwrap();
    let said = open(Some(Passphrase::File(secret.clone()))).unwrap_err().to_string();
    assert!(said.contains("not the right one") && !said.contains("wrong"), "{said}");
    std::fs::write(&secret, "geheim\n").unwrap();
    let signer = open(Some(Passphrase::File(secret))).unwrap();
    assert!(signer.armoured("x", Content::Bytes(b"x")).is_ok());
    assert!(!format!("{signer:?}").contains("geheim"));
    let said = open(Some(Passphrase::Variable("FARM_TEST_NOT_SET".to_owned()))).unwrap_err().to_string();
    assert!(said.contains("FARM_TEST_NOT_SET, which is not set"), "{said}");
}

#[test]
fn files_that_are_no_secret_keys_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.asc");
    let why = || Signer::open(&KeySource::File { path: path.clone(), passphrase: None }).unwrap_err().to_string();
    assert!(why().contains("cannot read"), "{}", why());
    let public = SignedPublicKey::from(TestKey::default().make()).to_armored_bytes(ArmorOptions::default()).unwrap();
    for content in [&b""[..], b"no key", &public] {
        std::fs::write(&path, content).unwrap();
        assert!(why().contains("no secret OpenPGP key"), "{}", why());
    }
}

/// A program that signs with the same key by gpg would do; one that signs something else is found.
#[cfg(unix)]
#[test]
fn a_program_that_signs_something_else_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer();
    let public_key = folder.path().join("public.asc");
    std::fs::write(&public_key, signer.certificate()).unwrap();
    let good = folder.path().join("good.asc");
    std::fs::write(&good, signer.armoured("x", Content::Bytes(b"abc")).unwrap()).unwrap();
    let by = |script: &str| {
        let words = ["sh", "-c", script, "sh", good.to_str().unwrap()].map(str::to_owned).to_vec();
        Signer::open(&KeySource::Command { words, public_key: public_key.clone() }).unwrap()
    };
    let script = "test \"$FARM_SIGN\" = detached && cat >/dev/null && cat \"$1\"";
    assert!(by(script).armoured("x", Content::Bytes(b"abc")).is_ok());
    let said = by(script).armoured("x", Content::Bytes(b"other")).unwrap_err().to_string();
    assert!(said.contains("not that of this content"), "{said}");
    let said = by(script).cleartext("x", "abc\n").unwrap_err().to_string();
    assert!(said.contains("sh has not signed: it ended with"), "{said}");
    let said = by("echo no >&2; exit 3").armoured("x", Content::Bytes(b"abc")).unwrap_err().to_string();
    assert!(said.contains("exit status: 3: no"), "{said}");
    let said = by("cat >/dev/null").armoured("x", Content::Bytes(b"abc")).unwrap_err().to_string();
    assert!(said.contains("nothing"), "{said}");
}

#[test]
fn rpm_takes_packages_that_farm_signs() {
    use crate::formats::rpm_signature;
    let folder = tempfile::tempdir().unwrap();
    let built = ::rpm::PackageBuilder::new("hello", "1.0", "MIT", "noarch", "A greeting")
        .using_config(::rpm::BuildConfig::v4())
        .with_file_contents("hi", ::rpm::FileOptions::new("/usr/share/hello/hi"))
        .unwrap()
        .build()
        .unwrap();
    let plain = folder.path().join("plain.rpm");
    built.write_file(&plain).unwrap();
    for kind in [KeyType::EdDSALegacy, KeyType::Rsa(2048)] {
        let signer = opened(TestKey { kind, ..TestKey::default() }).unwrap();
        let signed = folder.path().join("signed.rpm");
        sign_rpm(&signer, &plain, &mut File::create(&signed).unwrap()).unwrap();
        let keys = signer.certificate().as_bytes();
        rpm_signature::verify(&signed, keys).unwrap();
        assert!(rpm_signature::verify(&plain, keys).is_err());
        // Signing again leaves one signature, and all behind it as it was.
        let again = folder.path().join("again.rpm");
        sign_rpm(&signer, &signed, &mut File::create(&again).unwrap()).unwrap();
        let (plain, again) = (std::fs::read(&plain).unwrap(), std::fs::read(again).unwrap());
        let header = rpm_signature::front(&mut &plain[..]).unwrap().header;
        let from = |bytes: &[u8]| bytes.windows(header.len()).position(|window| window == header).unwrap();
        assert_eq!(plain[from(&plain)..], again[from(&again)..]);
        if !have(&["rpm", "rpmkeys"]) {
            continue;
        }
        std::fs::write(folder.path().join("key.asc"), signer.certificate()).unwrap();
        let db = format!("--dbpath={}", folder.path().join(format!("db-{}", signer.fingerprint())).display());
        let run = |args: &[&str]| {
            let output = Command::new("rpmkeys").arg(&db).args(args).current_dir(folder.path()).output().unwrap();
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        };
        assert_eq!(run(&["--import", "key.asc"]), "");
        assert_eq!(run(&["--checksig", "signed.rpm"]), "signed.rpm: digests signatures OK\n");
        let mut bytes = std::fs::read(&signed).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(folder.path().join("flipped.rpm"), &bytes).unwrap();
        assert!(run(&["--checksig", "flipped.rpm"]).contains("NOT OK"));
        assert!(rpm_signature::verify(&folder.path().join("flipped.rpm"), keys).is_err());
    }
}
