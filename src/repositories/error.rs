//! Why a repository of a recipe gives no packages.

use crate::archive::ArchiveError;
use crate::fetch::FetchError;
use crate::recipe::{Repository, RepositoryPlace};

/// Always of one repository, with its place in the recipe.
#[derive(Debug, thiserror::Error)]
#[error("repository {name}: {reason}")]
pub(crate) struct RepositoryError {
    pub(crate) name: String,
    pub(crate) place: RepositoryPlace,
    /// With what to do.
    pub(crate) reason: String,
    pub(crate) kind: FailureKind,
}

/// What becomes of a job for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Cancelled,
    /// It may go better later.
    Transient,
    /// Recipe or repository have to change first.
    Lasting,
}

impl RepositoryError {
    pub(super) fn new(repository: &Repository, reason: impl Into<String>) -> RepositoryError {
        let (name, place) = (repository.name(), repository.place.clone());
        RepositoryError { name, place, reason: reason.into(), kind: FailureKind::Lasting }
    }

    pub(super) fn archive(repository: &Repository, error: &ArchiveError) -> RepositoryError {
        let (kind, advice) = match error {
            ArchiveError::Cancelled => (FailureKind::Cancelled, ""),
            ArchiveError::Fetch(error) => return RepositoryError::fetch(repository, error),
            ArchiveError::Untrusted { reason, .. } => (FailureKind::Lasting, advice(repository, reason)),
            ArchiveError::Absent { .. } => {
                (FailureKind::Lasting, "; look at its suite, its components and the architecture of the target")
            }
            _ => (FailureKind::Lasting, ""),
        };
        let mut known = RepositoryError::new(repository, format!("{error}{advice}"));
        if let (Some(key), ArchiveError::Untrusted { .. }) = (&repository.key, error)
            && !advice.is_empty()
        {
            known.reason.push_str(&format!(" (`key` has {})", key.fingerprints.join(", ")));
        }
        known.kind = kind;
        known
    }

    pub(super) fn fetch(repository: &Repository, error: &FetchError) -> RepositoryError {
        let (kind, advice) = match error {
            FetchError::Cancelled => (FailureKind::Cancelled, ""),
            FetchError::Unreachable { .. } => (FailureKind::Transient, ""),
            FetchError::NotFound { .. } => (FailureKind::Lasting, "; look at its address and its suite"),
            FetchError::Refused { .. } => {
                (FailureKind::Lasting, "; user and password are written in its address: https://USER:PASSWORD@HOST/…")
            }
            _ => (FailureKind::Lasting, ""),
        };
        RepositoryError { kind, ..RepositoryError::new(repository, format!("{error}{advice}")) }
    }

    /// Not signed by its key.
    pub(super) fn unsigned(repository: &Repository, what: &str, reason: &str) -> RepositoryError {
        let error = ArchiveError::Untrusted { what: what.to_owned(), reason: reason.to_owned() };
        RepositoryError::archive(repository, &error)
    }
}

/// What to do about a signature.
fn advice(repository: &Repository, reason: &str) -> &'static str {
    let is_signature = ["signed by", "signature", "not signed"].iter().any(|word| reason.contains(word));
    match (is_signature, &repository.key) {
        (true, Some(_)) => "; get the key from where its owner publishes it, and compare the fingerprints",
        _ => "",
    }
}
