//! The manifest of a target while one run holds it. It is a lock, a journal and a record in one object: whoever changes it says
//! which version he has read, so that of two publishers one is told. A run that was killed is known by its time, or, where it
//! was a run of the same folder on the same host, by the lock of that folder, which this run has now.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::local::random;
use super::model::{AtWork, MANIFEST, Manifest, PublishError, SCHEMA, TargetError};
use super::target::{Only, Target};

/// A run that has not written for so long is dead.
const LEASE: Duration = Duration::from_secs(300);
/// The manifest is written no more often than this, and takes no more than a part of the time.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);
const PART: u32 = 20;
/// How often a run writes again what another version of its own stood in the way of.
const TRIES: usize = 4;

pub(super) struct Lease<'a> {
    target: &'a dyn Target,
    pub(super) manifest: Manifest,
    tag: Option<String>,
    run: String,
    /// Whether the target compares at all.
    pub(super) compares: bool,
    written: Instant,
    pause: Duration,
}

/// Who publishes what.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    /// `user@host`.
    pub(crate) who: String,
    pub(crate) host: String,
    /// The folder's name.
    pub(super) tree: String,
    /// Go ahead where another folder or another run stands in the way.
    pub(crate) take_over: bool,
}

impl Publisher {
    pub(crate) fn new(who: String, host: String, take_over: bool) -> Publisher {
        Publisher { who, host, tree: String::new(), take_over }
    }
}

/// What a target holds, and its version.
pub(super) async fn read(target: &dyn Target) -> Result<(Manifest, Option<String>), PublishError> {
    let failed =
        |reason: String| PublishError::Target { action: "read from".to_owned(), target: target.shown(), reason };
    match target.read(MANIFEST).await {
        Ok(None) => Ok((Manifest { schema: SCHEMA, ..Manifest::default() }, None)),
        Ok(Some((content, tag))) => {
            let unread = |reason: String| failed(format!("{MANIFEST} is not what farm writes: {reason}"));
            let manifest: Manifest = serde_json::from_slice(&content).map_err(|error| unread(error.to_string()))?;
            if manifest.schema != SCHEMA {
                return Err(unread(format!("a newer farm has written its schema {}", manifest.schema)));
            }
            Ok((manifest, tag))
        }
        Err(error) => Err(failed(error.reason())),
    }
}

/// Whether this publisher may write over what a target holds.
pub(super) fn may(
    target: &dyn Target,
    manifest: &Manifest,
    publisher: &Publisher,
    now: DateTime<Utc>,
) -> Result<(), PublishError> {
    let time = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    if publisher.take_over {
        return Ok(());
    }
    if let Some(other) = &manifest.at_work {
        // The folder's lock is ours: a run of it on this host has ended, however.
        let is_our_own = manifest.tree == publisher.tree && other.host == publisher.host;
        if !is_our_own && now.timestamp() < other.until {
            return Err(PublishError::AtWork {
                target: target.shown(),
                who: crate::types::printable(&other.who),
                since: time(other.since),
                until: time(other.until),
            });
        }
    }
    if !manifest.tree.is_empty() && manifest.tree != publisher.tree {
        return Err(PublishError::OtherFolder { target: target.shown(), date: time(manifest.date) });
    }
    Ok(())
}

impl<'a> Lease<'a> {
    /// Takes a target.
    ///
    /// # Errors
    /// When another folder is published there, another run is at work, or it does not answer.
    pub(super) async fn take(target: &'a dyn Target, publisher: &Publisher) -> Result<Lease<'a>, PublishError> {
        let run = random();
        let mut compares = true;
        for attempt in 1.. {
            let now = Utc::now();
            let (mut manifest, tag) = read(target).await?;
            may(target, &manifest, publisher, now)?;
            let (who, host) = (publisher.who.clone(), publisher.host.clone());
            let (since, until) = (now.timestamp(), now.timestamp() + LEASE.as_secs() as i64);
            manifest.at_work = Some(AtWork { who, host, since, until, run: run.clone() });
            manifest.tree.clone_from(&publisher.tree);
            let mut lease =
                Lease { target, manifest, tag, run: run.clone(), compares, written: Instant::now(), pause: SHORTEST };
            match lease.write().await {
                Ok(()) if compares => lease.compares = lease.does_compare().await?,
                Ok(()) => lease.is_ours().await?,
                Err(TargetError::NotSupported(_)) if compares => {
                    compares = false;
                    continue;
                }
                // Somebody has written since it was read: what he wrote decides.
                Err(TargetError::Changed) if attempt < TRIES => {
                    tokio::time::sleep(Duration::from_millis(1100)).await;
                    continue;
                }
                Err(error) => return Err(lease.failed(&error)),
            }
            return Ok(lease);
        }
        unreachable!("the loop ends by itself")
    }

    /// Asks to write only where there is nothing. A target that writes compares nothing: then only reading tells of others.
    async fn does_compare(&mut self) -> Result<bool, PublishError> {
        match self.target.write(MANIFEST, self.content(), &Only::IfAbsent).await {
            Err(TargetError::Changed) => Ok(true),
            Err(TargetError::NotSupported(_)) => Ok(false),
            Ok(tag) => {
                self.tag = tag;
                Ok(false)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn content(&self) -> Bytes {
        serde_json::to_vec(&self.manifest).unwrap_or_default().into()
    }

    fn failed(&self, error: &TargetError) -> PublishError {
        let (target, reason) = (self.target.shown(), error.reason());
        PublishError::Target { action: "write to".to_owned(), target, reason }
    }

    /// How long until it has to be renewed.
    pub(super) fn due(&self) -> Duration {
        self.pause.saturating_sub(self.written.elapsed())
    }

    async fn write(&mut self) -> Result<(), TargetError> {
        let began = Instant::now();
        let only = match &self.tag {
            _ if !self.compares => Only::Always,
            None => Only::IfAbsent,
            Some(tag) => Only::IfTagged(tag.clone()),
        };
        self.tag = self.target.write(MANIFEST, self.content(), &only).await?;
        self.written = Instant::now();
        self.pause = (began.elapsed() * PART).clamp(SHORTEST, LONGEST);
        Ok(())
    }

    /// Writes what is known now, and that this run is alive.
    ///
    /// # Errors
    /// When another run has taken the target, or it does not answer.
    pub(super) async fn renew(&mut self) -> Result<(), PublishError> {
        if let Some(at_work) = &mut self.manifest.at_work {
            at_work.until = Utc::now().timestamp() + LEASE.as_secs() as i64;
        }
        if !self.compares {
            self.is_ours().await?;
        }
        self.write_as_ours().await
    }

    /// Writes what is known now, over what this run has written.
    async fn write_as_ours(&mut self) -> Result<(), PublishError> {
        for attempt in 1.. {
            match self.write().await {
                Ok(()) => return Ok(()),
                // A request whose answer was lost may have been done: then what is there is this run's own.
                Err(TargetError::Changed) if attempt < TRIES => {
                    if attempt > 1 {
                        tokio::time::sleep(Duration::from_millis(1100)).await;
                    }
                    self.is_ours().await?;
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        Ok(())
    }

    /// Reads the manifest, and takes its version for the next write if it is this run that has written it.
    async fn is_ours(&mut self) -> Result<(), PublishError> {
        let (found, tag) = read(self.target).await?;
        self.tag = tag;
        match found.at_work {
            Some(other) if other.run != self.run => {
                let since = DateTime::from_timestamp(other.since, 0).unwrap_or_default();
                let who = crate::types::printable(&other.who);
                Err(PublishError::Overtaken { target: self.target.shown(), who, since })
            }
            None if found != self.manifest => {
                let (who, since) = ("another publisher".to_owned(), DateTime::from_timestamp(found.date, 0));
                Err(PublishError::Overtaken { target: self.target.shown(), who, since: since.unwrap_or_default() })
            }
            _ => Ok(()),
        }
    }

    /// Says that nobody is at work any more; `is_whole`: all was published.
    pub(super) async fn end(&mut self, is_whole: bool) -> Result<(), PublishError> {
        // Whoever looks at the compared version sees the last word of this run.
        if !self.compares {
            self.is_ours().await?;
        }
        self.manifest.at_work = None;
        if is_whole {
            self.manifest.date = Utc::now().timestamp();
        }
        self.write_as_ours().await
    }
}

impl TargetError {
    pub(super) fn reason(&self) -> String {
        match self {
            TargetError::Changed => "somebody else writes there, too".to_owned(),
            TargetError::NotSupported(reason) | TargetError::Failed(reason) => reason.clone(),
        }
    }
}
