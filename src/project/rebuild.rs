//! What a .buildinfo says, made into a project: the distribution that has what was installed, the source package as sources
//! that are pinned by their sums, and a recipe of nothing but that. How it is built is `packaging::rebuild`'s business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Access, Planned, Project, ProjectError};
use crate::archive::{self, ArchiveError, Archives, Components, Index};
use crate::distro::{Catalogue, Distro};
use crate::formats::buildinfo::{Buildinfo, Installed, Sum, sums};
use crate::formats::deb822::{field, only_paragraph};
use crate::formats::openpgp::text_of_cleartext;
use crate::formats::version::{DebVersion, upstream};
use crate::packaging::rebuild;
use crate::plan::Rebuild;
use crate::recipe::{RecipeError, RecipeFile};
use crate::types::{Arch, Format, NoProgress, printable};

/// The largest .dsc that is read.
const LARGEST_DSC: u64 = 4 << 20;

/// A package that was installed, and that an archive does not have in that version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) package: Installed,
    /// The newest version that it has; none where it has no package of that name.
    pub(crate) instead: Option<String>,
}

/// A distribution with what it lacks.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(crate) distro: Arc<Distro>,
    pub(crate) missing: Vec<Missing>,
}

/// The source package: addresses of its files, and which of them is the .dsc.
#[derive(Debug)]
pub(crate) struct Source {
    files: Vec<(String, Sum)>,
    dsc: String,
    /// Where it was found, for people.
    pub(crate) place: String,
}

/// The distribution to build in: of those that are named, else of all that are of the kind that the file says, the one whose
/// archive lacks the fewest of the versions that were installed. Beside it, why others were not looked at.
///
/// # Errors
/// None that could be: [`ProjectError::Request`], or that no archive can be read.
pub(crate) async fn builder(
    info: &Buildinfo,
    arch: Arch,
    catalogue: &Catalogue,
    named: &[Arc<Distro>],
    access: &Access,
) -> Result<(Builder, Vec<String>), ProjectError> {
    let origin = info.origin.as_deref().unwrap_or_default().to_ascii_lowercase();
    let may_be = |distro: &&Arc<Distro>| {
        distro.format == Format::Deb
            && !distro.is_foreign()
            && distro.bootstrap.is_some()
            && distro.arches.contains(&arch)
    };
    let is_alike = |distro: &&Arc<Distro>| distro.family == origin;
    let mut all: Vec<&Arc<Distro>> = match named {
        [] => catalogue.iter().filter(may_be).collect(),
        named => named.iter().filter(may_be).collect(),
    };
    if named.is_empty() && all.iter().any(is_alike) {
        all.retain(is_alike);
    }
    if all.is_empty() {
        return Err(ProjectError::request(
            format!(
                "no distribution that is meant builds .deb packages for {} from an archive that farm reads",
                arch.deb()
            ),
            "`farm distros` lists those that there are; -t names one",
        ));
    }
    let archives = access.archives(all.iter().map(|distro| &***distro));
    let (mut best, mut notes): (Option<Builder>, _) = (None, Vec::new());
    for distro in all {
        let missing = match missing(&archives, distro, arch, &info.installed).await {
            Ok(missing) => missing,
            Err(error) => {
                notes.push(format!("{} is not looked at: {error}", distro.id));
                continue;
            }
        };
        if best.as_ref().is_none_or(|best| missing.len() < best.missing.len()) {
            best = Some(Builder { distro: Arc::clone(distro), missing });
        }
        if best.as_ref().is_some_and(|best| best.missing.is_empty()) {
            break;
        }
    }
    let unread = || ProjectError::request(notes.join("; "), "name a mirror that can be reached with --mirror NAME=URL");
    match best {
        Some(best) => Ok((best, notes)),
        None => Err(unread()),
    }
}

async fn missing(
    archives: &Archives,
    distro: &Distro,
    arch: Arch,
    installed: &[Installed],
) -> Result<Vec<Missing>, ArchiveError> {
    let cancel = CancellationToken::new();
    let index = archives.packages(distro, arch, Components::All, &NoProgress, &|_| (), &cancel).await?;
    let installed = installed.to_vec();
    archive::blocking(move || lacking(&index, arch, &installed)).await
}

fn lacking(index: &Index, arch: Arch, installed: &[Installed]) -> Result<Vec<Missing>, ArchiveError> {
    let mut missing = Vec::new();
    for package in installed {
        // Builders have packages of one architecture.
        let is_own = package.arch.as_ref().is_none_or(|of| of == arch.deb() || of == "all");
        let there = if is_own { index.named(&package.name)? } else { Vec::new() };
        let wanted = package.version.parse::<DebVersion>();
        if !there.iter().any(|one| wanted.as_ref().is_ok_and(|wanted| one.version == *wanted)) {
            let instead = there.first().map(|newest| newest.version.to_string());
            missing.push(Missing { package: package.clone(), instead });
        }
    }
    Ok(missing)
}

/// The source package: beside the file, else in the archive of the distribution. What is beside is believed by the sum that
/// the .buildinfo has of the .dsc, if it has one, and by those that this has of the others.
///
/// # Errors
/// [`ProjectError::Request`]: it is in neither, or not what it should be; an archive that cannot be read.
pub(crate) async fn source(
    info: &Buildinfo,
    folder: &Path,
    distro: &Distro,
    access: &Access,
) -> Result<Source, ProjectError> {
    let (name, version) = (info.source.as_str(), info.source_version.as_str());
    let dsc = format!("{name}_{}.dsc", crate::formats::version::without_epoch(version));
    let path = folder.join(&dsc);
    let refused = |reason: String| {
        let help =
            "take the source package from where the .buildinfo is from; without it there, farm looks in the archive";
        ProjectError::request(format!("{} {reason}", printable(&path.display().to_string())), help)
    };
    if path.is_file() {
        let folder = std::path::absolute(folder).map_err(|error| refused(format!("cannot be read: {error}")))?;
        let wanted = info.files.get(&dsc);
        let read = read_dsc(&path, (name, version), wanted).map_err(refused)?;
        let address = |(name, sum): (String, Sum)| {
            let path = folder.join(&name);
            if !path.is_file() {
                return Err(refused(format!("names {}, which is not beside it", printable(&name))));
            }
            let address =
                reqwest::Url::from_file_path(&path).map_err(|()| refused("lies at no absolute path".to_owned()));
            Ok((address?.to_string(), sum))
        };
        let files = read.into_iter().map(address).collect::<Result<_, _>>()?;
        return Ok(Source { files, dsc, place: "beside it".to_owned() });
    }
    let archives = access.archives([distro]);
    let found = archives.source(distro, (name, version), &NoProgress, &CancellationToken::new()).await;
    let found = found.map_err(|error| {
        ProjectError::request(
            format!("the sources of {} cannot be looked up: {error}", distro.id),
            "put the source package beside the .buildinfo, or name another mirror with --mirror NAME=URL",
        )
    })?;
    let Some(found) = found else {
        return Err(ProjectError::request(
            format!("{dsc} is not beside the .buildinfo, and {} does not have that source package now", distro.id),
            "put the .dsc and the files that it names beside the .buildinfo: `apt-get source --download-only`, or \
             snapshot.debian.org, has them",
        ));
    };
    let dsc = found.files.iter().map(|(name, _)| name).find(|name| name.ends_with(".dsc")).cloned().unwrap_or(dsc);
    if let (Some(wanted), Some((_, there))) = (info.files.get(&dsc), found.files.iter().find(|(name, _)| *name == dsc))
        && wanted.sha256 != there.sha256
    {
        let message = format!("the .buildinfo names another {dsc} than {} has", distro.id);
        return Err(ProjectError::request(message, "put the source package that it was made of beside the .buildinfo"));
    }
    let address = |(name, sum): (String, Sum)| (format!("mirror://{}/{}/{name}", found.archive, found.folder), sum);
    Ok(Source {
        files: found.files.into_iter().map(address).collect(),
        dsc,
        place: format!("in the archive {}", found.archive),
    })
}

/// The files of a source package, the .dsc among them. The error reads behind its name.
fn read_dsc(path: &Path, package: (&str, &str), wanted: Option<&Sum>) -> Result<Vec<(String, Sum)>, String> {
    use std::io::Read;

    let mut text = String::new();
    let file = std::fs::File::open(path).and_then(|file| file.take(LARGEST_DSC).read_to_string(&mut text));
    file.map_err(|error| format!("cannot be read: {error}"))?;
    let sha256 = hex::encode(Sha256::digest(&text));
    if wanted.is_some_and(|wanted| wanted.sha256 != sha256) {
        return Err("is another one than the .buildinfo names".to_owned());
    }
    let own = Sum { size: text.len() as u64, sha256 };
    if text.trim_start().starts_with("-----BEGIN PGP SIGNED MESSAGE") {
        text = text_of_cleartext(&text).map_err(|reason| format!("cannot be read: {reason}"))?;
    }
    let paragraph = only_paragraph(&text)?;
    let says = |name: &str| field(paragraph, name).unwrap_or_default();
    if (says("Source"), says("Version")) != package {
        return Err(format!("is of {} {}", printable(says("Source")), printable(says("Version"))));
    }
    let files = sums(says("Checksums-Sha256")).map_err(|line| format!("has the line `{}`", printable(&line)))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if files.is_empty() || files.contains_key(&name) {
        return Err("does not name the files of a source package by their SHA-256".to_owned());
    }
    Ok(files.into_iter().chain([(name, own)]).collect())
}

/// The project of a .buildinfo.
///
/// # Errors
/// Distributions that are not valid, and names that no recipe can have.
pub(crate) fn project(
    info: &Buildinfo,
    builder: &Builder,
    source: &Source,
    arch: Arch,
) -> Result<Project, ProjectError> {
    let recipe = recipe(info, builder, source, arch).map_err(|error| ProjectError::Recipes(vec![error]))?;
    Project::of_recipe(Path::new("."), recipe)
}

/// A recipe that asks for exactly what was installed, where the archive has that. The build's own steps take its place.
fn recipe(info: &Buildinfo, builder: &Builder, source: &Source, arch: Arch) -> Result<RecipeFile, RecipeError> {
    let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let missing: BTreeMap<&Installed, &Missing> =
        builder.missing.iter().map(|missing| (&missing.package, missing)).collect();
    let requires = info.installed.iter().filter_map(|package| match missing.get(package) {
        None => Some(format!("{} (= {})", package.name, package.version)),
        Some(missing) => missing.instead.as_ref().map(|_| package.name.clone()),
    });
    let requires: Vec<String> = requires.map(|relation| string(&relation)).collect();
    let sources: String = source
        .files
        .iter()
        .map(|(url, sum)| format!("[[sources]]\nurl = {}\nsha256 = \"{}\"\nunpack = false\n", string(url), sum.sha256))
        .collect();
    let text = format!(
        "[package]\nname = {}\nversion = {}\nsummary = \"Built once more as a .buildinfo says\"\nlicense = \"MIT\"\n\
         maintainer = \"farm verify <verify@localhost.localdomain>\"\ndate = 2000-01-01\n{sources}\
         [build]\nrequires = [{}]\n[packaging]\ndebian = \"debian\"\nprepare = \"exit 1\"\n\
         [matrix]\ndistros = [\"{}\"]\narches = [\"{}\"]\n",
        string(&info.source),
        string(upstream(&info.source_version)),
        requires.join(", "),
        builder.distro.id,
        arch.deb()
    );
    RecipeFile::parse(Path::new("farm.toml"), text.as_bytes())
}

impl Planned {
    /// Makes the job of [`project`] the one that the file tells of.
    pub(crate) fn rebuilding(&mut self, info: &Buildinfo, path: &Path, source: &Source, nearest: bool) {
        let beside = path.parent().map(Path::to_owned).unwrap_or_default();
        let rebuild = Arc::new(Rebuild {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            packages: info.packages().map(|(name, sum)| (name.to_owned(), sum.clone())).collect(),
            beside: if beside == Path::new("") { PathBuf::from(".") } else { beside },
            installed: info.installed.clone(),
            nearest,
        });
        for job in &mut self.plan.jobs {
            job.packaging = Arc::new(rebuild::rebuild(info, &source.dsc));
            job.rebuild = Some(Arc::clone(&rebuild));
        }
    }
}
