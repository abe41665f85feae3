//! What commands share: the project, the engine and what it says of itself, the cache folder, mirrors, a run's id.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::config::{Config, variables};
use super::failure::Failure;
use super::output;
use super::values;
use crate::cache::{Lease, Space};
use crate::distro::Bootstrap;
use crate::engine::{self, Engine, EngineError, EngineInfo, emulation};
use crate::matrix::Target;
use crate::project::{Access, Project, Selected, Unread};
use crate::report::{Style, Tone, count};
use crate::types::{Arch, FolderError, human_bytes, nearest, own_folder, printable};

/// What keeps `farm gc` from removing what this process uses.
static LEASE: OnceLock<Option<Lease>> = OnceLock::new();

/// An engine that answers.
pub(crate) struct Connected {
    pub engine: Arc<dyn Engine>,
    pub info: EngineInfo,
}

/// The project that a command line means, with its notes told. Of two values of one parameter the later counts.
pub(crate) fn project(recipes: &[PathBuf], parameters: &[(String, String)]) -> Result<Project, Failure> {
    let project = Project::load(Path::new("."), recipes, &parameters.iter().cloned().collect())?;
    for note in project.notes() {
        output::err(&format!("note: {note}\n"));
    }
    Ok(project)
}

/// Does work that blocks on a thread for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// That only a part of the matrix is meant, where nobody said so.
pub(crate) fn tell_left_out(selected: &Selected<'_>) {
    if selected.left_out() > 0 {
        let taken = count(selected.targets().len(), "target", "targets");
        let more = selected.left_out();
        output::err(&format!(
            "note: {taken} of {}: --matrix takes all, -t PATTERN others\n",
            selected.targets().len() + more
        ));
    }
}

/// Refuses mirrors of archives that no distribution has and no source names: what is misspelt would mean nothing.
pub(crate) fn known_mirrors(flags: &[(String, String)], project: &Project) -> Result<(), Failure> {
    let bootstraps = project.catalogue().iter().filter_map(|distro| distro.bootstrap.as_ref());
    let archives: BTreeSet<&str> = bootstraps.flat_map(Bootstrap::archives).map(|(archive, _)| archive).collect();
    for (name, _) in flags {
        let is_named = || project.recipes().iter().any(|recipe| recipe.text.contains(&format!("mirror://{name}/")));
        if archives.contains(name.as_str()) || is_named() {
            continue;
        }
        let help = match nearest(name, archives.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", archives.iter().copied().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("--mirror {}=…: no distribution has such an archive", printable(name));
        return Err(Failure::Usage { message, help: Some(help) });
    }
    Ok(())
}

/// What was noticed on the way to a plan.
pub(crate) fn tell(notes: &[String]) {
    for note in notes {
        output::err(&format!("warning: {note}\n"));
    }
}

/// What stays open because archives cannot be read, for commands that can go on without.
pub(crate) fn tell_unread(unread: &[Unread], style: &Style) {
    for unread in unread {
        output::err(&format!("{} {}\n", style.paint(Tone::Warning, "note:"), printable(&unread.to_string())));
    }
}

/// Before a build: whether the disk of the cache may become full.
pub(crate) async fn tell_space(cache: &Path) {
    let cache = cache.to_owned();
    // A file system that is gone may block; a run goes on without its word.
    let asked = tokio::task::spawn_blocking(move || Some((Space::of(&cache).ok()?, cache)));
    let asked = tokio::time::timeout(Duration::from_secs(2), asked).await;
    if let Ok(Ok(Some((space, cache)))) = asked
        && space.is_short()
    {
        let place = printable(&cache.display().to_string());
        let free = human_bytes(space.free);
        output::err(&format!(
            "warning: {free} free for {place}: `farm gc --keep 5G` removes what was not used for long\n"
        ));
    }
}

pub(crate) async fn connect(choice: &str, config: &Config) -> Result<Connected, EngineError> {
    let variable = std::env::var("FARM_ENGINE").unwrap_or_default();
    let is_by_variable = matches!(choice, "" | "auto") && !variable.is_empty();
    let engine = engine::connect(engine_choice(choice, &variable, config)).await;
    let engine = engine.map_err(|error| match error {
        EngineError::Config(reason) if is_by_variable => EngineError::Config(format!("FARM_ENGINE: {reason}")),
        error => error,
    })?;
    let info = engine.ping().await?;
    for note in engine.notes() {
        output::err(&format!("warning: {}\n", printable(&note)));
    }
    Ok(Connected { engine, info })
}

/// The engine that the command line names, else `FARM_ENGINE`, else the configuration; `auto` on the command line is as
/// good as nothing.
pub(crate) fn engine_choice<'a>(flag: &'a str, variable: &'a str, config: &'a Config) -> &'a str {
    match (flag, variable) {
        ("" | "auto", "") => config.engine.as_deref().unwrap_or("auto"),
        ("" | "auto", variable) => variable,
        (flag, _) => flag,
    }
}

/// The architecture of matrices that name none: the engine's, else this host's.
pub(crate) fn default_arch(engine: Option<&EngineInfo>) -> Arch {
    engine.map(|info| info.arch).or_else(Arch::host).unwrap_or(Arch::Amd64)
}

/// `FARM_CACHE`, else `farm` in the user's cache folder.
///
/// # Errors
/// When the environment names neither a cache folder nor a home.
pub(crate) fn cache_folder() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("FARM_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("farm")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/farm")))
        .ok_or_else(|| Failure::usage("no folder for the cache: set FARM_CACHE or HOME"))
}

/// [`cache_folder`], made if need be: what is in it is trusted, so nobody else may have put it there.
///
/// # Errors
/// When it, or a folder in it, is not this user's own.
pub(crate) fn own_cache() -> Result<PathBuf, Failure> {
    const VARIABLE: &str = "FARM_CACHE";
    let folder = cache_folder()?;
    let refused = |error: FolderError| Failure::usage(format!("the cache cannot be used: {error}"));
    own_folder(&folder, VARIABLE).map_err(refused)?;
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        // Files in it are not trusted by their names.
        if entry.file_type().is_ok_and(|kind| !kind.is_file()) {
            own_folder(&entry.path(), VARIABLE).map_err(refused)?;
        }
    }
    let mut maker = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
    // Who needs it says better why it cannot be made.
    let _ = maker.recursive(true).create(&folder);
    Ok(folder)
}

/// Refuses targets whose programs the engine's machine cannot start: they would fail after a base has been made.
pub(crate) async fn can_run(info: &EngineInfo, targets: &[Target]) -> Result<(), Failure> {
    let arches: BTreeSet<Arch> = targets.iter().map(|target| target.arch).collect();
    let asked = info.clone();
    let missing = blocking(move || Ok::<_, Failure>(emulation::not_run(&asked, arches))).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let lacking: Vec<&Target> = targets.iter().filter(|target| missing.contains(&target.arch)).collect();
    let names: Vec<&str> = missing.iter().map(|arch| arch.deb()).collect();
    let others = match lacking.len() - 1 {
        0 => String::new(),
        more => format!(" and {}", count(more, "other target", "other targets")),
    };
    Err(Failure::NoEmulator {
        message: format!(
            "{}{others} cannot be built: this machine has no emulator of {}",
            lacking[0],
            names.join(", ")
        ),
        help: format!("{}; --exclude '*/{}' leaves them out", emulation::MEND, names[0]),
    })
}

/// How projects, sources and archives are read: with the mirrors of the command line, else of `FARM_MIRROR_<NAME>`, else
/// of the configuration, else as `archive` chooses.
pub(crate) fn access(flags: &[(String, String)], stale_contents: bool, config: &Config) -> Result<Access, Failure> {
    tell(&config.notes);
    let mut mirrors = config.mirrors.clone();
    let variables = variables();
    mirrors.extend(mirrors_of(&variables)?);
    mirrors.extend(flags.iter().cloned());
    let cache = own_cache()?;
    // As long as this process lives.
    LEASE.get_or_init(|| Lease::take(&cache));
    Ok(Access { mirrors, stale_contents, variables, ..Access::new(cache)? })
}

/// `FARM_MIRROR_DEBIAN_SECURITY=URL` names the mirror of `debian-security`.
pub(crate) fn mirrors_of(variables: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failure> {
    let mut mirrors = BTreeMap::new();
    for (name, url) in variables.iter().filter(|(_, url)| !url.is_empty()) {
        let Some(archive) = name.strip_prefix("FARM_MIRROR_") else { continue };
        let archive = archive.to_ascii_lowercase().replace('_', "-");
        let (archive, url) = values::mirror(&format!("{archive}={url}")).map_err(|reason| {
            Failure::usage(format!("{} in the environment: {}", printable(name), printable(&reason)))
        })?;
        mirrors.insert(archive, url);
    }
    Ok(mirrors)
}

/// `20261122-235716-4f2a`: sorts by time, and two runs that start in one second differ.
pub(crate) fn new_run() -> String {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{}-{:04x}", chrono::Utc::now().format("%Y%m%d-%H%M%S"), hasher.finish() & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_goes_before_the_variable_and_that_before_the_file() {
        let config = Config { engine: Some("native".to_owned()), ..Config::default() };
        assert_eq!(engine_choice("podman", "docker", &config), "podman");
        assert_eq!(engine_choice("auto", "docker", &config), "docker");
        assert_eq!(engine_choice("auto", "", &config), "native");
        assert_eq!(engine_choice("auto", "auto", &config), "auto");
        assert_eq!(engine_choice("auto", "", &Config::default()), "auto");
    }

    #[test]
    fn mirrors_can_be_set_in_the_environment() {
        let set = |name: &str, url: &str| (name.to_owned(), url.to_owned());
        let found = mirrors_of(&BTreeMap::from([
            set("FARM_MIRROR_DEBIAN_SECURITY", "http://m.example.org/security/"),
            set("FARM_MIRROR_UBUNTU", ""),
            set("PATH", "/bin"),
        ]))
        .unwrap();
        let wrong = mirrors_of(&BTreeMap::from([set("FARM_MIRROR_DEBIAN", "garbage")])).unwrap_err().to_string();
        assert_eq!(wrong, "FARM_MIRROR_DEBIAN in the environment: `garbage` is not an http, https or file URL");
        assert_eq!(found, BTreeMap::from([set("debian-security", "http://m.example.org/security")]));
    }

    #[test]
    fn runs_are_named_by_time() {
        let run = new_run();
        assert_eq!(run.len(), "20261122-235716-4f2a".len());
        assert_ne!(run, new_run());
    }
}
