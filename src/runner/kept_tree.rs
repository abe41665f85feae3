//! The source tree with a project's own tests, from the container that builds to the host and into those that test. Nothing of
//! it is unpacked here: which tests there are is read from two files beside it.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::outcome::{self, JobError};
use super::work::{Work, blocking};
use crate::event::Outcome;
use crate::packaging::{KEPT_TREE, StepKind, TESTS_ROOT};
use crate::stream::{self, ByteStream};

/// No debian/control, and no debian/tests/control, is near it.
const LARGEST: u64 = 1 << 20;

/// What the recipe calls all tests.
const ALL: &str = "*";

/// What a build has kept of its source for the tests.
#[derive(Debug)]
pub(crate) struct KeptTree {
    /// A tar file that has no name any more.
    tree: File,
    /// `debian/tests/control`
    pub(super) tests: String,
    /// `debian/control`
    pub(super) control: String,
}

/// Whether this job's build is to keep its source for tests.
pub(crate) fn are_run(work: &Work<'_>) -> bool {
    let has = work.job.test.as_ref().is_some_and(|setup| setup.source_tests.is_some());
    has && work.shared.options.verify.is_none() && why_none(work).is_none()
}

/// Why the recipe wants none of them run, if it does.
pub(super) fn why_none<'a>(work: &Work<'a>) -> Option<&'a str> {
    work.job.recipe.test.as_ref()?.skip.get(ALL).map(String::as_str)
}

/// Takes it out of a job's results.
pub(crate) async fn take(work: &Work<'_>, files: &mut Vec<PathBuf>) -> Result<Option<KeptTree>, JobError> {
    if !are_run(work) {
        return Ok(None);
    }
    let mut part = |name: &str| {
        let name = format!("{KEPT_TREE}.{name}");
        let at = files.iter().position(|path| path.file_name().is_some_and(|own| *own == *name))?;
        Some(files.remove(at))
    };
    let (Some(tree), Some(tests), Some(control)) = (part("tree"), part("tests"), part("control")) else {
        return Ok(None);
    };
    let kept = blocking(move || {
        let read = (text(&tests, "debian/tests/control"), text(&control, "debian/control"));
        let file = File::open(&tree);
        for path in [&tree, &tests, &control] {
            std::fs::remove_file(path).map_err(|error| Wrong::Io(path.clone(), error))?;
        }
        Ok(KeptTree { tree: file.map_err(|error| Wrong::Io(tree, error))?, tests: read.0?, control: read.1? })
    });
    let rejected = |message| {
        let findings = vec![outcome::finding("", "source-tests", message)];
        JobError::Final(Outcome::Rejected { step: StepKind::Collect, findings })
    };
    match kept.await? {
        Ok(kept) => Ok(Some(kept)),
        Err(Wrong::Text(message)) => Err(rejected(message)),
        Err(Wrong::Io(path, error)) => {
            Err(Outcome::Infrastructure { reason: format!("cannot read {}: {error}", path.display()) }.into())
        }
    }
}

enum Wrong {
    /// What is wrong with a file of the project, with its name.
    Text(String),
    Io(PathBuf, io::Error),
}

fn text(path: &Path, name: &str) -> Result<String, Wrong> {
    let failed = |error| Wrong::Io(path.to_owned(), error);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Wrong::Text(format!("{name} is larger than {} MiB", LARGEST >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| Wrong::Text(format!("{name} is not UTF-8")))
}

impl KeptTree {
    /// A tar to be unpacked at `/`, with the tree in it as one file: what is in that, nobody but a container unpacks.
    pub(super) fn upload(&self) -> io::Result<ByteStream> {
        // One after the other: they share the place that they read at.
        let mut tree = self.tree.try_clone()?;
        Ok(stream::from_tar(move |tar| {
            tree.rewind()?;
            let mut header = tar::Header::new_gnu();
            header.set_size(tree.metadata()?.len());
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{}/tree", TESTS_ROOT.trim_start_matches('/')), tree)
        }))
    }
}
