//! go.sum -> module zips and go.mod files, laid out as a module proxy has them (Go Modules Reference, "GOPROXY
//! protocol"), which the `go` command reads from a folder.

use std::collections::BTreeSet;

use super::hash::{Hash, HashKind};
use super::model::{Form, Module, Place};
use crate::recipe::Ecosystem;

/// The files that a go.sum names.
///
/// # Errors
/// A sentence about the file.
pub(super) fn read(text: &str) -> Result<Vec<Module>, String> {
    let mut modules = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (module, version, hash) = match fields.as_slice() {
            [] => continue,
            [module, version, hash] => (*module, *version, *hash),
            _ => return Err(format!("is no go.sum: line {} is not of three words", number + 1)),
        };
        let (version, kind) = match version.strip_suffix("/go.mod") {
            Some(version) => (version, HashKind::GoMod),
            None => (version, HashKind::GoZip),
        };
        // go passes over hashes of kinds that it does not know.
        let Some(hash) = hash.strip_prefix("h1:") else { continue };
        let Some(hash) = Hash::from_base64(kind, hash) else {
            return Err(format!("is no go.sum: the hash in line {} is none", number + 1));
        };
        let (Some(escaped), Some(escaped_version)) = (escaped(module), escaped(version)) else {
            return Err(format!("line {} has a name that no module can have", number + 1));
        };
        let extension = if kind == HashKind::GoMod { "mod" } else { "zip" };
        let below = format!("{escaped}/@v/{escaped_version}.{extension}");
        modules.push(Module {
            ecosystem: Ecosystem::Go,
            name: module.to_owned(),
            version: version.to_owned(),
            hash,
            path: format!("go/{below}"),
            place: Place::GoProxy { below },
            form: Form::AsItIs,
            license: None,
        });
    }
    Ok(modules)
}

/// A module path or version as proxies write it: `!` and a small letter for a capital one. `None` when it is neither.
fn escaped(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/+".contains(c);
    if text.is_empty() || !text.chars().all(is_plain) || text.split('/').any(|part| ["", ".", ".."].contains(&part)) {
        return None;
    }
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    Some(escaped)
}

/// What a proxy says of each version: where it lies, and the file.
pub(super) fn infos(modules: &[Module]) -> BTreeSet<(String, String)> {
    let info = |module: &Module| {
        let path = module.path.rsplit_once('.')?.0;
        let version = serde_json::Value::from(module.version.as_str());
        Some((format!("{path}.info"), format!("{{\"Version\":{version}}}\n")))
    };
    modules.iter().filter(|module| module.ecosystem == Ecosystem::Go).filter_map(info).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zips_and_go_mods_lie_where_a_proxy_has_them() {
        let text = "github.com/BurntSushi/toml v1.4.0-RC1 h1:LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0=\n\
                    github.com/BurntSushi/toml v1.4.0-RC1/go.mod h1:LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0=\n\n";
        let modules = read(text).unwrap();
        let paths: Vec<&str> = modules.iter().map(|module| module.path.as_str()).collect();
        let folder = "go/github.com/!burnt!sushi/toml/@v/v1.4.0-!r!c1";
        assert_eq!(paths, [format!("{folder}.zip"), format!("{folder}.mod")]);
        let info = infos(&modules);
        assert_eq!(Vec::from_iter(info), [(format!("{folder}.info"), "{\"Version\":\"v1.4.0-RC1\"}\n".to_owned())]);
    }

    #[test]
    fn what_is_no_go_sum_is_refused_with_its_line() {
        for (text, message) in [
            ("a v1", "is no go.sum: line 1 is not of three words"),
            ("\na.org/x v1.0.0 h1:AAAA", "is no go.sum: the hash in line 2 is none"),
            (
                "../../x v1.0.0 h1:LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0=",
                "line 1 has a name that no module can have",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), message);
        }
    }
}
