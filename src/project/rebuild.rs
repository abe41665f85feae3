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
    /// What it has in that version and in a newer one.
    older: Vec<Installed>,
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
        let (missing, older) = match missing(&archives, distro, arch, &info.installed).await {
            Ok(found) => found,
            Err(error) => {
                notes.push(format!("{} is not looked at: {error}", distro.id));
                continue;
            }
        };
        if best.as_ref().is_none_or(|best| missing.len() < best.missing.len()) {
            best = Some(Builder { distro: Arc::clone(distro), missing, older });
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
) -> Result<(Vec<Missing>, Vec<Installed>), ArchiveError> {
    let cancel = CancellationToken::new();
    let index = archives.packages(distro, arch, Components::All, &NoProgress, &|_| (), &cancel).await?;
    let installed = installed.to_vec();
    archive::blocking(move || lacking(&index, arch, &installed)).await
}

/// What an index does not have in that version, and what it has in a newer one, too.
fn lacking(index: &Index, arch: Arch, installed: &[Installed]) -> Result<(Vec<Missing>, Vec<Installed>), ArchiveError> {
    let (mut missing, mut older) = (Vec::new(), Vec::new());
    for package in installed {
        // Builders have packages of one architecture.
        let is_own = package.arch.as_ref().is_none_or(|of| of == arch.deb() || of == "all");
        let there = if is_own { index.named(&package.name)? } else { Vec::new() };
        let wanted = package.version.parse::<DebVersion>();
        match there.iter().position(|one| wanted.as_ref().is_ok_and(|wanted| one.version == *wanted)) {
            Some(0) => {}
            Some(_) => older.push(package.clone()),
            None => {
                let instead = there.first().map(|newest| newest.version.to_string());
                missing.push(Missing { package: package.clone(), instead });
            }
        }
    }
    Ok((missing, older))
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
    pub(crate) fn rebuilding(
        &mut self,
        info: &Buildinfo,
        path: &Path,
        (builder, source): (&Builder, &Source),
        nearest: bool,
    ) {
        let beside = path.parent().map(Path::to_owned).unwrap_or_default();
        let rebuild = Arc::new(Rebuild {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            packages: info.packages().map(|(name, sum)| (name.to_owned(), sum.clone())).collect(),
            beside: if beside == Path::new("") { PathBuf::from(".") } else { beside },
            installed: info.installed.clone(),
            nearest,
        });
        let is_missing = |package: &&Installed| builder.missing.iter().any(|missing| missing.package == **package);
        for job in &mut self.plan.jobs {
            let there = info.installed.iter().filter(|package| !is_missing(package));
            job.builder = Arc::new(rebuild::exactly(&job.builder, there, builder.older.iter()));
            job.packaging = Arc::new(rebuild::rebuild(info, &source.dsc));
            job.rebuild = Some(Arc::clone(&rebuild));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Installed {
        Installed { name: name.to_owned(), arch: None, version: version.to_owned() }
    }

    #[test]
    fn the_recipe_asks_for_what_was_installed_as_far_as_it_is_there() {
        let sum = Sum { size: 1, sha256: "0".repeat(64) };
        let info = Buildinfo {
            source: "libfoo+1".to_owned(),
            source_version: "1:2.0~rc1-3".to_owned(),
            version: "1:2.0~rc1-3+b1".to_owned(),
            binaries: Vec::new(),
            architectures: ["amd64".to_owned()].into(),
            files: BTreeMap::from([("libfoo_2.0~rc1-3+b1_amd64.deb".to_owned(), sum.clone())]),
            origin: Some("Debian".to_owned()),
            build_architecture: "amd64".to_owned(),
            date: None,
            path: None,
            binary_only_changes: None,
            installed: vec![package("gcc-12", "12.2.0-10"), package("gone", "1"), package("make", "4.3-4.1")],
            environment: BTreeMap::new(),
        };
        let missing = |package: &Installed, instead: Option<&str>| Missing {
            package: package.clone(),
            instead: instead.map(str::to_owned),
        };
        let catalogue = Catalogue::around([Path::new("/nonexistent")]).unwrap();
        let builder = Builder {
            distro: Arc::clone(catalogue.get("debian-12").unwrap()),
            missing: vec![missing(&info.installed[0], Some("12.2.0-14")), missing(&info.installed[1], None)],
            older: Vec::new(),
        };
        let source = Source {
            files: vec![
                ("mirror://debian/pool/main/libf/libfoo+1/libfoo+1_2.0~rc1-3.dsc".to_owned(), sum.clone()),
                ("file:///srv/a%20b/libfoo+1_2.0~rc1.orig.tar.xz".to_owned(), sum),
            ],
            dsc: "libfoo+1_2.0~rc1-3.dsc".to_owned(),
            place: String::new(),
        };
        let recipe = recipe(&info, &builder, &source, Arch::Amd64).unwrap_or_else(|error| panic!("{error:?}"));
        assert!(recipe.text.contains("requires = [\"gcc-12\", \"make (= 4.3-4.1)\"]"), "{}", &*recipe.text);
        assert_eq!(recipe.name, "libfoo+1");
    }

    #[test]
    fn a_dsc_is_that_of_the_package_and_names_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a_1-1.dsc");
        let text = format!(
            "Format: 3.0 (quilt)\nSource: a\nVersion: 1-1\nChecksums-Sha256:\n {} 9 a_1.orig.tar.xz\n",
            "0".repeat(64)
        );
        let read = |text: &str, wanted: Option<&Sum>| {
            std::fs::write(&path, text).unwrap();
            read_dsc(&path, ("a", "1-1"), wanted)
                .map(|files| files.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        assert_eq!(read(&text, None).unwrap(), ["a_1.orig.tar.xz", "a_1-1.dsc"]);
        let other = Sum { size: 1, sha256: "1".repeat(64) };
        assert_eq!(read(&text, Some(&other)).unwrap_err(), "is another one than the .buildinfo names");
        assert_eq!(read(&text.replace("Version: 1-1", "Version: 1-2"), None).unwrap_err(), "is of a 1-2");
        assert!(read(&text.replace("a_1.orig", "../a_1.orig"), None).unwrap_err().contains("has the line"));
        assert!(read(&text.replace("Checksums-Sha256", "Files"), None).unwrap_err().contains("SHA-256"));
    }
}
