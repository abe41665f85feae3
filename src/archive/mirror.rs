//! Which mirror of an archive is used: flag or configuration, then the host's own apt sources, then the
//! distribution definition's public one. It only chooses: whether a mirror is honest is settled by signatures.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::distro::{Bootstrap, Distro};
use crate::formats::deb822;
use crate::types::Address;

/// The place that an archive is read from, and who chose it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mirror {
    /// Without a trailing slash.
    pub url: Address,
    pub(crate) origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    Configured,
    HostApt,
    Definition,
}

/// Mirrors by archive name (`debian`, `debian-security`, `ubuntu`) for these distributions.
/// `configured` is what `--mirror NAME=URL` and `FARM_MIRROR_<NAME>` gave.
pub fn choose(distros: &[&Distro], configured: &BTreeMap<String, String>) -> BTreeMap<String, Mirror> {
    let entries = if cfg!(target_os = "linux") { apt_entries(Path::new("/etc/apt")) } else { Vec::new() };
    choose_from(distros, configured, &entries)
}

fn choose_from(
    distros: &[&Distro],
    configured: &BTreeMap<String, String>,
    host: &[AptEntry],
) -> BTreeMap<String, Mirror> {
    let mut mirrors = BTreeMap::new();
    let mut add = |archive: &str, public: &str| {
        mirrors.entry(archive.to_owned()).or_insert_with(|| {
            let (url, origin) = match configured.get(archive) {
                Some(url) => (url.as_str(), Origin::Configured),
                None => match best_entry(archive, host) {
                    Some(entry) => (entry.url.as_str(), Origin::HostApt),
                    None => (public, Origin::Definition),
                },
            };
            Mirror { url: url.trim_end_matches('/').into(), origin }
        });
    };
    for (archive, public) in distros.iter().filter_map(|distro| distro.bootstrap.as_ref()).flat_map(Bootstrap::archives)
    {
        add(archive, public);
    }
    // `mirror://NAME/…` in a recipe may name an archive that no selected distribution uses.
    for (archive, url) in configured {
        add(archive, url);
    }
    mirrors
}

/// One place that the host's apt fetches binary packages from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AptEntry {
    url: String,
    components: Vec<String>,
    /// Keyring files, or `inline` for a key block within a .sources file; empty when apt's common trust applies.
    signed_by: Vec<String>,
}

/// The entry that looks most like a mirror of `archive`; the first of equals. Third parties also end their URLs in
/// `/debian`: they give themselves away by their keyring, their components, or a longer path.
fn best_entry<'a>(archive: &str, entries: &'a [AptEntry]) -> Option<&'a AptEntry> {
    let vendor = archive.split('-').next().unwrap_or(archive);
    let vendor_keyring = |keyring: &String| {
        keyring.rsplit('/').next().is_some_and(|file| file.starts_with(vendor) && file.contains("archive"))
    };
    let score = |entry: &AptEntry| -> Option<u32> {
        let path = entry.url.split_once("://")?.1.split_once('/')?.1.trim_matches('/');
        let named = path == archive || path.ends_with(&format!("/{archive}"));
        let main = entry.components.iter().any(|component| component == "main");
        let own_keys = entry.signed_by.iter().all(vendor_keyring);
        (named && main && own_keys).then_some(2 * u32::from(!entry.signed_by.is_empty()) + u32::from(path == archive))
    };
    let mut best: Option<(u32, &AptEntry)> = None;
    for entry in entries {
        if let Some(score) = score(entry)
            && best.is_none_or(|(highest, _)| score > highest)
        {
            best = Some((score, entry));
        }
    }
    best.map(|(_, entry)| entry)
}

/// What apt reads, as sources.list(5) says: `sources.list`, then `sources.list.d/*.list` and `*.sources`, by name.
/// What cannot be read is passed over: apt itself complains about it, and here it only costs a nearer mirror.
fn apt_entries(folder: &Path) -> Vec<AptEntry> {
    let mut files = vec![folder.join("sources.list")];
    if let Ok(listing) = folder.join("sources.list.d").read_dir() {
        let mut more: Vec<_> = listing.flatten().map(|entry| entry.path()).collect();
        more.sort();
        files.extend(more);
    }
    let mut entries = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => entries.extend(text.lines().filter_map(one_line_entry)),
            Some("sources") => {
                entries.extend(deb822::paragraphs(&deb822::without_comments(&text)).flat_map(stanza_entries));
            }
            _ => {}
        }
    }
    entries
}

fn fetchable(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://") || url.starts_with("file:/")
}

/// `deb [option=value …] uri suite component…`
fn one_line_entry(line: &str) -> Option<AptEntry> {
    let line = line.split('#').next().unwrap_or_default();
    let mut rest = line.trim().strip_prefix("deb")?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    rest = rest.trim_start();
    let mut signed_by = Vec::new();
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options.split_once(']')?;
        rest = after;
        for option in options.split_whitespace() {
            if let Some(keyrings) = option.strip_prefix("signed-by=") {
                signed_by.extend(keyrings.split(',').map(str::to_owned));
            }
        }
    }
    let mut words = rest.split_whitespace();
    let url = words.next().filter(|url| fetchable(url))?;
    let _suite = words.next()?;
    Some(AptEntry { url: url.to_owned(), components: words.map(str::to_owned).collect(), signed_by })
}

fn stanza_entries(stanza: &str) -> Vec<AptEntry> {
    let words = |name: &str| -> Vec<String> {
        let value = deb822::field(stanza, name).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    };
    let off = words("enabled").first().is_some_and(|value| matches!(value.as_str(), "no" | "false" | "off" | "0"));
    if off || !words("types").iter().any(|kind| kind == "deb") {
        return Vec::new();
    }
    let inline_key = deb822::field(stanza, "signed-by").is_some_and(|value| value.contains("-----BEGIN"));
    let signed_by = if inline_key { vec!["inline".to_owned()] } else { words("signed-by") };
    words("uris")
        .into_iter()
        .filter(|url| fetchable(url))
        .map(|url| AptEntry { url, components: words("components"), signed_by: signed_by.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(files: &[(&str, &str)]) -> Vec<AptEntry> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sources.list.d")).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        apt_entries(folder.path())
    }

    fn best(archive: &str, files: &[(&str, &str)]) -> Option<String> {
        best_entry(archive, &host(files)).map(|entry| entry.url.clone())
    }

    #[test]
    fn both_formats_of_sources_are_read() {
        let list = (
            "sources.list",
            "# deb http://no.example/debian x main\ndeb-src http://no.example/debian x main\n\
            deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://one.example/debian/ bookworm main # near\n",
        );
        assert_eq!(best("debian", &[list]).as_deref(), Some("http://one.example/debian/"));
        let sources = (
            "sources.list.d/debian.sources",
            "Types: deb deb-src\n# a comment\nURIs:\n cdrom:x\n https://two.example/debian\nSuites: bookworm\n\
             Components: main\n\nTypes: deb\nURIs: https://two.example/debian-security\nSuites: bookworm-security\n\
             Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
        );
        assert_eq!(best("debian", &[sources]).as_deref(), Some("https://two.example/debian"));
        assert_eq!(best("debian-security", &[sources]).as_deref(), Some("https://two.example/debian-security"));
        assert_eq!(best("ubuntu", &[list, sources]), None);
    }

    #[test]
    fn what_only_looks_like_a_mirror_is_not_taken() {
        let others = (
            "sources.list.d/others.list",
            "deb https://one.example/linux/debian bookworm stable\n\
             deb [signed-by=/usr/share/keyrings/vendor.gpg] https://two.example/debian bookworm main\n\
             deb cdrom:[Debian]/debian bookworm main\ndeb https://three.example/mydebian bookworm main\ndeb\ndeb [\n",
        );
        let inline = (
            "sources.list.d/inline.sources",
            "Types: deb\nURIs: https://four.example/debian\nSuites: x\nComponents: main\nSigned-By:\n -----BEGIN PGP\n .\n",
        );
        let off = (
            "sources.list.d/off.sources",
            "Types: deb\nURIs: https://five.example/debian\nSuites: x\nComponents: main\nEnabled: no\n",
        );
        assert_eq!(best("debian", &[others, inline, off]), None);
    }

    #[test]
    fn the_vendors_keyring_and_the_plain_path_count_most() {
        let list = (
            "sources.list",
            "deb https://one.example/repository/debian x main\ndeb https://two.example/debian x main\n",
        );
        assert_eq!(best("debian", &[list]).as_deref(), Some("https://two.example/debian"));
        let signed = (
            "sources.list.d/a.list",
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://three.example/pub/debian x main\n",
        );
        assert_eq!(best("debian", &[list, signed]).as_deref(), Some("https://three.example/pub/debian"));
    }

    #[test]
    fn a_flag_wins_over_the_host_and_the_host_over_the_definition() {
        let mut distro = crate::archive::tests::distro("bookworm");
        distro.bootstrap.as_mut().unwrap().security = Some(crate::distro::Security {
            snapshot: None,
            archive: "debian-security".to_owned(),
            mirror: "http://public.example/debian-security/".to_owned(),
            suite: "bookworm-security".to_owned(),
        });
        let configured = BTreeMap::from([("spare".to_owned(), "http://flag.example/spare/".to_owned())]);
        let near = host(&[("sources.list", "deb http://near.example/debian bookworm main\n")]);
        let chosen = choose_from(&[&distro], &configured, &near);
        let seen: Vec<_> =
            chosen.iter().map(|(name, mirror)| (name.as_str(), mirror.url.secret(), mirror.origin)).collect();
        assert_eq!(
            seen,
            [
                ("debian", "http://near.example/debian", Origin::HostApt),
                ("debian-security", "http://public.example/debian-security", Origin::Definition),
                ("spare", "http://flag.example/spare", Origin::Configured),
            ]
        );
        let configured = BTreeMap::from([("debian".to_owned(), "http://flag.example/debian".to_owned())]);
        assert_eq!(choose_from(&[&distro], &configured, &near)["debian"].origin, Origin::Configured);
    }
}
