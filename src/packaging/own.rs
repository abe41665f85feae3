//! A project's own packaging: what is done to its tree before the project's tools see it, in shell. What these tools are
//! and how they are run is said by each format's file.

use crate::recipe::{Origin, Recipe};

use super::model::source_top;
use super::text::{body, quote};
use super::{BUILD_ROOT, GuestFile};

/// Where the .spec of a project finds the tree that it lies in. Apart from rpmbuild's own folders, as the tree is packed
/// under the name that the .spec wants for its top.
pub(super) fn spec_tree(recipe: &Recipe) -> String {
    format!("{BUILD_ROOT}/tree/{}", source_top(recipe))
}

/// What `[packaging] prepare` says, as a file beside the tree; nothing where it says nothing.
pub(super) fn files(recipe: &Recipe) -> Vec<GuestFile> {
    let script = recipe.packaging.prepare.iter();
    let file =
        |script: &String| GuestFile { path: PREPARE.to_owned(), content: body(script).into(), executable: false };
    script.map(file).collect()
}

const PREPARE: &str = "farm-prepare";

/// Shell that runs it in `tree`.
pub(super) fn prepare(recipe: &Recipe, tree: &str, source_date_epoch: i64) -> String {
    if recipe.packaging.prepare.is_none() {
        return String::new();
    }
    format!(
        "echo 'farm: [packaging] prepare'\n\
         (cd {tree} && SOURCE_DATE_EPOCH={source_date_epoch} exec sh -eu {BUILD_ROOT}/{PREPARE}) || {{ status=$?; \
         echo \"farm: [packaging] prepare ended with exit status $status\" >&2; exit 1; }}\nrm {BUILD_ROOT}/{PREPARE}\n",
        tree = quote(tree)
    )
}

/// Where the Source0 of a .spec comes from, as rpm-sources.sh has it. A download under another name is more likely the wrong
/// one than one to be packed again.
pub(super) fn first_source(recipe: &Recipe) -> &'static str {
    let is_download = |source: &crate::recipe::Source| matches!(source.origin, Origin::Urls { .. });
    match recipe.packaging.prepare {
        Some(_) => "prepared",
        None if recipe.sources.iter().any(is_download) => "fetched",
        None => "tree",
    }
}
