//! Meson: `project`, `dependency`, `find_program` and what is installed, from all meson.build files.

use std::collections::BTreeMap;

use super::known_headers;
use crate::init::draft::Draft;
use crate::init::text::{
    Call, calls, capability, is_plain_word, is_version, keyword, literals, split_arguments, without_comments,
};
use crate::init::toolchains::least as least_of;
use crate::init::tree::{Tree, base_name};

pub(super) const FILE: &str = "meson.build";

/// Dependencies that Meson finds by itself in ways of their own. None: nothing to install.
const SPECIAL: [(&str, Option<&str>); 14] = [
    ("appleframeworks", None),
    ("boost", Some("/usr/include/boost/version.hpp")),
    ("curses", Some("pkgconfig(ncurses)")),
    ("dl", None),
    ("gmock", Some("pkgconfig(gmock)")),
    ("gtest", Some("pkgconfig(gtest)")),
    ("iconv", None),
    ("intl", None),
    ("openmp", None),
    ("pcap", Some("pkgconfig(libpcap)")),
    ("python3", Some("python3")),
    ("qt5", None),
    ("qt6", None),
    ("threads", None),
];

/// What a module of Meson's runs.
const MODULES: [(&str, &[&str]); 3] =
    [("gnome", &["pkgconfig(glib-2.0)"]), ("i18n", &["gettext"]), ("wayland", &["pkgconfig(wayland-scanner)"])];

/// Whether anything is installed at all: some projects have the file for who takes them in as a subproject.
pub(super) fn installs(tree: &Tree) -> bool {
    let files = tree.texts(|path| base_name(path) == FILE);
    files.iter().any(|(_, text)| without_comments(text, "#", true).contains("install"))
}

/// What may put files into a package that are for one architecture.
const MAKES: [&str; 13] = [
    "executable",
    "library",
    "shared_library",
    "static_library",
    "both_libraries",
    "shared_module",
    "extension_module",
    "build_target",
    "jar",
    "custom_target",
    "run_command",
    "generate",
    "subproject",
];

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let mut project = Project::default();
    let mut compiles = false;
    for (_, text) in tree.texts(|path| matches!(path, "meson_options.txt" | "meson.options")) {
        project.options(text);
    }
    // Subprojects are what Meson would fall back to; a package takes the distribution's.
    let files = tree.texts(|path| base_name(path) == FILE && !path.starts_with("subprojects/"));
    for (path, text) in files {
        let clean = without_comments(text, "#", true);
        let states = states(&clean, &project.options);
        project.variables(&clean);
        let aside = path.split('/').any(|part| matches!(part, "test" | "tests" | "examples"));
        for call in calls(text, "#", true) {
            // What only tests compile is not in the package.
            compiles |= !aside && MAKES.contains(&call.name.rsplit('.').next().unwrap_or_default());
            let state = states.get(call.line - 1).copied().unwrap_or(Branch::Taken);
            if state != Branch::Never {
                project.call(&call, &format!("{path}:{}", call.line), state == Branch::Maybe, draft);
            }
        }
    }

    draft.need("meson", FILE);
    draft.need("ninja", FILE);
    if project.languages.iter().any(|language| language == "c") {
        draft.need("cc", FILE);
    }
    if project.languages.iter().any(|language| language == "cpp") {
        draft.need("c++", FILE);
    }
    draft.arch_independent = project.languages.is_empty() || !compiles;
    draft.build = vec![
        "meson setup build-farm --prefix=$PREFIX --libdir=$LIBDIR --sysconfdir=/etc --localstatedir=/var \\".to_owned(),
        "  --buildtype=plain --wrap-mode=nodownload".to_owned(),
        "meson compile -C build-farm".to_owned(),
    ];
    if project.tests {
        draft.check = vec!["meson test -C build-farm --print-errorlogs".to_owned()];
    }
    draft.install = vec!["DESTDIR=$DESTDIR meson install -C build-farm --no-rebuild".to_owned()];
    if !installs(tree) {
        draft.cannot("meson.build installs nothing: say in [build] install what goes where");
    }
}

#[derive(Default)]
struct Project {
    languages: Vec<String>,
    options: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    tests: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    Taken,
    Maybe,
    Never,
}

/// For each line, whether it is carried out: `if` on another system is never, on a choice maybe.
fn states(text: &str, options: &BTreeMap<String, String>) -> Vec<Branch> {
    let mut stack: Vec<Branch> = Vec::new();
    let mut states = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let condition = |words: &str| {
            let foreign = ["'windows'", "'darwin'", "'cygwin'", "'android'", "'emscripten'", "'haiku'"];
            let asks = words.contains("system()") && words.contains("==");
            let option = words.strip_prefix("get_option(").and_then(|rest| rest.strip_suffix(')'));
            let value = option.and_then(|name| options.get(name.trim().trim_matches('\''))).map(String::as_str);
            match value {
                Some("true") => Branch::Taken,
                Some("false") => Branch::Never,
                _ if asks && foreign.iter().any(|system| words.contains(system)) => Branch::Never,
                _ => Branch::Maybe,
            }
        };
        if let Some(words) = line.strip_prefix("if ") {
            stack.push(condition(words));
        } else if let Some(words) = line.strip_prefix("elif ") {
            let before = stack.pop();
            stack.push(if before == Some(Branch::Taken) { Branch::Never } else { condition(words) });
        } else if line == "else" {
            let turned = match stack.pop() {
                Some(Branch::Taken) => Branch::Never,
                Some(Branch::Never) => Branch::Taken,
                _ => Branch::Maybe,
            };
            stack.push(turned);
        } else if line == "endif" {
            stack.pop();
        }
        states.push(if stack.contains(&Branch::Never) {
            Branch::Never
        } else if stack.contains(&Branch::Maybe) {
            Branch::Maybe
        } else {
            Branch::Taken
        });
    }
    states
}

impl Project {
    fn options(&mut self, text: &str) {
        for call in calls(text, "#", true).into_iter().filter(|call| call.name == "option") {
            let arguments = split_arguments(&call.arguments);
            let Some(name) = arguments.first().and_then(|name| literals(name).into_iter().next()) else { continue };
            let feature = keyword(&arguments, "type").is_some_and(|kind| kind.contains("feature"));
            let value = keyword(&arguments, "value").map(|value| value.trim_matches('\'').to_owned());
            let default = if feature { "auto" } else { "true" };
            self.options.insert(name, value.unwrap_or_else(|| default.to_owned()));
        }
    }

    /// `name = 'text'`, as far as it stands on one line.
    fn variables(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.contains('(')).take(20_000) {
            let Some((name, value)) = line.split_once(" = ") else { continue };
            if let Some(value) = value.trim().strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
                self.variables.entry(name.trim().to_owned()).or_insert_with(|| value.to_owned());
            }
        }
    }

    /// What an argument stands for: a string, or a variable that holds one.
    fn value(&self, argument: &str) -> Option<String> {
        match argument.trim() {
            text if text.starts_with(['\'', '[']) => literals(text).into_iter().next(),
            name => self.variables.get(name).cloned(),
        }
    }

    fn call(&mut self, call: &Call, from: &str, conditional: bool, draft: &mut Draft) {
        let arguments = split_arguments(&call.arguments);
        let first = arguments.first().and_then(|argument| self.value(argument)).unwrap_or_default();
        let positional: Vec<&&str> = arguments.iter().filter(|argument| argument.starts_with('\'')).collect();
        let installs = keyword(&arguments, "install").is_some_and(|value| value.starts_with("true"));
        // `cc.find_library`: of whatever object.
        let name = call.name.rsplit('.').next().unwrap_or_default();
        match name {
            "project" => {
                let languages = positional.iter().skip(1).filter_map(|argument| self.value(argument));
                self.languages = languages.collect();
                if let Some(languages) = arguments.get(1).filter(|argument| argument.starts_with('[')) {
                    self.languages.extend(literals(languages));
                }
                if draft.name.is_none() {
                    draft.name = Some(first);
                }
                let version = keyword(&arguments, "version").and_then(|version| self.value(version));
                if draft.version.is_none() {
                    draft.version = version.clone().filter(|version| is_version(version));
                }
                let least = keyword(&arguments, "meson_version").and_then(|range| self.value(range));
                if let Some(least) = least.as_deref().and_then(least_of) {
                    draft.want("meson", &least, FILE);
                }
                for license in keyword(&arguments, "license").map(literals).unwrap_or_default() {
                    draft.declared_licenses.push((license, from.to_owned()));
                }
            }
            "add_languages" => {
                let languages: Vec<String> = positional.iter().filter_map(|argument| self.value(argument)).collect();
                self.languages.extend(languages);
            }
            "dependency" => self.dependency(&arguments, from, conditional, draft),
            "find_program" => {
                if let Some(optional) = self.optional(&arguments, conditional)
                    && is_plain_word(&first)
                    && !first.contains(|c: char| c == '.' || c.is_ascii_uppercase())
                    && first != "cp"
                {
                    draft.build_requirement(super::common::requirement(format!("/usr/bin/{first}"), from, optional));
                }
            }
            "find_library" => {
                if let (Some(what), Some(optional)) =
                    (super::common::library(&first), self.optional(&arguments, conditional))
                {
                    draft.build_requirement(super::common::requirement(what, from, optional));
                }
            }
            "check_header" | "has_header" => {
                let optional = name == "has_header" || keyword(&arguments, "required") != Some("true") || conditional;
                if let Some(what) = known_headers::capability(&first) {
                    draft.build_requirement(super::common::requirement(what, from, optional));
                }
            }
            "import" => {
                for what in MODULES.iter().find(|(module, _)| *module == first).map_or(&[][..], |(_, needs)| needs) {
                    draft.build_requirement(super::common::requirement((*what).to_owned(), from, conditional));
                }
            }
            "generate_gir" => {
                draft.build_requirement(super::common::requirement(
                    "pkgconfig(gobject-introspection-1.0)".to_owned(),
                    from,
                    conditional,
                ));
            }
            "executable" if installs => draft.program(&first),
            "library" | "shared_library" | "both_libraries" if installs => {
                let value = |key: &str| keyword(&arguments, key).and_then(|value| self.value(value));
                let soversion = value("soversion")
                    .or_else(|| value("version").and_then(|version| version.split('.').next().map(str::to_owned)));
                // A version that cannot be read here is one all the same.
                let versioned = ["soversion", "version"].iter().any(|key| keyword(&arguments, key).is_some());
                draft.library(&first, soversion, versioned);
                draft.development.static_library |= name == "both_libraries";
            }
            "install_man" if !conditional && literals(&call.arguments).iter().any(|man| man.ends_with(".3")) => {
                draft.development.has("/usr/share/man/man3/**");
            }
            "generate" if call.name.starts_with("pkg") && !conditional => {
                draft.development.has("${libdir}/pkgconfig/**");
                let name = keyword(&arguments, "filebase").or_else(|| keyword(&arguments, "name"));
                draft.offers.extend(name.and_then(|name| self.value(name)));
            }
            "install_headers" if !conditional => draft.development.has("/usr/include/**"),
            "test" => self.tests = true,
            _ => {}
        }
    }

    fn dependency(&self, arguments: &[&str], from: &str, conditional: bool, draft: &mut Draft) {
        let Some(optional) = self.optional(arguments, conditional) else { return };
        let version = keyword(arguments, "version").and_then(|version| self.value(version));
        let version = version.as_deref().and_then(|version| version.strip_prefix(">=")).map(str::trim);
        let cmake = keyword(arguments, "method").is_some_and(|method| method.contains("cmake"));
        // Several names are alternatives: the first is the one that the project prefers.
        let Some(name) = arguments.first().and_then(|argument| self.value(argument)) else { return };
        let special = SPECIAL.iter().find(|(special, _)| *special == name);
        if let (Some(_), Some(modules)) = (name.strip_prefix("qt"), keyword(arguments, "modules")) {
            for module in literals(modules) {
                if let Some(what) = capability("pkgconfig", &format!("Qt{}{module}", &name[2..]), version) {
                    draft.build_requirement(super::common::requirement(what, from, optional));
                }
            }
            return;
        }
        let what = match special {
            Some((_, what)) => what.map(str::to_owned),
            None => capability(if cmake { "cmake" } else { "pkgconfig" }, &name, version.filter(|_| !optional)),
        };
        let Some(what) = what else { return };
        if what.starts_with("pkgconfig(") {
            draft.need("/usr/bin/pkg-config", from);
        }
        draft.build_requirement(super::common::requirement(what, from, optional));
    }

    /// Whether a call can do without what it looks for; none when it does not look for it at all.
    fn optional(&self, arguments: &[&str], conditional: bool) -> Option<bool> {
        match keyword(arguments, "required") {
            None | Some("true") => Some(conditional),
            Some("false") => Some(true),
            Some(value) => {
                let option = literals(value).into_iter().next().and_then(|name| self.options.get(&name));
                match option.map(String::as_str) {
                    Some("disabled" | "false") => None,
                    Some("enabled" | "true") => Some(conditional),
                    _ => Some(true),
                }
            }
        }
    }
}
