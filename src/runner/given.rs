//! Packages that farm did not build, in the place of a build's results.

use std::fs;
use std::io;
use std::path::Path;

use super::build::Results;
use super::outcome;
use super::work::{Work, blocking};
use crate::event::Outcome;
use crate::packaging::StepKind;
use crate::plan::Given;

/// Copies the packages into `folder`, where a build would have put its own.
pub(crate) async fn results(work: &mut Work<'_>, given: &Given, folder: &Path) -> Result<Results, Outcome> {
    work.enter(StepKind::Collect).await?;
    let (packages, folder) = (given.packages.clone(), folder.to_owned());
    let copied = blocking(move || -> io::Result<_> {
        fs::create_dir_all(&folder)?;
        let copy = |path: &std::path::PathBuf| {
            let into = folder.join(path.file_name().unwrap_or_default());
            fs::copy(path, &into)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            Ok(into)
        };
        packages.iter().map(copy).collect::<io::Result<Vec<_>>>()
    });
    match copied.await? {
        Ok(files) => Ok(Results { files, manifest: None, installed: None, tests: None }),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(Outcome::DiskFull {
            step: StepKind::Collect,
            place: work.shared.store.folder(&work.job.target).display().to_string(),
        }),
        Err(error) => {
            Err(Outcome::Infrastructure { reason: format!("a package cannot be copied: {}", outcome::chain(&error)) })
        }
    }
}
