//! A folder of another host as a target, over SFTP: the system's `ssh` with its own configuration, keys and agent makes the
//! connection, and nothing is asked of the host but SFTP: no shell, and no other program.
//!
//! SFTP compares nothing before it writes. What can be compared is whether a name is taken, so that small files which are
//! written conditionally have versions: `published.json.7` is followed by `.8`, and of two who make it the second one fails.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::environment::Environment;
use super::local::random;
use super::model::{Listed, PublishError, TargetError};
use super::sftp::{Attributes, CHUNK, Sftp, SftpError};
use super::target::{Only, Target};
use crate::network::ssh::{self, PROGRAM, SshHost};
use crate::types::printable;

/// Nothing that farm writes there and reads again is larger.
const LARGEST_READ: usize = 256 << 20;
/// Where new files are until they are whole.
const INCOMING: &str = ".farm/incoming";
/// What of these is older than that, in seconds, is of a run that was killed.
const OLD: u32 = 600;
#[derive(Clone)]
pub(super) struct Ssh(Arc<Place>);

struct Place {
    program: Option<String>,
    host: SshHost,
    /// Without a slash at its end; relative to where a login begins, if it has none at its start.
    root: String,
    connection: Mutex<Option<Arc<Sftp>>>,
    /// Folders that are known to be there.
    folders: Mutex<HashSet<String>>,
}

impl Ssh {
    /// `rest`: `[user@]host[:port]/path`; no connection is made yet.
    pub(super) fn open(rest: &str, environment: &Environment) -> Result<Ssh, PublishError> {
        let shown = crate::types::redacted_text(&format!("ssh://{rest}"));
        let refused = |reason: &str| PublishError::Address {
            target: shown.clone(),
            reason: reason.to_owned(),
            help: Some("write ssh://USER@HOST:PORT/PATH; /~/PATH begins in the home folder of the user".to_owned()),
        };
        let (authority, path) = rest.split_once('/').ok_or_else(|| refused("it names no folder"))?;
        let host = SshHost::parse(authority).map_err(refused)?;
        let root = match path.strip_prefix("~/") {
            Some(path) => path.trim_matches('/').to_owned(),
            None => format!("/{}", path.trim_matches('/')),
        };
        if root.trim_matches('/').is_empty() || root.split('/').any(|part| part == "..") || root.contains('\0') {
            return Err(refused("it names no folder that can be published to"));
        }
        Ok(Ssh(Arc::new(Place {
            program: environment.get(PROGRAM).map(str::to_owned),
            host,
            root,
            connection: Mutex::default(),
            folders: Mutex::default(),
        })))
    }

    /// Runs on a thread for it, with a connection.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place, &Sftp) -> Result<T, TargetError> + Send + 'static,
    ) -> Result<T, TargetError> {
        let own = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let connection = own.0.connected()?;
            work(&own.0, &connection)
        });
        match done.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Place {
    /// All that is asked goes over one connection.
    fn connected(&self) -> Result<Arc<Sftp>, TargetError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = &*connection {
            return Ok(there.clone());
        }
        let words = self.host.command(self.program.as_deref(), &["-s"], &["sftp"]);
        let mut ssh = Command::new(&words[0]);
        ssh.args(&words[1..]);
        let made = Sftp::start(ssh).map_err(|reason| {
            let help = ssh::help(&reason, self.host.host());
            TargetError::Failed(format!("there is no connection: {reason}{help}"))
        })?;
        Ok(connection.insert(Arc::new(made)).clone())
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    /// Makes the folders that a path lies in.
    fn make_folders(&self, sftp: &Sftp, path: &str) -> Result<(), TargetError> {
        let whole = self.at(path);
        let Some((folder, _)) = whole.rsplit_once('/') else { return Ok(()) };
        let mut known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(folder) {
            return Ok(());
        }
        let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
        let mut made = Ok(());
        for end in ends.filter(|end| *end > 0) {
            let part = &folder[..end];
            if known.insert(part.to_owned()) {
                made = sftp.make_folder(part);
            }
        }
        // One that is there fails in its own words, so that the last one tells.
        match (made, sftp.stat(folder)) {
            (_, Ok(_)) => Ok(()),
            (Err(error), Err(_)) | (Ok(()), Err(error)) => {
                known.clear();
                Err(failed(folder)(error))
            }
        }
    }

    /// The versions of a file that is written conditionally, the newest first.
    fn versions(&self, sftp: &Sftp, path: &str) -> Result<Vec<u64>, TargetError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self.at(folder);
        let names = sftp.names(&folder).map_err(failed(&folder))?;
        let number = |found: &str| found.strip_prefix(name)?.strip_prefix('.')?.parse().ok();
        let mut versions: Vec<u64> = names.iter().filter_map(|(found, _)| number(found)).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(*version));
        Ok(versions)
    }

    fn write(&self, sftp: &Sftp, path: &str, content: &[u8], only: &Only) -> Result<u64, TargetError> {
        let last = self.versions(sftp, path)?.first().copied();
        match only {
            Only::IfAbsent if last.is_some() => return Err(TargetError::Changed),
            Only::IfTagged(tag) if last.map(|last| last.to_string()).as_ref() != Some(tag) => {
                return Err(TargetError::Changed);
            }
            _ => {}
        }
        let version = last.unwrap_or_default() + 1;
        let (new, place) = (self.at(&format!("{INCOMING}/{}", random())), self.at(&format!("{path}.{version}")));
        self.make_folders(sftp, &format!("{INCOMING}/x"))?;
        let mut pieces = content.chunks(CHUNK);
        sftp.create(&new, || Ok(pieces.next().map(<[u8]>::to_vec))).map_err(failed(path))?;
        if let Err(error) = sftp.rename_new(&new, &place) {
            let _ = sftp.remove(&new);
            return Err(match sftp.stat(&place) {
                Ok(_) => TargetError::Changed,
                Err(_) => failed(path)(error),
            });
        }
        // A name that was free because others had gone on, and taken theirs away.
        let versions = self.versions(sftp, path)?;
        if versions.first().is_some_and(|last| *last > version) {
            let _ = sftp.remove(&place);
            return Err(TargetError::Changed);
        }
        // One stays for those who have just looked which is the newest.
        for old in versions.iter().filter(|old| **old + 1 < version) {
            let _ = sftp.remove(&self.at(&format!("{path}.{old}")));
        }
        Ok(version)
    }

    fn send(&self, sftp: &Sftp, path: &str, file: &Path, expected: (u64, &str)) -> Result<String, TargetError> {
        let new = self.at(&format!("{INCOMING}/{}", random()));
        self.make_folders(sftp, &format!("{INCOMING}/x"))?;
        let unread = |error: std::io::Error| format!("cannot read {}: {error}", printable(&file.display().to_string()));
        let mut source = std::fs::File::open(file).map_err(|error| TargetError::Failed(unread(error)))?;
        let mut hash = Sha256::new();
        let next = || {
            let mut piece = Vec::with_capacity(CHUNK);
            source.by_ref().take(CHUNK as u64).read_to_end(&mut piece).map_err(unread)?;
            hash.update(&piece);
            Ok(Some(piece).filter(|piece| !piece.is_empty()))
        };
        let put = sftp.create(&new, next).map_err(failed(path)).and_then(|written| {
            if hex::encode(hash.finalize()) != expected.1 {
                return Err(TargetError::Failed(format!("{path} changed while it was sent")));
            }
            if written.size != expected.0 {
                let reason = format!("{path} has {} bytes there, and {} were sent", written.size, expected.0);
                return Err(TargetError::Failed(reason));
            }
            self.make_folders(sftp, path)?;
            sftp.rename_over(&new, &self.at(path)).map_err(failed(path))?;
            Ok(tag(written))
        });
        if put.is_err() {
            let _ = sftp.remove(&new);
        }
        put
    }

    fn remove(&self, sftp: &Sftp, path: &str) -> Result<(), TargetError> {
        match sftp.remove(&self.at(path)) {
            Ok(()) | Err(SftpError::NoSuchFile) => {}
            Err(error) => return Err(failed(path)(error)),
        }
        // Folders that have nothing any more; the first that has something ends it.
        let mut known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
        for (end, _) in path.match_indices('/').rev().filter(|(end, _)| path[..*end].contains('/')) {
            if sftp.remove_folder(&self.at(&path[..end])).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// What killed runs have left has no name that anybody asks for.
    fn clear(&self, sftp: &Sftp) -> Result<(), TargetError> {
        let folder = self.at(INCOMING);
        let left = sftp.names(&folder).map_err(failed(&folder))?;
        // By the clock of that host alone.
        let newest = sftp.stat(&folder).map(|folder| folder.modified).unwrap_or_default();
        for (name, found) in left {
            if newest.saturating_sub(found.modified) > OLD {
                let _ = sftp.remove(&format!("{folder}/{name}"));
            }
        }
        Ok(())
    }
}

fn failed(path: &str) -> impl Fn(SftpError) -> TargetError + '_ {
    move |error| {
        let reason = match error {
            SftpError::NoSuchFile => "it is not there".to_owned(),
            SftpError::Failed(reason) => reason,
        };
        TargetError::Failed(format!("{}: {reason}", printable(path)))
    }
}

/// A file is replaced, and never written to; so another time is another file.
fn tag(found: Attributes) -> String {
    found.modified.to_string()
}

#[async_trait]
impl Target for Ssh {
    fn shown(&self) -> String {
        let root = if self.0.root.starts_with('/') { self.0.root.clone() } else { format!("/~/{}", self.0.root) };
        printable(&format!("{}{root}", self.0.host.shown()))
    }

    async fn list(&self, known: &[&str]) -> Result<BTreeMap<String, Listed>, TargetError> {
        let known: Vec<String> = known.iter().map(|path| (*path).to_owned()).collect();
        self.blocking(move |place, sftp| {
            let paths: Vec<String> = known.iter().map(|path| place.at(path)).collect();
            let found = sftp.stat_all(&paths).map_err(failed(&place.root))?;
            let listed = |found: Attributes| Listed { size: found.size, tag: Some(tag(found)) };
            Ok(known.into_iter().zip(found).filter_map(|(path, found)| Some((path, listed(found?)))).collect())
        })
        .await
    }

    async fn read(&self, path: &str) -> Result<Option<(Bytes, Option<String>)>, TargetError> {
        let path = path.to_owned();
        self.blocking(move |place, sftp| {
            // What farm keeps there has versions; of what clients read there is one.
            let is_own = path.starts_with(".farm/");
            for _ in 0..4 {
                let version = if is_own { place.versions(sftp, &path)?.first().copied() } else { None };
                let file = match version {
                    Some(version) => format!("{path}.{version}"),
                    None if is_own => return Ok(None),
                    None => path.clone(),
                };
                match sftp.read(&place.at(&file), LARGEST_READ) {
                    Ok(content) => return Ok(Some((content.into(), version.map(|version| version.to_string())))),
                    Err(SftpError::NoSuchFile) if is_own => {}
                    Err(SftpError::NoSuchFile) => return Ok(None),
                    Err(error) => return Err(failed(&file)(error)),
                }
            }
            Err(TargetError::Failed(format!("{path} changes faster than it can be read")))
        })
        .await
    }

    async fn write(&self, path: &str, content: Bytes, only: &Only) -> Result<Option<String>, TargetError> {
        let (path, only) = (path.to_owned(), only.clone());
        self.blocking(move |place, sftp| Ok(Some(place.write(sftp, &path, &content, &only)?.to_string()))).await
    }

    async fn send(&self, path: &str, file: &Path, expected: (u64, &str)) -> Result<Option<String>, TargetError> {
        let (path, file, size, sum) = (path.to_owned(), file.to_owned(), expected.0, expected.1.to_owned());
        self.blocking(move |place, sftp| place.send(sftp, &path, &file, (size, &sum)).map(Some)).await
    }

    async fn remove(&self, path: &str) -> Result<(), TargetError> {
        let path = path.to_owned();
        self.blocking(move |place, sftp| place.remove(sftp, &path)).await
    }

    async fn settle(&self) -> Result<(), TargetError> {
        self.blocking(Place::clear).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_folder_and_nothing_that_ssh_takes_for_an_option() {
        let open = |rest| Ssh::open(rest, &Environment::default());
        for (rest, shown) in [
            ("ada@example.org:2222/srv/www/", "ssh://ada@example.org:2222/srv/www"),
            ("example.org/~/www", "ssh://example.org/~/www"),
            ("[::1]:22/srv", "ssh://[::1]:22/srv"),
        ] {
            assert_eq!(open(rest).unwrap().shown(), shown);
        }
        for rest in
            ["example.org", "example.org/", "-oProxyCommand=x/srv", "-l@host/srv", "a b/srv", "h:x/srv", "h/a/../b"]
        {
            assert!(open(rest).is_err(), "{rest}");
        }
        let refused = open("ada:geheim@example.org/srv").err().unwrap().to_string();
        assert!(refused.contains("ssh-agent") && !refused.contains("geheim"), "{refused}");
    }
}
