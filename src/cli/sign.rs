//! `farm sign` and `farm verify-signature`.

use std::path::{Path, PathBuf};

use super::args::{SignArgs, VerifySignatureArgs};
use super::config::Config;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::report::count;
use crate::sign::{Kind, Signed, Signer, sign_file, verify_file};
use crate::store;
use crate::types::printable;

pub(crate) async fn run(args: &SignArgs) -> Result<Exit, Failure> {
    let args = args.clone();
    context::blocking(move || {
        let Some(signer) = signer(&args.key.sign_key)? else { return Err(no_key(false)) };
        let mut files = Vec::new();
        for path in &args.paths {
            collect(path, args.output.as_deref(), &mut files)?;
        }
        if files.is_empty() {
            let message = "there is nothing to sign: neither .rpm nor .changes nor .dsc nor SHA256SUMS".to_owned();
            return Err(Failure::NothingMatched { message, help: Some("name other files one by one".to_owned()) });
        }
        for (path, to) in &files {
            // dist/ is what was accepted; a file that is another one is damaged for it.
            if to == path && Kind::of(path).changes_file() && store::is_record_beside(path) {
                return Err(Failure::Usage {
                    message: format!(
                        "{} is as it was accepted into dist/, and stays so",
                        printable(&path.display().to_string())
                    ),
                    help: Some("write signed files elsewhere with -o DIR; `farm repo` signs what it takes".to_owned()),
                });
            }
        }
        // .changes last: they have the sums of .dsc files.
        files.sort_by_key(|(path, _)| Kind::of(path));
        let mut signed = Signed::default();
        for (path, to) in &files {
            let made = sign_file(&signer, path, to, &mut signed)?;
            output::out(&format!("{}\n", printable(&made.display().to_string())));
        }
        output::err(&format!("{} signed by {}\n", count(files.len(), "file", "files"), signer.fingerprint()));
        Ok(Exit::Success)
    })
    .await
}

/// What signs, with what is to be said of it told.
pub(super) fn signer(flags: &[String]) -> Result<Option<Signer>, Failure> {
    let sources = Config::load()?.sign.sources(flags).map_err(Failure::usage)?;
    if sources.is_empty() {
        return Ok(None);
    }
    let signer = Signer::open_all(&sources)?;
    for (fingerprint, warning) in signer.warnings() {
        output::err(&format!("warning: key {fingerprint}: {}\n", printable(warning)));
    }
    Ok(Some(signer))
}

/// What is to be signed, and where the result goes.
fn collect(path: &Path, output: Option<&Path>, files: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), Failure> {
    let read = |source| Failure::Read { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(read)?.is_dir() {
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        files.push((path.to_owned(), output.map_or(path.to_owned(), |output| output.join(name))));
        return Ok(());
    }
    for found in walk(path) {
        // Elsewhere, packages have other sums than before they were signed; here, dist/ stays as it was accepted.
        let is_meant = match Kind::of(&found) {
            Kind::Beside => output.is_none() && found.file_name().is_some_and(|name| name == "SHA256SUMS"),
            _ => output.is_some() || !store::is_record_beside(&found),
        };
        if is_meant {
            let inner = found.strip_prefix(path).unwrap_or(&found);
            files.push((found.clone(), output.map_or(found.clone(), |output| output.join(inner))));
        }
    }
    Ok(())
}

/// Files below a folder, in order; what is hidden, and what was refused (`broken/`), is left out.
pub(super) fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && entry.file_name() != "broken" => found.extend(walk(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

pub(crate) async fn verify(args: &VerifySignatureArgs) -> Result<Exit, Failure> {
    let args = args.clone();
    context::blocking(move || {
        let keys = read_keys(&args.key)?;
        let mut exit = Exit::Success;
        for path in &args.files {
            let shown = printable(&path.display().to_string());
            match verify_file(path, &keys) {
                Ok(()) => output::out(&format!("{shown}: signed\n")),
                Err(reason) => {
                    exit = Exit::Repository;
                    output::out(&format!("{shown}: {}\n", printable(&reason)));
                }
            }
        }
        Ok(exit)
    })
    .await
}

/// A file of public keys.
pub(super) fn read_keys(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|source| Failure::Read { path: path.to_owned(), source })
}

/// That nothing signs. `may_go_without`: whether there is an option for it.
pub(super) fn no_key(may_go_without: bool) -> Failure {
    let otherwise = if may_go_without { "; --unsigned goes without" } else { "" };
    let help = format!(
        "name a key file or the fingerprint of a key of GnuPG with --sign-key, or once in [sign] of the configuration \
         (docs/config.md){otherwise}"
    );
    Failure::Usage { message: "nothing says what is to sign".to_owned(), help: Some(help) }
}
