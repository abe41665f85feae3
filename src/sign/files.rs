//! Signing files as each kind of them is signed: an .rpm in its header, .changes and .dsc around their text, everything else
//! beside itself, in FILE.asc. And finding out whether such a file is signed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Content, SignError, Signer, sign_rpm};
use crate::formats::{openpgp, rpm_signature};
use crate::types::printable;

/// .changes and .dsc list some hundred files at most.
const LARGEST_TEXT: u64 = 16 << 20;

/// How a file is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Signed first, as .changes has its sum.
    Dsc,
    Rpm,
    /// Anything else: FILE.asc.
    Beside,
    Changes,
}

impl Kind {
    pub(crate) fn of(path: &Path) -> Kind {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("dsc") => Kind::Dsc,
            Some("rpm") => Kind::Rpm,
            Some("changes") => Kind::Changes,
            _ => Kind::Beside,
        }
    }

    /// Whether the file itself becomes another one.
    pub(crate) fn changes_file(self) -> bool {
        self != Kind::Beside
    }
}

/// What signed files are now, for the .changes that lists them: size, MD5, SHA1, SHA256.
#[derive(Debug, Default)]
pub(crate) struct Signed(BTreeMap<String, (u64, [String; 3])>);

/// Signs `path`. The result is at `to`, which may be `path` itself, or for [`Kind::Beside`] at `to` with `.asc` behind; it is
/// there whole or not at all. Returns where it is.
///
/// # Errors
/// When the file cannot be read, signed or written.
pub(crate) fn sign_file(signer: &Signer, path: &Path, to: &Path, signed: &mut Signed) -> Result<PathBuf, SignError> {
    let what = printable(&path.display().to_string());
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = |source| SignError::Write { path: to.to_owned(), source };
    fs::create_dir_all(folder).map_err(write)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
    let put = |file: &mut tempfile::NamedTempFile, text: &str| std::io::Write::write_all(file, text.as_bytes());
    let kind = Kind::of(path);
    let mut to = to.to_owned();
    match kind {
        Kind::Rpm => sign_rpm(signer, path, &mut file)?,
        Kind::Dsc | Kind::Changes => {
            let text = signed.updated(&plain_text(path)?);
            put(&mut file, &signer.cleartext(&what, &text)?).map_err(write)?;
        }
        Kind::Beside => {
            to.as_mut_os_string().push(".asc");
            put(&mut file, &signer.armoured(&what, Content::File(path))?).map_err(write)?;
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(write)?;
    }
    if kind == Kind::Dsc {
        let content = fs::read(file.path()).map_err(write)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sums = [
            hex::encode(Md5::digest(&content)),
            hex::encode(Sha1::digest(&content)),
            hex::encode(Sha256::digest(&content)),
        ];
        signed.0.insert(name, (content.len() as u64, sums));
    }
    file.persist(&to).map_err(|error| SignError::Write { path: to.clone(), source: error.error })?;
    Ok(to)
}

impl Signed {
    /// The text of a .changes with the sizes and sums that signed files have now.
    fn updated(&self, text: &str) -> String {
        let mut lines = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let known =
                words.last().and_then(|name| self.0.get(*name)).filter(|_| line.starts_with(' ') && words.len() >= 3);
            let Some((size, sums)) = known else {
                lines.push(line.to_owned());
                continue;
            };
            let sum = sums.iter().find(|sum| sum.len() == words[0].len()).map_or(words[0], String::as_str);
            let size = size.to_string();
            let mut words = words;
            words[0] = sum;
            words[1] = &size;
            lines.push(format!(" {}", words.join(" ")));
        }
        lines.join("\n") + "\n"
    }
}

/// The text of a file, without the signature that somebody may have put around it.
fn plain_text(path: &Path) -> Result<String, SignError> {
    let read = |source| SignError::Read { path: path.to_owned(), source };
    let refused = |reason: String| SignError::Content { what: printable(&path.display().to_string()), reason };
    if fs::metadata(path).map_err(read)?.len() > LARGEST_TEXT {
        return Err(refused("it is unreasonably large".to_owned()));
    }
    let text = fs::read_to_string(path).map_err(read)?;
    match text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----") {
        true => openpgp::text_of_cleartext(&text).map_err(refused),
        false => Ok(text),
    }
}

/// Whether one of `keys` has signed a file, in it or in a signature beside it.
///
/// # Errors
/// In words that follow the name of the file.
pub(crate) fn verify_file(path: &Path, keys: &[u8]) -> Result<(), String> {
    if Kind::of(path) == Kind::Rpm {
        return rpm_signature::verify(path, keys).map(drop);
    }
    let beside = ["asc", "gpg", "sig"].map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{ending}"));
        PathBuf::from(name)
    });
    if let Some(signature) = beside.iter().find(|path| path.is_file()) {
        let signature = fs::read(signature).map_err(|error| format!("{}: {error}", signature.display()))?;
        let mut refused = "there is no signature in the file beside it".to_owned();
        for signature in openpgp::signatures(&signature)? {
            match openpgp::verify_one(&signature, File::open(path).map_err(|error| error.to_string())?, keys) {
                Ok(()) => return Ok(()),
                Err(reason) => refused = reason,
            }
        }
        return Err(refused);
    }
    let text = match fs::metadata(path).map_err(|error| error.to_string())?.len() > LARGEST_TEXT {
        true => None,
        false => String::from_utf8(fs::read(path).map_err(|error| error.to_string())?).ok(),
    };
    match text.filter(|text| text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----")) {
        Some(text) => openpgp::verify_cleartext(&text, keys).map(drop),
        None => Err("it is not signed: there is no .asc beside it, and no signature in it".to_owned()),
    }
}
