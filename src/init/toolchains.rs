//! Which distributions a recipe is for: those that have what the project asks for, or have it in newer packages of another
//! name. What a distribution has is said by its definition; what is not said there is taken to be enough.

use std::sync::Arc;

use chrono::{Days, NaiveDate};

use super::draft::{Draft, Requirement};
use crate::distro::{Catalogue, Distro, Newer, Stage};

/// Families that most people use.
const FAMILIES: [&str; 3] = ["debian", "ubuntu", "fedora"];
/// Releases of each of them.
const RELEASES: usize = 2;
/// Whoever begins to package for a release wants it to last longer than this.
const SOON: Days = Days::new(15);

/// What a toolchain is called in recipes, where packages of another name stand for it.
const WORDS: [(&str, &str); 2] = [("rust", "cargo"), ("go", "go")];

/// The distributions that a new recipe is offered for, in the order of the catalogue: of each family the releases that are
/// out and are supported longest.
pub(crate) fn offered(catalogue: &Catalogue, today: NaiveDate) -> Vec<Arc<Distro>> {
    let soon = today.checked_add_days(SOON).unwrap_or(today).to_string();
    let lasts =
        |distro: &Distro| distro.stage == Stage::Released && distro.end_of_life.as_ref().is_some_and(|end| *end > soon);
    let mut chosen: Vec<&str> = Vec::new();
    for family in FAMILIES {
        let mut releases: Vec<&Arc<Distro>> =
            catalogue.iter().filter(|distro| distro.family == family && lasts(distro)).collect();
        releases.sort_by(|one, other| other.end_of_life.cmp(&one.end_of_life));
        chosen.extend(releases.iter().take(RELEASES).map(|distro| distro.id.as_str()));
    }
    catalogue.iter().filter(|distro| chosen.contains(&distro.id.as_str())).map(Arc::clone).collect()
}

/// What is decided about the distributions that are offered.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Ids.
    pub(super) distros: Vec<String>,
    /// Why others are left out, as sentences.
    pub(super) left_out: Vec<String>,
    /// Lines of shell that put newer programs first.
    pub(super) paths: Vec<String>,
}

/// Chooses among `offered`, and has newer packages required where these are needed; in those of `known`, too, that the
/// recipe is not written for: somebody may build it for them.
pub(super) fn choose(draft: &mut Draft, offered: &[Arc<Distro>], known: &[Arc<Distro>]) -> Choice {
    let mut choice = Choice::default();
    let mut replaced: Vec<(&str, &str, &Newer)> = Vec::new();
    for distro in offered {
        let mut reasons = Vec::new();
        let mut newer_ones = Vec::new();
        for wanted in &draft.toolchains {
            let Some(has) = distro.toolchains.versions.get(wanted.toolchain) else { continue };
            if is_enough(has, &wanted.least) {
                continue;
            }
            let newer = distro.toolchains.newer.get(wanted.toolchain);
            match newer.filter(|newer| is_enough(&newer.version, &wanted.least) && word(wanted.toolchain).is_some()) {
                Some(newer) => newer_ones.push((distro.id.as_str(), wanted.toolchain, newer)),
                None => {
                    let best = newer.map_or(has, |newer| &newer.version);
                    reasons.push(format!("{} {best}, {} asks for {}", wanted.title(), wanted.from, wanted.least));
                }
            }
        }
        if reasons.is_empty() {
            choice.distros.push(distro.id.clone());
            replaced.extend(newer_ones);
        } else {
            choice.left_out.push(format!("{} has {}", distro.id, reasons.join(" and ")));
        }
    }
    if choice.distros.is_empty() {
        draft.check("no distribution has the versions that it asks for: all that are offered are in [matrix]");
        choice.distros = offered.iter().map(|distro| distro.id.clone()).collect();
    }
    for (distro, wanted) in known.iter().flat_map(|distro| draft.toolchains.iter().map(move |wanted| (distro, wanted)))
    {
        let (id, toolchain) = (distro.id.as_str(), wanted.toolchain);
        let seen = offered.iter().any(|offered| offered.id == id);
        let has = distro.toolchains.versions.get(toolchain).filter(|has| !seen && !is_enough(has, &wanted.least));
        let newer = has.and_then(|_| distro.toolchains.newer.get(toolchain));
        if let Some(newer) = newer.filter(|newer| is_enough(&newer.version, &wanted.least) && word(toolchain).is_some())
        {
            replaced.push((id, toolchain, newer));
        }
    }
    for (toolchain, usual) in WORDS {
        let of: Vec<(&str, &Newer)> = replaced
            .iter()
            .filter(|(_, replaced, _)| *replaced == toolchain)
            .map(|(distro, _, newer)| (*distro, *newer))
            .collect();
        if let Some(requirement) = draft.build_requires.iter_mut().find(|one| one.what == usual)
            && !of.is_empty()
        {
            replace(requirement, &of);
        }
        for (distro, newer) in of {
            if let Some(folder) = &newer.folder {
                choice.paths.push(format!("case $FARM_DISTRO in {distro}) export PATH={folder}:$PATH;; esac"));
            }
        }
    }
    choice
}

/// One package for some distributions and the usual one for all others.
fn replace(requirement: &mut Requirement, newer: &[(&str, &Newer)]) {
    let mut packages: Vec<&str> = newer.iter().map(|(_, newer)| newer.package.as_str()).collect();
    let mut seen = std::collections::BTreeSet::new();
    packages.retain(|package| seen.insert(*package));
    let mut template = String::new();
    for package in packages {
        let distros: Vec<String> = newer
            .iter()
            .filter(|(_, newer)| newer.package == package)
            .map(|(distro, _)| format!("'{distro}'"))
            .collect();
        let word = if template.is_empty() { "if" } else { "elif" };
        template.push_str(&format!("{{% {word} distro in [{}] %}}{package}", distros.join(", ")));
    }
    requirement.what = format!("{template}{{% else %}}{}{{% endif %}}", requirement.what);
    requirement.template = true;
}

fn word(toolchain: &str) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == toolchain).map(|(_, word)| *word)
}

/// Whether a version is another one or a later one, as far as both say: 1.85 is enough for 1.85.1.
pub(super) fn is_enough(has: &str, least: &str) -> bool {
    let numbers = |text: &str| text.split('.').map_while(|part| part.parse().ok()).collect::<Vec<u64>>();
    let (has, least) = (numbers(has), numbers(least));
    let common = has.len().min(least.len());
    has[..common] >= least[..common]
}

/// The least version that a range of npm, Python or Ruby allows: `^18 || >=20`, `>=3.9,<4`, `~> 3.0`. None: any.
pub(super) fn least(range: &str) -> Option<String> {
    let alternative = |text: &str| -> Option<String> {
        let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        let mut upper = false;
        let mut found = None;
        for part in parts {
            match part {
                ">=" | ">" | "^" | "~" | "~>" | "=" | "==" | "v" => upper = false,
                "<" | "<=" | "!=" => upper = true,
                part if part.starts_with(['<', '!']) => {}
                part => {
                    let version = part.trim_start_matches(['>', '=', '^', '~', 'v']);
                    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
                    let version = version[..end].trim_end_matches('.');
                    if !upper && !version.is_empty() && found.is_none() {
                        found = Some(version.to_owned());
                    }
                    upper = false;
                }
            }
        }
        found
    };
    let all: Option<Vec<String>> = range.split("||").map(alternative).collect();
    all?.into_iter().reduce(|one, other| if is_enough(&one, &other) { other } else { one })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_a_least_version() {
        for (range, expected) in [
            (">=18", Some("18")),
            ("^20.1.0 || >= 18.12", Some("18.12")),
            (">=3.9,<4", Some("3.9")),
            ("<4,>=3.10", Some("3.10")),
            ("~> 3.0", Some("3.0")),
            ("14.x", Some("14")),
            ("*", None),
            ("< 20", None),
            ("$(id)", None),
        ] {
            assert_eq!(least(range).as_deref(), expected, "{range}");
        }
        assert!(is_enough("1.85", "1.85.1") && is_enough("1.100", "1.85") && !is_enough("1.9", "1.85"));
    }

    #[test]
    fn what_ends_soon_or_is_not_out_is_not_offered() {
        let catalogue = Catalogue::load(&[]).unwrap();
        let ids = |year, month, day| -> Vec<String> {
            let today = NaiveDate::from_ymd_opt(year, month, day).unwrap();
            offered(&catalogue, today).iter().map(|distro| distro.id.clone()).collect()
        };
        let now = ids(2026, 11, 26);
        assert!(!now.contains(&"fedora-43".to_owned()) && now.contains(&"fedora-44".to_owned()), "{now:?}");
        assert!(!now.contains(&"debian-11".to_owned()) && now.contains(&"debian-12".to_owned()), "{now:?}");
        assert!(!now.iter().any(|id| id.ends_with("sid") || id == "debian-14"), "{now:?}");
        assert!(!ids(2028, 6, 20).contains(&"debian-12".to_owned()));
        assert!(ids(2028, 6, 1).contains(&"debian-12".to_owned()));
    }
}
