//! `repodata` of an RPM repository, as createrepo_c names its files: each by its sum, so that who has read `repomd.xml`
//! before finds what it names.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::model::{Entry, Place, RepoError, Settings, writing};
use super::packed::{Form, IndexWriter, Pieces};
use super::pool::{self, Record};
use super::state::Tree;
use crate::repo::rpm_md::{self, DOCUMENTS, Document, Listed};
use crate::sign::{Content, Signer};

/// Writes the folder `repodata` to `new`. Returns `repomd.xml` and the files that it lists.
pub(super) fn write(
    (tree, pieces): (&Tree, &Pieces<'_>),
    new: &Path,
    place: &Place,
    settings: &Settings,
    packages: &[Entry],
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<(String, Vec<String>), RepoError> {
    let form = if settings.zstd { Form::Zstd } else { Form::Gzip };
    let open = |document: Document| {
        let mut writer = IndexWriter::create(pieces, &new.join(format!("{}.xml", document.kind)), &[form])?;
        writer.push(&document.head(packages.len()))?;
        // Another number of packages changes this one alone.
        writer.end_piece()?;
        Ok((document, writer))
    };
    let mut writers = DOCUMENTS.into_iter().map(open).collect::<Result<Vec<_>, RepoError>>()?;
    pool::each_record(tree, place, packages, |_, record| {
        let Record::Rpm(fragments) = record else { return Ok(()) };
        writers.iter_mut().try_for_each(|(document, writer)| writer.push(document.of(&fragments)))
    })?;
    let (mut listed, mut names) = (Vec::new(), Vec::new());
    for (document, mut writer) in writers {
        writer.push(&document.foot())?;
        let written = writer.finish()?;
        for (path, packed) in written.files {
            let name = format!("{}-{}.xml.{}", packed.sha256, document.kind, form.ending());
            fs::rename(&path, new.join(&name)).map_err(writing(&path))?;
            let (path, open) = (format!("repodata/{name}"), written.plain.clone());
            listed.push(Listed { kind: document.kind, path, packed, open });
            names.push(name);
        }
    }
    let seconds = now.timestamp().unsigned_abs();
    let repomd = rpm_md::repomd(seconds, seconds, &listed);
    put(&new.join("repomd.xml"), repomd.as_bytes())?;
    if let Some(signer) = signer {
        let signature = signer.armoured(&format!("{place}/repodata/repomd.xml"), Content::Bytes(repomd.as_bytes()))?;
        put(&new.join("repomd.xml.asc"), signature.as_bytes())?;
        // Where zypper looks for it.
        put(&new.join("repomd.xml.key"), signer.certificate().as_bytes())?;
    }
    Ok((repomd, names))
}

fn put(path: &Path, content: &[u8]) -> Result<(), RepoError> {
    fs::write(path, content).map_err(writing(path))
}
