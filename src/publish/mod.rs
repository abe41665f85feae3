//! A folder of repositories, on its way to where users read it: another folder, here or over ssh, an S3-compatible store, or a
//! server that takes files over HTTP. A client that reads there finds the last state or the new one: what names others comes after them, and
//! what is named no more goes after a while. What was sent is written down at the target, so that a run that was killed is
//! gone on with, and of two publishers one is told.
//!
//! What is in the folder is `repo::tree`'s; nothing here signs or indexes.

mod environment;
mod folder;
mod hashed;
mod lease;
mod local;
mod model;
mod s3;
mod sftp;
mod ssh;
mod target;
mod web;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::repo::tree;
use crate::types::{Progress, human_bytes};
use lease::Lease;
use model::{Listed, LocalFile, Manifest, Sent, TargetError};
use target::Target;

pub(crate) use environment::Environment;
pub(crate) use lease::Publisher;
pub(crate) use model::{Class, PublishError, Published};
pub(crate) use s3::S3Settings;

/// What is to be published, where, and how.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The folder of repositories.
    pub(crate) root: PathBuf,
    /// A folder, `s3://BUCKET/PREFIX`, `ssh://HOST/FOLDER`, or an address of a web server.
    pub(crate) target: String,
    pub(crate) s3: S3Settings,
    /// Where keys are looked for, beside files that it names.
    pub(crate) environment: Environment,
    pub(crate) publisher: Publisher,
    /// How long a file stays that nothing names any more.
    pub(crate) grace: Duration,
    /// Only tell what would be done.
    pub(crate) is_dry: bool,
}

type Files = BTreeMap<String, LocalFile>;

/// Sends what a target lacks, in the order in which nobody finds a name of what is not there, and removes what has had no
/// name for long enough.
///
/// # Errors
/// When another run or another folder is published there, the folder cannot be read, or the target does not take a file.
/// What clients read then is the last state or, for some of the repositories, the new one.
pub(crate) async fn publish(
    request: Request,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Published, PublishError> {
    let target = open(&request)?;
    let root = request.root.clone();
    // Before farm writes anything there.
    if !["dists", "rpm"].iter().any(|folder| root.join(folder).is_dir()) {
        return Err(PublishError::Nothing(root));
    }
    let read = tokio::task::spawn_blocking(move || {
        // Held until the end: what is published does not change meanwhile.
        let lock = tree::lock(&root)?;
        Ok::<_, PublishError>((lock, local::scan(&root)?, local::name(&root)?))
    });
    let (_lock, files, name) = match read.await {
        Ok(read) => read?,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let publisher = Publisher { tree: name, ..request.publisher };
    let target = target.as_ref();
    let (manifest, _) = lease::read(target).await?;
    lease::may(target, &manifest, &publisher, Utc::now())?;
    let todo = Todo::of(target, &files, &manifest, request.grace).await?;
    if request.is_dry || todo.is_nothing(&manifest) {
        return Ok(todo.published(&files, &manifest));
    }
    let mut lease = Lease::take(target, &publisher).await?;
    // Between reading and taking another run may have ended.
    let todo = match lease.manifest.files == manifest.files {
        true => todo,
        false => Todo::of(target, &files, &lease.manifest, request.grace).await?,
    };
    let run = Run { root: &request.root, target, files: &files, progress, cancel };
    let result = run.publish(&mut lease, &todo, request.grace).await;
    // The next one need not wait; when even this fails, the lease runs out.
    let ended = match &result {
        Err(PublishError::Overtaken { .. }) => Ok(()),
        result => lease.end(result.is_ok()).await,
    };
    let removed = result?;
    ended?;
    let mut published = todo.published(&files, &lease.manifest);
    published.removed = removed;
    if !lease.compares {
        published.notes.push(format!(
            "{} does not compare before it writes: of two publishers at once neither might notice the other",
            target.shown()
        ));
    }
    Ok(published)
}

/// The target that an address names.
fn open(request: &Request) -> Result<Box<dyn Target>, PublishError> {
    let text = request.target.as_str();
    match text.split_once("://") {
        Some(("s3", rest)) => Ok(Box::new(s3::S3::open(rest, &request.s3, &request.environment)?)),
        Some(("http" | "https", _)) => Ok(Box::new(web::Web::open(text, &request.environment)?)),
        Some(("ssh" | "sftp", rest)) => Ok(Box::new(ssh::Ssh::open(rest, &request.environment)?)),
        Some(("file", path)) => folder_target(&request.root, Path::new(path)),
        Some((scheme, _)) => Err(PublishError::Address {
            target: crate::types::redacted_text(text),
            reason: format!("nothing is published over {}", crate::types::printable(scheme)),
            help: Some(
                "a target is a folder, s3://BUCKET/PREFIX, https://HOST/FOLDER, or ssh://HOST/FOLDER".to_owned(),
            ),
        }),
        None => folder_target(&request.root, Path::new(text)),
    }
}

fn folder_target(root: &Path, folder: &Path) -> Result<Box<dyn Target>, PublishError> {
    let refused = |reason: &str| PublishError::Address {
        target: crate::types::printable(&folder.display().to_string()),
        reason: reason.to_owned(),
        help: None,
    };
    // Of a folder that is not there yet, as far as there is one.
    let whole = |path: &Path| {
        let unread = |source| PublishError::Read { path: path.to_owned(), source };
        let absolute = std::path::absolute(path).map_err(unread)?;
        let there = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(&absolute);
        let rest = absolute.strip_prefix(there).unwrap_or(Path::new(""));
        Ok::<_, PublishError>(std::fs::canonicalize(there).map_err(unread)?.join(rest))
    };
    let (from, to) = (whole(root)?, whole(folder)?);
    if from.starts_with(&to) || to.starts_with(&from) {
        return Err(refused("one of the two folders is in the other"));
    }
    if to.join(".farm/states").is_dir() {
        return Err(refused("`farm repo` writes to that folder itself"));
    }
    Ok(Box::new(folder::Folder::new(folder)))
}

/// What there is to do.
#[derive(Debug, Default)]
struct Todo {
    /// Paths to send, in order of their class.
    send: Vec<String>,
    /// Paths that no state of the folder names, and that are not known as such yet.
    retire: Vec<String>,
    /// Paths that have been so for long enough.
    remove: Vec<String>,
    /// Paths that the manifest has and the target has not.
    lost: Vec<String>,
}

impl Todo {
    async fn of(
        target: &dyn Target,
        files: &Files,
        manifest: &Manifest,
        grace: Duration,
    ) -> Result<Todo, PublishError> {
        let known: Vec<&str> = manifest.files.keys().map(String::as_str).collect();
        let listed = match known.is_empty() {
            true => BTreeMap::new(),
            false => target.list(&known).await.map_err(|error| PublishError::Target {
                action: "list".to_owned(),
                target: target.shown(),
                reason: error.reason(),
            })?,
        };
        let now = Utc::now().timestamp();
        let mut todo = Todo::default();
        for (path, file) in files {
            let sent = manifest.files.get(path);
            if sent.is_some_and(|sent| is_there(file, sent, listed.get(path))) {
                continue;
            }
            if let Some(sent) = sent.filter(|sent| sent.is_whole && listed.contains_key(path))
                && file.class.is_immutable()
                && sent.sha256 != file.sha256
                // What nothing has named for that long nobody reads.
                && manifest.retired.get(path).is_none_or(|since| now - since < grace.as_secs() as i64)
            {
                return Err(PublishError::OtherContent { target: target.shown(), path: path.clone() });
            }
            todo.send.push(path.clone());
        }
        todo.send.sort_by_key(|path| files[path].class);
        for path in manifest.files.keys().filter(|path| !files.contains_key(*path)) {
            match manifest.retired.get(path) {
                _ if !listed.contains_key(path) => todo.lost.push(path.clone()),
                Some(since) if now - since >= grace.as_secs() as i64 => todo.remove.push(path.clone()),
                Some(_) => {}
                None => todo.retire.push(path.clone()),
            }
        }
        Ok(todo)
    }

    fn is_nothing(&self, manifest: &Manifest) -> bool {
        let all = [&self.send, &self.retire, &self.remove, &self.lost];
        all.iter().all(|paths| paths.is_empty()) && manifest.at_work.is_none()
    }

    fn published(&self, files: &Files, manifest: &Manifest) -> Published {
        Published {
            sent: self.send.iter().map(|path| (path.clone(), files[path].size)).collect(),
            unchanged: files.len() - self.send.len(),
            removed: self.remove.clone(),
            retired: manifest.retired.len(),
            notes: Vec::new(),
        }
    }
}

/// Whether a target has this content at a path, as far as it can tell.
fn is_there(file: &LocalFile, sent: &Sent, listed: Option<&Listed>) -> bool {
    let Some(listed) = listed else { return false };
    let is_tagged = match (&sent.tag, &listed.tag) {
        (Some(sent), Some(listed)) => sent == listed,
        _ => true,
    };
    sent.is_whole && sent.sha256 == file.sha256 && listed.size == file.size && is_tagged
}

/// A run that has its target.
struct Run<'a> {
    root: &'a Path,
    target: &'a dyn Target,
    files: &'a Files,
    progress: &'a dyn Progress,
    cancel: &'a CancellationToken,
}

impl Run<'_> {
    /// Returns what was removed.
    async fn publish(&self, lease: &mut Lease<'_>, todo: &Todo, grace: Duration) -> Result<Vec<String>, PublishError> {
        for path in &todo.lost {
            lease.manifest.files.remove(path);
            lease.manifest.retired.remove(path);
        }
        for path in self.files.keys() {
            lease.manifest.retired.remove(path);
        }
        // Written before the first byte: of what a killed run has left something is known.
        for path in &todo.send {
            let file = &self.files[path];
            let sent = Sent { size: file.size, sha256: file.sha256.clone(), tag: None, is_whole: false };
            lease.manifest.files.insert(path.clone(), sent);
        }
        lease.renew().await?;
        for class in [Class::Package, Class::Index, Class::Plain] {
            let paths: Vec<&str> = self.of_class(todo, class).collect();
            self.send_all(lease, class, &paths).await?;
        }
        self.target.settle().await.map_err(|error| lease_failed(self.target, &error))?;
        // All that the entry points name is there, and known to be, and this run may still write.
        lease.renew().await?;
        // apt reads InRelease alone, where there is one; the other pairs follow each other as fast as can be.
        let (last, first): (Vec<&str>, Vec<&str>) =
            self.of_class(todo, Class::Entry).partition(|path| path.ends_with("/InRelease"));
        self.send_all(lease, Class::Entry, &first).await?;
        self.send_all(lease, Class::Entry, &last).await?;
        self.target.settle().await.map_err(|error| lease_failed(self.target, &error))?;
        self.remove(lease, todo, grace).await
    }

    fn of_class<'b>(&'b self, todo: &'b Todo, class: Class) -> impl Iterator<Item = &'b str> {
        todo.send.iter().filter(move |path| self.files[*path].class == class).map(String::as_str)
    }

    async fn send_all(&self, lease: &mut Lease<'_>, class: Class, paths: &[&str]) -> Result<(), PublishError> {
        if paths.is_empty() {
            return Ok(());
        }
        let total: u64 = paths.iter().map(|path| self.files[*path].size).sum();
        let what = format!("sending {}, {}", class.count(paths.len()), human_bytes(total));
        let mut done = 0;
        self.progress.progress(&what, done, total);
        let sends = paths.iter().map(|path| async move {
            let file = &self.files[*path];
            let sent = self.target.send(path, &self.root.join(path), (file.size, &file.sha256)).await;
            (*path, sent)
        });
        let mut sends = futures_util::stream::iter(sends).buffer_unordered(self.target.parallel());
        loop {
            let next = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(PublishError::Cancelled),
                next = sends.next() => next,
                () = tokio::time::sleep(lease.due()) => {
                    lease.renew().await?;
                    continue;
                }
            };
            let Some((path, sent)) = next else { return Ok(()) };
            let tag = sent.map_err(|error| PublishError::Target {
                action: format!("send {path} to"),
                target: self.target.shown(),
                reason: error.reason(),
            })?;
            if let Some(entry) = lease.manifest.files.get_mut(path) {
                entry.tag = tag;
                entry.is_whole = true;
            }
            done += self.files[path].size;
            self.progress.progress(&what, done, total);
        }
    }

    /// Notes what is named no more, and removes what has been so for long enough.
    async fn remove(&self, lease: &mut Lease<'_>, todo: &Todo, grace: Duration) -> Result<Vec<String>, PublishError> {
        let now = Utc::now().timestamp();
        let mut remove = todo.remove.clone();
        for path in &todo.retire {
            lease.manifest.retired.insert(path.clone(), now);
            // Of a repository that is no more: what it named stays for those who have just read it.
            if Class::of(path) == Class::Entry || grace.is_zero() {
                remove.push(path.clone());
            }
        }
        if !remove.is_empty() {
            // Written down, and this run's own, before anything goes.
            lease.renew().await?;
            // What names others goes before them.
            remove.sort_by_key(|path| std::cmp::Reverse(Class::of(path)));
            self.progress.progress(&format!("removing {} files that nothing names any more", remove.len()), 0, 0);
        }
        for path in &remove {
            if self.cancel.is_cancelled() {
                return Err(PublishError::Cancelled);
            }
            self.target.remove(path).await.map_err(|error| PublishError::Target {
                action: format!("remove {path} from"),
                target: self.target.shown(),
                reason: error.reason(),
            })?;
            lease.manifest.files.remove(path);
            lease.manifest.retired.remove(path);
            if lease.due().is_zero() {
                lease.renew().await?;
            }
        }
        Ok(remove)
    }
}

fn lease_failed(target: &dyn Target, error: &TargetError) -> PublishError {
    PublishError::Target { action: "write to".to_owned(), target: target.shown(), reason: error.reason() }
}

impl Class {
    /// `2 packages`.
    fn count(self, number: usize) -> String {
        let (one, more) = self.noun();
        format!("{number} {}", if number == 1 { one } else { more })
    }
}

#[cfg(test)]
mod tests;
