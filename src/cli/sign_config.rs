//! `[sign]` of the configuration: what signs. No key material is in it, only where that is.

use std::path::{Path, PathBuf};

use crate::recipe::{Schema, Section};
use crate::sign::{KeySource, Passphrase};

static SIGN: Schema = Schema {
    title: "[sign]",
    keys: &["key", "passphrase-file", "passphrase-env", "gpg", "command", "public-key", "next"],
};
static NEXT: Schema = Schema {
    title: "[sign.next]",
    keys: &["key", "passphrase-file", "passphrase-env", "gpg", "command", "public-key"],
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SignConfig {
    /// The key, and the one that is to follow it.
    sources: Vec<KeySource>,
    /// For key files that the command line names, too.
    passphrase: Option<Passphrase>,
}

impl SignConfig {
    /// `folder`: of the file, in which paths begin.
    pub(super) fn read(file: &Section<'_>, folder: &Path) -> SignConfig {
        let Some(section) = file.sub("sign", &SIGN, SIGN.title) else { return SignConfig::default() };
        let (source, passphrase) = key(file, &section, SIGN.title, folder);
        let next = section.sub("next", &NEXT, NEXT.title).and_then(|next| key(file, &next, NEXT.title, folder).0);
        if let (None, Some(_)) = (&source, &next) {
            section.require(&["key"]);
        }
        SignConfig { sources: source.into_iter().chain(next).collect(), passphrase }
    }

    /// What signs: what the command line names, else what the configuration does; none is an empty list.
    ///
    /// # Errors
    /// In words, when the command line names no place but holds a key.
    pub(super) fn sources(&self, flags: &[String]) -> Result<Vec<KeySource>, &'static str> {
        if flags.is_empty() {
            return Ok(self.sources.clone());
        }
        let source = |text: &String| match text.as_str() {
            // It is not repeated: the history of a shell is one place too many.
            text if text.contains("-----BEGIN") || text.contains('\n') => {
                Err("--sign-key takes the path of a key file or a fingerprint, never a key itself")
            }
            text if is_fingerprint(text) => Ok(KeySource::Gpg { fingerprint: text.to_owned() }),
            text => Ok(KeySource::File { path: PathBuf::from(text), passphrase: self.passphrase.clone() }),
        };
        flags.iter().map(source).collect()
    }
}

/// The key that a section names, and the passphrase of key files.
fn key(
    file: &Section<'_>,
    section: &Section<'_>,
    title: &str,
    folder: &Path,
) -> (Option<KeySource>, Option<Passphrase>) {
    let path = |key: &str| section.text(key).map(|text| folder.join(text.value));
    let wrong = |key: &str, message: &str, label: &str, help: &str| {
        let span = section.text(key).map(|text| text.span.clone()).unwrap_or_default();
        file.problems.add(message.to_owned(), &span, label.to_owned(), Some(help.to_owned()));
    };
    let variable = section.text("passphrase-env").map(|text| text.value.to_owned());
    let passphrase = match (path("passphrase-file"), variable) {
        (Some(_), Some(_)) => {
            let help = "leave one of the two";
            wrong("passphrase-env", "`passphrase-file` and `passphrase-env` name two passphrases", "the second", help);
            None
        }
        (Some(path), None) => Some(Passphrase::File(path)),
        (None, Some(name)) => Some(Passphrase::Variable(name)),
        (None, None) => None,
    };
    let words: Vec<String> = section.lines("command", |_| Ok(())).iter().map(|text| text.value.to_owned()).collect();
    let gpg = section.text("gpg").map(|text| text.value.replace(' ', ""));
    if gpg.as_ref().is_some_and(|text| !is_fingerprint(text)) {
        let help = "`gpg --list-secret-keys` shows its 40 hexadecimal digits";
        wrong("gpg", &format!("`gpg` in {title} is no fingerprint of a key"), "not 40 hexadecimal digits", help);
    }
    let help = "a file (key), a key of GnuPG (gpg), or a program (command) signs: leave one";
    let source = match (path("key"), gpg, words.is_empty(), path("public-key")) {
        (Some(_), Some(_), _, _) | (_, Some(_), false, _) => {
            wrong("gpg", &format!("{title} names more than one key"), "one of them", help);
            None
        }
        (Some(_), _, false, _) => {
            wrong("key", &format!("{title} names more than one key"), "one of them", help);
            None
        }
        (Some(path), None, true, _) => Some(KeySource::File { path, passphrase: passphrase.clone() }),
        (None, Some(fingerprint), true, _) => Some(KeySource::Gpg { fingerprint }),
        (None, None, false, Some(public_key)) => Some(KeySource::Command { words, public_key }),
        (None, None, false, None) => {
            section.require(&["public-key"]);
            None
        }
        (None, None, true, _) => None,
    };
    (source, passphrase)
}

fn is_fingerprint(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.chars().all(|c| c.is_ascii_hexdigit())
}
