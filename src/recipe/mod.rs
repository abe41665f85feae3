//! Recipes, in stages that are types: `farm.toml` -> [`RecipeFile`] (as written, spans kept) -> [`MergedRecipe`] (for
//! one target, overrides merged) -> [`Recipe`] (with what the project says: version, date, changelog, series). Strict:
//! an unknown key is an error with file, line, caret and a suggestion. This module reads one recipe and the files that
//! it names; it neither fetches sources nor knows which distributions exist.
//!
//! Inside: `document` makes a tree with places from the text and merges tables; `extends` and `text` know the files
//! that a recipe is made of, and `lists` edits what tables hold; `syntax` says what is wrong with text that is no TOML;
//! `keys` lists what they may hold; `reader` takes them apart key by key and collects problems; `values` checks single
//! values; `sections`, `sources` and `system` know the keys, and `schema` what they hold, for editors; `overrides` the selectors;
//! `parameters` what is given from outside; `caches` what builds take over from each other; `project` what is left to the project itself; `template` fills in strings
//! for a target; `file` puts them together; `model` is what comes of it. The reference for people is `docs/recipe.md`.

mod caches;
mod document;
mod environment;
mod extends;
mod file;
mod installed;
mod keys;
mod lint;
mod lists;
mod matrices;
mod merged;
mod model;
mod overrides;
mod parameters;
mod project;
mod reader;
mod relations;
mod repositories;
mod repository;
mod schema;
mod scripts;
mod sections;
mod shared;
mod sources;
mod syntax;
mod system;
mod template;
mod text;
mod values;
mod waivers;

// The user's configuration is read with the same strictness and in the same words.
pub(crate) use document::{Value, parse as parse_document};
pub use file::RecipeFile;
#[cfg(test)]
pub(crate) use installed::SystemUser;
pub(crate) use installed::{Alternative, AlternativeLink, Attributes, Service, System};
pub(crate) use keys::Schema;
pub use merged::MergedRecipe;
pub(crate) use merged::ProjectMetadata;
pub(crate) use model::{
    Build, BuildCache, Dockerfile, Ecosystem, Environment, EnvironmentOrigin, MaintainerScripts, MatrixSpec, MultiArch,
    Origin, OwnRequirement, OwnVersion, Package, PackageArch, Packaging, PackagingTools, Patch, PrivateLibraries,
    RecipeLimits, Relations, Source, SourcePlace, Strip, SubPackage, Test, Waiver,
};
pub use model::{Problem, Recipe, RecipeError, Selection};
pub(crate) use overrides::glob_matches;
pub(crate) use project::{FromProject, MetadataOrigin, OwnPackaging, Series, VersionFrom};
pub(crate) use reader::{Problems, Section};
pub(crate) use repository::{Repository, RepositoryOrigin, RepositoryPlace, RepositoryUse};
pub(crate) use schema::json_schema;
pub(crate) use shared::RecipeId;
pub use shared::{RecipeIds, SharedRecipe};
pub(crate) use system::is_plain_link;
pub(crate) use template::literal;
pub use text::RecipeText;
pub(crate) use text::decode;
pub(crate) use values::{SIZES, git_url_reason, version_reason};

/// Whether `[environment] image` takes this name.
///
/// # Errors
/// What is wrong with it, as a person is told.
pub(crate) fn check_image_reference(name: &str) -> Result<(), String> {
    values::image_reference(name).map_err(|complaint| format!("{}: {}", complaint.message, complaint.label))
}

/// Whether `[[sources]] url` takes this address.
///
/// # Errors
/// What is wrong with it, as a person is told.
pub(crate) fn check_source_url(url: &str) -> Result<(), String> {
    values::source_url(url).map_err(|complaint| format!("it {}: {}", complaint.message, complaint.label))
}

#[cfg(test)]
pub(crate) mod tests;
