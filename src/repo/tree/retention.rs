//! Which old versions stay in a repository: the newest so many, those that were the newest a short while ago, and whatever a
//! package that stays needs, which no client could install otherwise.

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use rayon::prelude::*;
use rpm::DependencyFlags;

use super::edits::edit;
use super::model::{Change, Entry, Place, RepoError, Wishes};
use super::pool::{self, Record};
use super::state::{Tree, pooled};
use crate::artifact;
use crate::formats::relation::field::{Relation, relations};
use crate::formats::{deb822, version};
use crate::sign::Signer;
use crate::types::{Comparison, Format};

/// How much of what is old stays. A version goes when neither keeps it; the newest one of each package always stays.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Keep {
    /// So many of the newest versions.
    pub(crate) versions: Option<usize>,
    /// Those that a newer one has replaced no longer than so many days ago.
    pub(crate) days: Option<u32>,
}

/// Removes old versions of each package, of each architecture for itself.
///
/// # Errors
/// When a package cannot be read, or nothing can be signed or written.
pub(crate) fn keep(
    root: &Path,
    keep: Keep,
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, RepoError> {
    let edit_one = |tree: &Tree, place: &Place, packages: &mut Vec<Entry>| {
        let before = packages.len();
        let mut stays = kept(tree, place, packages, keep, now);
        if stays.contains(&false) {
            bring_back(tree, place, packages, &mut stays)?;
        }
        let mut each = stays.into_iter();
        packages.retain(|_| each.next().unwrap_or(true));
        Ok(before - packages.len())
    };
    edit(root, &edit_one, &Wishes::default(), signer, now)
}

/// Whether each package stays by its age alone.
fn kept(tree: &Tree, place: &Place, packages: &[Entry], keep: Keep, now: DateTime<Utc>) -> Vec<bool> {
    let mut of: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (number, entry) in packages.iter().enumerate() {
        of.entry((&entry.name, &entry.arch)).or_default().push(number);
    }
    let mut stays = vec![false; packages.len()];
    for mut all in of.into_values() {
        all.sort_by(|a, b| version::compare(place.format, &packages[*b].version, &packages[*a].version));
        // Since when there is a newer one than the one that is looked at.
        let mut replaced = i64::MAX;
        for (age, number) in all.into_iter().enumerate() {
            let is_recent = keep.days.is_some_and(|days| replaced > (now - Duration::days(days.into())).timestamp());
            stays[number] = age < keep.versions.unwrap_or(1) || is_recent;
            replaced = replaced.min(added(tree, place, &packages[number]));
        }
    }
    stays
}

/// When a package came in, in seconds since the epoch.
fn added(tree: &Tree, place: &Place, entry: &Entry) -> i64 {
    // An earlier farm has not written it down: its copy in the pool was written then.
    entry.added.unwrap_or_else(|| {
        let modified = std::fs::metadata(pooled(&tree.root, place, entry)).and_then(|found| found.modified());
        modified.map_or(i64::MAX, |time| DateTime::<Utc>::from(time).timestamp())
    })
}

/// What a package offers and needs.
#[derive(Debug, Default)]
struct Relations {
    offers: Vec<(String, Option<String>)>,
    /// Of each, one has to be there.
    needs: Vec<Vec<Need>>,
}

#[derive(Debug)]
struct Need {
    name: String,
    version: Option<(Comparison, String)>,
}

impl Need {
    fn is_met(&self, format: Format, offers: &Relations) -> bool {
        offers.offers.iter().any(|(name, offered)| {
            *name == self.name
                && self.version.as_ref().is_none_or(|(comparison, wanted)| match offered {
                    Some(offered) => comparison.holds(version::compare(format, offered, wanted)),
                    // What rpm offers without a version is any; dpkg's is none.
                    None => format == Format::Rpm,
                })
        })
    }
}

/// Lets those stay that the others need and nobody else offers: of each the newest.
fn bring_back(tree: &Tree, place: &Place, packages: &[Entry], stays: &mut [bool]) -> Result<(), RepoError> {
    let read: Vec<Relations> =
        packages.par_iter().map(|entry| relations_of(tree, place, entry)).collect::<Result<_, RepoError>>()?;
    // By name, who offers something of that name.
    let mut offering: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, relations) in read.iter().enumerate() {
        for (name, _) in &relations.offers {
            offering.entry(name).or_default().push(number);
        }
    }
    let fits = |a: &Entry, b: &Entry| a.arch == b.arch || [a, b].iter().any(|one| is_for_all(&one.arch));
    let mut waiting: Vec<usize> = (0..packages.len()).filter(|number| stays[*number]).collect();
    while let Some(number) = waiting.pop() {
        for need in &read[number].needs {
            let meets = |other: &usize| {
                fits(&packages[number], &packages[*other])
                    && need.iter().any(|need| need.is_met(place.format, &read[*other]))
            };
            let by_name = need.iter().filter_map(|need| offering.get(need.name.as_str())).flatten();
            let meeting: Vec<usize> = by_name.copied().filter(meets).collect();
            if meeting.iter().any(|other| stays[*other]) {
                continue;
            }
            let newest = meeting
                .into_iter()
                .max_by(|a, b| version::compare(place.format, &packages[*a].version, &packages[*b].version));
            if let Some(newest) = newest {
                stays[newest] = true;
                waiting.push(newest);
            }
        }
    }
    Ok(())
}

fn is_for_all(arch: &str) -> bool {
    matches!(arch, "all" | "noarch")
}

fn relations_of(tree: &Tree, place: &Place, entry: &Entry) -> Result<Relations, RepoError> {
    let own = (entry.name.clone(), Some(entry.version.clone()));
    match place.format {
        Format::Deb => {
            // A source package needs nothing that users install.
            let Record::Deb { control, .. } = pool::record(tree, place, entry)? else {
                return Ok(Relations::default());
            };
            let field = |name: &str| {
                let text = deb822::field(&control, name).unwrap_or_default();
                relations(text).unwrap_or_default()
            };
            let provided = field("Provides").into_iter().flatten();
            let provided = provided.map(|one| (one.name, one.version.map(|(_, version)| version.to_string())));
            let need = |one: Relation| Need {
                name: one.name,
                version: one.version.map(|(comparison, version)| (comparison, version.to_string())),
            };
            let needs = ["Pre-Depends", "Depends"].into_iter().flat_map(field);
            Ok(Relations {
                offers: std::iter::once(own).chain(provided).collect(),
                needs: needs.map(|group| group.into_iter().map(need).collect()).collect(),
            })
        }
        Format::Rpm => {
            let header = artifact::rpm_header(&pooled(&tree.root, place, entry))?;
            if header.metadata.is_source_package() {
                return Ok(Relations::default());
            }
            let provided = header.metadata.get_provides().unwrap_or_default().into_iter();
            let provided = provided.map(|one| (one.name, Some(one.version).filter(|version| !version.is_empty())));
            let needs = header.metadata.get_requires().unwrap_or_default().into_iter();
            let needs = needs.filter(|one| !one.flags.contains(DependencyFlags::RPMLIB)).map(|one| {
                let version = comparison(one.flags).zip(Some(one.version).filter(|version| !version.is_empty()));
                vec![Need { name: one.name, version }]
            });
            Ok(Relations { offers: std::iter::once(own).chain(provided).collect(), needs: needs.collect() })
        }
    }
}

fn comparison(flags: DependencyFlags) -> Option<Comparison> {
    let has = |flag| flags.contains(flag);
    match (has(DependencyFlags::LESS), has(DependencyFlags::GREATER), has(DependencyFlags::EQUAL)) {
        (true, _, true) => Some(Comparison::LessOrEqual),
        (true, _, false) => Some(Comparison::Less),
        (_, true, true) => Some(Comparison::GreaterOrEqual),
        (_, true, false) => Some(Comparison::Greater),
        (_, _, true) => Some(Comparison::Equal),
        (_, _, false) => None,
    }
}
