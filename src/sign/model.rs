//! Where a key is, and why nothing can be signed with it.

use std::path::PathBuf;

/// Where the passphrase of a key file is. It is never an argument of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passphrase {
    /// The first line of a file.
    File(PathBuf),
    /// The value of this environment variable.
    Variable(String),
}

/// What signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// A file with a secret key, armoured or binary.
    File { path: PathBuf, passphrase: Option<Passphrase> },
    /// A key of GnuPG by its fingerprint; its agent asks for the passphrase, and smartcards work.
    Gpg { fingerprint: String },
    /// A program that gets the data on stdin and writes the signature to stdout, and the file with its public key.
    Command { words: Vec<String>, public_key: PathBuf },
}

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    /// A file that says what the key is cannot be read.
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// What is signed cannot be written.
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    /// The key is none, or is of no use.
    #[error("cannot sign with {key}: {reason}")]
    Key { key: String, reason: String },
    /// A program that signs failed.
    #[error("{program} has not signed: {reason}")]
    Program { program: String, reason: String },
    /// What is to be signed cannot be.
    #[error("cannot sign {what}: {reason}")]
    Content { what: String, reason: String },
}
