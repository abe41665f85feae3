//! What publishing asks of a target, whatever it is. The order of things, and what has to be sent, is decided elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::model::{Headers, Listed, TargetError};

/// What has to be at a path for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Only {
    IfAbsent,
    /// By the tag that a read or a write has told.
    IfTagged(String),
    /// For targets that compare nothing.
    Always,
}

/// Where files are put. Paths are relative to it, with `/`. A file is put in place as a whole: who reads meanwhile finds the
/// last content or the new one.
#[async_trait]
pub(super) trait Target: Send + Sync {
    /// For people, without secrets.
    fn shown(&self) -> String;

    /// What is there, at least of `known` paths.
    async fn list(&self, known: &[&str]) -> Result<BTreeMap<String, Listed>, TargetError>;

    /// A small file and its tag; none where there is none.
    async fn read(&self, path: &str) -> Result<Option<(Bytes, Option<String>)>, TargetError>;

    /// Writes a small file, if what is there is as expected, and tells its new tag.
    async fn write(&self, path: &str, content: Bytes, only: &Only) -> Result<Option<String>, TargetError>;

    /// Sends a file as a stream and tells its tag. A file that has another size or sum than these is not put in place.
    async fn send(&self, path: &str, file: &Path, expected: (u64, &str)) -> Result<Option<String>, TargetError>;

    /// A file that is not there is no error.
    async fn remove(&self, path: &str) -> Result<(), TargetError>;

    /// Returns when all that was sent would survive a crash of the target.
    async fn settle(&self) -> Result<(), TargetError> {
        Ok(())
    }

    /// How many files are sent at once.
    fn parallel(&self) -> usize {
        4
    }

    /// The headers that clients will see; where a target stores none it is the web server's to say.
    fn headers(&self, path: &str) -> Headers {
        Headers::of(path)
    }
}
