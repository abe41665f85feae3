//! What a recipe leaves to the project: its version, its changelog, its date, the patches of a series. Looked up before
//! anything is planned, so that all of it is an input of keys.
//!
//! The project is the recipe's first source that is a folder or a commit. Of a commit that is not here yet, as much is
//! fetched as the answer takes. Nothing of a project is ever run.

mod changelog;
mod date;
mod files;
mod packaged;
mod pyproject;
mod version;

use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::git::{self, Checkout, Depth, Repository, View};
use super::tree::EARLIEST;
use super::{SourceError, series, walk};
use crate::formats::spec::{Absent, Macros, Spec};
use crate::recipe::{
    MergedRecipe, MetadataOrigin, Origin, OwnRequirement, OwnVersion, Patch, Problem, ProjectMetadata, Source,
    VersionFrom, version_reason,
};
use crate::types::printable;

use date::Dated;
use packaged::Packaged;
use version::Standing;

/// No list of patches, changelog or build file that is read for a version is near this.
const LARGEST_FILE: u64 = 1 << 20;
/// Commits that a changelog takes from git.
const MOST_COMMITS: &str = "--max-count=40";
/// Tags that name a version when the recipe does not say which do.
const TAGS: &str = "*[0-9]*";

/// Why a project does not say what its recipe leaves to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataError {
    /// What the recipe asks for is not there: at a place in its text.
    #[error("{}", .0.message)]
    Problem(Problem),
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// All that a recipe leaves to its project; with `snapshot`, the version and date are those of the tree as it is now,
/// whatever the recipe says. A recipe of downloads alone has no such tree.
///
/// `cache` is that of [`super::Sources`]; `file` is where the recipe was read; `macros` are those of the target's
/// distribution.
pub(crate) async fn metadata(
    cache: &Path,
    file: &Path,
    recipe: &MergedRecipe,
    (snapshot, macros): (bool, &Macros),
    cancel: &CancellationToken,
) -> Result<ProjectMetadata, MetadataError> {
    let mut found = ProjectMetadata { date: recipe.date(), series: series_of(recipe)?, ..ProjectMetadata::default() };
    let (packaged, requires) = packaged(cache, recipe, (snapshot, macros), cancel).await?;
    found.required = requires;
    let written = recipe.version().or(packaged.as_ref().map(|packaged| packaged.upstream.as_str()));
    match written {
        Some(version) if !recipe.open().asks_project() && !snapshot => found.version = version.to_owned(),
        written => ask(cache, recipe, (snapshot, written), &mut found, cancel).await?,
    }
    found.replaces_packaged = recipe.open().own.is_some() && snapshot && written != Some(found.version.as_str());
    if let Some(packaged) = &packaged {
        if !found.replaces_packaged {
            compare(recipe, &found.version, packaged)?;
        }
        let Packaged { whole, upstream } = packaged.clone();
        found.packaged = Some(OwnVersion { written: whole, upstream });
    }
    let dated = date::dated(recipe.sources());
    if found.date.is_none() && dated != Dated::Yes {
        let own = date::own(recipe, &found.series, file, cancel).await?;
        match dated {
            Dated::No => found.date = own.or(Some(EARLIEST)),
            _ => found.fallback_date = own.or(Some(EARLIEST)),
        }
    }
    Ok(found)
}

/// What the project's own packaging for the target says of the version; none where that is not known before it is built.
/// With it, what a .spec requires to be built, where its macros are all known. Of a commit that is not here, it is fetched
/// only when somebody has to say it.
async fn packaged(
    cache: &Path,
    recipe: &MergedRecipe,
    (snapshot, macros): (bool, &Macros),
    cancel: &CancellationToken,
) -> Result<(Option<Packaged>, Vec<OwnRequirement>), MetadataError> {
    let Some(own) = &recipe.open().own else { return Ok((None, Vec::new())) };
    let asks_requirements = matches!(macros.absent, Absent::AllBut(_));
    let is_asked = own.version.is_none();
    let is_patched = recipe.sources().iter().any(|source| !source.patches.is_empty());
    let may_change = recipe.packaging().prepare.is_some() || is_patched || !recipe.open().series.is_empty();
    let mut content = None;
    for source in recipe.sources() {
        let Some(name) = within(&own.file, source) else { continue };
        let found = match &source.origin {
            Origin::Path { path } if recipe.root().join(path).is_dir() => {
                read(&walk::inside(recipe.root(), path)?, name)?
            }
            Origin::Path { path } if Path::new(path).file_name().is_some_and(|own| own == name) => {
                read(recipe.root(), path)?
            }
            Origin::Text { file, text, .. } if file == name => Some(text.clone()),
            Origin::Git { url, commit, .. } if is_asked || snapshot || asks_requirements => {
                let place = (url.secret(), commit.as_str());
                let (repository, lock) = git::fetch(cache, recipe.root(), place, Depth::Commit, cancel).await?;
                Project::Commit(repository, commit.clone(), lock).file(name, cancel).await?
            }
            _ => None,
        };
        content = found.or(content);
    }
    let file = printable(&own.file);
    let is_folder =
        |source: &Source| matches!(&source.origin, Origin::Path { path } if recipe.root().join(path).is_dir());
    let all_are_here = recipe.sources().iter().all(|source| is_folder(source) && source.strip == 0);
    if content.is_none() && !may_change && !recipe.sources().is_empty() && all_are_here {
        let folders = recipe.sources().iter().filter_map(|source| match &source.origin {
            Origin::Path { path } => Some(recipe.root().join(path)),
            _ => None,
        });
        let elsewhere: Vec<String> = folders.flat_map(|folder| packaged::elsewhere(&folder, &own.file)).collect();
        let label = format!("no source has {file}");
        let help = (!elsewhere.is_empty()).then(|| format!("there is {}", printable(&elsewhere.join(", "))));
        return Err(problem(&own.span, "the sources have no such packaging", label, help.as_deref()));
    }
    let mut required = Vec::new();
    let read = match &content {
        None => Err(format!("no source with `path` or `git` has {file}")),
        Some(content) if own.file.ends_with("/changelog") => {
            packaged::of_changelog(content).map_err(|reason| format!("{file}: {reason}"))
        }
        Some(content) => {
            let mut macros = macros.clone();
            macros.defined.extend(recipe.packaging().define.clone());
            let spec = Spec::read(content, &macros);
            if asks_requirements {
                let file = match spec.pyproject {
                    Some(_) => Project::of(cache, recipe, false, cancel).await?.file("pyproject.toml", cancel).await?,
                    None => None,
                };
                required = packaged::required(&spec, file.as_deref());
            }
            packaged::of_spec(&spec).map_err(|reason| format!("{file}: {reason}"))
        }
    };
    match read {
        // What a script or a patch may change is known as far as it fits.
        Ok(packaged) if may_change && recipe.version().is_some_and(|version| !fits(version, &packaged)) => {
            Ok((None, required))
        }
        Ok(packaged) => Ok((Some(packaged), required)),
        Err(_) if !is_asked => Ok((None, required)),
        Err(reason) => {
            let help = "it is read and not run: write version = \"…\" in [package], or the macros of a .spec in \
                        [packaging] define";
            Err(problem(&own.span, "the project's packaging says no version that farm can read", reason, Some(help)))
        }
    }
}

/// The name that a file of the source tree has in a source.
fn within<'a>(file: &'a str, source: &Source) -> Option<&'a str> {
    let into = source.into.trim_start_matches("./").trim_matches('/');
    let name = match into {
        "" | "." => Some(file),
        into => file.strip_prefix(into).and_then(|rest| rest.strip_prefix('/')),
    };
    name.filter(|_| source.strip == 0)
}

fn fits(version: &str, packaged: &Packaged) -> bool {
    let behind = packaged.upstream.strip_prefix(version);
    behind.is_some_and(|behind| behind.is_empty() || behind.starts_with(['+', '~']))
}

/// What a recipe says of the version must be what its packaging says, or what that has something behind it of.
fn compare(recipe: &MergedRecipe, version: &str, packaged: &Packaged) -> Result<(), MetadataError> {
    let Packaged { whole, upstream } = packaged;
    if fits(version, packaged) {
        return Ok(());
    }
    let Some(own) = &recipe.open().own else { return Ok(()) };
    let file = printable(&own.file);
    let label = match whole == upstream {
        true => format!("{file} says {whole}"),
        false => format!("{file} says {whole}, which is of version {upstream}"),
    };
    let dash = match whole.rsplit_once('-') {
        Some((before, after)) if !after.starts_with(|c: char| c.is_ascii_digit()) => format!(
            "; what follows the last `-` is the packaging's revision, a pre-release is written {before}~{after}"
        ),
        _ => String::new(),
    };
    let help = format!("without `version` in [package] it is what the packaging says{dash}");
    let span = own.version.as_ref().unwrap_or(&own.span);
    Err(problem(span, "the version is not that of the project's packaging", label, Some(&help)))
}

/// For each source, the patches that its series lists.
fn series_of(recipe: &MergedRecipe) -> Result<Vec<Vec<Patch>>, MetadataError> {
    let mut series = vec![Vec::new(); recipe.sources().len()];
    for (source, list) in &recipe.open().series {
        let content = read(recipe.root(), &list.path)?
            .ok_or_else(|| problem(&list.span, "there is no such series", "no file here".to_owned(), None))?;
        series[*source] = series::parse(&list.path, &content)
            .map_err(|reason| problem(&list.span, "the series cannot be read", reason, None))?;
    }
    Ok(series)
}

/// What the project itself has to be asked for. `written` is the version that stands somewhere.
async fn ask(
    cache: &Path,
    recipe: &MergedRecipe,
    (snapshot, written): (bool, Option<&str>),
    found: &mut ProjectMetadata,
    cancel: &CancellationToken,
) -> Result<(), MetadataError> {
    let asked = recipe.open();
    let project = Project::of(cache, recipe, snapshot, cancel).await?;
    let standing = async |span: &Range<usize>, tags: Option<&str>| project.standing(span, tags, cancel).await;

    let (released, version) = match &asked.version {
        None => {
            let written = written.unwrap_or_default().to_owned();
            (written.clone(), written)
        }
        Some(from) => {
            let (released, version) = match &from.place {
                MetadataOrigin::Git => {
                    let known = standing(&from.span, from.tags.as_deref()).await?;
                    let tag =
                        known.tag.as_deref().ok_or_else(|| no_tag(&from.span, from.tags.as_deref(), known.shallow))?;
                    let released = version_of(tag, recipe.name(), from)?;
                    let version = known.standing.after(&released);
                    (released, version)
                }
                MetadataOrigin::File(name) => {
                    let released = project.version_in_files(&from.span, name.as_deref(), cancel).await?;
                    (released.clone(), released)
                }
            };
            (released, format!("{version}{}", from.suffix))
        }
    };
    found.version = version;
    if snapshot && !matches!(project, Project::Nowhere) {
        let nowhere = 0..0;
        let from = asked.version.as_ref();
        let span = from.map_or(&nowhere, |from| &from.span);
        let tags = from.and_then(|from| from.tags.as_deref());
        let known = standing(span, tags).await?;
        let suffix = from.map_or("", |from| from.suffix.as_str());
        let tag = known.tag.as_deref().map(|tag| version::of_tag(tag, recipe.name(), tags));
        found.version = match tag.filter(|version| version_reason(version).is_none()) {
            Some(last) => known.standing.after(&last),
            None if known.shallow => return Err(no_tag(span, tags, true)),
            None => known.standing.before(&released),
        } + suffix;
        if found.date.is_none() && known.date >= EARLIEST {
            found.date = Some(known.date);
        }
    }
    if let Some(span) = &asked.date {
        let date = standing(span, None).await?.date;
        if date < EARLIEST {
            let help = "packages have no dates before 1990: write one, date = 2026-11-22";
            let label = format!("the commit says {date} seconds since 1970");
            return Err(problem(span, "the commit's date is too long ago", label, Some(help)));
        }
        found.date = Some(date);
    }
    if let Some(from) = &asked.changelog {
        found.changelog = match &from.place {
            MetadataOrigin::Git => {
                let tags = asked.version.as_ref().and_then(|version| version.tags.as_deref());
                project.subjects(&from.span, tags, cancel).await?
            }
            MetadataOrigin::File(name) => {
                let names = name.as_deref().map_or_else(|| changelog::FILES.to_vec(), |name| vec![name]);
                let (name, content) = project.first_file(&from.span, &names, "changelog", cancel).await?;
                changelog::entries(&name, &content, &found.version)
            }
        };
    }
    Ok(())
}

fn problem(span: &Range<usize>, message: &str, label: String, help: Option<&str>) -> MetadataError {
    let (message, help) = (message.to_owned(), help.map(str::to_owned));
    MetadataError::Problem(Problem { message, span: span.clone(), label, help })
}

fn no_tag(span: &Range<usize>, tags: Option<&str>, shallow: bool) -> MetadataError {
    let label = match tags {
        Some(tags) => format!("no tag before this commit matches {}", printable(tags)),
        None => "no tag before this commit holds a number".to_owned(),
    };
    let help = match shallow {
        true => "the clone is shallow: `git fetch --unshallow --tags` gets the rest of it",
        false => "tag a release, or write the version: version = \"0.1.0\"",
    };
    problem(span, "there is no tag to take a version from", label, Some(help))
}

/// The version that a tag names, or why it names none.
fn version_of(tag: &str, name: &str, from: &VersionFrom) -> Result<String, MetadataError> {
    let version = version::of_tag(tag, name, from.tags.as_deref());
    match version_reason(&version) {
        None => Ok(version),
        Some(reason) => {
            let label = format!("`{}` comes from the tag `{}`: {reason}", printable(&version), printable(tag));
            let help = "say which tags are releases: version = { from = \"git\", tags = \"v*\" }";
            Err(problem(&from.span, "a tag gives no version", label, Some(help)))
        }
    }
}

/// Where the project is.
enum Project {
    /// A folder, which may lie in somebody's work tree.
    Folder(PathBuf),
    /// A commit in farm's cache, and the lock of the repository.
    Commit(Repository, String, #[allow(dead_code, reason = "held, not read")] File),
    /// All sources are downloads, which planning does not fetch.
    Nowhere,
}

/// What git knows of a tree.
struct Known {
    /// Commits since the tag, or all of them.
    standing: Standing,
    tag: Option<String>,
    date: i64,
    /// Whether the clone has only the newest commits.
    shallow: bool,
}

impl Project {
    async fn of(
        cache: &Path,
        recipe: &MergedRecipe,
        snapshot: bool,
        cancel: &CancellationToken,
    ) -> Result<Project, SourceError> {
        let root = recipe.root();
        for Source { origin, .. } in recipe.sources() {
            match origin {
                Origin::Path { path } if root.join(path).is_dir() => {
                    return Ok(Project::Folder(walk::inside(root, path)?));
                }
                Origin::Git { url, commit, .. } => {
                    let asked = recipe.open();
                    let by_tags = asked.version.as_ref().is_some_and(|version| version.place == MetadataOrigin::Git)
                        || asked.changelog.as_ref().is_some_and(|changelog| changelog.place == MetadataOrigin::Git);
                    let depth = if snapshot || by_tags { Depth::History } else { Depth::Commit };
                    let (repository, lock) = git::fetch(cache, root, (url.secret(), commit), depth, cancel).await?;
                    return Ok(Project::Commit(repository, commit.clone(), lock));
                }
                _ => {}
            }
        }
        Ok(Project::Nowhere)
    }

    /// The repository and the commit in it.
    async fn repository(
        &self,
        span: &Range<usize>,
        cancel: &CancellationToken,
    ) -> Result<(Repository, String), MetadataError> {
        const HELP: &str = "a source that is a folder of a git work tree, or a git commit, is needed for this";
        match self {
            Project::Commit(repository, commit, _) => Ok((repository.clone(), commit.clone())),
            Project::Folder(folder) => {
                let no_repository = |reason: &str| {
                    let message = "the project is in no git repository that can be read";
                    problem(span, message, format!("{}: {reason}", folder.display()), Some(HELP))
                };
                let Some(checkout) = Checkout::around(folder)? else {
                    return Err(no_repository("there is no .git in it or above it"));
                };
                let view = Arc::new(View::of(checkout)?);
                let repository = Repository::WorkTree { view, folder: folder.clone() };
                let head = repository.text(&["rev-parse", "--verify", "--end-of-options", "HEAD^{commit}"], cancel);
                match head.await {
                    Ok(commit) => Ok((repository, commit)),
                    Err(SourceError::Git(reason)) => Err(no_repository(&reason)),
                    Err(error) => Err(error.into()),
                }
            }
            Project::Nowhere => Err(problem(span, "no source is in git", "nothing here to ask".to_owned(), Some(HELP))),
        }
    }

    async fn standing(
        &self,
        span: &Range<usize>,
        tags: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Known, MetadataError> {
        let (repository, commit) = self.repository(span, cancel).await?;
        let tag = last_tag(&repository, &commit, tags, cancel).await?;
        let number = |text: &str| text.parse().map_err(|_| SourceError::Git(format!("unexpected answer {text}")));
        let (tag, commits) = match tag {
            Some((tag, commits)) => (Some(tag), commits),
            None => {
                let count = repository.text(&["rev-list", "--count", &commit], cancel).await?;
                (None, u64::try_from(number(&count)?).unwrap_or(0))
            }
        };
        let date = repository.text(&["log", "--max-count=1", "--format=%ct", &commit], cancel).await?;
        let shallow = repository.text(&["rev-parse", "--is-shallow-repository"], cancel).await? == "true";
        let dirty = match &repository {
            Repository::Bare { .. } => false,
            Repository::WorkTree { view, folder } => git::is_dirty(view, folder, cancel).await?,
        };
        Ok(Known { standing: Standing { commits, commit, dirty }, tag, date: number(&date)?, shallow })
    }

    /// Subjects of the commits since the last tag; at a tag, of those since the one before it.
    async fn subjects(
        &self,
        span: &Range<usize>,
        tags: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Vec<String>, MetadataError> {
        let (repository, commit) = self.repository(span, cancel).await?;
        let since = match last_tag(&repository, &commit, tags, cancel).await? {
            Some((_, 0)) => last_tag(&repository, &format!("{commit}^"), tags, cancel).await?,
            last => last,
        };
        let since = since.map(|(tag, _)| format!("^refs/tags/{tag}"));
        let mut log = vec!["log", "--no-merges", "--no-decorate", MOST_COMMITS, "--format=%s", &commit];
        log.extend(since.as_deref());
        Ok(changelog::subjects(&repository.text(&log, cancel).await?))
    }

    async fn version_in_files(
        &self,
        span: &Range<usize>,
        name: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<String, MetadataError> {
        if let Some(name) = name {
            let (_, content) = self.first_file(span, &[name], "version", cancel).await?;
            return files::version(name, &content).ok_or_else(|| {
                let help = "farm reads files and runs nothing: what a macro or variable holds is not known to it";
                let label = format!("{} says none in plain words", printable(name));
                problem(span, "the file holds no version", label, Some(help))
            });
        }
        for name in files::FILES {
            if let Some(version) = self.file(name, cancel).await?.and_then(|content| files::version(name, &content)) {
                return Ok(version);
            }
        }
        let label = format!("none in {}", files::FILES.join(", "));
        Err(problem(span, "no file of the project says its version", label, self.help()))
    }

    /// The first of these files that is there.
    async fn first_file(
        &self,
        span: &Range<usize>,
        names: &[&str],
        what: &str,
        cancel: &CancellationToken,
    ) -> Result<(String, String), MetadataError> {
        for name in names {
            if let Some(content) = self.file(name, cancel).await? {
                return Ok(((*name).to_owned(), content));
            }
        }
        let label = format!("there is no {}", printable(&names.join(", ")));
        Err(problem(span, &format!("the project has no {what} to read"), label, self.help()))
    }

    fn help(&self) -> Option<&'static str> {
        matches!(self, Project::Nowhere)
            .then_some("it is looked for in a source with `path` or `git`; downloads are not fetched for a plan")
    }

    /// A file of the project as text, if it is there.
    async fn file(&self, name: &str, cancel: &CancellationToken) -> Result<Option<String>, SourceError> {
        match self {
            Project::Nowhere => Ok(None),
            Project::Folder(folder) => read(folder, name),
            Project::Commit(repository, commit, _) => {
                let blob = format!("{commit}:{name}");
                match repository.text(&["cat-file", "blob", &blob], cancel).await {
                    Ok(content) => Ok(Some(content)),
                    // Not there, or a folder.
                    Err(SourceError::Git(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// The last tag before a commit, and how many commits came after it.
async fn last_tag(
    repository: &Repository,
    commit: &str,
    tags: Option<&str>,
    cancel: &CancellationToken,
) -> Result<Option<(String, u64)>, SourceError> {
    let matching = format!("--match={}", tags.unwrap_or(TAGS));
    match repository.text(&["describe", "--tags", "--long", "--abbrev=40", &matching, commit], cancel).await {
        Ok(text) => Ok(version::described(&text).map(|(tag, commits)| (tag.to_owned(), commits))),
        // No tag, or, for the parent of the first commit, no commit.
        Err(SourceError::Git(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A regular file in a folder of this host, at most [`LARGEST_FILE`] of it; none when there is none.
fn read(folder: &Path, name: &str) -> Result<Option<String>, SourceError> {
    let io = |source| SourceError::Io { path: folder.join(name), source };
    match fs::metadata(folder.join(name)) {
        Ok(metadata) if metadata.is_file() => {}
        _ => return Ok(None),
    }
    let path = walk::inside(folder, name)?;
    let mut content = Vec::new();
    File::open(path).map_err(io)?.take(LARGEST_FILE).read_to_end(&mut content).map_err(io)?;
    Ok(Some(String::from_utf8_lossy(&content).into_owned()))
}
