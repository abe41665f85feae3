//! CMake: `project`, `find_package`, `pkg_check_modules` and what is installed, from all CMakeLists.txt and *.cmake.

use std::collections::BTreeMap;

use super::{Call, conditions::Condition, known_headers};
use crate::init::draft::Draft;
use crate::init::text::{calls, capability, is_plain_word, is_version};
use crate::init::toolchains::is_enough;
use crate::init::tree::{Tree, base_name, ending};

pub(super) const FILE: &str = "CMakeLists.txt";
const SHARED: &str = "BUILD_SHARED_LIBS";

/// Find modules that CMake brings itself: no package installs a `…Config.cmake` for them. None: nothing to install.
const OWN_MODULES: [(&str, Option<&str>); 44] = [
    ("ALSA", Some("pkgconfig(alsa)")),
    ("BISON", Some("bison")),
    ("BLAS", Some("pkgconfig(blas)")),
    ("Backtrace", None),
    ("Boost", Some("/usr/include/boost/version.hpp")),
    ("BZip2", Some("/usr/include/bzlib.h")),
    ("CTest", None),
    ("CURL", Some("pkgconfig(libcurl)")),
    ("Curses", Some("pkgconfig(ncurses)")),
    ("Doxygen", Some("/usr/bin/doxygen")),
    ("EXPAT", Some("pkgconfig(expat)")),
    ("FLEX", Some("flex")),
    ("Fontconfig", Some("pkgconfig(fontconfig)")),
    ("Freetype", Some("pkgconfig(freetype2)")),
    ("GIF", Some("/usr/include/gif_lib.h")),
    ("GLUT", Some("pkgconfig(glut)")),
    ("GSL", Some("pkgconfig(gsl)")),
    ("GTest", Some("pkgconfig(gtest)")),
    ("Gettext", Some("gettext")),
    ("Git", Some("/usr/bin/git")),
    ("GnuTLS", Some("pkgconfig(gnutls)")),
    ("ICU", Some("pkgconfig(icu-uc)")),
    ("Iconv", None),
    ("Intl", None),
    ("JPEG", Some("pkgconfig(libjpeg)")),
    ("LAPACK", Some("pkgconfig(lapack)")),
    ("LibArchive", Some("pkgconfig(libarchive)")),
    ("LibLZMA", Some("pkgconfig(liblzma)")),
    ("LibXml2", Some("pkgconfig(libxml-2.0)")),
    ("LibXslt", Some("pkgconfig(libxslt)")),
    ("Lua", Some("pkgconfig(lua)")),
    ("OpenGL", Some("pkgconfig(gl)")),
    ("OpenMP", None),
    ("OpenSSL", Some("pkgconfig(openssl)")),
    ("PNG", Some("pkgconfig(libpng)")),
    ("Perl", Some("/usr/bin/perl")),
    ("PkgConfig", Some("/usr/bin/pkg-config")),
    ("PostgreSQL", Some("pkgconfig(libpq)")),
    ("Python3", Some("python3")),
    ("SQLite3", Some("pkgconfig(sqlite3)")),
    ("TIFF", Some("pkgconfig(libtiff-4)")),
    ("Threads", None),
    ("X11", Some("pkgconfig(x11)")),
    ("ZLIB", Some("pkgconfig(zlib)")),
];

/// Other spellings of modules in the table.
const ALIASES: [(&str, &str); 4] =
    [("PythonInterp", "Python3"), ("Python", "Python3"), ("PythonLibs", "Python3"), ("GnuTls", "GnuTLS")];

/// Folders of what is built beside the thing itself.
const ASIDE: [&str; 13] = [
    "test",
    "tests",
    "testing",
    "example",
    "examples",
    "benchmark",
    "benchmarks",
    "bench",
    "demo",
    "demos",
    "samples",
    "fuzz",
    "doc",
];

/// Whether anything is installed at all.
pub(super) fn installs(tree: &Tree) -> bool {
    let own = tree.texts(|path| base_name(path) == FILE || ending(path) == "cmake");
    own.iter().any(|(_, text)| calls(text, "#", false).iter().any(|call| call.name.eq_ignore_ascii_case("install")))
}

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let files = tree.texts(|path| base_name(path) == FILE || ending(path) == "cmake");
    let mut project = Project::default();
    // What is packaged is the shared library, wherever there is a choice.
    project.options.insert(SHARED.to_owned(), true);
    project.variables.insert(SHARED.to_owned(), "ON".to_owned());
    for (path, text) in &files {
        let aside = path.split('/').any(|part| ASIDE.contains(&part));
        let commands = calls(text, "#", false);
        // A project within the project, of tests or examples, uses what is installed.
        if aside && commands.iter().any(|call| call.name.eq_ignore_ascii_case("project")) {
            continue;
        }
        project.untyped_library |= text.contains(SHARED);
        let mut conditions = Condition::default();
        for call in commands {
            let words = words(&call.arguments, &project.variables);
            if conditions.take(&call.name.to_ascii_lowercase(), &words, &project.options) || conditions.is_foreign() {
                continue;
            }
            let from = format!("{path}:{}", call.line);
            let conditional = conditions.is_optional() || (aside && call.name.to_ascii_lowercase().contains("find"));
            project.doubts = conditions.doubts();
            project.call(&call, &words, &from, conditional, tree, draft);
        }
    }
    project.finish(draft);

    draft.need("cmake", FILE);
    // CMake 4 refuses what was written for versions before 3.5; older ones do not look at the variable.
    let old = project.policy.as_deref().is_some_and(|least| !is_enough(least, "3.5"));
    let policy = if old { " -DCMAKE_POLICY_VERSION_MINIMUM=3.5" } else { "" };
    let shared = if project.untyped_library { " -DBUILD_SHARED_LIBS=ON" } else { "" };
    draft.build = vec![
        "cmake -S . -B build-farm -DCMAKE_BUILD_TYPE=None -DCMAKE_INSTALL_PREFIX=$PREFIX \\".to_owned(),
        format!(
            "  -DCMAKE_INSTALL_LIBDIR=${{LIBDIR#$PREFIX/}} -DCMAKE_INSTALL_SYSCONFDIR=/etc -DCMAKE_SKIP_INSTALL_RPATH=ON{shared}{policy}"
        ),
        "cmake --build build-farm".to_owned(),
    ];
    if project.tests {
        draft.check = vec!["cd build-farm && ctest --output-on-failure".to_owned()];
    }
    draft.install = vec!["DESTDIR=$DESTDIR cmake --install build-farm".to_owned()];
    if project.below_prefix {
        // Configuration is below /etc; it was asked for below the prefix.
        let etc = "$DESTDIR$PREFIX/etc";
        draft.install.push(format!(
            "test ! -d {etc} || {{ mkdir -p $DESTDIR/etc && cp -R {etc}/. $DESTDIR/etc/ && rm -r {etc}; }}"
        ));
    }
    if !installs(tree) {
        draft.cannot("CMakeLists.txt installs nothing: say in [build] install what goes where");
    }
}

#[derive(Default)]
struct Project {
    variables: BTreeMap<String, String>,
    /// Options with their defaults.
    options: BTreeMap<String, bool>,
    named: bool,
    /// Nothing said which: C and C++ both.
    languages: Vec<String>,
    /// Targets, and whether they are programs.
    targets: BTreeMap<String, Target>,
    installed: Vec<String>,
    /// Whether a destination is `etc`, which is below the prefix.
    below_prefix: bool,
    /// On how many choices the current command depends, and the installation of targets at least.
    doubts: usize,
    least_doubts: Option<usize>,
    /// Folders for development that files are installed in, with the choices that this depends on.
    places: Vec<(String, usize)>,
    /// What the project's own first file was written for.
    policy: Option<String>,
    tests: bool,
    untyped_library: bool,
}

#[derive(Default)]
struct Target {
    program: bool,
    shared: bool,
    is_static: bool,
    soversion: Option<String>,
    output: Option<String>,
}

impl Project {
    fn call(&mut self, call: &Call, words: &[String], from: &str, conditional: bool, tree: &Tree, draft: &mut Draft) {
        let first = words.first().map(String::as_str).unwrap_or_default();
        let has = |word: &str| words.iter().any(|known| known == word);
        match call.name.to_ascii_lowercase().as_str() {
            "project" => self.project(words, draft),
            "enable_language" => self.languages.extend(words.iter().cloned()),
            "set" if words.len() >= 2 && self.variables.len() < 10_000 => {
                let value = words[1..].iter().take_while(|word| *word != "CACHE" && *word != "PARENT_SCOPE");
                let value = value.cloned().collect::<Vec<_>>().join(" ");
                let switch = truth(&value) || ["OFF", "FALSE", "NO"].contains(&value.to_ascii_uppercase().as_str());
                if switch && !conditional {
                    self.options.insert(first.to_owned(), truth(&value));
                    self.variables.insert(first.to_owned(), value);
                } else if value.len() < 1000 {
                    self.variables.entry(first.to_owned()).or_insert(value);
                }
            }
            "file" if first == "READ" || first == "STRINGS" => {
                // A version is often in a file of its own.
                let path = words.get(1).map(|path| path.rsplit('}').next().unwrap_or(path).trim_start_matches('/'));
                let text = path.and_then(|path| tree.text(path)).map(|text| text.trim().to_owned());
                if let (Some(name), Some(text)) = (words.get(2), text.filter(|text| is_version(text))) {
                    self.variables.entry(name.clone()).or_insert(text);
                }
            }
            "option" if first == SHARED => self.untyped_library = true,
            "option" => {
                self.options.insert(first.to_owned(), words.last().is_some_and(|word| truth(word)));
            }
            // There is no project around what is packaged.
            "get_directory_property" if words.last().is_some_and(|word| word == "PARENT_DIRECTORY") => {
                self.options.insert(first.to_owned(), false);
            }
            "list" if first == "APPEND" => {
                let Some(list) = words.get(1).filter(|_| self.variables.len() < 10_000) else { return };
                let value = self.variables.entry(list.clone()).or_default();
                if value.len() < 1000 {
                    words[2..].iter().for_each(|word| value.push_str(&format!(" {word}")));
                }
            }
            "cmake_minimum_required" if self.policy.is_none() => {
                // `3.5...3.30`: what comes first is the least.
                let least = words.get(1).map(|least| least.split("...").next().unwrap_or(least).to_owned());
                if let Some(least) = &least {
                    draft.want("cmake", least, from.split(':').next().unwrap_or(FILE));
                }
                self.policy = least;
            }
            "enable_testing" => self.tests = true,
            "include" if first == "CTest" => self.tests = true,
            "find_package" => {
                let optional = conditional || !has("REQUIRED");
                find_package(words, from, optional, tree, draft);
            }
            "pkg_check_modules" | "pkg_search_module" => {
                let optional = conditional || !has("REQUIRED");
                draft.need("/usr/bin/pkg-config", from);
                // Of a search, the first is the one that the project prefers.
                let most = if call.name.eq_ignore_ascii_case("pkg_search_module") { 1 } else { usize::MAX };
                let modules = words.iter().skip(1).filter(|word| !is_keyword(word));
                for (name, version) in super::common::modules(modules.map(String::as_str)).into_iter().take(most) {
                    if let Some(what) = capability("pkgconfig", &name, version.as_deref()) {
                        draft.build_requirement(super::common::requirement(what, from, optional));
                    }
                }
            }
            "find_program" => {
                if let Some(program) = words.get(1).map(|word| if word == "NAMES" { 2 } else { 1 }) {
                    let name = words.get(program).map(String::as_str).unwrap_or_default();
                    if is_plain_word(name) {
                        let optional = conditional || !has("REQUIRED");
                        draft.build_requirement(super::common::requirement(format!("/usr/bin/{name}"), from, optional));
                    }
                }
            }
            "find_path" => {
                let header = words.iter().find(|word| word.ends_with(".h") || word.ends_with(".hpp"));
                if let Some(what) = header.and_then(|header| known_headers::capability(header)) {
                    draft.could_use(what, from);
                }
            }
            "find_library" if has("REQUIRED") => {
                let name = words.get(1).map(|word| if word == "NAMES" { 2 } else { 1 }).and_then(|at| words.get(at));
                if let Some(what) = name.and_then(|name| super::common::library(name)) {
                    draft.build_requirement(super::common::requirement(what, from, conditional));
                }
            }
            "add_library" => {
                let kind = words.get(1).map(String::as_str).unwrap_or_default();
                if words.iter().any(|word| word == "ALIAS" || word == "IMPORTED") {
                    return;
                }
                let no_target = ["INTERFACE", "OBJECT", "STATIC", "MODULE"].contains(&kind);
                let untyped = !no_target && kind != "SHARED";
                let target = self.targets.entry(first.to_owned()).or_default();
                target.shared |= !no_target;
                target.is_static |= kind == "STATIC" && !conditional;
                self.untyped_library |= untyped;
            }
            "add_executable" => self.targets.entry(first.to_owned()).or_default().program = true,
            "set_target_properties" | "set_property" => self.properties(words),
            "install" => self.install(words, draft),
            _ => {}
        }
    }

    fn project(&mut self, words: &[String], draft: &mut Draft) {
        let Some(name) = words.first().filter(|_| !self.named) else { return };
        self.named = true;
        self.variables.insert("PROJECT_NAME".to_owned(), name.clone());
        self.variables.insert("CMAKE_PROJECT_NAME".to_owned(), name.clone());
        if draft.name.is_none() {
            draft.name = Some(name.clone());
        }
        let after = |key: &str| words.iter().position(|word| word == key).and_then(|at| words.get(at + 1));
        if let Some(version) = after("VERSION") {
            self.variables.insert("PROJECT_VERSION".to_owned(), version.clone());
            self.variables.insert(format!("{name}_VERSION"), version.clone());
            for (part, key) in version.split('.').zip(["MAJOR", "MINOR", "PATCH"]) {
                self.variables.insert(format!("PROJECT_VERSION_{key}"), part.to_owned());
                self.variables.insert(format!("{name}_VERSION_{key}"), part.to_owned());
            }
            if is_version(version) && draft.version.is_none() {
                draft.version = Some(version.clone());
            }
        }
        if draft.summary.is_none() {
            draft.summary = after("DESCRIPTION").cloned();
        }
        if draft.homepage.is_none() {
            draft.homepage = after("HOMEPAGE_URL").cloned();
        }
        let keys = ["VERSION", "DESCRIPTION", "HOMEPAGE_URL", "LANGUAGES"];
        let languages = match words.iter().position(|word| word == "LANGUAGES") {
            Some(at) => &words[at + 1..],
            None if words.iter().skip(1).any(|word| keys.contains(&word.as_str())) => &[],
            None => &words[1..],
        };
        self.languages.extend(languages.iter().cloned());
    }

    fn properties(&mut self, words: &[String]) {
        let Some(first) = words.iter().find(|word| self.targets.contains_key(*word)).cloned() else { return };
        let after = |key: &str| words.iter().position(|word| word == key).and_then(|at| words.get(at + 1)).cloned();
        let target = self.targets.entry(first).or_default();
        target.soversion = after("SOVERSION").or(target.soversion.take());
        target.output = after("OUTPUT_NAME").or(target.output.take());
    }

    fn install(&mut self, words: &[String], draft: &mut Draft) {
        let after = |key: &str| words.iter().position(|word| word == key).and_then(|at| words.get(at + 1));
        let kind = words.first().map(String::as_str).unwrap_or_default();
        match kind {
            "TARGETS" => {
                let names = words[1..].iter().take_while(|word| !is_keyword(word));
                self.installed.extend(names.cloned());
                self.least_doubts = Some(self.least_doubts.map_or(self.doubts, |least| least.min(self.doubts)));
                if after("PUBLIC_HEADER").is_some() || words.iter().any(|word| word == "FILE_SET") {
                    self.places.push(("/usr/include".to_owned(), self.doubts));
                }
            }
            "PROGRAMS" => {
                let names = words[1..].iter().take_while(|word| !is_keyword(word));
                names.for_each(|name| draft.program(base_name(name)));
            }
            "FILES" | "DIRECTORY" | "EXPORT" => {
                let place = match after("TYPE").map(String::as_str) {
                    Some("INCLUDE") => Some(("/usr/include".to_owned(), true)),
                    _ => after("DESTINATION").and_then(|place| self.place(place)),
                };
                let Some((place, exact)) = place else { return };
                self.below_prefix |= place == "/usr/etc" || place.starts_with("/usr/etc/");
                let development = ["/usr/include", "/cmake", "/pkgconfig", "/man3"];
                let header = words.get(1).map(|path| base_name(path));
                let header =
                    header.filter(|name| kind == "FILES" && ending(name).starts_with('h') && is_plain_word(name));
                if let Some(header) = header.filter(|_| exact && place.starts_with("/usr/include") && self.doubts == 0)
                {
                    draft.development.header.get_or_insert_with(|| format!("{place}/{header}"));
                }
                if development.iter().any(|folder| place.contains(folder)) {
                    self.places.push((place, self.doubts));
                }
                if kind == "EXPORT" {
                    draft.offers.extend(words.get(1).cloned());
                }
            }
            _ => {}
        }
    }

    /// Where a destination is on the installed system, and whether that is all of it: `include${version}` is below
    /// `/usr/include`, or is it. None when it is not known.
    fn place(&self, destination: &str) -> Option<(String, bool)> {
        const FOLDERS: [(&str, &str); 9] = [
            ("${CMAKE_INSTALL_LIBDIR}", "${libdir}"),
            ("${CMAKE_INSTALL_FULL_LIBDIR}", "${libdir}"),
            ("${CMAKE_INSTALL_INCLUDEDIR}", "/usr/include"),
            ("${CMAKE_INSTALL_FULL_INCLUDEDIR}", "/usr/include"),
            ("${CMAKE_INSTALL_DATADIR}", "/usr/share"),
            ("${CMAKE_INSTALL_DATAROOTDIR}", "/usr/share"),
            ("${CMAKE_INSTALL_FULL_DATADIR}", "/usr/share"),
            ("${CMAKE_INSTALL_MANDIR}", "/usr/share/man"),
            ("${CMAKE_INSTALL_FULL_MANDIR}", "/usr/share/man"),
        ];
        let mut place = destination.to_owned();
        // What a value refers to in turn.
        for _ in 0..4 {
            place = expand(&place, &self.variables);
        }
        let place = place.replace("${CMAKE_INSTALL_PREFIX}/", "");
        let place = place.trim_end_matches('/');
        let known = FOLDERS.iter().find_map(|(name, folder)| Some((folder, place.strip_prefix(name)?)));
        let (folder, rest) =
            known.as_ref().map_or(("/usr", format!("/{place}")), |(folder, rest)| (**folder, (*rest).to_owned()));
        let plain = |part: &str| is_plain_word(part);
        let whole = rest.is_empty() || rest.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain));
        // What a variable of the project's own adds is a folder of its own there, or nothing.
        match rest.split_once('$').filter(|_| known.is_some() && !whole) {
            Some((before, _)) if before.is_empty() || before.starts_with('/') => Some((folder.to_owned(), false)),
            _ => whole.then(|| (format!("{folder}{rest}"), true)),
        }
    }

    fn finish(&self, draft: &mut Draft) {
        let cxx = self.languages.is_empty() || self.languages.iter().any(|language| language == "CXX");
        if !self.languages.iter().all(|language| language == "NONE") || self.languages.is_empty() {
            draft.need("cc", FILE);
        } else {
            draft.arch_independent = true;
        }
        if cxx {
            draft.need("c++", FILE);
        }
        let mut unknown = false;
        for name in &self.installed {
            let Some(target) = self.targets.get(name) else {
                unknown = true;
                continue;
            };
            draft.offers.push(name.clone());
            let output = target.output.as_deref().unwrap_or(name);
            if target.program {
                draft.program(output);
            } else if target.is_static {
                draft.development.static_library = true;
            } else if target.shared {
                // A target may have the prefix in its own name, with the automatic one taken off.
                let library = output.strip_prefix("lib").filter(|_| target.output.is_some()).unwrap_or(output);
                draft.library(library, target.soversion.clone(), false);
            }
        }
        // What is installed where the targets are is there when these are.
        let least = self.least_doubts.unwrap_or_default();
        let mut folders: Vec<String> = Vec::new();
        for (place, _) in self.places.iter().filter(|(_, doubts)| *doubts <= least) {
            let folder = ["/usr/include", "/cmake", "/pkgconfig", "/man3"].iter().find_map(|folder| {
                let at = place.find(folder)?;
                Some(format!("{}/**", &place[..at + folder.len()]))
            });
            folders.extend(folder);
        }
        folders.sort();
        folders.dedup();
        draft.development.headers = folders.iter().any(|folder| folder.starts_with("/usr/include"));
        draft.development.folders = folders;
        draft.development.header.take_if(|_| !draft.libraries.is_empty() || !draft.programs.is_empty());
        let interface = self.targets.values().any(|target| !target.program);
        draft.development.alone = draft.development.headers
            && interface
            && !unknown
            && draft.libraries.is_empty()
            && draft.programs.is_empty();
    }
}

/// `find_package(NAME [VERSION] [REQUIRED] [[COMPONENTS] …])`
fn find_package(words: &[String], from: &str, optional: bool, tree: &Tree, draft: &mut Draft) {
    let Some(name) = words.first() else { return };
    let canonical = ALIASES.iter().find(|(alias, _)| alias == name).map_or(name.as_str(), |(_, name)| name);
    if let Some((_, what)) = OWN_MODULES.iter().find(|(module, _)| module.eq_ignore_ascii_case(canonical)) {
        if let Some(what) = what {
            draft.build_requirement(super::common::requirement((*what).to_owned(), from, optional));
        }
        return;
    }
    // A find module of the project's own: what it looks for is read there.
    let module = format!("find{}.cmake", name.to_ascii_lowercase());
    if tree.names().any(|path| base_name(path).to_ascii_lowercase() == module) {
        return;
    }
    let version = words.get(1).filter(|word| is_version(word)).map(String::as_str);
    let start = words.iter().position(|word| word == "COMPONENTS" || word == "REQUIRED").map_or(1, |at| at + 1);
    let components: Vec<&String> = words[start.min(words.len())..]
        .iter()
        .take_while(|word| *word != "OPTIONAL_COMPONENTS")
        .filter(|word| !is_keyword(word) && !is_version(word))
        .collect();
    // These suites have a package per component, each with a configuration of its own.
    let suite = ["Qt5", "Qt6", "KF5", "KF6"].contains(&name.as_str());
    let names: Vec<String> = match components.as_slice() {
        components if suite && !components.is_empty() => {
            components.iter().map(|component| format!("{name}{component}")).collect()
        }
        _ => vec![name.clone()],
    };
    for name in names {
        if let Some(what) = capability("cmake", &name, version.filter(|_| !optional)) {
            draft.build_requirement(super::common::requirement(what, from, optional));
        }
    }
}

/// A word of CMake's own, in arguments that are otherwise names.
fn is_keyword(word: &str) -> bool {
    word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !["ZLIB"].contains(&word)
        || word.is_empty()
}

fn truth(word: &str) -> bool {
    ["ON", "TRUE", "YES", "1"].contains(&word.to_ascii_uppercase().as_str())
}

/// The arguments of a call: words and strings, with the variables that are known put in.
fn words(arguments: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = arguments.chars().peekable();
    while let Some(c) = chars.next() {
        let mut word = String::new();
        match c {
            c if c.is_whitespace() || c == ';' => continue,
            '"' => {
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => word.extend(chars.next()),
                        c => word.push(c),
                    }
                }
            }
            c => {
                word.push(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != ';') {
                    word.push(c);
                }
            }
        }
        match c {
            '"' => words.push(expand(&word, variables)),
            // Without quotes, a list is several arguments.
            _ => words
                .extend(expand(&word, variables).split([' ', ';']).filter(|word| !word.is_empty()).map(str::to_owned)),
        }
        if words.len() >= 2000 {
            break;
        }
    }
    words
}

/// `${NAME}` with its value, once: what a value refers to in turn stays as it is.
fn expand(word: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("${") {
        expanded.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        match variables.get(name) {
            Some(value) => expanded.push_str(value),
            None => expanded.push_str(&format!("${{{name}}}")),
        }
        rest = after;
        if expanded.len() > 4000 {
            return expanded;
        }
    }
    expanded + rest
}
