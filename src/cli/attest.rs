//! `farm attest`: bills of materials and statements of provenance, and packages compared with them.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::{AttestArgs, AttestCommand};
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::list;
use super::output;
use super::sign;
use crate::attest::{Document, PROVENANCE, Statements, Verdict};
use crate::report::count;
use crate::sign::{Content, Signer};
use crate::store::{self, Attestable};
use crate::types::printable;

pub(crate) async fn run(args: AttestArgs) -> Result<Exit, Failure> {
    context::blocking(move || match (args.command, args.folder) {
        (Some(AttestCommand::Verify { packages, statements, key }), _) => {
            verify(&packages, statements.as_deref(), key.as_deref())
        }
        (None, folder) => write(&folder.unwrap_or_default(), &args.store, args.builder.as_deref(), &args.key.sign_key),
    })
    .await
}

fn write(
    folder: &Path,
    store: &super::args::StoreArgs,
    builder: Option<&str>,
    key: &[String],
) -> Result<Exit, Failure> {
    let index = list::chosen(store)?;
    let targets: Vec<_> = index.targets.iter().filter(|target| target.packages.is_some()).collect();
    if targets.is_empty() {
        return Err(Failure::NothingMatched {
            message: format!("there are no packages in {}", printable(&store.output.display().to_string())),
            help: Some("farm build makes some; -o names another folder than dist".to_owned()),
        });
    }
    let signer = sign::signer(key)?;
    let mut written: Vec<(PathBuf, Document)> = Vec::new();
    for target in &targets {
        let attestable = Attestable::of(&store.output, target)?;
        let as_it_is = |artifact: &crate::artifact::Artifact| Some(artifact.file_name.clone());
        for document in attestable.documents(builder, &as_it_is, PROVENANCE)? {
            written.push((PathBuf::from(&target.folder), document));
        }
    }
    let taken = || Failure::Usage {
        message: format!("{} is there already", printable(&folder.display().to_string())),
        help: Some("name a new folder, or remove that one".to_owned()),
    };
    store::make_folder(folder, taken, |staged| put(staged, &written, signer.as_ref()))?;
    output::out(&format!(
        "{}: {} of {}{}\n",
        printable(&folder.display().to_string()),
        count(written.len(), "document", "documents"),
        count(targets.len(), "target", "targets"),
        signer.map(|signer| format!(", statements signed by {}", signer.fingerprint())).unwrap_or_default()
    ));
    Ok(Exit::Success)
}

fn put(staged: &Path, documents: &[(PathBuf, Document)], signer: Option<&Signer>) -> Result<(), Failure> {
    for (folder, document) in documents {
        let folder = staged.join(folder);
        fs::create_dir_all(&folder).map_err(|source| Failure::Write { path: folder.clone(), source })?;
        let mut files = vec![(folder.join(&document.name), document.text.clone())];
        if let Some(signer) = signer.filter(|_| document.is_statement()) {
            let signature = signer.armoured(&document.name, Content::Bytes(&document.text))?;
            files.push((folder.join(format!("{}.asc", document.name)), signature.into_bytes()));
        }
        for (path, text) in files {
            fs::write(&path, text).map_err(|source| Failure::Write { path, source })?;
        }
    }
    Ok(())
}

fn verify(packages: &[PathBuf], place: Option<&Path>, key: Option<&Path>) -> Result<Exit, Failure> {
    let keys = key.map(sign::read_keys).transpose()?;
    let mut exit = Exit::Success;
    let mut last: Option<(PathBuf, Statements)> = None;
    for package in packages {
        let beside = package.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let place = place.unwrap_or(beside);
        fs::metadata(package).map_err(|source| Failure::Read { path: package.clone(), source })?;
        // Packages mostly lie together.
        if last.as_ref().is_none_or(|(known, _)| known != place) {
            let read = |source| Failure::Read { path: place.to_owned(), source };
            let statements = Statements::read(place, keys.as_deref()).map_err(read)?;
            for (path, reason) in &statements.refused {
                output::err(&format!(
                    "warning: {}\n",
                    printable(&format!("{} does not count: {reason}", path.display()))
                ));
            }
            if statements.len() + statements.refused.len() == 0 {
                let shown = printable(&place.display().to_string());
                return Err(Failure::NothingMatched {
                    message: format!("there is no statement of provenance in {shown}, no file *{PROVENANCE}"),
                    help: Some("--statements names another folder; `farm attest` writes them".to_owned()),
                });
            }
            last = Some((place.to_owned(), statements));
        }
        let Some((_, statements)) = &last else { continue };
        let read = |source| Failure::Read { path: package.clone(), source };
        let shown = match statements.verdict(package).map_err(read)? {
            Verdict::Named(found) => {
                let missing = match found.missing.is_empty() {
                    true => String::new(),
                    false => format!(", not there: {}", found.missing.join(", ")),
                };
                format!(
                    "{}: as it was built for {}, says {}; {} as it says{missing}",
                    package.display(),
                    found.target,
                    found.statement.display(),
                    count(found.bills, "bill of materials is", "bills of materials are"),
                )
            }
            Verdict::Refused(reason) => {
                exit = Exit::Different;
                format!("{}: {reason}", package.display())
            }
        };
        output::out(&format!("{}\n", printable(&shown)));
    }
    if keys.is_none() {
        output::err("who wrote the statements was not looked at: --key FILE names the keys of those who may\n");
    }
    Ok(exit)
}
