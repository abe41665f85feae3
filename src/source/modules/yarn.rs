//! yarn.lock of yarn 1 -> packages, as files of an offline mirror, from which `yarn install --offline` installs
//! (classic.yarnpkg.com, "Running Yarn offline"). That of a newer yarn, and pnpm's, are refused: no distribution has these.

use super::hash::{Hash, HashKind};
use super::model::{Form, Module, Place};
use super::npm::{fetchable, is_plain};
use crate::recipe::Ecosystem;
use crate::types::Address;

/// What a lock file says of one package.
#[derive(Default)]
struct Entry<'a> {
    /// `name@range`, as they are asked for.
    asked: &'a str,
    version: &'a str,
    resolved: Option<&'a str>,
    integrity: Option<&'a str>,
}

/// Why the lock file of another package manager is not read, with what to do.
pub(super) fn refusal(file_name: &str) -> Option<String> {
    let (whose, command) = match file_name {
        "pnpm-lock.yaml" => ("pnpm", "pnpm"),
        "bun.lock" | "bun.lockb" => ("bun", "bun"),
        _ => return None,
    };
    Some(format!(
        "is the lock file of {whose}, which no distribution has to build with: name a package-lock.json in [modules] npm \
         (`npm install --package-lock-only` in the project writes one) and build with `npm ci` in place of `{command} install`"
    ))
}

/// The packages that a yarn.lock names, but those that lie in the project.
///
/// # Errors
/// A sentence about the file.
pub(super) fn read(text: &str) -> Result<Vec<Module>, String> {
    let mut modules = Vec::new();
    for entry in entries(text)? {
        let (name, range) =
            asked(entry.asked).ok_or_else(|| format!("is no yarn.lock: {:?} asks for nothing", entry.asked))?;
        let Some(resolved) = entry.resolved else {
            if ["file:", "link:"].iter().any(|kind| range.starts_with(kind)) {
                continue;
            }
            return Err(format!("does not say where {name} {} is from: `yarnpkg install` writes it", entry.version));
        };
        // Under another name.
        let name = range.strip_prefix("npm:").and_then(asked).map_or(name, |(name, _)| name);
        if !is_plain(name) || !is_plain(entry.version) {
            return Err(format!("names a package that none can be called, {name:?} {:?}", entry.version));
        }
        // Before version 1.10, yarn wrote a SHA-1 behind the address, and nothing else.
        let (address, sha1) = resolved.split_once('#').unwrap_or((resolved, ""));
        let integrity = entry.integrity.and_then(Hash::from_integrity);
        let Some(hash) = integrity.or_else(|| Hash::from_hex(HashKind::Sha1, sha1)) else {
            return Err(format!(
                "has no hash of {name} {}, which is from {}: yarn writes one for packages of registries",
                entry.version,
                Address::from(address)
            ));
        };
        let address = fetchable(name, address)?;
        let Some(file) = mirrored(&address) else {
            return Err(format!("takes {name} from {}, which has no file name", Address::from(address)));
        };
        modules.push(Module {
            ecosystem: Ecosystem::Npm,
            name: name.to_owned(),
            version: entry.version.to_owned(),
            hash,
            place: Place::Npm { resolved: Address::from(address) },
            form: Form::AsItIs,
            path: format!("yarn/{file}"),
            license: None,
        });
    }
    Ok(modules)
}

/// Lines of a yarn.lock: what is asked for at their beginning, fields behind two spaces, and lists of them behind four.
fn entries(text: &str) -> Result<Vec<Entry<'_>>, String> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let bad = |reason: &str| Err(format!("is no yarn.lock of yarn 1: line {} {reason}", number + 1));
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') || line.starts_with("   ") {
            continue;
        }
        if let Some(field) = line.strip_prefix("  ") {
            let Some(entry) = entries.last_mut() else { return bad("belongs to no package") };
            let (key, value) = field.split_once(' ').unwrap_or((field, ""));
            let value = value.trim_matches('"');
            match key {
                "version" => entry.version = value,
                "resolved" => entry.resolved = Some(value),
                "integrity" => entry.integrity = Some(value),
                _ => {}
            }
        } else if line == "__metadata:" {
            return Err("is of yarn 2 or newer, which no distribution has to build with: name a package-lock.json in [modules] \
                        npm (`npm install --package-lock-only` in the project writes one) and build with `npm ci`, or have \
                        yarn 1 write a yarn.lock"
                .to_owned());
        } else if let Some(asked) = line.strip_suffix(':') {
            let first = asked.split(", ").next().unwrap_or(asked);
            entries.push(Entry { asked: first.trim_matches('"'), ..Entry::default() });
        } else {
            return bad("is neither a package nor a field of one");
        }
    }
    Ok(entries)
}

/// Name and range of `name@range`; names may begin with an `@` of their own.
fn asked(text: &str) -> Option<(&str, &str)> {
    let at = text.get(1..)?.find('@')? + 1;
    Some((&text[..at], &text[at + 1..]))
}

/// The name that yarn looks for in its mirror: the last part of the address, with the scope before it
/// (`TarballFetcher.getTarballMirrorPath`).
fn mirrored(address: &str) -> Option<String> {
    let path = address.split_once("://")?.1.split(['?', '#']).next()?;
    let (folders, file) = path.rsplit_once('/')?;
    // Some registries have the scope twice.
    let folders = match folders.rsplit_once('/') {
        Some((above, last)) if last.starts_with('@') => above,
        _ => folders,
    };
    let package = folders.strip_suffix("/-").or_else(|| folders.strip_suffix("/_attachments"));
    let scope = package.and_then(|package| {
        let (above, name) = package.rsplit_once('/')?;
        let encoded = ["%2f", "%2F"].iter().find_map(|slash| name.split_once(slash));
        let scope = encoded.map_or_else(|| above.rsplit('/').next().unwrap_or(above), |(scope, _)| scope);
        scope.starts_with('@').then_some(scope)
    });
    let name = match scope {
        Some(scope) => format!("{scope}-{file}"),
        None => file.to_owned(),
    };
    (is_plain(&name) && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As yarn 1.22 writes it, but for the alias and what is older than version 1.10.
    const LOCK: &str = r#"# THIS IS AN AUTOGENERATED FILE. DO NOT EDIT THIS FILE DIRECTLY.
# yarn lockfile v1


"@types/node@18.0.0", "@types/node@^18":
  version "18.0.0"
  resolved "https://registry.yarnpkg.com/@types/node/-/node-18.0.0.tgz#67c7b724e1bcdd7a8821ce0d5ee184d3b4dd525a"
  integrity sha512-cHlGmko4gWLVI27cGJntjs/Sj8th9aYwplmZFwmmgYQQvL5NUsgVJG7OddLvNfLqYS31KFN0s3qlaD9qCaxACA==

here@file:packages/here:
  version "0.0.0"

once@1.4.0:
  version "1.4.0"
  resolved "https://registry.yarnpkg.com/once/-/once-1.4.0.tgz#583b1aa775961d4b113ac17d9c50baef9dd76bd1"
  dependencies:
    wrappy "1"

"paper@npm:wrappy@1":
  version "1.0.2"
  resolved "https://registry.yarnpkg.com/wrappy/-/wrappy-1.0.2.tgz#b5243d8f3ec1aa35f1364605bc0d1036e30ab69f"
  integrity sha1-tSQ9jz7BqjXxNkYFvA0QNuMKtp8=
"#;

    #[test]
    fn packages_lie_where_yarn_looks_for_them() {
        let modules = read(LOCK).unwrap();
        let found: Vec<_> =
            modules.iter().map(|module| (module.name.as_str(), module.hash.kind, module.path.as_str())).collect();
        assert_eq!(
            found,
            [
                ("@types/node", HashKind::Sha512, "yarn/@types-node-18.0.0.tgz"),
                ("once", HashKind::Sha1, "yarn/once-1.4.0.tgz"),
                ("wrappy", HashKind::Sha1, "yarn/wrappy-1.0.2.tgz"),
            ]
        );
        let Place::Npm { resolved } = &modules[1].place else { panic!("{modules:?}") };
        assert_eq!(resolved.secret(), "https://registry.yarnpkg.com/once/-/once-1.4.0.tgz");
        for (address, name) in [
            ("https://example.org/npm/@s%2fb/-/b-1.0.0.tgz?x", Some("@s-b-1.0.0.tgz")),
            ("https://example.org/npm/@s/b/-/@s/b-1.0.0.tgz", Some("@s-b-1.0.0.tgz")),
            ("https://example.org/b.tgz", Some("b.tgz")),
            ("https://example.org/a/..", None),
            ("https://example.org/", None),
        ] {
            assert_eq!(mirrored(address).as_deref(), name, "{address}");
        }
    }

    #[test]
    fn what_yarn_could_not_install_offline_is_refused_with_what_to_do() {
        let refused = |text: &str| read(text).unwrap_err();
        assert!(refused("__metadata:\n  version: 8\n").contains("yarn 2 or newer"));
        assert!(refused("  version \"1\"\n").starts_with("is no yarn.lock of yarn 1: line 1 belongs to no package"));
        assert!(refused("packages\n").contains("line 1 is neither"));
        assert!(refused("a@1:\n  version \"1.0.0\"\n").starts_with("does not say where a 1.0.0 is from"));
        let from = |address: &str| refused(&format!("a@1:\n  version \"1.0.0\"\n  resolved \"{address}\"\n"));
        let error = from("https://me:secret@example.org/a.tar.gz");
        assert!(error.starts_with("has no hash of a 1.0.0, which is from https://example.org/a.tar.gz"), "{error}");
        let sum = "583b1aa775961d4b113ac17d9c50baef9dd76bd1";
        assert!(from(&format!("git+ssh://git@example.org/a.git#{sum}")).contains("farm fetches from registries only"));
        assert!(refusal("pnpm-lock.yaml").unwrap().contains("`npm install --package-lock-only`"));
        assert_eq!(refusal("yarn.lock"), None);
    }
}
