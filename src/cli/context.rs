//! What commands share: the project, the engine and what it says of itself, the cache folder, mirrors, a run's id.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::config::{Config, variables};
use super::engines::Connected;
use super::failure::Failure;
use super::output;
use super::values;
use crate::cache::{Lease, Space};
use crate::distro::Bootstrap;
use crate::engine::emulation;
use crate::image::BaseChoice;
use crate::matrix::Target;
use crate::project::{Access, Member, Project, Resolved, RunChoices, Selected, Unread};
use crate::report::{Style, Tone, count};
use crate::types::{Arch, FolderError, human_bytes, nearest, own_folder, printable};

/// What keeps `farm gc` from removing what this process uses.
static LEASE: OnceLock<Option<Lease>> = OnceLock::new();

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

/// The architecture of matrices that name none: that of the first engine, else this host's.
pub(crate) fn default_arch(engines: &[Connected]) -> Arch {
    engines.first().map(|engine| engine.info.arch).or_else(Arch::host).unwrap_or(Arch::Amd64)
}

/// `FARM_CACHE`, else `farm` in the user's cache folder.
///
/// # Errors
/// When the environment names neither a cache folder nor a home.
pub(crate) fn cache_folder() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = set("FARM_CACHE").or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("farm"))) {
        return Ok(named);
    }
    match set("HOME") {
        Some(home) if home.is_dir() => Ok(home.join(".cache/farm")),
        // Nobody asked for a home to be made.
        Some(home) => Err(Failure::usage(format!(
            "no folder for the cache: HOME is {}, which is not there: make it, or set FARM_CACHE",
            printable(&home.display().to_string())
        ))),
        None => Err(Failure::usage("no folder for the cache: set FARM_CACHE or HOME")),
    }
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
    let made = maker.recursive(true).create(&folder);
    #[cfg(unix)]
    let made = made.and_then(|()| Ok(nix::unistd::access(&folder, nix::unistd::AccessFlags::W_OK)?));
    made.map_err(|error| {
        let folder = printable(&folder.display().to_string());
        Failure::usage(format!("the cache {folder} cannot be written: {error}; FARM_CACHE names another folder"))
    })?;
    Ok(folder)
}

/// Refuses targets whose programs no engine's machine can start: they would fail after a base has been made.
pub(crate) async fn can_run(engines: &[Connected], targets: &[Target]) -> Result<(), Failure> {
    let mut missing: Vec<Arch> = targets.iter().map(|target| target.arch).collect();
    missing.sort();
    missing.dedup();
    for engine in engines {
        let asked = engine.info.clone();
        missing = blocking(move || emulation::not_run(&asked, missing)).await;
    }
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

/// The engines as those of a run, with what is to be said of their network told once.
pub(crate) fn pool(
    connected: &[Connected],
    resolved: &Resolved,
    base: BaseChoice,
    choices: &RunChoices,
) -> Vec<Member> {
    let images = |of: &Connected| resolved.images(of.engine.clone(), base, &choices.id, choices.network);
    let pool: Vec<Member> = connected.iter().map(|of| of.member(images(of))).collect();
    let mut notes: Vec<String> = pool.iter().flat_map(|member| member.images.network_notes()).cloned().collect();
    notes.dedup();
    tell(&notes);
    pool
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
