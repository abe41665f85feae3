//! Packages that farm makes of what the steps installed: the staged tree comes out of the container, and `assemble` makes
//! packages of it on this host.

use std::path::{Path, PathBuf};

use super::container::download;
use super::job_events::JobEvent;
use super::outcome::{self, JobError};
use super::work::{Work, reading};
use crate::artifact::manifest::Manifest;
use crate::assemble::{self, AssembleError, Staged, Tree};
use crate::engine::Container;
use crate::event::Outcome;
use crate::packaging::{self, Assembly, STAGED_LICENCES, STAGED_ROOT, StepKind};
use crate::types::Format;

/// Makes the packages in `folder` and returns their files.
pub(crate) async fn packages(
    work: &mut Work<'_>,
    container: &dyn Container,
    staged: &str,
    assembly: &Assembly,
    folder: &Path,
) -> Result<(Vec<PathBuf>, Manifest), JobError> {
    let built = work.journal.step();
    work.enter(StepKind::Collect).await?;
    // Beside the results: the same disk, and gone with this attempt.
    let spool = tempfile::Builder::new().prefix(".staged").tempdir_in(folder);
    let spool = spool.map_err(|error| stop(AssembleError::Io(folder.to_owned(), error)))?;
    let into = spool.path().to_owned();
    let received =
        download(work, container, staged, built, move |tar| Tree::receive(tar, &into, STAGED_ROOT, STAGED_LICENCES));
    let tree = match received.await? {
        Some(received) => received.map_err(stop)?,
        None => return Err(stop(AssembleError::Refused(vec![format!("the steps left nothing in {staged}")]))),
    };

    let (arch, distro) = (work.job.target.arch, work.job.distro.clone());
    let libdir = packaging::libdir(assembly.format, arch);
    let plan = assembly.clone();
    let step = StepKind::Collect;
    let staged = reading(work, step, move || Staged::new(tree, &plan, &libdir)).await?.map_err(stop)?;
    for unit in staged.undeclared_units(assembly) {
        let unit = crate::types::printable(&unit);
        work.note(&format!("{unit} is in no table of services: it is neither enabled nor started")).await?;
    }
    let mut libraries = assemble::Libraries::new();
    if assembly.format == Format::Deb {
        let wanted = staged.foreign_libraries();
        let events = work.events.clone();
        let warn = move |message: String| events.send(JobEvent::Warning(message));
        let (archives, progress) = (work.shared.images.archives(), work.journal.progress());
        libraries = assemble::providers(archives, &distro, arch, wanted.clone(), &progress, &warn, work.cancel)
            .await
            .map_err(stop)?;
        for library in wanted.iter().filter(|library| !libraries.contains_key(*library)) {
            let library = crate::types::printable(library);
            let id = &distro.id;
            work.note(&format!("no package of {id} is known to have {library}: name it in [package] requires")).await?;
        }
        for (library, relation) in &libraries {
            work.note(&format!("{library} comes with {relation}")).await?;
        }
    }
    let (plan, into) = (assembly.clone(), folder.to_owned());
    let files = reading(work, step, move || {
        let written = staged.write(&plan, arch, &libraries, &into);
        drop(spool);
        written.map(|files| (files, staged.into_manifest()))
    });
    let made = files.await?.map_err(stop)?;
    work.alive()?;
    Ok(made)
}

fn stop(error: AssembleError) -> JobError {
    let step = StepKind::Collect;
    match error {
        AssembleError::Refused(problems) => {
            let findings = problems.iter().map(|problem| outcome::finding("", "cannot-be-packaged", problem.clone()));
            Outcome::Rejected { step, findings: findings.collect() }.into()
        }
        AssembleError::Io(ref path, ref source) if outcome::is_disk_full(source.kind()) => {
            Outcome::DiskFull { step, place: path.display().to_string() }.into()
        }
        AssembleError::Cancelled => Outcome::Cancelled.into(),
        error if error.is_transient() => JobError::Transient(outcome::chain(&error)),
        error => Outcome::Infrastructure { reason: outcome::chain(&error) }.into(),
    }
}
