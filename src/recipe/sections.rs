//! The tables of a recipe, read into the types of this module: which keys there are, what they default to, and what
//! must hold between them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::caches;
use super::document::{Table, Value};
use super::environment;
use super::keys;
use super::lint;
use super::project;
use super::reader::{Problems, Section};
use super::relations::{self, Reader};
use super::repositories;
use super::sources::read_source;
use super::system::{read_scripts, read_system};
use super::values::{self, NameRule};
use super::waivers;
use super::{
    Build, Ecosystem, FromProject, MultiArch, OwnPackaging, Package, PackageArch, Packaging, PrivateLibraries, Recipe,
    RecipeLimits, Strip, SubPackage, Test,
};
use crate::types::{Arch, Format, nearest};

/// Limits of a recipe that sets none.
pub(crate) const DEFAULT_LIMITS: RecipeLimits = RecipeLimits {
    memory_bytes: 4 << 30,
    pids: 4096,
    timeout: Duration::from_secs(2 * 3600),
    stall: Duration::from_secs(20 * 60),
    log_bytes: 256 << 20,
};

/// 1990-01-01
const EARLIEST_DATE: i64 = 631_152_000;

/// Reads everything but `[matrix]` and `[override]`, from a table that overrides may have been merged into. Always
/// gives a recipe; it is worth something only when no problem was added. `format` is that of the target, if known.
pub(crate) fn read_recipe(
    table: &Table,
    root: PathBuf,
    format: Option<Format>,
    name_rule: NameRule,
    problems: &Problems<'_>,
) -> (Recipe, FromProject) {
    let file = Section { schema: &keys::FILE, title: "a recipe".into(), span: 0..0, table, problems };
    let relations = Reader { format: relations::generated(table, format), for_all: false };
    let own = own_packaging(table, format);
    let (package, mut open) = match file.sub("package", &keys::PACKAGE, "[package]") {
        Some(section) => read_package(&section, name_rule, relations, own.is_some()),
        None => {
            if table.get("package").is_none() {
                problems.add(
                    "missing table [package]",
                    &(0..0),
                    "a recipe begins with [package]",
                    Some("its required keys are name, version, summary, license, maintainer".to_owned()),
                );
            }
            let nothing = Table::default();
            // What would be said of an empty table is said by the line above.
            let unheard = Problems::new("");
            let span = 0..0;
            read_package(
                &Section::open(&keys::PACKAGE, "[package]", span, &nothing, &unheard),
                name_rule,
                relations,
                false,
            )
        }
    };
    let read = file.subs("sources", &keys::SOURCE).iter().filter_map(read_source).collect::<Vec<_>>();
    let mut sources = Vec::with_capacity(read.len());
    for (number, (source, series)) in read.into_iter().enumerate() {
        sources.push(source);
        open.series.extend(series.map(|series| (number, series)));
    }
    let modules = file.sub("modules", &keys::MODULES, "[modules]").map(|section| read_modules(&section));
    let repositories = file.subs("repositories", &keys::REPOSITORY);
    let repositories = repositories.iter().filter_map(|section| repositories::read(section, &root)).collect();
    let build_section = file.sub("build", &keys::BUILD, "[build]");
    let build = build_section.as_ref().map(read_build).unwrap_or_default();
    let environment =
        file.sub("environment", &keys::ENVIRONMENT, "[environment]").and_then(|section| environment::read(&section));
    let packaging = file.sub("packaging", &keys::PACKAGING, "[packaging]");
    let packaging = packaging.map(|section| read_packaging(&section)).unwrap_or_default();
    open.own = own.filter(|_| format.is_some());
    let packages = read_packages(&file, &package, name_rule, relations);
    let test = file.sub("test", &keys::TEST, "[test]").and_then(|section| read_test(&section));
    let limits = file.sub("limits", &keys::LIMITS, "[limits]").map_or(DEFAULT_LIMITS, |section| read_limits(&section));

    let (waivers, lint) = (waivers::read(&file), lint::read(&file));
    let (variant, parameters) = (BTreeMap::new(), BTreeMap::new());
    let modules = modules.unwrap_or_default();
    let recipe = Recipe {
        root,
        package,
        sources,
        modules,
        repositories,
        build,
        environment,
        packages,
        packaging,
        test,
        limits,
        waivers,
        lint,
        variant,
        parameters,
    };
    if let Some(format) = format {
        let span = build_section.map(|section| section.span).or_else(|| header_of(table, "package"));
        require_install(&recipe, format, span.unwrap_or(0..0), problems);
    }
    (recipe, open)
}

pub(super) fn header_of(table: &Table, key: &str) -> Option<Range<usize>> {
    table.get(key).map(|entry| entry.node.span.clone())
}

/// A target needs either scripts to make a package with, or the project's own packaging for its format.
fn require_install(recipe: &Recipe, format: Format, span: Range<usize>, problems: &Problems<'_>) {
    let (own, key, example) = match format {
        Format::Deb => (&recipe.packaging.debian, "debian", "debian = \"debian\""),
        Format::Rpm => (&recipe.packaging.spec, "spec", "spec = \"packaging/NAME.spec\""),
    };
    if own.is_none() && recipe.build.install.is_none() {
        problems.add(
            format!("nothing says how to make a .{format}"),
            &span,
            format!("neither [build] install nor [packaging] {key} is set"),
            Some(format!(
                "install into $DESTDIR: install = \"make install DESTDIR=$DESTDIR\"; or [packaging] {example}"
            )),
        );
    }
}

fn read_packaging(section: &Section<'_>) -> Packaging {
    let file = |key| section.checked_line(key, values::inner_path).map(|text| text.value.to_owned());
    let beside = |keys: &[&str], of: &[&str]| {
        for entry in keys.iter().filter_map(|key| section.table.get(key)) {
            if of.iter().all(|key| section.table.get(key).is_none()) {
                section.problems.add(
                    "this key of [packaging] has no meaning here",
                    &entry.key_span,
                    format!("belongs beside `{}`", of.join("` or `")),
                    Some(
                        "it is about packaging of the project's own: debian = \"debian\", spec = \"NAME.spec\""
                            .to_owned(),
                    ),
                );
            }
        }
    };
    beside(&["prepare", "distribution-suffix"], &["debian", "spec"]);
    beside(&["define", "stand-ins"], &["spec"]);
    Packaging {
        debian: file("debian"),
        spec: file("spec"),
        prepare: section.script("prepare"),
        define: section.string_map("define", values::macro_name),
        stand_ins: section.string_map("stand-ins", values::required_name),
        distribution_suffix: section.boolean("distribution-suffix"),
        ..Packaging::default()
    }
}

/// Where the project's own packaging for the format says its version; without a format, for any of them.
fn own_packaging(table: &Table, format: Option<Format>) -> Option<OwnPackaging> {
    let packaging = table.get("packaging")?.node.value.as_table()?;
    let (key, entry) = [(Format::Deb, "debian"), (Format::Rpm, "spec")]
        .into_iter()
        .filter(|(of, _)| format.is_none_or(|format| format == *of))
        .find_map(|(_, key)| Some((key, packaging.get(key)?)))?;
    let Value::String(path) = &entry.node.value else { return None };
    let file = if key == "debian" { format!("{}/changelog", path.trim_matches('/')) } else { path.to_string() };
    let package = table.get("package").and_then(|package| package.node.value.as_table());
    let version = package.and_then(|package| package.get("version")).map(|entry| entry.node.span.clone());
    Some(OwnPackaging { file, span: entry.node.span.clone(), version })
}

/// `has_own`: whether the project's own packaging says the version where the recipe does not.
fn read_package(
    section: &Section<'_>,
    name_rule: NameRule,
    relations: Reader,
    has_own: bool,
) -> (Package, FromProject) {
    section.require(match has_own {
        true => &["name", "summary", "license", "maintainer"],
        false => &["name", "version", "summary", "license", "maintainer"],
    });
    let summary = section.required_line("summary", values::anything);
    let from_project = project::read(section);
    let architecture = read_architecture(section).unwrap_or(PackageArch::Any);
    let package = Package {
        name: section.required_line("name", name_rule.check()),
        version: match section.is_table("version") {
            true => String::new(),
            false => section.required_line("version", values::version),
        },
        release: section.integer("release", 1..=999_999).unwrap_or(1),
        epoch: section.integer("epoch", 0..=999_999).unwrap_or(0),
        description: read_description(section).unwrap_or_else(|| summary.clone()),
        summary,
        license: section.required_line("license", values::license),
        homepage: section.checked_line("homepage", values::web_address).map(|text| text.value.to_owned()),
        maintainer: section.required_line("maintainer", values::maintainer),
        vendor: section.line("vendor").map(|text| text.value.to_owned()),
        section: section
            .checked_line("section", values::section)
            .map_or_else(|| "misc".to_owned(), |text| text.value.to_owned()),
        group: section.line("group").map(|text| text.value.to_owned()),
        architecture,
        multi_arch: read_multi_arch(section, architecture, relations.format),
        relations: Reader { for_all: architecture == PackageArch::All, ..relations }.read(section),
        files: section.strings("files", values::installed_path),
        is_empty: section.is_empty_array("files"),
        config_files: section.strings("config-files", values::installed_path),
        system: read_system(section),
        scripts: read_scripts(section, "[package.scripts]", relations.format),
        date: if section.is_table("date") { None } else { read_date(section) },
        fallback_date: None,
        changelog: Vec::new(),
    };
    (package, from_project)
}

/// No date before those that packages can have.
fn read_date(section: &Section<'_>) -> Option<i64> {
    let date = section.time("date")?;
    if let Some(entry) = section.table.get("date").filter(|_| date < EARLIEST_DATE) {
        let help = "rpm passes over changelogs of the years before that, and older ones do not build with them";
        section.problems.add(
            "`date` is too long ago",
            &entry.node.span,
            "must not be before 1990",
            Some(help.to_owned()),
        );
        return None;
    }
    Some(date)
}

fn read_description(section: &Section<'_>) -> Option<String> {
    let text = section.text("description")?;
    if let Some(c) = text.value.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        section.problems.add(
            "`description` must be plain text",
            text.span,
            format!("it holds the control character U+{:04X}", c as u32),
            None,
        );
    }
    Some(text.value.trim().to_owned()).filter(|text| !text.is_empty())
}

fn read_architecture(section: &Section<'_>) -> Option<PackageArch> {
    let text = section.line("architecture")?;
    match text.value {
        "any" => Some(PackageArch::Any),
        "all" => Some(PackageArch::All),
        other => {
            let label = match other {
                "noarch" => "did you mean \"all\"?".to_owned(),
                _ if other.parse::<Arch>().is_ok() => "must be \"any\" or \"all\"".to_owned(),
                _ => match nearest(other, ["any", "all"]) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => "must be \"any\" or \"all\"".to_owned(),
                },
            };
            let help = "\"any\" is built for each architecture, \"all\" once; which architectures those are is said by \
                        [matrix] arches";
            section.problems.add("`architecture` is no kind of package", text.span, label, Some(help.to_owned()));
            None
        }
    }
}

/// `format`: that of the target, if farm writes its packaging.
fn read_multi_arch(section: &Section<'_>, architecture: PackageArch, format: Option<Format>) -> Option<MultiArch> {
    let text = section.line("multi-arch")?;
    let Some(known) =
        [MultiArch::Same, MultiArch::Foreign, MultiArch::Allowed].into_iter().find(|one| one.as_str() == text.value)
    else {
        let label = match nearest(text.value, ["same", "foreign", "allowed"]) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "must be \"same\", \"foreign\" or \"allowed\"".to_owned(),
        };
        let help = "\"same\" is installed beside itself for another architecture, \"foreign\" serves packages of all of \
                    them, \"allowed\" those that ask for it by `:any`";
        section.problems.add("`multi-arch` is no word of deb-control(5)", text.span, label, Some(help.to_owned()));
        return None;
    };
    if known == MultiArch::Same && architecture == PackageArch::All && format == Some(Format::Deb) {
        section.problems.add(
            format!("`multi-arch` in {} does not go with its architecture", section.title),
            text.span,
            "dpkg installs no package for all architectures beside itself",
            Some("\"foreign\" lets packages of every architecture depend on it".to_owned()),
        );
    }
    Some(known)
}

fn read_modules(section: &Section<'_>) -> BTreeMap<Ecosystem, Vec<String>> {
    let read = |ecosystem: Ecosystem| (ecosystem, section.strings(ecosystem.key(), values::inner_path));
    Ecosystem::ALL.into_iter().map(read).filter(|(_, files)| !files.is_empty()).collect()
}

fn read_build(section: &Section<'_>) -> Build {
    Build {
        requires: section.strings("requires", values::relation),
        env: section.string_map("env", values::variable_name),
        build: section.script("build"),
        check: section.script("check"),
        install: section.script("install"),
        network: section.boolean("network").unwrap_or(false),
        strip: match boolean_or_patterns(
            section,
            "strip",
            "name the files that are left as they are: strip = [\"/usr/bin/app\"]",
        ) {
            Some(Choice::Only(patterns)) => Strip::Except(patterns),
            Some(Choice::No) => Strip::None,
            None => Strip::All,
        },
        private_libraries: match boolean_or_patterns(
            section,
            "private-libraries",
            "name the libraries or their folders: private-libraries = [\"${libdir}/libown.so.1\"]",
        ) {
            Some(Choice::Only(patterns)) => PrivateLibraries::And(patterns),
            Some(Choice::No) => PrivateLibraries::None,
            None => PrivateLibraries::Unsearched,
        },
        cache: caches::read(section),
    }
}

/// What stands in place of `true`, which is the default: `false`, or patterns.
enum Choice {
    No,
    Only(Vec<String>),
}

/// None where the key says nothing else than its default.
fn boolean_or_patterns(section: &Section<'_>, key: &'static str, help: &str) -> Option<Choice> {
    let entry = section.table.get(key)?;
    match &entry.node.value {
        Value::Array(_) => {
            let patterns = section.strings(key, values::installed_path);
            (!patterns.is_empty()).then_some(Choice::Only(patterns))
        }
        Value::Boolean(_) => (section.boolean(key) == Some(false)).then_some(Choice::No),
        other => {
            section.problems.add(
                format!("`{key}` must be true, false, or an array of patterns"),
                &entry.node.span,
                format!("this is {}", other.kind()),
                Some(help.to_owned()),
            );
            None
        }
    }
}

fn read_packages(
    file: &Section<'_>,
    package: &Package,
    name_rule: NameRule,
    relations: Reader,
) -> BTreeMap<String, SubPackage> {
    let Some(table) = file.plain_table("packages") else { return BTreeMap::new() };
    let mut packages = BTreeMap::new();
    for (key, entry) in &table.entries {
        let shown = crate::types::printable(key);
        let title = format!("[packages.{shown}]");
        if let Err(complaint) = values::label(key) {
            let message = format!("`{shown}` {}", complaint.message);
            file.problems.add(message, &entry.key_span, complaint.label, complaint.help);
            continue;
        }
        let Value::Table(inner) = &entry.node.value else {
            file.problems.add(
                format!("`{shown}` in [packages] must be a table"),
                &entry.node.span,
                format!("this is {}", entry.node.value.kind()),
                Some("each split package has a table of its own: [packages.dev]".to_owned()),
            );
            continue;
        };
        let span = entry.node.span.clone();
        let section = Section::open(&keys::SUB_PACKAGE, title.clone(), span, inner, file.problems);
        let name = section.checked_line("name", name_rule.check());
        if let Some(name) = name.filter(|name| name.value == package.name) {
            file.problems.add(
                format!("{title} has the name of the main package"),
                name.span,
                "two packages of one name",
                Some(format!("leave `name` out: the default is {}-{key}", package.name)),
            );
        }
        section.require(&["files"]);
        let architecture = read_architecture(&section);
        let built_for = architecture.unwrap_or(package.architecture);
        let sub_package = SubPackage {
            name: name.map(|text| text.value.to_owned()),
            summary: section.line("summary").map(|text| text.value.to_owned()),
            description: read_description(&section),
            section: section.checked_line("section", values::section).map(|text| text.value.to_owned()),
            group: section.line("group").map(|text| text.value.to_owned()),
            architecture,
            multi_arch: read_multi_arch(&section, built_for, relations.format),
            files: section.strings("files", values::installed_path),
            config_files: section.strings("config-files", values::installed_path),
            relations: Reader { for_all: built_for == PackageArch::All, ..relations }.read(&section),
            system: read_system(&section),
            scripts: read_scripts(&section, &format!("[packages.{shown}.scripts]"), relations.format),
        };
        packages.insert(key.to_string(), sub_package);
    }
    packages
}

/// None when an override has emptied the script.
fn read_test(section: &Section<'_>) -> Option<Test> {
    // What is said of other tests needs no script beside it.
    let has_others = ["network", "skip", "upgrade-from"].iter().any(|key| section.table.get(key).is_some());
    if !has_others {
        section.require(&["script"]);
    }
    let requires = section.strings("requires", values::relation);
    let network = section.boolean("network").unwrap_or(false);
    let skip = section.string_map("skip", values::test_name);
    let upgrade_from = section.checked_line("upgrade-from", values::inner_path).map(|text| text.value.to_owned());
    let script = section.script("script");
    let is_emptied =
        script.is_none() && skip.is_empty() && upgrade_from.is_none() && section.table.get("script").is_some();
    (!is_emptied && (script.is_some() || has_others)).then_some(Test { script, requires, network, skip, upgrade_from })
}

fn read_limits(section: &Section<'_>) -> RecipeLimits {
    const DAY: u64 = 86_400;
    let size = |key, least| section.quantity(key, least..=1 << 50, values::show_size, values::size);
    let time =
        |key| section.quantity(key, 1..=30 * DAY, values::show_duration, values::duration).map(Duration::from_secs);
    RecipeLimits {
        memory_bytes: size("memory", 64 << 20).unwrap_or(DEFAULT_LIMITS.memory_bytes),
        pids: section.integer("pids", 16..=4_194_304).unwrap_or(DEFAULT_LIMITS.pids),
        timeout: time("timeout").unwrap_or(DEFAULT_LIMITS.timeout),
        stall: time("stall").unwrap_or(DEFAULT_LIMITS.stall),
        log_bytes: size("log", 64 << 10).unwrap_or(DEFAULT_LIMITS.log_bytes),
    }
}
