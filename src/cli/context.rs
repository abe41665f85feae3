//! What commands share: the engine and what it says of itself, the cache folder, mirrors, today's date, a run's id.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use super::args::ArchiveArgs;
use super::config::Config;
use super::failure::Failure;
use super::output;
use crate::archive::mirror::{self, Mirror};
use crate::archive::{Archives, Reader};
use crate::distro::Distro;
use crate::engine::{self, Engine, EngineError, EngineInfo, Limits, Network};
use crate::fetch::Fetcher;
use crate::image::{BaseChoice, ImageOptions, Images};
use crate::types::{Arch, FolderError, own_folder, printable};

/// An engine that answers.
pub(crate) struct Connected {
    pub engine: Arc<dyn Engine>,
    pub info: EngineInfo,
}

pub(crate) async fn connect(choice: &str, config: &Config) -> Result<Connected, EngineError> {
    let variable = std::env::var("FARM_ENGINE").unwrap_or_default();
    let engine = engine::connect(engine_choice(choice, &variable, config)).await?;
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

/// Slots when nobody says how many: one per CPU up to four; beyond that a job gets several CPUs, because a build is
/// seldom all parallel and seldom not at all.
pub(crate) fn default_slots(cpus: usize) -> usize {
    cpus.clamp(1, 4).max(cpus / 4)
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

/// Mirrors by archive name: of the command line, else of `FARM_MIRROR_<NAME>`, else of the configuration, else as
/// `archive` chooses.
pub(crate) fn mirrors(distros: &[&Distro], flags: &[(String, String)], config: &Config) -> BTreeMap<String, Mirror> {
    let mut configured = config.mirrors.clone();
    configured.extend(mirrors_of(std::env::vars()));
    configured.extend(flags.iter().cloned());
    mirror::choose(distros, &configured)
}

/// `FARM_MIRROR_DEBIAN_SECURITY=URL` names the mirror of `debian-security`.
pub(crate) fn mirrors_of(variables: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    variables
        .filter_map(|(name, url)| {
            let archive = name.strip_prefix("FARM_MIRROR_")?.to_ascii_lowercase().replace('_', "-");
            (!url.is_empty()).then(|| (archive, url.trim_end_matches('/').to_owned()))
        })
        .collect()
}

/// What this process reads of the distributions' archives.
pub(crate) fn archives(fetcher: Fetcher, mirrors: BTreeMap<String, Mirror>) -> Result<Archives, Failure> {
    Ok(Archives::new(Reader { fetcher, cache: own_cache()? }, mirrors))
}

pub(crate) fn archives_of(
    fetcher: Fetcher,
    distros: &[&Distro],
    args: &ArchiveArgs,
    config: &Config,
) -> Result<Archives, Failure> {
    let archives = archives(fetcher, mirrors(distros, &args.mirrors, config))?;
    Ok(archives.with_stale_contents(args.stale_contents))
}

pub(crate) fn images(
    engine: Arc<dyn Engine>,
    base: BaseChoice,
    archives: Archives,
    run: &str,
    network: Network,
) -> Images {
    let limits = Limits { memory_bytes: None, pids: None, cpuset: None };
    Images::new(engine, ImageOptions { base, archives, run: run.to_owned(), limits, network })
}

/// `2026-11-22`, in UTC: the same day for everybody who plans.
pub(crate) fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
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
    fn slots_grow_with_the_machine() {
        assert_eq!([0, 1, 2, 4, 8, 16, 64].map(default_slots), [1, 1, 2, 4, 4, 4, 16]);
    }

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
        let found = mirrors_of(
            [
                set("FARM_MIRROR_DEBIAN_SECURITY", "http://m.example.org/security/"),
                set("FARM_MIRROR_UBUNTU", ""),
                set("PATH", "/bin"),
            ]
            .into_iter(),
        );
        assert_eq!(found, BTreeMap::from([set("debian-security", "http://m.example.org/security")]));
    }

    #[test]
    fn runs_are_named_by_time() {
        let run = new_run();
        assert_eq!(run.len(), "20261122-235716-4f2a".len());
        assert_ne!(run, new_run());
    }
}
