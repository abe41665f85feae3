//! What a recipe leaves to the project that it packages: `version`, `changelog` and `date` as tables that say where to
//! look. Read here; looked up by `source`, which knows the project.

use std::ops::Range;

use super::keys;
use super::reader::Section;
use super::values;
use crate::types::nearest;

/// What is still to be asked for. Each with its place in the recipe, for what is wrong with the answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FromProject {
    pub(crate) version: Option<VersionFrom>,
    pub(crate) changelog: Option<ChangelogFrom>,
    /// The date of the commit.
    pub(crate) date: Option<Range<usize>>,
    /// Quilt series beside the recipe, by the numbers of the sources that they are of.
    pub(crate) series: Vec<(usize, Series)>,
    /// The project's own packaging for the target, which says a version, too.
    pub(crate) own: Option<OwnPackaging>,
}

/// Where a project's own packaging says a version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnPackaging {
    /// A changelog or a .spec, as a path in the source tree.
    pub(crate) file: String,
    /// Where the recipe names it.
    pub(crate) span: Range<usize>,
    /// What the recipe says of the version; none when it leaves that to the packaging.
    pub(crate) version: Option<Range<usize>>,
}

/// A list of patches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Relative to the recipe.
    pub(crate) path: String,
    /// Where the recipe names it.
    pub(crate) span: Range<usize>,
}

impl FromProject {
    /// Whether the project itself must be looked at: a series lies beside the recipe.
    pub(crate) fn asks_project(&self) -> bool {
        self.version.is_some() || self.changelog.is_some() || self.date.is_some()
    }

    pub(crate) fn is_nothing(&self) -> bool {
        let says_version = self.own.as_ref().is_none_or(|own| own.version.is_some());
        !self.asks_project() && self.series.is_empty() && says_version
    }
}

/// `version = { from = … }`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VersionFrom {
    pub(crate) place: MetadataOrigin,
    /// Glob over the names of the tags that count.
    pub(crate) tags: Option<String>,
    /// Put behind what was found.
    pub(crate) suffix: String,
    pub(crate) span: Range<usize>,
}

/// `changelog = { from = … }`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChangelogFrom {
    pub(crate) place: MetadataOrigin,
    pub(crate) span: Range<usize>,
}

/// Where in the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetadataOrigin {
    /// Tags and commits.
    Git,
    /// A file of the project; none: the first of those that usually have it.
    File(Option<String>),
}

/// Reads the three keys of `[package]` as far as they are tables.
pub(super) fn read(package: &Section<'_>) -> FromProject {
    FromProject {
        version: version(package),
        changelog: changelog(package),
        date: date(package),
        ..FromProject::default()
    }
}

fn version(package: &Section<'_>) -> Option<VersionFrom> {
    let section = package.is_table("version").then(|| open(package, "version", &keys::VERSION)).flatten()?;
    let place = place(&section)?;
    let tags = section.checked_line("tags", values::tag_glob).map(|text| text.value.to_owned());
    if let Some(entry) = section.table.get("tags").filter(|_| place != MetadataOrigin::Git) {
        only_beside(&section, "tags", "git", &entry.key_span);
    }
    let suffix = section.checked_line("suffix", values::version_suffix).map(|text| text.value.to_owned());
    Some(VersionFrom { place, tags, suffix: suffix.unwrap_or_default(), span: section.span.clone() })
}

fn changelog(package: &Section<'_>) -> Option<ChangelogFrom> {
    if let Some(entry) = package.table.get("changelog").filter(|_| !package.is_table("changelog")) {
        package.problems.add(
            "`changelog` in [package] must be a table",
            &entry.node.span,
            "says where to look",
            Some("changelog = { from = \"git\" }, or { from = \"file\", file = \"NEWS\" }".to_owned()),
        );
        return None;
    }
    let section = open(package, "changelog", &keys::CHANGELOG)?;
    Some(ChangelogFrom { place: place(&section)?, span: section.span.clone() })
}

fn date(package: &Section<'_>) -> Option<Range<usize>> {
    let section = package.is_table("date").then(|| open(package, "date", &keys::DATE)).flatten()?;
    from(&section, &["git"])?;
    Some(section.span)
}

fn open<'a>(package: &Section<'a>, key: &str, schema: &'static keys::Schema) -> Option<Section<'a>> {
    package.sub(key, schema, schema.title)
}

fn place(section: &Section<'_>) -> Option<MetadataOrigin> {
    let word = from(section, &["git", "file"])?;
    let file = section.checked_line("file", values::inner_path).map(|text| text.value.to_owned());
    if word == "file" {
        return Some(MetadataOrigin::File(file));
    }
    if let Some(entry) = section.table.get("file") {
        only_beside(section, "file", "file", &entry.key_span);
    }
    Some(MetadataOrigin::Git)
}

fn only_beside(section: &Section<'_>, key: &str, word: &str, span: &Range<usize>) {
    section.problems.add(
        format!("`{key}` in {} has no meaning here", section.title),
        span,
        format!("belongs to from = \"{word}\""),
        None,
    );
}

/// The word of `from`, one of `words`.
fn from(section: &Section<'_>, words: &'static [&'static str]) -> Option<&'static str> {
    section.require(&["from"]);
    let Some(text) = section.line("from") else {
        // An empty word would leave open where to look.
        section.required_line("from", values::anything);
        return None;
    };
    let known = words.iter().copied().find(|word| *word == text.value);
    if known.is_none() {
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let label = match nearest(text.value, words.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("must be {}", quoted.join(" or ")),
        };
        let help = match words {
            ["git"] => "git: when the commit was made",
            _ => "git: tags and commits; file: a file of the project",
        };
        let message = format!("`from` in {} names no place", section.title);
        section.problems.add(message, text.span, label, Some(help.to_owned()));
    }
    known
}
