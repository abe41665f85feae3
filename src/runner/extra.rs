//! What the repositories of a recipe add to the containers of a job: for the builder by what the build requires, for the
//! test by what its packages do. They become a local repository there, as packages of a set do, in two parts: packages that go
//! before the distribution's own, and such as the distribution does not have.

use tokio_util::sync::CancellationToken;

use super::derive::packaging_file;
use super::outcome::{self, JobError};
use super::set::SetFile;
use super::work::{Work, blocking};
use crate::artifact::{Artifact, ArtifactKind, PackageHead};
use crate::distro::Distro;
use crate::event::{Outcome, RecipePlace};
use crate::formats::deb822;
use crate::image::FileContent;
use crate::packaging::{EXTRA_FIRST, EXTRA_LAST, EXTRA_REPOSITORY, Requirements};
use crate::recipe::RepositoryUse;
use crate::repo;
use crate::repositories::{self, Asked, Extra, ExtraPackage, FailureKind, RepositoryError};
use crate::source::Prepared;
use crate::types::Format;

/// What Debian's apt finds of them in a builder or tester image of `distro` that has these requirements.
pub(crate) async fn for_image(
    work: &mut Work<'_>,
    distro: &Distro,
    what_for: RepositoryUse,
    requirements: &Requirements,
    sources: Option<&Prepared>,
    cancel: &CancellationToken,
) -> Result<Vec<(String, FileContent)>, JobError> {
    let format = distro.manager.format();
    let asked = Asked { what_for: Some(what_for), format, ..asked(work, distro) };
    if asked.is_nobody() {
        return Ok(Vec::new());
    }
    let wanted = match requirements {
        Requirements::Listed(listed) => listed.clone(),
        Requirements::FromSource { path, toolchain } => {
            let file = packaging_file(sources, path).await?.unwrap_or_default();
            let own = of_packaging(&String::from_utf8_lossy(&file), format);
            toolchain.iter().cloned().chain(own).collect()
        }
    };
    let extra = read(work, asked, wanted, cancel).await?;
    let files = files(extra, format, true).await?.into_iter().map(|(path, file)| match file {
        SetFile::Bytes(bytes) => (path, bytes.into()),
        SetFile::Package(package) => {
            (path, FileContent::OnHost { path: package.path, sha256: package.artifact.sha256 })
        }
    });
    Ok(files.collect())
}

/// What packages with these heads may need where they are tried.
pub(crate) async fn for_test(
    work: &mut Work<'_>,
    heads: &[PackageHead],
    cancel: &CancellationToken,
) -> Result<Vec<(String, SetFile)>, JobError> {
    let distro = work.job.distro.clone();
    let format = work.job.target.format;
    let asked = Asked { what_for: Some(RepositoryUse::Test), format, ..asked(work, &distro) };
    if asked.is_nobody() {
        return Ok(Vec::new());
    }
    let mut wanted: Vec<String> = heads.iter().flat_map(|head| head.requires.iter().cloned()).collect();
    if !distro.is_foreign() {
        wanted.extend(work.job.recipe.test.iter().flat_map(|test| test.requires.iter().cloned()));
    }
    let extra = read(work, asked, wanted, cancel).await?;
    files(extra, format, !distro.is_foreign()).await
}

/// Whether anything of them may come into an image of `distro`.
pub(crate) fn is_possible(work: &Work<'_>, distro: &Distro, what_for: RepositoryUse) -> bool {
    !Asked { what_for: Some(what_for), format: distro.manager.format(), ..asked(work, distro) }.is_nobody()
}

fn asked<'a>(work: &Work<'a>, distro: &'a Distro) -> Asked<'a> {
    Asked {
        repositories: &work.job.recipe.repositories,
        what_for: None,
        distro,
        arch: work.job.target.arch,
        format: Format::Deb,
    }
}

async fn read(
    work: &mut Work<'_>,
    asked: Asked<'_>,
    wanted: Vec<String>,
    cancel: &CancellationToken,
) -> Result<Extra, JobError> {
    let archives = work.shared.images.archives().clone();
    let progress = work.journal.progress();
    let extra = repositories::extra(asked, wanted, &archives, &progress, cancel).await.map_err(stop)?;
    if !extra.is_empty() {
        let what_for = asked.what_for.map_or("job", RepositoryUse::as_str);
        work.note(&format!("packages of repositories, for the {what_for}: {}", extra.text())).await?;
    }
    for note in &extra.notes {
        work.note(note).await?;
        work.warn_once(outcome::warning("repository-held", note.clone()));
    }
    Ok(extra)
}

fn stop(error: RepositoryError) -> JobError {
    match error.kind {
        FailureKind::Cancelled => Outcome::Cancelled.into(),
        FailureKind::Transient => JobError::Transient(error.to_string()),
        FailureKind::Lasting => {
            let place = RecipePlace::new(error.place.path.clone(), error.place.line);
            Outcome::SourceUnavailable { reason: error.to_string(), of_recipe: true, place: Some(place), help: None }
                .into()
        }
    }
}

/// A local repository as files. Where packages are not `indexed`, a list says what each provides.
async fn files(extra: Extra, format: Format, indexed: bool) -> Result<Vec<(String, SetFile)>, JobError> {
    let made = blocking(move || {
        let mut files = Vec::new();
        let (first, last): (Vec<_>, Vec<_>) = extra.packages.into_iter().partition(|package| package.first);
        for (part, packages) in [(EXTRA_FIRST, first), (EXTRA_LAST, last)] {
            if packages.is_empty() {
                continue;
            }
            let folder = format!("{}/{part}", EXTRA_REPOSITORY.trim_start_matches('/'));
            let provided: String = packages.iter().map(provided).collect();
            let packages: Vec<repo::Package> = packages.into_iter().map(package).collect();
            match indexed {
                true => {
                    let index = repo::index(format, &packages, &format!("farm-{part}"));
                    for file in index.map_err(|error| outcome::chain(&error))? {
                        files.push((format!("{folder}/{}", file.path), SetFile::Bytes(file.content)));
                    }
                }
                false => files.push((format!("{folder}/provides"), SetFile::Bytes(provided.into_bytes()))),
            }
            for package in packages {
                files.push((format!("{folder}/{}", package.artifact.file_name), SetFile::Package(package)));
            }
        }
        Ok(files)
    });
    made.await?.map_err(|reason: String| Outcome::Infrastructure { reason }.into())
}

fn package(extra: ExtraPackage) -> repo::Package {
    let artifact = Artifact {
        file_name: extra.file_name,
        size_bytes: extra.size_bytes,
        sha256: extra.sha256,
        kind: ArtifactKind::Binary,
        package: None,
    };
    repo::Package { artifact, path: extra.path }
}

/// A line for all that a package provides, with its file behind a tab.
fn provided(extra: &ExtraPackage) -> String {
    let names = std::iter::once(&extra.name).chain(&extra.provides);
    names.filter(|name| !name.contains(['\t', '\n'])).map(|name| format!("{name}\t{}\n", extra.file_name)).collect()
}

/// What a project's own packaging says that it requires to be built. Of a .spec, only what stands there without macros.
fn of_packaging(text: &str, format: Format) -> Vec<String> {
    match format {
        Format::Deb => {
            let text = deb822::without_comments(text);
            let paragraph = deb822::paragraphs(&text).next().unwrap_or_default();
            let fields = ["Build-Depends", "Build-Depends-Arch", "Build-Depends-Indep"];
            fields.iter().filter_map(|field| deb822::field(paragraph, field)).map(str::to_owned).collect()
        }
        Format::Rpm => {
            let lines = text.lines().filter_map(|line| line.trim().split_once(':'));
            let wanted = lines.filter(|(name, _)| name.trim().eq_ignore_ascii_case("buildrequires"));
            let pieces = wanted.flat_map(|(_, value)| value.split(','));
            pieces.map(|piece| piece.trim().to_owned()).filter(|piece| !piece.is_empty()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_own_packaging_says_what_it_requires() {
        let control = "Source: x\nBuild-Depends: debhelper (>= 13),\n# a comment\n pond-dev\nBuild-Depends-Indep: lake\n\nPackage: x\n";
        let read = of_packaging(control, Format::Deb).join("; ").replace('\n', " ");
        assert_eq!(read, "debhelper (>= 13),  pond-dev; lake");
        let spec = "Name: x\nBuildRequires: pond-devel >= 1, reed\n  buildrequires:\tpkgconfig(lake)\nRequires: y\n";
        assert_eq!(of_packaging(spec, Format::Rpm), ["pond-devel >= 1", "reed", "pkgconfig(lake)"]);
    }
}
