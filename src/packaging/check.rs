//! What a recipe must not say for a target: names, versions, patterns and relations that the format cannot express, or
//! that would be unsafe in it. Sentences, for people; `plan` refuses the job.

use crate::distro::Distro;
use crate::recipe::{PackageArch, Recipe, Relations};
use crate::types::Format;

use super::members::members;
use super::{relation, text};
use crate::formats::relation::rules::{self, Field};

pub(super) fn check(recipe: &Recipe, distro: &Distro) -> Vec<String> {
    let mut problems = Vec::new();
    texts(recipe, &mut problems);
    requirements(recipe, distro, &mut problems);
    let own = match distro.format {
        Format::Deb => recipe.packaging.debian.as_ref(),
        Format::Rpm => recipe.packaging.spec.as_ref(),
    };
    if let Some(path) = own {
        if !is_relative_inside(path) {
            problems.push(format!("[packaging] `{path}` is not a path inside the source tree"));
        }
    } else {
        names(recipe, distro.format, &mut problems);
        relations(recipe, distro.format, &mut problems);
        patterns("[package]", &recipe.package.files, &mut problems);
        for (key, sub) in &recipe.packages {
            if sub.files.is_empty() && sub.relations == Relations::default() {
                problems.push(format!("[packages.{key}] has no files and requires nothing: nothing would be in it"));
            }
            patterns(&format!("[packages.{key}]"), &sub.files, &mut problems);
        }
        config_files(recipe, &mut problems);
        alternatives(recipe, &mut problems);
        attributes(recipe, distro.format, &mut problems);
        if distro.format == Format::Rpm {
            rpm_only(recipe, &mut problems);
        }
    }
    for source in &recipe.sources {
        if !is_relative_inside(&source.into) {
            problems.push(format!("[[sources]] into = \"{}\" is not a path inside the source tree", source.into));
        }
    }
    problems
}

/// Fields of control files and .spec headers are lines: a line feed in one would be another field.
fn texts(recipe: &Recipe, problems: &mut Vec<String>) {
    let package = &recipe.package;
    let lines = [
        ("name", Some(&package.name)),
        ("version", Some(&package.version)),
        ("summary", Some(&package.summary)),
        ("license", Some(&package.license)),
        ("homepage", package.homepage.as_ref()),
        ("maintainer", Some(&package.maintainer)),
        ("vendor", package.vendor.as_ref()),
        ("section", Some(&package.section)),
        ("group", package.group.as_ref()),
    ];
    for (key, value) in lines {
        if value.is_some_and(|value| value.chars().any(char::is_control)) {
            problems.push(format!("[package] {key} must be one line without control characters"));
        }
    }
    if text::summary(&package.summary).is_empty() {
        problems.push("[package] summary is empty".to_owned());
    }
    let is_address = package
        .maintainer
        .split_once(" <")
        .is_some_and(|(name, rest)| !name.trim().is_empty() && rest.ends_with('>') && rest.contains('@'));
    if !is_address {
        problems.push(format!("[package] maintainer `{}` is not of the form `Name <address>`", package.maintainer));
    }
    for (key, sub) in &recipe.packages {
        let lines = [("summary", &sub.summary), ("section", &sub.section), ("group", &sub.group)];
        for (name, value) in lines {
            if value.as_ref().is_some_and(|value| value.chars().any(char::is_control)) {
                problems.push(format!("[packages.{key}] {name} must be one line without control characters"));
            }
        }
    }
    for name in recipe.build.env.keys() {
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            problems.push(format!("[build] env: `{name}` is not a name of an environment variable"));
        }
    }
}

fn requirements(recipe: &Recipe, distro: &Distro, problems: &mut Vec<String>) {
    // Build requirements are in the words of whatever installs them.
    let format = distro.manager.format();
    let test = recipe.test.as_ref().map(|test| test.requires.as_slice()).unwrap_or_default();
    for (place, list) in [("[build] requires", recipe.build.requires.as_slice()), ("[test] requires", test)] {
        for requirement in list {
            if let Err(error) = relation::write(requirement, format, "0") {
                problems.push(format!("{place}: {error}"));
            }
        }
    }
}

fn names(recipe: &Recipe, format: Format, problems: &mut Vec<String>) {
    let mut seen: Vec<String> = Vec::new();
    for member in members(recipe, format) {
        let valid = match format {
            Format::Deb => relation::is_deb_name(&member.name),
            Format::Rpm => relation::is_rpm_name(&member.name),
        };
        if !valid {
            problems.push(match format {
                Format::Deb => format!(
                    "`{}` cannot be the name of a Debian package: two or more of a-z, 0-9, `+`, `-`, `.`, beginning with \
                     a letter or digit (Policy 5.6.1)",
                    member.name
                ),
                Format::Rpm => format!("`{}` cannot be the name of an RPM package", member.name),
            });
        }
        if seen.contains(&member.name) {
            problems.push(format!("two packages are called `{}`", member.name));
        }
        seen.push(member.name);
    }
    let version = &recipe.package.version;
    let allowed = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~') || (format == Format::Rpm && matches!(c, '^' | '_'))
    };
    let begins = version.starts_with(|c: char| c.is_ascii_digit() || (format == Format::Rpm && allowed(c)));
    if !begins || !version.chars().all(allowed) {
        problems.push(match format {
            Format::Deb => format!(
                "version `{version}` cannot be written in a .deb: it begins with a digit and holds letters, digits, `.`, \
                 `+` and `~` (Policy 5.6.12)"
            ),
            Format::Rpm => {
                format!("version `{version}` cannot be written in an .rpm: letters, digits, `.`, `+`, `~`, `^` and `_`")
            }
        });
    }
}

/// As far as the reader of recipes could not know: capabilities have become names by now, and packages have theirs.
fn relations(recipe: &Recipe, format: Format, problems: &mut Vec<String>) {
    let members = members(recipe, format);
    for (place, list) in relation_lists(recipe) {
        let (owner, key) = place.rsplit_once(' ').unwrap_or((&place, ""));
        let field = Field::of(key);
        let member =
            members.iter().zip(owners(recipe)).find(|(_, owner_of)| owner_of == owner).map(|(member, _)| member);
        let for_all = member.is_some_and(|member| member.architecture == PackageArch::All);
        for relation in list {
            let written = match field {
                Field::Provides => relation::write_provided(relation, format, "0").map(|_| ()),
                _ => relation::write(relation, format, "0").map(|_| ()),
            };
            if let Err(error) = written.and_then(|()| rules::check(relation, field, format, for_all)) {
                problems.push(format!("{place}: {error}"));
                continue;
            }
            let [name] = &relation::names(relation)[..] else { continue };
            let has_version = relation::has_version(relation);
            if member.is_some_and(|member| member.name == *name)
                && matches!(field, Field::Needs | Field::Conflicts)
                && !has_version
            {
                problems.push(format!("{place}: `{relation}` is this package itself"));
            } else if field == Field::Replaces && !has_version && members.iter().any(|member| member.name == *name) {
                problems.push(format!(
                    "{place}: `{name}` is a package of this recipe, and would be removed: say which versions had the files, \
                     `{name} (<< VERSION)`"
                ));
            }
        }
    }
}

/// The tables of packages, in the order of their members.
fn owners(recipe: &Recipe) -> impl Iterator<Item = String> {
    std::iter::once("[package]".to_owned()).chain(recipe.packages.keys().map(|key| format!("[packages.{key}]")))
}

pub(super) fn relation_lists(recipe: &Recipe) -> Vec<(String, &[String])> {
    let all = std::iter::once(("[package]".to_owned(), &recipe.package.relations))
        .chain(recipe.packages.iter().map(|(key, sub)| (format!("[packages.{key}]"), &sub.relations)));
    all.flat_map(|(place, relations)| {
        let Relations { pre_requires, requires, recommends, suggests, enhances, supplements, .. } = relations;
        let Relations { provides, conflicts, replaces, .. } = relations;
        [
            (format!("{place} pre-requires"), pre_requires.as_slice()),
            (format!("{place} requires"), requires),
            (format!("{place} recommends"), recommends),
            (format!("{place} suggests"), suggests),
            (format!("{place} enhances"), enhances),
            (format!("{place} supplements"), supplements),
            (format!("{place} provides"), provides),
            (format!("{place} conflicts"), conflicts),
            (format!("{place} replaces"), replaces),
        ]
    })
    .collect()
}

/// Where packages may put files (Filesystem Hierarchy Standard); /usr/local is the administrator's.
const ROOTS: [&str; 9] = ["bin", "boot", "etc", "lib", "lib64", "opt", "sbin", "srv", "var"];

/// What is wrong with a path in a package, or with a pattern for such paths.
fn path_problem(path: &str) -> Option<&'static str> {
    let Some(relative) = path.strip_prefix('/') else {
        return Some("is not absolute");
    };
    if path.chars().any(|c| c.is_control() || c == '\u{7f}') {
        return Some("holds a control character");
    }
    let mut parts = relative.trim_end_matches('/').split('/');
    if parts.clone().any(|part| part == ".." || part == "." || part.is_empty()) {
        return Some("has an empty, `.` or `..` component");
    }
    let first = parts.next().unwrap_or_default();
    let second = parts.next();
    match (first, second) {
        ("usr", Some("local")) => Some("is in /usr/local, which belongs to the administrator"),
        ("usr", Some("*" | "**")) | ("usr", None) => Some("takes all of /usr"),
        ("usr", Some(_)) => None,
        (root, Some(_)) if ROOTS.contains(&root) => None,
        _ => Some("is outside of /usr, /etc, /var, /opt, /srv, /boot and the folders for programs and libraries"),
    }
}

fn patterns(place: &str, files: &[String], problems: &mut Vec<String>) {
    for pattern in files {
        // The library folder stands for an absolute path below /usr.
        let expanded = pattern.replace("${libdir}", "/usr/lib");
        if expanded.contains("${") {
            problems.push(format!("{place} files: `{pattern}` holds a variable other than ${{libdir}}"));
        } else if let Some(problem) = path_problem(&expanded) {
            problems.push(format!("{place} files: `{pattern}` {problem}"));
        }
    }
}

fn config_files(recipe: &Recipe, problems: &mut Vec<String>) {
    let all = std::iter::once(("package".to_owned(), &recipe.package.config_files))
        .chain(recipe.packages.iter().map(|(key, sub)| (format!("packages.{key}"), &sub.config_files)));
    for (place, paths) in all {
        for path in paths {
            if path.contains("${") {
                problems.push(format!("[{place}] config-files: `{path}` holds a variable"));
            } else if let Some(problem) = path_problem(path) {
                problems.push(format!("[{place}] config-files: `{path}` {problem}"));
            }
        }
    }
}

fn alternatives(recipe: &Recipe, problems: &mut Vec<String>) {
    let all = std::iter::once(("package".to_owned(), &recipe.package.system))
        .chain(recipe.packages.iter().map(|(key, sub)| (format!("packages.{key}"), &sub.system)));
    for (place, system) in all {
        let links = system
            .alternatives
            .values()
            .flat_map(|alternative| std::iter::once(&alternative.link).chain(alternative.dependents.values()));
        for path in links.flat_map(|link| [&link.link, &link.path]) {
            if let Some(problem) = path_problem(path) {
                problems.push(format!("[{place}.alternatives] `{path}` {problem}"));
            }
        }
    }
}

fn attributes(recipe: &Recipe, format: Format, problems: &mut Vec<String>) {
    let all = std::iter::once(("package".to_owned(), &recipe.package.system))
        .chain(recipe.packages.iter().map(|(key, sub)| (format!("packages.{key}"), &sub.system)));
    for (place, system) in all {
        for (path, attributes) in &system.attributes {
            let mut problem = |what: &str| problems.push(format!("[{place}.attributes.\"{path}\"] {what}"));
            let expanded = path.replace("${libdir}", "/usr/lib");
            if expanded.contains("${") {
                problem("holds a variable other than ${libdir}");
            } else if let Some(what) = path_problem(&expanded) {
                problem(what);
            }
            if !attributes.ghost {
                continue;
            }
            if format == Format::Deb {
                problem(&format!(
                    "ghost: a .deb cannot own a file that it does not hold: write [override.rpm.{place}.attributes.\"{path}\"], \
                     and for the .deb a line in `tmpfiles`, or nothing"
                ));
            }
            if path.contains(['*', '?', '$']) || attributes.capabilities.is_some() {
                problem("ghost: name the one file that it is, and no capabilities: nothing matches what is not there");
            }
        }
    }
}

fn rpm_only(recipe: &Recipe, problems: &mut Vec<String>) {
    if recipe.package.architecture == PackageArch::All {
        for (key, sub) in &recipe.packages {
            if sub.architecture == Some(PackageArch::Any) {
                problems.push(format!(
                    "[packages.{key}] depends on the architecture, but [package] does not: RPM builds a noarch main \
                     package with noarch parts only; say [override.rpm.package] architecture = \"any\""
                ));
            }
        }
    }
}

fn is_relative_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('/')
        && !path.chars().any(char::is_control)
        && !path.split('/').any(|part| part == "..")
}
