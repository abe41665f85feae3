//! package-lock.json -> packages, laid out as npm's own cache keeps them by hash, from which `npm ci --offline` installs.

use serde_json::Value;

use super::hash::Hash;
use super::{Form, Module, Place};
use crate::recipe::Ecosystem;
use crate::types::Address;

/// The packages that a package-lock.json or npm-shrinkwrap.json names, but those of the project and of other systems.
///
/// # Errors
/// A sentence about the file.
pub(super) fn read(text: &str) -> Result<Vec<Module>, String> {
    let lock: Value = serde_json::from_str(text).map_err(|error| format!("is no package-lock.json: {error}"))?;
    let Some(packages) = lock.get("packages").and_then(Value::as_object) else {
        return Err(
            "has no `packages`, as lock files of npm before 7: `npm install --package-lock-only` with a newer \
                    npm writes it anew"
                .to_owned(),
        );
    };
    let mut modules = Vec::new();
    for (place, package) in packages {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let is = |name: &str| package.get(name).and_then(Value::as_bool).unwrap_or(false);
        // The project itself, its workspaces, links to those, and what lies in the package of another one.
        let Some((_, name)) = place.rsplit_once("node_modules/") else { continue };
        if is("link") || is("inBundle") || !is_for_linux(package) {
            continue;
        }
        let name = field("name").unwrap_or(name);
        let version = field("version").unwrap_or_default();
        let (Some(resolved), Some(integrity)) = (field("resolved"), field("integrity")) else {
            return Err(format!(
                "says of {name} {version} neither where it is from nor its hash, or one of them only: `npm install \
                 --package-lock-only --omit-lockfile-registry-resolved=false` writes both"
            ));
        };
        if !resolved.starts_with("https://") && !resolved.starts_with("http://") && !resolved.starts_with("file:///") {
            return Err(format!("takes {name} from {}: farm fetches from registries only", Address::from(resolved)));
        }
        let Some(hash) = Hash::from_integrity(integrity) else {
            return Err(format!(
                "has no hash of {name} {version} that is still good (sha256 or better): `npm install \
                 --package-lock-only` with a newer npm writes one"
            ));
        };
        let hex = hash.hex();
        modules.push(Module {
            ecosystem: Ecosystem::Npm,
            name: name.to_owned(),
            version: version.to_owned(),
            // cacache: content-v2/<algorithm>/<two digits>/<two digits>/<the others>
            path: format!("npm/_cacache/content-v2/{}/{}/{}/{}", hash.kind.name(), &hex[..2], &hex[2..4], &hex[4..]),
            hash,
            place: Place::Npm { resolved: Address::from(resolved) },
            form: Form::AsItIs,
            license: field("license").map(str::to_owned),
        });
    }
    Ok(modules)
}

/// Whether it is one for all systems, or for this one.
fn is_for_linux(package: &Value) -> bool {
    let Some(systems) = package.get("os").and_then(Value::as_array) else { return true };
    let systems: Vec<&str> = systems.iter().filter_map(Value::as_str).collect();
    let is_excluded = systems.contains(&"!linux");
    !is_excluded && (systems.iter().all(|system| system.starts_with('!')) || systems.contains(&"linux"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";

    fn lock(packages: &str) -> String {
        format!(r#"{{"lockfileVersion": 3, "packages": {{"": {{"name": "pond"}}, {packages}}}}}"#)
    }

    #[test]
    fn packages_lie_where_npm_looks_by_hash() {
        let text = lock(&format!(
            r#""node_modules/a": {{"version": "1.0.0", "resolved": "https://example.org/a/-/a-1.0.0.tgz", "integrity": "{SHA}", "license": "MIT"}},
               "node_modules/a/node_modules/@s/b": {{"version": "2.0.0", "resolved": "https://example.org/b.tgz", "integrity": "{SHA}", "os": ["linux"]}},
               "node_modules/mac": {{"version": "1.0.0", "os": ["darwin"]}},
               "node_modules/here": {{"resolved": "packages/here", "link": true}},
               "packages/here": {{"version": "1.0.0"}}"#
        ));
        let modules = read(&text).unwrap();
        let names: Vec<_> = modules.iter().map(|module| (module.name.as_str(), module.license.as_deref())).collect();
        assert_eq!(names, [("a", Some("MIT")), ("@s/b", None)]);
        assert!(
            modules[0].path.starts_with("npm/_cacache/content-v2/sha512/cf/83/e1357eefb8bd"),
            "{}",
            modules[0].path
        );
    }

    #[test]
    fn what_npm_could_not_install_offline_is_refused() {
        let refused = |packages: &str| read(&lock(packages)).unwrap_err();
        assert!(read(r#"{"lockfileVersion": 1, "dependencies": {}}"#).unwrap_err().contains("npm before 7"));
        let error = refused(&format!(r#""node_modules/a": {{"version": "1.0.0", "integrity": "{SHA}"}}"#));
        assert!(error.contains("--omit-lockfile-registry-resolved=false"), "{error}");
        let from = |resolved: &str, hash: &str| {
            format!(r#""node_modules/a": {{"version": "1.0.0", "resolved": "{resolved}", "integrity": "{hash}"}}"#)
        };
        let error = refused(&from("git+ssh://git@example.org/a.git#01", SHA));
        assert!(error.starts_with("takes a from git+ssh://"), "{error}");
        let error = refused(&from("https://example.org/a.tgz", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="));
        assert!(error.starts_with("has no hash of a 1.0.0 that is still good"), "{error}");
    }
}
