//! A project's own packaging: what is done to its tree before the project's tools see it, in shell. What these tools are
//! and how they are run is said by each format's file.

use crate::distro::Distro;
use crate::recipe::{Origin, OwnVersion, Recipe};
use crate::types::Format;

use super::model::source_top;
use super::text::{body, quote};
use super::{BUILD_ROOT, GuestFile, spec};

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

/// The version of the packages, with the distribution's tag where that is known; none where the packaging was not read. As
/// deb-version.sh and rpm-version.sh make it.
pub(super) fn version(recipe: &Recipe, distro: &Distro) -> Option<String> {
    let packaging = &recipe.packaging;
    let OwnVersion { written, upstream } = packaging.version.as_ref()?;
    let mut version = match packaging.replaces_version {
        true => written.replacen(upstream, &recipe.package.version, 1),
        false => written.clone(),
    };
    let suffix = suffix(recipe, distro);
    if distro.format == Format::Deb || !version.contains("%{?dist}") {
        version.push_str(suffix);
    }
    let dist = packaging.define.get("dist").unwrap_or(&distro.release_tag);
    Some(version.replace("%{?dist}", dist))
}

/// What is put behind the version where the recipe asks for the distribution's tag.
fn suffix<'a>(recipe: &Recipe, distro: &'a Distro) -> &'a str {
    match (recipe.packaging.distribution_suffix, distro.format) {
        (Some(true), Format::Deb) => &distro.release_tag,
        (Some(true), Format::Rpm) => "%{?dist}",
        _ => "",
    }
}

/// Shell in the tree with `debian/`: its version is the recipe's, or is changed where that is asked for.
pub(super) fn deb_version(recipe: &Recipe, distro: &Distro, source_date_epoch: i64) -> String {
    let who = &recipe.package.maintainer;
    format!("{}{}", variables(recipe, distro, who, source_date_epoch), include_str!("scripts/deb-version.sh"))
}

/// Shell with the .spec in `$spec` and rpmbuild's arguments in `$@`, as [`deb_version`].
pub(super) fn spec_version(recipe: &Recipe, distro: &Distro, source_date_epoch: i64) -> String {
    let who = spec::value(&recipe.package.maintainer);
    format!("{}{}", variables(recipe, distro, &who, source_date_epoch), include_str!("scripts/rpm-version.sh"))
}

/// What both scripts are told.
fn variables(recipe: &Recipe, distro: &Distro, who: &str, when: i64) -> String {
    let replace = if recipe.packaging.replaces_version { recipe.package.version.as_str() } else { "" };
    let what = match replace {
        "" => format!("Built for {}.", distro.name),
        version => format!("The sources as they are: {version}."),
    };
    format!(
        "replace={} suffix={}\nwhat={} who={} when={when}\n",
        quote(replace),
        quote(suffix(recipe, distro)),
        quote(&what),
        quote(who)
    )
}
