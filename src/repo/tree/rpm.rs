//! `repodata` of an RPM repository, as createrepo_c names its files: each by its sum, so that who has read `repomd.xml`
//! before finds what it names.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use super::model::{Place, RepoError, Settings, writing};
use super::pool::Record;
use super::state::sum;
use crate::repo::rpm_md::{self, Fragments, Listed, gzip};
use crate::sign::{Content, Signer};

/// createrepo_c's.
const ZSTD_LEVEL: i32 = 10;

/// Writes the folder `repodata` to `new`. Returns `repomd.xml` and the files that it lists.
pub(super) fn write(
    new: &Path,
    place: &Place,
    settings: &Settings,
    packages: &[&Record],
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<(String, Vec<String>), RepoError> {
    fs::create_dir_all(new).map_err(writing(new))?;
    let each: Vec<Fragments> = packages
        .iter()
        .filter_map(|record| match record {
            Record::Rpm(fragments) => Some((*fragments).clone()),
            Record::Deb { .. } | Record::Dsc(_) => None,
        })
        .collect();
    let written: Vec<(Listed, String)> = rpm_md::documents(&each)
        .par_iter()
        .map(|(kind, text)| {
            let (ending, packed) = match settings.zstd {
                true => ("zst", zstd(text.as_bytes()).map_err(writing(new))?),
                false => ("gz", gzip(text.as_bytes())),
            };
            let name = format!("{}-{kind}.xml.{ending}", sum(&packed));
            put(&new.join(&name), &packed)?;
            Ok((Listed::new(kind, &format!("repodata/{name}"), text.as_bytes(), &packed), name))
        })
        .collect::<Result<_, RepoError>>()?;
    let (listed, names): (Vec<Listed>, Vec<String>) = written.into_iter().unzip();
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

fn zstd(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    encoder.write_all(content)?;
    encoder.finish()
}

fn put(path: &Path, content: &[u8]) -> Result<(), RepoError> {
    fs::write(path, content).map_err(writing(path))
}
