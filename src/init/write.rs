//! A draft as the text of a farm.toml: values quoted by the `toml` crate, what they are from as comments.

use super::draft::{Draft, Library, Requirement};
use super::licence::Licence;
use super::toolchains::Choice;
use super::{Request, SourceOf};
use crate::types::Format;

pub(super) fn recipe(draft: &Draft, licence: &Licence, choice: &Choice, request: &Request) -> String {
    let mut text = String::new();
    let built = match draft.system {
        "" if uses_own_packaging(draft) => "built with its own packaging".to_owned(),
        "" => "no build system was found".to_owned(),
        system => format!("built with {system} ({})", draft.system_file),
    };
    comment(
        &mut text,
        &format!(
            "Written by `farm init`: {built}. It is yours from here on: look through it, and try it with `farm build`."
        ),
    );
    for check in &draft.checks {
        comment(&mut text, &format!("Check: {check}."));
    }
    text.push('\n');
    // The project's own packaging says it, but where that is a template.
    let says_version =
        uses_own_packaging(draft) && draft.prepare.is_none() && matches!(request.source, SourceOf::Path(_));
    package(&mut text, draft, licence, says_version);
    source(&mut text, &request.source, request.strip, draft.version.as_deref().unwrap_or_default());
    build(&mut text, draft, &choice.paths);
    let split = split(draft);
    split.write(&mut text);
    packaging(&mut text, draft);
    let rpm_name = draft.rpm_name.as_ref().filter(|name| Some(*name) != draft.name.as_ref());
    if rpm_name.is_some() || !draft.rpm_provides.is_empty() {
        text.push_str("[override.rpm.package]\n");
        rpm_name.iter().for_each(|name| text.push_str(&format!("name = {}\n", string(name))));
        if !draft.rpm_provides.is_empty() {
            comment(&mut text, "Modules that are called otherwise than their files, which rpm does not see by itself.");
            let provides: Vec<String> = draft.rpm_provides.iter().map(|what| string(what)).collect();
            text.push_str(&format!("provides = [{}]\n", provides.join(", ")));
        }
        text.push('\n');
    }
    // Without a build system, there is nothing but the project's own packaging, which is for one format.
    let fits = |distro: &String| {
        let known = request.distros.iter().find(|known| known.id == *distro);
        let own = match known.map(|known| known.format) {
            Some(Format::Rpm) => draft.spec.is_some(),
            _ => draft.debian.is_some(),
        };
        !uses_own_packaging(draft) || own
    };
    let distros: Vec<String> =
        choice.distros.iter().filter(|distro| fits(distro)).map(|distro| string(distro)).collect();
    comment(&mut text, "`farm distros` lists what there is; globs are understood: \"debian-*\".");
    for sentence in &choice.left_out {
        comment(&mut text, &format!("Left out: {sentence}."));
    }
    text.push_str(&format!("[matrix]\ndistros = [{}]\n", distros.join(", ")));
    test(&mut text, draft);
    text
}

fn package(text: &mut String, draft: &Draft, licence: &Licence, says_version: bool) {
    let field = |text: &mut String, key: &str, value: &Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!("{key} = {}\n", string(value)));
        }
    };
    text.push_str("[package]\n");
    field(text, "name", &draft.name);
    if draft.version_of_tags {
        let now = draft.version.as_deref().unwrap_or_default();
        comment(text, &format!("The last tag, here {now}, and what came after it; it can be written as text, too."));
        text.push_str("version = { from = \"git\" }\n");
    } else if !says_version {
        field(text, "version", &draft.version);
    }
    field(text, "summary", &draft.summary);
    if let Some(description) = &draft.description {
        text.push_str(&format!("description = {}\n", paragraphs(description)));
    }
    let word = if licence.certain { "Licence" } else { "Not certain" };
    comment(text, &format!("{word}: {}.", licence.comment));
    text.push_str(&format!("license = {}\n", string(&licence.expression)));
    field(text, "homepage", &draft.homepage);
    field(text, "maintainer", &draft.maintainer);
    let library = !draft.libraries.is_empty() && draft.programs.is_empty();
    field(text, "section", &draft.section.or(library.then_some("libs")).map(str::to_owned));
    if draft.arch_independent {
        text.push_str("# Nothing is compiled: one package for all architectures.\narchitecture = \"all\"\n");
    }
    requirements(text, &draft.requires);
    text.push('\n');
}

fn source(text: &mut String, source: &SourceOf, strip: Option<u32>, version: &str) {
    text.push_str("[[sources]]\n");
    match source {
        SourceOf::Path(path) => {
            text.push_str(&format!("path = {}\n", string(path)));
        }
        SourceOf::Url { url, sha256 } => {
            // The next release is then a new version and a new sum.
            let parts: Vec<String> = match version.contains('.') {
                true => url.split(version).map(crate::recipe::literal).collect(),
                false => vec![crate::recipe::literal(url)],
            };
            let url = quoted(&parts.join("{{ version }}"));
            text.push_str(&format!("url = {url}\nsha256 = {}\n", string(sha256)));
        }
    }
    if let Some(strip) = strip {
        text.push_str(&format!("strip = {strip}\n"));
    }
    text.push('\n');
}

fn build(text: &mut String, draft: &Draft, paths: &[String]) {
    if uses_own_packaging(draft) {
        return;
    }
    if let Some((ecosystem, lock)) = draft.modules {
        comment(text, &format!("What {lock} pins is fetched before the build, which needs no network."));
        text.push_str(&format!("[modules]\n{} = [{}]\n\n", ecosystem.key(), string(lock)));
    }
    text.push_str("[build]\n");
    requirements(text, &draft.build_requires);
    if let Some(reason) = &draft.network {
        comment(text, &format!("{reason}."));
        text.push_str("network = true\n");
    }
    if let Some(reason) = draft.cannot {
        comment(
            text,
            "A package without files would be of no use to anybody: this fails until it is known what goes where.",
        );
        text.push_str(&format!("install = {}\n\n", script(&[format!("echo '{reason}' >&2"), "exit 1".to_owned()])));
        return;
    }
    for (key, lines) in [("build", &draft.build), ("check", &draft.check), ("install", &draft.install)] {
        if !lines.is_empty() {
            // What installs only copies.
            let paths = if key == "install" { &[] } else { paths };
            let lines: Vec<String> = paths.iter().chain(lines).cloned().collect();
            text.push_str(&format!("{key} = {}\n", script(&lines)));
        }
    }
    text.push('\n');
}

/// `requires`, each with where it is from; what is optional as a comment to be taken in.
fn requirements(text: &mut String, list: &[Requirement]) {
    if list.is_empty() {
        return;
    }
    let (needed, optional): (Vec<&Requirement>, Vec<&Requirement>) = list.iter().partition(|one| !one.optional);
    text.push_str("requires = [\n");
    for one in needed {
        let what = if one.template { quoted(&one.what) } else { string(&one.what) };
        text.push_str(&format!("  {what},{}\n", trailing(&one.from)));
    }
    if !optional.is_empty() {
        text.push_str("  # Used when they are there:\n");
    }
    for one in optional {
        text.push_str(&format!("  # {},{}\n", string(&one.what), trailing(&one.from)));
    }
    text.push_str("]\n");
}

fn trailing(from: &str) -> String {
    if from.is_empty() { String::new() } else { format!(" # {}", super::text::one_line(from)) }
}

/// The packages beside the main one.
struct Split {
    libraries: Option<Part>,
    development: Option<Part>,
}

struct Part {
    deb: String,
    rpm: String,
    summary: String,
    files: Vec<String>,
}

/// A library and programs are two packages; without programs, the main one is the library's. What is needed to compile
/// against it is always one of its own.
fn split(draft: &Draft) -> Split {
    let name = draft.name.clone().unwrap_or_default();
    let rpm_name = draft.rpm_name.clone().unwrap_or_else(|| name.clone());
    let development = &draft.development;
    let Some(first) = draft.libraries.first() else { return Split { libraries: None, development: None } };
    let alone = draft.programs.is_empty();
    // Patterns that take nothing are errors: a file without a version in its name is the library itself.
    let file = |library: &Library| {
        let versions = if library.versioned { ".so.*" } else { ".so*" };
        format!("${{libdir}}/lib{}{versions}", library.name)
    };
    let package = library_package(first);
    let libraries = (!alone).then(|| Part {
        deb: if package == name { format!("{name}-libs") } else { package },
        rpm: format!("{rpm_name}-libs"),
        summary: format!("Shared library of {name}"),
        files: draft.libraries.iter().map(file).collect(),
    });
    let mut files: Vec<String> =
        development.folders.iter().filter(|folder| folder.starts_with("/usr/include")).cloned().collect();
    let links = draft.libraries.iter().filter(|library| library.versioned);
    if links.clone().count() == draft.libraries.len() {
        files.push("${libdir}/*.so".to_owned());
    } else {
        files.extend(links.map(|library| format!("${{libdir}}/lib{}.so", library.name)));
    }
    if development.static_library {
        files.push("${libdir}/*.a".to_owned());
    }
    files.extend(development.folders.iter().filter(|folder| !folder.starts_with("/usr/include")).cloned());
    if files.is_empty() {
        return Split { libraries, development: None };
    }
    let base = first.name.to_ascii_lowercase().replace('_', "-");
    let deb = if alone && !name.starts_with("lib") { format!("{name}-dev") } else { format!("lib{base}-dev") };
    let development = Part {
        deb: if deb == name { format!("{name}-devel") } else { deb },
        rpm: format!("{rpm_name}-devel"),
        summary: format!("Development files of {name}"),
        files,
    };
    Split { libraries, development: Some(development) }
}

/// `libfoo1`, `libfoo1-2` where the library's own name ends in a digit, as Debian calls them.
fn library_package(library: &Library) -> String {
    let name = library.name.to_ascii_lowercase().replace('_', "-");
    match &library.soversion {
        Some(version) if name.ends_with(|c: char| c.is_ascii_digit()) => format!("lib{name}-{version}"),
        Some(version) => format!("lib{name}{version}"),
        None => format!("lib{name}"),
    }
    .to_ascii_lowercase()
}

impl Split {
    fn write(&self, text: &mut String) {
        let parts = [("libs", "libs", &self.libraries), ("dev", "libdevel", &self.development)];
        for (key, section, part) in parts {
            let Some(part) = part else { continue };
            let files: Vec<String> = part.files.iter().map(|file| string(file)).collect();
            text.push_str(&format!(
                "[packages.{key}]\nname = {}\nsummary = {}\n",
                string(&part.deb),
                string(&part.summary)
            ));
            text.push_str(&format!("section = \"{section}\"\nfiles = [{}]\n", files.join(", ")));
            text.push('\n');
            text.push_str(&format!("[override.rpm.packages.{key}]\nname = {}\n\n", string(&part.rpm)));
        }
    }
}

/// Where no build system is known, the project's own packaging builds it.
fn uses_own_packaging(draft: &Draft) -> bool {
    draft.system.is_empty() && (draft.debian.is_some() || draft.spec.is_some())
}

/// The project's own packaging, to be chosen.
fn packaging(text: &mut String, draft: &Draft) {
    let own: Vec<String> = [("debian", &draft.debian), ("spec", &draft.spec), ("prepare", &draft.prepare)]
        .into_iter()
        .filter_map(|(key, path)| Some(format!("{key} = {}", string(path.as_deref()?))))
        .collect();
    if own.is_empty() {
        return;
    }
    let chosen = uses_own_packaging(draft);
    if !chosen {
        comment(text, "The project brings packaging of its own. To use it as it is, in place of what farm makes:");
    }
    let mark = if chosen { "" } else { "# " };
    if draft.prepare.is_some() {
        comment(
            text,
            "The .spec is a template: what fills it in is a guess; what it requires belongs into [build] requires.",
        );
    }
    text.push_str(&format!("{mark}[packaging]\n"));
    own.iter().for_each(|line| text.push_str(&format!("{mark}{line}\n")));
    if draft.debian.is_some() {
        text.push_str(&format!("{mark}distribution-suffix = true\n"));
    }
    text.push('\n');
}

fn test(text: &mut String, draft: &Draft) {
    if draft.cannot.is_some() {
        return;
    }
    let tried = |program: &String| match (draft.runs_programs, draft.starts.get(program)) {
        (true, _) => format!("{program} --version || {program} --help"),
        (false, Some(option)) => format!("{program} {option}"),
        (false, None) => format!("command -v {program}"),
    };
    let mut lines: Vec<String> = draft.programs.iter().map(tried).collect();
    lines.extend(draft.test.clone());
    lines.extend(draft.development.header.as_ref().map(|header| format!("test -f {header}")));
    if lines.is_empty() {
        return;
    }
    text.push('\n');
    let have_options =
        draft.programs.iter().all(|program| draft.starts.contains_key(program)) && !draft.programs.is_empty();
    let least =
        if draft.runs_programs || have_options { "That its programs start" } else { "That its programs are there" };
    comment(text, &format!("Runs where the packages are installed. {least} is the least; let it do something."));
    text.push_str(&format!("[test]\nscript = {}\n", script(&lines)));
}

/// A comment, filled to 120 columns. No line of it can end the comment.
fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in super::text::full_line(words).split(' ') {
        if line.len() + 1 + word.len() > 118 && line.len() > 1 {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

/// A value as the `toml` crate quotes it; in the recipe it is what it is here, and no template.
fn string(value: &str) -> String {
    quoted(&crate::recipe::literal(value))
}

fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

/// Longer text, its paragraphs apart.
fn paragraphs(value: &str) -> String {
    if value.len() < 100 && !value.contains('\n') {
        return string(value);
    }
    let mut lines = Vec::new();
    for paragraph in value.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if line.len() + word.len() > 110 {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    let escaped = crate::recipe::literal(&lines.join("\n")).replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
    // A quote at the very end would join those that close the string.
    let escaped = match escaped.strip_suffix('"') {
        Some(rest) => format!("{rest}\\\""),
        None => escaped,
    };
    format!("\"\"\"\n{escaped}\"\"\"")
}

/// A script of several lines, as it is: none of the writers puts three quotes into one.
fn script(lines: &[String]) -> String {
    let body = lines.join("\n");
    if body.contains("'''") || body.chars().any(|c| c.is_control() && c != '\n') {
        return quoted(&body);
    }
    if lines.len() == 1 && !body.contains(['\n', '\'']) {
        return format!("'{body}'");
    }
    format!("'''\n{body}\n'''")
}
