//! A small apt archive made in a test: real signatures, real indexes, read back through `file:` URLs.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::types::testing::skip;

/// A throw-away GnuPG home with one signing key; `None` where GnuPG is missing.
pub(crate) struct Signer {
    home: tempfile::TempDir,
}

impl Signer {
    pub(crate) fn new() -> Option<Signer> {
        let signer = Signer { home: tempfile::tempdir().unwrap() };
        let made = signer.gpg(
            &["--quick-generate-key", "--passphrase", "", "Archive <archive@example.org>", "ed25519", "sign"],
            b"",
        );
        made.map(|_| signer)
    }

    fn gpg(&self, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
        let mut child = Command::new("gpg")
            .args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--homedir"])
            .arg(self.home.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        output.status.success().then_some(output.stdout)
    }

    pub(crate) fn keyring(&self) -> Vec<u8> {
        self.gpg(&["--export"], b"").unwrap()
    }

    pub(crate) fn sign(&self, text: &str) -> Vec<u8> {
        self.gpg(&["--digest-algo", "SHA512", "--clearsign"], text.as_bytes()).unwrap()
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        // The agent would outlive its home.
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

pub(crate) fn skipped() {
    skip("there is no GnuPG to sign with");
}

/// `debian` with one suite, `sid`, for amd64.
pub(crate) struct Archive {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) signer: Signer,
    packages: String,
}

impl Archive {
    pub(crate) fn new() -> Option<Archive> {
        let signer = Signer::new()?;
        Some(Archive { folder: tempfile::tempdir().unwrap(), signer, packages: String::new() })
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    /// Adds a package with these further fields.
    pub(crate) fn add(&mut self, name: &str, version: &str, fields: &str, deb: &[u8]) -> &mut Archive {
        let filename = format!("pool/{name}_{version}_amd64.deb");
        self.write(&filename, deb);
        self.packages.push_str(&format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\n{fields}Filename: {filename}\nSize: {}\n\
             SHA256: {}\n\n",
            deb.len(),
            hash(deb)
        ));
        self
    }

    /// Writes and signs the suite; `fields` are further lines of its Release file, `edit` changes what is signed.
    pub(crate) fn publish(&self, fields: &str, edit: impl FnOnce(String) -> String) {
        let mut packed = Vec::new();
        let mut encoder = xz2::write::XzEncoder::new(&mut packed, 1);
        encoder.write_all(self.packages.as_bytes()).unwrap();
        encoder.finish().unwrap();
        let folder = "main/binary-amd64";
        self.write(&format!("dists/sid/{folder}/Packages.xz"), &packed);
        let today = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S UTC");
        let release = format!(
            "Suite: unstable\nCodename: sid\nDate: {today}\nArchitectures: amd64\nComponents: main\n{fields}SHA256:\n \
             {} {} {folder}/Packages\n {} {} {folder}/Packages.xz\n",
            hash(self.packages.as_bytes()),
            self.packages.len(),
            hash(&packed),
            packed.len()
        );
        self.write("dists/sid/InRelease", &self.signer.sign(&edit(release)));
    }

    /// As [`Archive::publish`], with these files of the suite beside, compressed with gzip.
    pub(crate) fn publish_with(&self, fields: &str, files: &[(&str, &str)]) {
        let mut lines = String::new();
        for (path, text) in files {
            let packed = gz(text);
            self.write(&format!("dists/sid/{path}.gz"), &packed);
            lines += &format!(" {} {} {path}\n", hash(text.as_bytes()), text.len());
            lines += &format!(" {} {} {path}.gz\n", hash(&packed), packed.len());
        }
        self.publish(fields, |release| release + &lines);
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

pub(crate) fn gz(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}
