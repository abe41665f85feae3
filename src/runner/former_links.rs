//! Folders where earlier versions had links. dpkg unpacks into a folder through the link that is there, and rpm refuses
//! to: the link has to be taken away before, by the package itself. A recipe says so with `former-links`; of what it does
//! not say, the last good version in the store knows.

use std::collections::BTreeMap;

use super::build::Results;
use super::outcome;
use super::upgrade::{self, Links};
use super::work::{Work, reading};
use crate::artifact::manifest::Manifest;
use crate::event::Outcome;
use crate::packaging::{self, FormerLinks, StepKind};
use crate::recipe;
use crate::types::printable;

/// The links that the packages of a build have to take away beyond those that the recipe names.
pub(super) async fn unsaid(work: &mut Work<'_>, results: &Results) -> Result<FormerLinks, Outcome> {
    let Some(manifest) = &results.manifest else { return Ok(FormerLinks::new()) };
    let said = packaging::former_links(&work.job.recipe, work.job.target.format);
    check(&said, &packaging::former_config_files(&work.job.recipe, work.job.target.format), manifest)?;
    let expected = work.job.packaging.expected.iter();
    let tried: BTreeMap<String, String> = expected.map(|one| (one.name.clone(), one.version.clone())).collect();
    let (store, target, replaced) = (work.shared.store.clone(), work.job.target.clone(), work.former_links.clone());
    let Links { targets, version } =
        reading(work, StepKind::Collect, move || upgrade::links(&store, &target, &tried, replaced)).await?;
    let mut unsaid = FormerLinks::new();
    for (path, link) in targets.iter().filter(|(path, link)| recipe::is_plain_link(path) && recipe::is_plain_link(link))
    {
        for package in manifest.holders(path) {
            if !said.get(package).is_some_and(|links| links.contains_key(path)) {
                unsaid.entry(package.to_owned()).or_default().insert(path.clone(), link.clone());
                let message = format!(
                    "{path} was a link to {link} in {}, and is a folder now: {package} takes the link away when it is \
                     upgraded. Keep that in the recipe, for builds that know of no earlier version: former-links = {{ \
                     \"{path}\" = \"{link}\" }}",
                    version.as_deref().unwrap_or("an earlier version")
                );
                work.warn_once(outcome::warning("link-became-folder", message));
            }
        }
    }
    Ok(unsaid)
}

/// What the recipe says must be so: the scripts would take a link or a file away that the package has.
fn check(said: &FormerLinks, files: &[String], manifest: &Manifest) -> Result<(), Outcome> {
    let mut findings = Vec::new();
    for path in files.iter().filter(|path| manifest.has(path)) {
        let message = format!("`former-config-files` names {}, which is installed: take it out", printable(path));
        findings.push(outcome::finding("", "former-file-installed", message));
    }
    for (package, links) in said {
        for path in links.keys().filter(|path| !manifest.holders(path).contains(&package.as_str())) {
            let message = format!(
                "`former-links` names {}, which is no folder in {package}: take it out, or install the folder",
                printable(path)
            );
            findings.push(outcome::finding("", "former-link-without-folder", message));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Outcome::Rejected { step: StepKind::Collect, findings }) }
}
