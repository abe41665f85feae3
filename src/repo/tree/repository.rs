//! One repository of a tree, from the state that is published to the next one.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::model::{Change, Entry, Place, RepoError, Settings, Wishes};
use super::packed::Pieces;
use super::state::{State, Tree, sum};
use super::{apt, rpm, setup};
use crate::formats::version;
use crate::sign::Signer;
use crate::types::Format;

/// What follows every change: what users paste, and what nobody needs any more goes.
pub(super) fn finish(
    tree: &Tree,
    wishes: &Wishes,
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<(), RepoError> {
    setup::write(tree, wishes.url.as_deref(), signer)?;
    tree.collect(now)
}

/// One repository while it is changed.
pub(super) struct Repository<'a> {
    pub(super) place: &'a Place,
    /// The name of the state that is published, and it.
    pub(super) before: Option<(String, State)>,
    pub(super) packages: Vec<Entry>,
}

impl<'a> Repository<'a> {
    pub(super) fn open(tree: &Tree, place: &'a Place) -> Result<Repository<'a>, RepoError> {
        let before = match tree.current(place)? {
            None => None,
            Some(name) => match tree.state(&name) {
                Some(state) => Some((name, state)),
                None => {
                    let reason = "its .farm/states does not know what is published there: another program has written \
                                  it, or .farm is of another copy; name an empty folder, and this one after it to take over what it has, or \
                                  restore that .farm";
                    return Err(RepoError::Foreign { path: tree.root.join(place.folder()), reason: reason.to_owned() });
                }
            },
        };
        let packages = before.as_ref().map(|(_, state)| state.packages.clone()).unwrap_or_default();
        Ok(Repository { place, before, packages })
    }

    pub(super) fn conflict(&self, path: &Path, entry: &Entry) -> RepoError {
        let reason = format!(
            "{} {} is there with another content, which users may have installed: give it another version or release",
            entry.name, entry.version
        );
        RepoError::Package { path: path.to_owned(), place: self.place.clone(), reason }
    }

    pub(super) fn publish(
        mut self,
        tree: &Tree,
        wishes: &Wishes,
        mut arches: BTreeSet<String>,
        (added, removed): (usize, usize),
        signer: Option<&Signer>,
        now: DateTime<Utc>,
    ) -> Result<Change, RepoError> {
        let before = self.before.as_ref().map(|(_, state)| &state.settings);
        arches.extend(before.iter().flat_map(|settings| settings.arches.clone()));
        let settings = Settings {
            origin: wishes.origin.clone().or(before.map(|one| one.origin.clone())).unwrap_or("farm".to_owned()),
            label: wishes.label.clone().or(before.map(|one| one.label.clone())).unwrap_or("farm".to_owned()),
            valid_days: wishes.valid_days.or(before.map(|one| one.valid_days)).unwrap_or(0),
            zstd: wishes.zstd.or(before.map(|one| one.zstd)).unwrap_or(false),
            key: signer.map(|signer| signer.fingerprint().to_owned()),
            arches: arches.into_iter().collect(),
        };
        let is_due = self.before.as_ref().is_some_and(|(_, state)| {
            let half = chrono::Duration::days(settings.valid_days.into()) / 2;
            settings.valid_days > 0 && now.timestamp() - state.date > half.num_seconds()
        });
        let is_same = self.before.as_ref().is_some_and(|(_, state)| state.settings == settings);
        let packages = self.packages.len();
        let mut change = Change { place: self.place.clone(), added, removed, packages, is_written: false };
        if is_same && !is_due && added + removed == 0 {
            return Ok(change);
        }
        self.packages.sort_by(|a, b| {
            let versions = || version::compare(self.place.format, &a.version, &b.version);
            a.name.cmp(&b.name).then_with(versions).then_with(|| a.path.cmp(&b.path))
        });
        // A clock that went back must not make a state that clients take for an older one.
        let now = self
            .before
            .as_ref()
            .map_or(now, |(_, state)| now.max(DateTime::from_timestamp(state.date + 1, 0).unwrap_or(now)));
        let new = tree.new_folder().join("index");
        let pieces = Pieces::open(tree, self.place)?;
        let by = (tree, &pieces);
        let (anchor, files) = match self.place.format {
            Format::Deb => apt::write(by, &new, self.place, &settings, &self.packages, signer, now)?,
            Format::Rpm => rpm::write(by, &new, self.place, &settings, &self.packages, signer, now)?,
        };
        let previous = self.before.as_ref().map(|(name, _)| name.clone());
        if let Some((name, state)) = self.before {
            tree.keep_read(self.place, &new, &tree.still_read(name, state, 1, now))?;
        }
        let state = State::new(self.place, previous, settings, now.timestamp(), files, self.packages);
        tree.save_state(&sum(anchor.as_bytes()), &state)?;
        tree.publish(self.place, &new)?;
        pieces.collect()?;
        change.is_written = true;
        Ok(change)
    }
}
