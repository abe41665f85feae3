//! The binary packages of a recipe as a format sees them: the main one first, names and texts filled in.

use std::collections::BTreeMap;

use super::target_recipe::TargetRecipe;
use crate::recipe::{MaintainerScripts, MultiArch, PackageArch, PrivateLibraries, Recipe, Relations, System};
use crate::types::Format;

use super::system::{UNITS, own_files};

/// One binary package.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) description: &'a str,
    /// Debian section.
    pub(super) section: &'a str,
    /// RPM group.
    pub(super) group: &'a str,
    pub(super) architecture: PackageArch,
    pub(super) multi_arch: Option<MultiArch>,
    /// Patterns; when the main package has none, it gets what no pattern takes.
    pub(super) files: &'a [String],
    /// Meant to have no files.
    pub(super) is_empty: bool,
    pub(super) config_files: &'a [String],
    pub(super) relations: &'a Relations,
    pub(super) system: &'a System,
    pub(super) scripts: &'a MaintainerScripts,
}

/// Main package first, then the split ones by key.
pub(super) fn members(recipe: &Recipe, format: Format) -> Vec<Member<'_>> {
    let main = &recipe.package;
    let mut members = vec![Member {
        name: main.name.clone(),
        summary: super::text::summary(&main.summary),
        description: &main.description,
        section: &main.section,
        group: main.group.as_deref().unwrap_or(group(&main.section)),
        architecture: main.architecture,
        multi_arch: main.multi_arch,
        files: &main.files,
        is_empty: main.is_empty,
        config_files: &main.config_files,
        relations: &main.relations,
        system: &main.system,
        scripts: &main.scripts,
    }];
    for (key, sub) in &recipe.packages {
        let what = match key.as_str() {
            "dev" | "devel" => "development files",
            "doc" | "docs" => "documentation",
            other => other,
        };
        let section = match key.as_str() {
            "dev" | "devel" => "libdevel",
            "doc" | "docs" => "doc",
            _ => &main.section,
        };
        members.push(Member {
            name: sub.name.clone().unwrap_or_else(|| default_name(&main.name, key, format)),
            summary: super::text::summary(
                &sub.summary.clone().unwrap_or_else(|| format!("{} ({what})", super::text::summary(&main.summary))),
            ),
            description: sub.description.as_deref().unwrap_or(&main.description),
            section: sub.section.as_deref().unwrap_or(section),
            group: sub.group.as_deref().unwrap_or(group(sub.section.as_deref().unwrap_or(section))),
            architecture: sub.architecture.unwrap_or(main.architecture),
            multi_arch: sub.multi_arch,
            files: &sub.files,
            is_empty: sub.files.is_empty(),
            config_files: &sub.config_files,
            relations: &sub.relations,
            system: &sub.system,
            scripts: &sub.scripts,
        });
    }
    members
}

/// Links of earlier versions where there are folders now: by package, what each link led to.
pub(crate) type FormerLinks = BTreeMap<String, BTreeMap<String, String>>;

/// The recipe, to which such links are added as if it had named them.
pub(crate) fn with_former_links(recipe: &TargetRecipe, format: Format, links: &FormerLinks) -> TargetRecipe {
    let names: Vec<String> = members(recipe, format).into_iter().map(|member| member.name).collect();
    recipe.with(|recipe| {
        let systems =
            std::iter::once(&mut recipe.package.system).chain(recipe.packages.values_mut().map(|sub| &mut sub.system));
        for (name, system) in names.iter().zip(systems) {
            for (path, target) in links.get(name).into_iter().flatten() {
                system.former_links.entry(path.clone()).or_insert_with(|| target.clone());
            }
        }
    })
}

/// The links that a recipe names itself.
pub(crate) fn former_links(recipe: &Recipe, format: Format) -> FormerLinks {
    let named = members(recipe, format).into_iter().map(|member| (member.name, member.system.former_links.clone()));
    named.filter(|(_, links)| !links.is_empty()).collect()
}

/// The configuration files of earlier versions that a recipe names.
pub(crate) fn former_config_files(recipe: &Recipe, format: Format) -> Vec<String> {
    members(recipe, format).into_iter().flat_map(|member| member.system.former_config_files.clone()).collect()
}

/// The RPM group that comes nearest to a Debian section. New distributions ignore groups, old ones and rpmlint ask.
fn group(section: &str) -> &'static str {
    match section.rsplit('/').next().unwrap_or(section) {
        "libs" | "oldlibs" => "System Environment/Libraries",
        "libdevel" => "Development/Libraries",
        "devel" | "vcs" => "Development/Tools",
        "python" | "perl" | "ruby" | "java" | "javascript" | "lisp" | "rust" | "golang" | "interpreters" => {
            "Development/Languages"
        }
        "doc" => "Documentation",
        "net" | "web" | "mail" | "comm" => "Applications/Internet",
        "text" => "Applications/Text",
        "editors" => "Applications/Editors",
        "database" => "Applications/Databases",
        "shells" => "System Environment/Shells",
        "games" => "Amusements/Games",
        _ => "Applications/System",
    }
}

pub(super) fn default_name(main: &str, key: &str, format: Format) -> String {
    match (key, format) {
        ("dev", Format::Rpm) => format!("{main}-devel"),
        ("devel", Format::Deb) => format!("{main}-dev"),
        _ => format!("{main}-{key}"),
    }
}

/// The name of a file of farm's own among the sources of a .spec.
pub(super) fn source_name(member: &str, kind: &str) -> String {
    format!("farm-{member}.{kind}")
}

/// The `packages` file that `assign.awk` reads: which pattern gives files to which package, and what has to be there.
pub(super) fn assignment(recipe: &Recipe, members: &[Member<'_>], format: Format) -> String {
    let mut text = "# What is in which package; assign.awk says how these lines are read.\n".to_owned();
    let main = &recipe.package.name;
    recipe.build.strip.left_alone().iter().for_each(|pattern| text.push_str(&format!("{main} whole {pattern}\n")));
    let private = &recipe.build.private_libraries;
    private.named().iter().for_each(|pattern| text.push_str(&format!("{main} private {pattern}\n")));
    if *private == PrivateLibraries::None {
        text.push_str(&format!("{main} public\n"));
    }
    for member in members {
        let name = &member.name;
        let mut line = |kind: &str, what: &str| text.push_str(&format!("{name} {kind} {what}\n"));
        member.files.iter().for_each(|pattern| line("files", pattern));
        member.config_files.iter().for_each(|path| line("config", path));
        member.system.services.keys().for_each(|unit| line("has", &format!("{UNITS}/{unit}")));
        for (alternative, value) in &member.system.alternatives {
            let links = std::iter::once((alternative, &value.link)).chain(&value.dependents);
            for (name, link) in links {
                line("has", &link.path);
                line("link", &format!("{} {name}", link.link));
                if format == Format::Rpm {
                    line("behind", &format!("{name} {}", link.path));
                }
            }
        }
        for (path, attributes) in &member.system.attributes {
            let mode = attributes.mode.map_or("-".to_owned(), |mode| format!("{mode:04o}"));
            let owners = attributes.owners().map_or("- -".to_owned(), |owners| owners.replace(':', " "));
            let capabilities = attributes
                .capabilities
                .as_ref()
                .map_or("-".to_owned(), |words| words.split_whitespace().collect::<Vec<_>>().join("|"));
            match attributes.ghost {
                true => line("ghost", &format!("{mode} {owners} {path}")),
                false => line("attributes", &format!("{mode} {owners} {capabilities} {path}")),
            }
        }
        own_files(member, format)
            .iter()
            .for_each(|file| line("own", &format!("{} {}", file.path, source_name(name, file.kind))));
    }
    text
}
