//! What users paste: the public key, and for each repository the file that tells apt, dnf or zypper of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use debian_pgp::SignedPublicKey;

use super::model::{Place, RepoError, writing};
use super::state::Tree;
use crate::formats::openpgp;
use crate::sign::Signer;
use crate::types::Format;

const KEY: &str = "key.asc";
/// All public keys that have ever signed here.
const KEPT: &str = ".farm/keys.asc";

/// Writes `key.asc` and `setup/` of a tree, where they would be other than they are.
pub(super) fn write(tree: &Tree, url: Option<&str>, signer: Option<&Signer>) -> Result<(), RepoError> {
    if let Some(signer) = signer {
        put(tree, KEY, &keys(tree, signer)?)?;
    }
    let kept = tree.root.join(".farm/url");
    if let Some(url) = url {
        tree.write(&kept, url.as_bytes())?;
    }
    // Without an address it is where it is.
    let here = fs::canonicalize(&tree.root).unwrap_or_else(|_| tree.root.clone());
    let url = fs::read_to_string(&kept).unwrap_or_else(|_| format!("file://{}", here.display()));
    let url = url.trim_end_matches('/');
    for place in tree.places() {
        let (ending, text) = match place.format {
            Format::Deb => ("sources", sources(&place, url, signer)),
            Format::Rpm => ("repo", repo(&place, url, signer.is_some())),
        };
        put(tree, &format!("setup/{}.{ending}", place.name), &text)?;
    }
    Ok(())
}

/// The public keys that sign now, and behind them those of earlier ones that packages are still signed by.
fn keys(tree: &Tree, signer: &Signer) -> Result<String, RepoError> {
    let kept = tree.root.join(KEPT);
    // What was published before, by whichever farm, is kept before it is replaced.
    let published = fs::read(tree.root.join(KEY)).unwrap_or_default();
    let mut known = BTreeMap::new();
    for content in [fs::read(&kept).unwrap_or_default(), published, signer.certificate().as_bytes().to_vec()] {
        // What is no key is of no use to anybody.
        known.extend(
            openpgp::read(&content).unwrap_or_default().into_iter().map(|key| (openpgp::fingerprint(&key), key)),
        );
    }
    let signing = openpgp::read(signer.certificate().as_bytes()).unwrap_or_default();
    let mut keys: BTreeMap<String, SignedPublicKey> = known.clone();
    keys.retain(|fingerprint, _| !signing.iter().any(|key| openpgp::fingerprint(key) == *fingerprint));
    if keys.is_empty() && !kept.exists() {
        return Ok(signer.certificate().to_owned());
    }
    let refused = |reason| RepoError::Foreign { path: tree.root.join(KEY), reason };
    let all: Vec<SignedPublicKey> = known.into_values().collect();
    put(tree, KEPT, &openpgp::armoured_keys(&all).map_err(refused)?)?;
    let mut needed = BTreeSet::new();
    let mut is_all_needed = false;
    for place in tree.places().into_iter().filter(|place| place.format == Format::Rpm) {
        let Some(state) = tree.current(&place)?.and_then(|name| tree.state(&name)) else { continue };
        is_all_needed |= state.packages.iter().any(|entry| entry.key.is_none());
        needed.extend(state.packages.into_iter().filter_map(|entry| entry.key));
    }
    keys.retain(|fingerprint, _| is_all_needed || needed.contains(fingerprint));
    let all: Vec<SignedPublicKey> = signing.into_iter().chain(keys.into_values()).collect();
    openpgp::armoured_keys(&all).map_err(refused)
}

/// deb822(5) sources with the key inside, so that there is one file to install (sources.list(5), Signed-By); where apt does
/// not read that, with the file that the key is to be put into.
pub(super) fn sources(place: &Place, url: &str, signer: Option<&Signer>) -> String {
    let mut text = format!("Types: deb\nURIs: {url}\nSuites: {}\nComponents: main\n", place.name);
    match signer {
        Some(_) if place.has_key_beside() => {
            let (_, name) = url.split_once("://").unwrap_or(("", url));
            let name = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
            let file = format!("/etc/apt/keyrings/{}.asc", name.trim_matches(['-', '.']));
            let fetch = format!("# curl --create-dirs -o {file} {url}/{KEY}\n");
            text = format!("# This release's apt reads keys from files only:\n{fetch}{text}Signed-By: {file}\n");
        }
        Some(signer) => {
            text.push_str("Signed-By:\n");
            for line in signer.certificate().lines() {
                // An empty line would end the paragraph.
                text.push_str(&format!(" {}\n", if line.is_empty() { "." } else { line }));
            }
        }
        None => text.push_str("Trusted: yes\n"),
    }
    text
}

/// dnf.conf(5), and zypper's the same.
fn repo(place: &Place, url: &str, is_signed: bool) -> String {
    let name = &place.name;
    let mut text = format!("[farm-{name}]\nname=farm: {name}\nbaseurl={url}/rpm/{name}\nenabled=1\n");
    match is_signed {
        true => text.push_str(&format!("gpgcheck=1\nrepo_gpgcheck=1\ngpgkey={url}/{KEY}\n")),
        false => text.push_str("gpgcheck=0\nrepo_gpgcheck=0\n"),
    }
    text
}

fn put(tree: &Tree, path: &str, text: &str) -> Result<(), RepoError> {
    let path = tree.root.join(path);
    if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(writing(folder))?;
    }
    tree.write(&path, text.as_bytes())
}
