//! What a .spec says before anything runs it: its tags and what it requires to be built, with macros and conditions as far
//! as they follow from the text. Read, never run: what a .spec computes by a command or in Lua is not known, and nothing that
//! depends on it is. The syntax is rpm's spec file format; rpmspec(8) is the oracle.

mod condition;
mod macros;

use std::collections::BTreeMap;

use macros::Scope;
pub(crate) use macros::{Absent, Macros, NotKnown};

/// The tags that are read.
const TAGS: [&str; 4] = ["name", "version", "release", "epoch"];
/// Lines that a macro goes over.
const MOST_LINES: usize = 400;

/// What was read of a .spec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spec {
    tags: BTreeMap<&'static str, Result<String, NotKnown>>,
    /// What is required to build it, in the order of the file.
    pub(crate) requires: Vec<Required>,
    /// The words after `%pyproject_buildrequires`, with its line, where that has to say what else is required.
    pub(crate) pyproject: Option<(usize, Vec<String>)>,
}

/// Something that a .spec requires to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Required {
    /// From 1.
    pub(crate) line: usize,
    /// `pkgconfig(zlib) >= 1.2`; of what is not known, the text of the line.
    pub(crate) text: String,
    /// It is there only under a condition that is not known, or is not known itself.
    pub(crate) is_certain: bool,
}

impl Spec {
    /// Reads a .spec with what its distribution, or a command line, defines.
    pub(crate) fn read(content: &str, macros: &Macros) -> Spec {
        let mut reader =
            Reader { spec: Spec::default(), scope: Scope::new(macros), open: Vec::new(), section: Section::Preamble };
        let mut lines = content.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if !reader.line(number + 1, line, &mut lines) {
                break;
            }
        }
        reader.spec
    }

    /// A tag of the main package, by its name in small letters; none where there is no such tag.
    pub(crate) fn tag(&self, name: &str) -> Option<&Result<String, NotKnown>> {
        self.tags.get(name)
    }
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// Before the first section.
    Preamble,
    Package,
    GenerateBuildRequires,
    Other,
}

/// The state of an `%if` that is not closed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    Taken,
    /// Not this one, a later one may be.
    NotYet,
    /// One before it was.
    Over,
    /// It stands where nothing is read, and so do all of its branches.
    Skipped,
    /// Nobody knows.
    Unknown,
}

struct Reader<'a> {
    spec: Spec,
    scope: Scope<'a>,
    open: Vec<Branch>,
    section: Section,
}

impl Reader<'_> {
    fn is_skipped(&self) -> bool {
        self.open.iter().any(|branch| !matches!(branch, Branch::Taken | Branch::Unknown))
    }

    fn is_certain(&self) -> bool {
        !self.open.contains(&Branch::Unknown)
    }

    /// False: nothing that follows is of interest.
    fn line<'l>(
        &mut self,
        number: usize,
        line: &'l str,
        rest: &mut (impl Iterator<Item = (usize, &'l str)> + Clone),
    ) -> bool {
        let line = line.trim();
        let word = line.split_whitespace().next().unwrap_or_default();
        if self.condition(word, line[word.len()..].trim()) || self.is_skipped() || line.starts_with('#') {
            return true;
        }
        let line = &joined(line, rest);
        match word {
            "%changelog" => return false,
            "%global" | "%define" | "%undefine" => self.define(word, line[word.len()..].trim()),
            "%bcond_with" | "%bcond_without" | "%bcond" => self.bcond(word, line[word.len()..].trim()),
            "%package" => self.section = Section::Package,
            "%generate_buildrequires" => self.section = Section::GenerateBuildRequires,
            _ if SECTIONS.contains(&word) => self.section = Section::Other,
            "%pyproject_buildrequires" if self.section == Section::GenerateBuildRequires => {
                let words = line.split_whitespace().skip(1).map(str::to_owned).collect();
                self.spec.pyproject = Some((number, words));
            }
            _ if matches!(self.section, Section::Preamble | Section::Package) => self.tags(number, line),
            _ => {}
        }
        true
    }

    /// Whether the line is one of an `%if`.
    fn condition(&mut self, word: &str, text: &str) -> bool {
        let holds = |reader: &Self| match condition::holds(text, &reader.scope) {
            Some(true) => Branch::Taken,
            Some(false) => Branch::NotYet,
            None => Branch::Unknown,
        };
        match word {
            "%if" => {
                let branch = if self.is_skipped() { Branch::Skipped } else { holds(self) };
                self.open.push(branch);
            }
            "%ifarch" | "%ifnarch" | "%ifos" | "%ifnos" => {
                let is_linux = text.split_whitespace().any(|os| os == "linux");
                let branch = match word {
                    _ if self.is_skipped() => Branch::Skipped,
                    "%ifos" if is_linux => Branch::Taken,
                    "%ifnos" if is_linux => Branch::NotYet,
                    _ => Branch::Unknown,
                };
                self.open.push(branch);
            }
            "%elif" | "%elifarch" | "%elifos" | "%else" => {
                let Some(branch) = self.open.pop() else { return true };
                let branch = match branch {
                    Branch::Taken | Branch::Over => Branch::Over,
                    Branch::NotYet if word == "%else" => Branch::Taken,
                    Branch::NotYet if word == "%elif" && !self.is_skipped() => holds(self),
                    Branch::NotYet => Branch::Unknown,
                    Branch::Skipped | Branch::Unknown => branch,
                };
                self.open.push(branch);
            }
            "%endif" => {
                self.open.pop();
            }
            _ => return false,
        }
        true
    }

    fn define(&mut self, word: &str, rest: &str) {
        let (name, body) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (name, has_parameters) = name.split_once('(').map_or((name, false), |(name, _)| (name, true));
        let is_certain = self.is_certain() && !has_parameters;
        match word {
            "%undefine" if is_certain => self.scope.undefine(name),
            "%undefine" => self.scope.forget(name, &format!("%{name}")),
            _ if !is_certain => self.scope.forget(name, &format!("%{name}")),
            "%global" => self.scope.define_expanded(name, body.trim()),
            _ => self.scope.define(name, body.trim()),
        }
    }

    /// `%bcond_with x`: only where `--with x` asks for it. `%bcond x 1`: unless `--without x` does.
    fn bcond(&mut self, word: &str, rest: &str) {
        let (name, default) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let with = format!("with_{name}");
        let asked = (self.scope.knows(&format!("_with_{name}")), self.scope.knows(&format!("_without_{name}")));
        let default = match word {
            "%bcond_with" => Some(false),
            "%bcond_without" => Some(true),
            _ => condition::holds(default, &self.scope),
        };
        let holds = match (asked, default) {
            ((Some(true), _), _) if word != "%bcond_without" => Some(true),
            ((_, Some(true)), _) if word != "%bcond_with" => Some(false),
            (_, default) => default,
        };
        match holds {
            _ if !self.is_certain() => self.scope.forget(&with, rest),
            Some(true) => self.scope.define(&with, "1"),
            Some(false) => self.scope.undefine(&with),
            None => self.scope.forget(&with, rest),
        }
    }

    /// A line of a preamble: a tag, or a macro that has some in it.
    fn tags(&mut self, number: usize, line: &str) {
        if !line.starts_with('%') {
            return self.tag(number, line);
        }
        if self.defines_where_missing(line) {
            return;
        }
        match self.scope.expand(line) {
            Ok(text) => text.lines().for_each(|line| self.tag(number, line.trim())),
            Err(_) if line.to_ascii_lowercase().contains("buildrequires:") => {
                self.spec.requires.push(Required { line: number, text: line.to_owned(), is_certain: false });
            }
            Err(_) => {}
        }
    }

    /// `%{!?name:%global name body}`, which has many forms of white space.
    fn defines_where_missing(&mut self, line: &str) -> bool {
        let inside = line.strip_prefix("%{").and_then(|line| line.strip_suffix('}'));
        let Some((asked, body)) = inside.and_then(|inside| inside.split_once(':')) else { return false };
        let body = body.trim();
        let word = body.split_whitespace().next().unwrap_or_default();
        if !matches!(word, "%global" | "%define") {
            return false;
        }
        let name = asked.trim_start_matches(['!', '?']);
        let is_there = self.scope.knows(name);
        match is_there.map(|is_there| is_there != asked.starts_with('!')) {
            Some(true) => self.define(word, body[word.len()..].trim()),
            Some(false) => {}
            None => {
                let name = body[word.len()..].split_whitespace().next().unwrap_or_default();
                self.scope.forget(name, &format!("%{{{name}}}"));
            }
        }
        true
    }

    fn tag(&mut self, number: usize, line: &str) {
        let Some((name, value)) = line.split_once(':') else { return };
        let name = name.split_once('(').map_or(name, |(name, _)| name).trim();
        if name.eq_ignore_ascii_case("BuildRequires") || name.eq_ignore_ascii_case("BuildPreReq") {
            let is_certain = self.is_certain();
            let add = |text: String, is_certain| Required { line: number, text, is_certain };
            match self.scope.expand(value.trim()) {
                Ok(text) => self.spec.requires.extend(requirements(&text).into_iter().map(|one| add(one, is_certain))),
                Err(_) => self.spec.requires.push(add(value.trim().to_owned(), false)),
            }
            return;
        }
        let Some(tag) = TAGS.into_iter().find(|tag| name.eq_ignore_ascii_case(tag)) else { return };
        if self.section != Section::Preamble {
            return;
        }
        let value = match self.scope.expand(value.trim()) {
            _ if !self.is_certain() || self.spec.tags.contains_key(tag) => Err(NotKnown::Condition),
            value => value,
        };
        // rpm has both spellings, and none for the epoch of a package that has none.
        for name in [tag.to_owned(), tag.to_ascii_uppercase()] {
            match &value {
                Ok(value) => self.scope.define(&name, value),
                Err(_) => self.scope.forget(&name, &format!("%{{{name}}}")),
            }
        }
        self.spec.tags.insert(tag, value);
    }
}

/// Words that begin a section after which no tags are looked for.
const SECTIONS: [&str; 24] = [
    "%description",
    "%prep",
    "%conf",
    "%build",
    "%install",
    "%check",
    "%clean",
    "%files",
    "%pre",
    "%post",
    "%preun",
    "%postun",
    "%pretrans",
    "%posttrans",
    "%preuntrans",
    "%postuntrans",
    "%verifyscript",
    "%triggerin",
    "%triggerun",
    "%triggerpostun",
    "%triggerprein",
    "%filetriggerin",
    "%transfiletriggerin",
    "%sourcelist",
];

/// A line with those after it that a macro or a definition goes over.
fn joined<'l>(line: &str, rest: &mut (impl Iterator<Item = (usize, &'l str)> + Clone)) -> String {
    let depth = |text: &str| {
        let mut depth = 0_i64;
        let mut before = ' ';
        for c in text.chars() {
            match c {
                '{' if depth > 0 || before == '%' => depth += 1,
                '(' if depth == 0 && before == '%' => return 0,
                '}' if depth > 0 => depth -= 1,
                _ => {}
            }
            before = c;
        }
        depth
    };
    let is_definition = line.starts_with("%global") || line.starts_with("%define");
    let goes_on = |text: &str| depth(text) > 0 || (is_definition && text.ends_with('\\'));
    if !goes_on(line) {
        return line.to_owned();
    }
    let mut text = line.to_owned();
    let mut ahead = rest.clone();
    for _ in 0..MOST_LINES {
        let Some((_, next)) = ahead.next() else { break };
        if text.ends_with('\\') {
            text.pop();
        }
        text.push('\n');
        text.push_str(next.trim_end());
        if !goes_on(&text) {
            *rest = ahead;
            return text;
        }
    }
    // Nothing closes it: rpm refuses it, and it is no reason to read nothing of what follows.
    line.to_owned()
}

/// Splits what stands after `BuildRequires:`: `a, b >= 1 (c or d)`.
pub(crate) fn requirements(text: &str) -> Vec<String> {
    let is_sign = |word: &str| matches!(word, "<" | "<=" | "=" | "==" | ">=" | ">");
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_end = depth == 0 && (c == ',' || c.is_whitespace());
        if !is_end {
            word.push(c);
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    let mut found: Vec<String> = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match found.last_mut() {
            Some(last) if is_sign(&word) => {
                let version = words.next().unwrap_or_default();
                last.push_str(&format!(" {word} {version}"));
            }
            _ => found.push(word),
        }
    }
    found
}

#[cfg(test)]
mod tests;
