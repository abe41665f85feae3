//! The version that a project's own files say. They are read, never run: what they would have to be run for (a macro, a
//! variable, another file's content) is not found.

use super::version::spelled;
use crate::recipe::version_reason;

/// Where projects keep their version, in the order in which farm looks.
pub(super) const FILES: [&str; 8] = [
    "Cargo.toml",
    "pyproject.toml",
    "package.json",
    "meson.build",
    "CMakeLists.txt",
    "configure.ac",
    "VERSION",
    "VERSION.txt",
];

/// The version in the file of this name; none when it says none in plain words.
pub(super) fn version(name: &str, content: &str) -> Option<String> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let found = match name {
        "package.json" => json(content),
        "meson.build" => meson(content),
        "CMakeLists.txt" => cmake(content),
        "configure.ac" | "configure.in" => autoconf(content),
        _ if name.ends_with(".toml") => toml(content),
        _ => content.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned),
    }?;
    let found = spelled(found.strip_prefix(['v', 'V']).unwrap_or(&found));
    version_reason(&found).is_none().then_some(found)
}

fn json(content: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(content).ok()?.get("version")?.as_str().map(str::to_owned)
}

/// Cargo's package or workspace, Python's project, Poetry's.
fn toml(content: &str) -> Option<String> {
    let document = content.parse::<toml::Table>().ok()?;
    [&["package"][..], &["workspace", "package"], &["project"], &["tool", "poetry"]].iter().find_map(|path| {
        let mut table = &document;
        for key in *path {
            table = table.get(*key)?.as_table()?;
        }
        table.get("version")?.as_str().map(str::to_owned)
    })
}

/// `project('x', 'c', version: '1.4.2')`
fn meson(content: &str) -> Option<String> {
    let arguments = call(content, "project")?;
    let at = arguments.match_indices("version").map(|(at, _)| at).find(|at| {
        let before = arguments[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })?;
    let value = arguments[at + "version".len()..].trim_start().strip_prefix(':')?.trim_start();
    value.strip_prefix('\'')?.split('\'').next().map(str::to_owned)
}

/// `project(x VERSION 1.4.2 LANGUAGES C)`
fn cmake(content: &str) -> Option<String> {
    let arguments = call(content, "project")?;
    let mut words = arguments.split_whitespace();
    words.find(|word| *word == "VERSION")?;
    words.next().map(|word| word.trim_matches('"').to_owned())
}

/// `AC_INIT([x], [1.4.2], [bugs@x])`
fn autoconf(content: &str) -> Option<String> {
    let arguments = call(content, "AC_INIT")?;
    let value = arguments.split(',').nth(1)?.trim();
    Some(value.strip_prefix('[').and_then(|value| value.strip_suffix(']')).unwrap_or(value).trim().to_owned())
}

/// What stands between the parentheses of the first call of a function, comments left out. In all three languages `#`
/// begins a comment, and autoconf has `dnl` too.
fn call(content: &str, function: &str) -> Option<String> {
    let plain: String = content
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter(|line| !line.trim_start().starts_with("dnl"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let lower = plain.to_ascii_lowercase();
    let function = function.to_ascii_lowercase();
    let (start, _) = lower.match_indices(&function).find(|(at, _)| {
        let before = lower[..*at].chars().next_back();
        let after = lower[at + function.len()..].trim_start();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && after.starts_with('(')
    })?;
    let inside = plain[start..].split_once('(')?.1;
    let mut depth = 1;
    let end = inside.char_indices().find(|(_, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    Some(inside[..end.0].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_project_says_its_version() {
        for (file, content, expected) in [
            ("Cargo.toml", "[package]\nname = 'x'\nversion = '1.4.2-rc.1'\n", Some("1.4.2~rc.1")),
            ("Cargo.toml", "[workspace.package]\nversion = '2.0'\n[package]\nversion.workspace = true\n", Some("2.0")),
            ("Cargo.toml", "[package]\nname = ", None),
            ("pyproject.toml", "[project]\nname = 'x'\nversion = '2.0a1'\n", Some("2.0~a1")),
            ("pyproject.toml", "[tool.poetry]\nversion = '1.0'\n", Some("1.0")),
            ("pyproject.toml", "[project]\ndynamic = ['version']\n", None),
            ("package.json", r#"{"name": "x", "version": "1.2.3"}"#, Some("1.2.3")),
            ("package.json", r#"{"version": 3}"#, None),
            (
                "meson.build",
                "project('x', 'c',\n  meson_version: '>= 0.50',\n  version : '0.9', # now\n)\n",
                Some("0.9"),
            ),
            ("meson.build", "project('x', version: files('VERSION'))\n", None),
            ("meson.build", "project('x', 'c')\nversion: '1'\n", None),
            (
                "CMakeLists.txt",
                "cmake_minimum_required(VERSION 3.10)\nPROJECT(x\n VERSION 3.1.4 LANGUAGES C)",
                Some("3.1.4"),
            ),
            ("CMakeLists.txt", "project(x VERSION ${V})", None),
            ("configure.ac", "dnl AC_INIT([y], [0])\nAC_INIT([x], [1.8b], [bugs@x.org])", Some("1.8b")),
            ("configure.ac", "AC_INIT(x, 2.1)", Some("2.1")),
            ("configure.ac", "AC_INIT([x], m4_esyscmd([cat VERSION]))", None),
            ("VERSION", "\n v1.2\nrest\n", Some("1.2")),
            ("VERSION.txt", "# of x\n1.2", Some("1.2")),
            ("VERSION", "one", None),
            ("VERSION", "", None),
            ("src/_version.txt", "7", Some("7")),
        ] {
            assert_eq!(version(file, content).as_deref(), expected, "{file}: {content}");
        }
    }

    #[test]
    fn what_is_not_closed_ends_the_search() {
        for content in ["project(", "project('x', version: '", "AC_INIT", "project((((", ")project("] {
            for file in FILES {
                assert_eq!(version(file, content), None, "{file}: {content}");
            }
        }
    }
}
