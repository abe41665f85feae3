//! `[[repositories]]`: where packages come from that the distribution does not have, for builds and for tests. Only what
//! is written is read here, the key included; what a repository holds is not this module's business.

use std::path::Path;

use super::reader::{Section, Text, stray};
use super::repository::{Repository, RepositoryKey, RepositoryOrigin, RepositoryPlace, RepositoryUse};
use super::text;
use super::values::{self, Check, Complaint};
use crate::formats::openpgp;

/// Keyrings of whole distributions have some hundred kilobytes.
const LARGEST_KEY_MIB: u64 = 4;
const ARMOUR: &str = "-----BEGIN PGP";
const HELP: &str = "a repository is one of: url (with suite and components), for apt; suite or components alone, of the \
                    distribution's own archive; baseurl, for .rpm packages; enable, one that the image knows";

/// `root` is the folder that paths of keys start from.
pub(super) fn read(section: &Section<'_>, root: &Path) -> Option<Repository> {
    let has = |key: &str| section.table.get(key).is_some();
    let apt = ["url", "suite", "components"];
    let first = apt.into_iter().chain(["baseurl", "enable"]).find(|key| has(key));
    let Some(first) = first else {
        let label = "one of url, suite, components, baseurl, enable is required here";
        section.problems.add("a repository says nowhere where it is", &section.span, label, Some(HELP.to_owned()));
        return None;
    };
    let others: Vec<&str> = match first {
        "baseurl" => vec!["enable"],
        "enable" => vec!["baseurl", "packages"],
        _ => vec!["baseurl", "enable"],
    };
    stray(section, &others, first, "repository", HELP);
    let origin = match first {
        "baseurl" => RepositoryOrigin::RpmMd { baseurl: section.required_line("baseurl", address).into() },
        "enable" => RepositoryOrigin::Enable(section.required_line("enable", id)),
        _ => {
            if has("url") {
                section.require(&["suite"]);
            }
            let suite = section.checked_line("suite", suite);
            if let (Some(Text { value, .. }), Some(entry)) = (suite, section.table.get("components"))
                && value.ends_with('/')
            {
                let span = &entry.key_span;
                let help = "a suite that ends with `/` is a folder with all packages in one index";
                let label = "has no components";
                section.problems.add("`components` has no meaning here", span, label, Some(help.to_owned()));
            }
            RepositoryOrigin::Apt {
                url: section.checked_line("url", address).map(|text| text.value.into()),
                suite: suite.map(|text| text.value.to_owned()),
                components: section.strings("components", component),
            }
        }
    };
    let is_foreign = has("url") || has("baseurl");
    if !is_foreign {
        let help = "packages of the distribution are verified as all others of it are";
        stray(section, &["key", "trusted"], first, "repository", help);
    }
    let trusted = section.boolean("trusted").unwrap_or(false);
    let key = section.text("key").and_then(|text| read_key(section, text, root));
    if is_foreign && !has("key") && !trusted {
        section.problems.add(
            "nothing says whose signature this repository has",
            &section.span,
            "`key` is required here",
            Some(
                "key = \"NAME.asc\" is a file beside the recipe with the public key, as its owner hands it out or `gpg \
                 --export --armor` writes it; trusted = true believes whatever answers at that address"
                    .to_owned(),
            ),
        );
    }
    if let Some(entry) = section.table.get("trusted").filter(|_| trusted && has("key")) {
        let label = "with a key, it is believed what that key has signed";
        section.problems.add("`trusted` has no meaning beside `key`", &entry.key_span, label, None);
    }
    let span = section.table.get(first).map_or_else(|| section.span.clone(), |entry| entry.node.span.clone());
    let place = section.problems.place(span);
    Some(Repository {
        origin,
        key,
        trusted,
        packages: section.strings("packages", package_glob),
        uses: uses(section),
        place: RepositoryPlace { path: place.path, line: place.line },
    })
}

fn uses(section: &Section<'_>) -> Vec<RepositoryUse> {
    if section.table.get("for").is_none() {
        return RepositoryUse::ALL.to_vec();
    }
    if let Some(entry) = section.table.get("for").filter(|_| section.is_empty_array("for")) {
        let help = Some("without `for` it is there for both, \"build\" and \"test\"".to_owned());
        section.problems.add("`for` is empty", &entry.node.span, "nothing would use it", help);
    }
    let words = section.lines("for", use_word);
    RepositoryUse::ALL.into_iter().filter(|one| words.iter().any(|word| word.value == one.as_str())).collect()
}

fn use_word(value: &str) -> Check {
    match RepositoryUse::ALL.iter().any(|one| one.as_str() == value) {
        true => Ok(()),
        false => Err(Complaint::new("is nothing that a repository is for", "must be \"build\" or \"test\"")),
    }
}

/// A file beside the recipe, or the key itself.
fn read_key(section: &Section<'_>, text: Text<'_>, root: &Path) -> Option<RepositoryKey> {
    let refused = |label: String, help: Option<&str>| {
        section.problems.add("the key of this repository cannot be used", text.span, label, help.map(str::to_owned));
    };
    let content = if is_inline(text.value) {
        text.value.as_bytes().to_vec()
    } else {
        if let Err(complaint) = values::one_line(text.value).and_then(|()| values::relative_path(text.value)) {
            section.problems.complain("`key`", text, complaint);
            return None;
        }
        match text::read_named(&root.join(text.value), LARGEST_KEY_MIB, "key") {
            Ok(content) => content,
            Err(label) => {
                refused(label, Some("a file beside the recipe, or an armoured key between ''' and '''"));
                return None;
            }
        }
    };
    match openpgp::fingerprints(&content) {
        Ok(fingerprints) => Some(RepositoryKey { content, fingerprints }),
        Err(label) => {
            refused(label, None);
            None
        }
    }
}

/// Whether a key stands in the recipe.
pub(super) fn is_inline(value: &str) -> bool {
    value.trim_start().starts_with(ARMOUR)
}

fn address(value: &str) -> Check {
    values::source_url(value)?;
    if value.starts_with("mirror://") {
        return Err(Complaint::new("is no address", "scheme `mirror` is not known here")
            .at(0.."mirror".len())
            .help("without `url`, suite and components are those of the distribution's own archive, from its mirror"));
    }
    Ok(())
}

fn suite(value: &str) -> Check {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._/~+${}".contains(c);
    let is_outside = value != "/" && (value.starts_with('/') || value.split('/').any(|part| part == ".."));
    match values::first_wrong(value, allowed) {
        Some((part, c)) => {
            let label = format!("{} is not allowed", values::named(c));
            Err(Complaint::new("is no suite", label)
                .at(part)
                .help("one suite: further ones get a [[repositories]] each"))
        }
        None if is_outside => Err(Complaint::new("is no suite", "must stay below `url`")),
        None => Ok(()),
    }
}

fn component(value: &str) -> Check {
    match values::first_wrong(value, |c| c.is_ascii_alphanumeric() || "-._/+".contains(c)) {
        Some((part, c)) => {
            Err(Complaint::new("is no component", format!("{} is not allowed", values::named(c))).at(part))
        }
        None if value.starts_with('/') || value.split('/').any(|part| part == "..") => {
            Err(Complaint::new("is no component", "a name such as main, contrib, non-free"))
        }
        None => Ok(()),
    }
}

fn id(value: &str) -> Check {
    match values::first_wrong(value, |c| c.is_ascii_alphanumeric() || "-._:".contains(c)) {
        Some((part, c)) => {
            let label = format!("{} is not allowed", values::named(c));
            Err(Complaint::new("is no name of a repository", label).at(part).help("for example crb, powertools"))
        }
        None if value.starts_with('-') => Err(Complaint::new("is no name of a repository", "must not begin with `-`")),
        None => Ok(()),
    }
}

fn package_glob(value: &str) -> Check {
    match values::first_wrong(value, |c| c.is_ascii_alphanumeric() || "-._+*?".contains(c)) {
        Some((part, c)) => {
            Err(Complaint::new("is no pattern of package names", format!("{} is not allowed", values::named(c)))
                .at(part)
                .help("names of packages, with `*` and `?` for what may differ; versions belong into `requires`"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DEB, resolved};
    use super::super::{RecipeError, RecipeFile};
    use super::*;

    const HEAD: &str = "[package]\nname = \"pond\"\nversion = \"1\"\nsummary = \"A pond\"\nlicense = \"MIT\"\n\
                        maintainer = \"T <t@example.org>\"\n[build]\ninstall = \"true\"\n";

    /// The key in the reference.
    fn key() -> String {
        let reference = include_str!("../../docs/recipe.md");
        let (begin, end) = ("-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----");
        let at = reference.find(begin).unwrap();
        reference[at..at + reference[at..].find(end).unwrap() + end.len()].to_owned()
    }

    fn parse(rest: &str) -> Result<RecipeFile, RecipeError> {
        parse_in(&tempfile::tempdir().unwrap(), rest)
    }

    fn parse_in(folder: &tempfile::TempDir, rest: &str) -> Result<RecipeFile, RecipeError> {
        std::fs::create_dir(folder.path().join("recipe")).unwrap();
        std::fs::write(folder.path().join("company.asc"), key()).unwrap();
        std::fs::write(folder.path().join("recipe/empty.asc"), "").unwrap();
        std::fs::write(folder.path().join("recipe/text.asc"), "no key\n").unwrap();
        RecipeFile::parse(&folder.path().join("recipe/farm.toml"), format!("{HEAD}{rest}").as_bytes())
    }

    #[test]
    fn repositories_are_read_with_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[[repositories]]\nurl = 'https://u:geheim@example.org/debian'\nsuite = '${{codename}}'\nkey = '../company.asc'\n\
             packages = ['pond-*']\n\
             [[repositories]]\nsuite = '${{codename}}-backports'\ncomponents = ['main', 'contrib']\nfor = ['test']\n\
             [[repositories]]\nbaseurl = 'https://example.org/el${{releasever}}'\nkey = '''\n{}\n'''\n\
             [[repositories]]\nenable = 'crb'\n\
             [[repositories]]\nurl = 'http://example.org/x'\nsuite = './'\ntrusted = true\n",
            key()
        );
        let recipe = resolved(&parse_in(&folder, &text).unwrap(), DEB);
        let described: Vec<String> = recipe.repositories.iter().map(Repository::described).collect();
        let fingerprint = &recipe.repositories[0].key.as_ref().unwrap().fingerprints[0];
        assert_eq!(fingerprint.len(), 40);
        assert_eq!(
            described,
            [
                format!("https://example.org/debian ${{codename}} (build and test; key {fingerprint})"),
                "${codename}-backports main contrib (test)".to_owned(),
                format!("https://example.org/el${{releasever}} (build and test; key {fingerprint})"),
                "crb (build and test)".to_owned(),
                "http://example.org/x ./ (build and test; trusted without a key)".to_owned(),
            ]
        );
        let written = serde_json::to_string(&recipe.repositories).unwrap();
        assert!(
            written.contains(fingerprint) && !written.contains("geheim") && !written.contains("BEGIN"),
            "{written}"
        );
        assert_eq!(recipe.repositories[0].place.line, 10);
    }

    #[test]
    fn what_is_wrong_is_told_at_its_line() {
        let url = "url = 'https://example.org/debian'\nsuite = 'x'\n";
        for (rest, marked, label) in [
            (String::new(), "[[repositories]]", "one of url, suite, components, baseurl, enable is required here"),
            (url.to_owned(), "[[repositories]]", "`key` is required here"),
            ("baseurl = 'https://example.org'".to_owned(), "[[repositories]]", "`key` is required here"),
            (format!("{url}key = 'none.asc'"), "'none.asc'", "there is no such file"),
            (format!("{url}key = 'empty.asc'"), "'empty.asc'", "it holds no public OpenPGP key"),
            (format!("{url}key = 'text.asc'"), "'text.asc'", "it holds no public OpenPGP key"),
            (format!("{url}key = '/etc/key'"), "'/etc/key'", "this is an absolute path"),
            (format!("{url}key = '../company.asc'\ntrusted = true"), "trusted", "with a key, it is believed what"),
            ("url = 'https://example.org'\ntrusted = true".to_owned(), "[[repositories]]", "`suite` is required here"),
            ("url = 'mirror://debian/x'\nsuite = 'x'\ntrusted = true".to_owned(), "mirror", "scheme `mirror` is not"),
            ("suite = 'a b'".to_owned(), " ", "a space is not allowed"),
            ("suite = '../x'".to_owned(), "'../x'", "must stay below `url`"),
            (format!("{url}baseurl = 'https://example.org'\ntrusted = true"), "baseurl", "belongs to another kind of"),
            ("suite = 'x'\nkey = 'none.asc'".to_owned(), "key", "belongs to another kind of repository"),
            ("enable = '--x'".to_owned(), "'--x'", "must not begin with `-`"),
            ("enable = 'crb'\npackages = ['x']".to_owned(), "packages", "belongs to another kind of repository"),
            ("suite = 'x'\npackages = ['x (>= 1)']".to_owned(), " ", "a space is not allowed"),
            ("suite = 'x'\nfor = ['tests']".to_owned(), "'tests'", "must be \"build\" or \"test\""),
            ("suite = 'x'\nfor = []".to_owned(), "[]", "nothing would use it"),
            (
                "url = 'http://e.org'\nsuite = './'\ncomponents = ['a']\ntrusted = true".to_owned(),
                "components",
                "has no",
            ),
            ("suits = 'x'".to_owned(), "suits", "did you mean `suite`?"),
        ] {
            for header in ["[[repositories]]", "[[override.deb.repositories]]"] {
                let Err(RecipeError::Invalid { problems, text, .. }) = parse(&format!("{header}\n{rest}\n")) else {
                    panic!("{rest}")
                };
                let marked = if marked == "[[repositories]]" { header } else { marked };
                let found: Vec<_> = problems.iter().map(|one| (&text[one.span.clone()], one.label.as_str())).collect();
                assert!(found.iter().any(|(at, why)| *at == marked && why.starts_with(label)), "{rest}: {found:?}");
            }
        }
    }
}
