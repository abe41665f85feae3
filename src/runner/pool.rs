//! The engines of a run: what each is given, what runs where, and whether each still answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::placement::{Fit, Room, Seat, Wanted};
use crate::engine::{Engine, EngineInfo, emulation};
use crate::image::{Base, Images};
use crate::plan::{Job, base_id};
use crate::recipe::EnvironmentOrigin;
use crate::types::{Arch, printable};

/// How often engines of a pool are asked whether they are there, in seconds.
const ASKED_EVERY: u64 = 10;
/// How long one may take to answer, in seconds: a daemon that unpacks an image is slow.
const ANSWER_WITHIN: u64 = 30;
/// So many times in a row.
const SILENT: usize = 2;

/// One of the engines that a run builds on.
#[derive(Clone)]
pub struct Member {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// What it says of itself.
    pub info: EngineInfo,
    /// Its images, made from what the run resolved.
    pub images: Images,
    /// Jobs at a time; 0: by its processors.
    pub slots: usize,
    /// The memory that jobs on it may have together, in bytes; 0: all that it has.
    pub memory_bytes: u64,
    /// The architectures that it builds for; none: those that its machine can run.
    pub arches: Option<BTreeSet<Arch>>,
    /// The bases that it has, by `debian-12/amd64`.
    pub(crate) bases: BTreeSet<String>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Member { engine, slots, memory_bytes, arches, .. } = self;
        let mut shown = f.debug_struct("Member");
        shown.field("engine", &engine.endpoint()).field("slots", slots).field("memory_bytes", memory_bytes);
        shown.field("arches", arches).finish_non_exhaustive()
    }
}

impl Member {
    /// An engine with all that it has.
    pub fn new(engine: Arc<dyn Engine>, info: EngineInfo, images: Images) -> Member {
        Member { engine, info, images, slots: 0, memory_bytes: 0, arches: None, bases: BTreeSet::new() }
    }

    /// The memory that jobs may have; all there is where nobody says how much that is.
    pub(crate) fn memory(&self) -> u64 {
        memory(self.memory_bytes, self.info.memory_bytes)
    }

    /// The processors of one job.
    pub(crate) fn parallel(&self) -> usize {
        parallel(self.info.cpus, self.slots)
    }

    fn seat(&self, images: &[String]) -> Seat {
        let has = (0..images.len()).filter(|number| self.bases.contains(&images[*number]));
        Seat::new(Room { slots: self.slots, memory_bytes: self.memory() }, has.collect())
    }

    /// How well it serves each of these architectures. Blocks, for some milliseconds.
    fn fits(&self, arches: &BTreeSet<Arch>) -> BTreeMap<Arch, Fit> {
        let wanted = arches.iter().copied().filter(|arch| self.arches.as_ref().is_none_or(|own| own.contains(arch)));
        let not_run = emulation::not_run(&self.info, wanted.clone());
        let fit = |arch: Arch| match arch == self.info.arch || emulation::is_own(self.info.arch, arch) {
            true => Fit::Own,
            false => Fit::Foreign,
        };
        wanted.filter(|arch| !not_run.contains(arch)).map(|arch| (arch, fit(arch))).collect()
    }
}

/// The lesser of what is given and what there is; 0 says neither.
fn memory(given: u64, there: u64) -> u64 {
    [given, there].into_iter().filter(|bytes| *bytes > 0).min().unwrap_or(u64::MAX)
}

/// Processors are shared out among jobs; each has one.
fn parallel(cpus: usize, slots: usize) -> usize {
    (cpus / slots.max(1)).max(1)
}

/// What the dispatcher knows of engines and jobs. Blocks, for some milliseconds for each foreign architecture.
pub(crate) fn seats(pool: &[Member], jobs: &[Job]) -> (Vec<Seat>, Vec<Wanted>) {
    let of_jobs: Vec<String> = jobs.iter().map(images_of).collect();
    let mut images = of_jobs.clone();
    images.sort();
    images.dedup();
    let arches: BTreeSet<Arch> = jobs.iter().map(|job| job.target.arch).collect();
    let fits: Vec<_> = pool.iter().map(|member| member.fits(&arches)).collect();
    // The one engine that there is has what the machine can run, as was seen before; what is new since then fails with its reason.
    let fit =
        |arch: Arch, of: &BTreeMap<Arch, Fit>| of.get(&arch).copied().or((pool.len() == 1).then_some(Fit::Foreign));
    let wanted = jobs.iter().zip(&of_jobs).map(|(job, name)| Wanted {
        memory_bytes: job.limits.memory_bytes,
        fits: fits.iter().map(|of| fit(job.target.arch, of)).collect(),
        images: images.binary_search(name).unwrap_or_default(),
    });
    (pool.iter().map(|member| member.seat(&images)).collect(), wanted.collect())
}

/// What jobs have in common that are built on the same images: `debian-12/amd64`, and the environment of the recipe.
fn images_of(job: &Job) -> String {
    let base = base_id(&job.distro, job.target.arch);
    match job.environment.as_deref().map(|environment| (&environment.origin, &environment.distro)) {
        None => base,
        Some((_, Some(distro))) => base_id(distro, job.target.arch),
        Some((EnvironmentOrigin::Image(reference), _)) => format!("{base} {reference}"),
        Some((EnvironmentOrigin::Dockerfile(dockerfile), _)) => {
            format!("{base} {} {}", job.recipe.root.display(), dockerfile.path)
        }
        Some((_, None)) => base,
    }
}

/// The images that a run is built on: what one engine has begun with the others must have, too, or two targets of one run,
/// and one target on two days, would differ by where they were built.
#[derive(Debug, Default)]
pub(crate) struct Agreed(Mutex<BTreeMap<String, String>>);

impl Agreed {
    /// What the plan goes by: identities by `debian-12/amd64`.
    pub(crate) fn on(known: BTreeMap<String, String>) -> Agreed {
        Agreed(Mutex::new(known))
    }

    /// Whether `image` is what the run is built on under this name. The first one is.
    pub(crate) fn agrees(&self, name: &str, image: &Base) -> bool {
        let mut agreed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *agreed.entry(name.to_owned()).or_insert_with(|| image.identity.clone()) == image.identity
    }
}

/// Asks an engine again and again whether it is there, and tells so, until nobody listens.
pub(crate) async fn watch(
    number: usize,
    engine: Arc<dyn Engine>,
    second: Duration,
    told: mpsc::UnboundedSender<(usize, Health)>,
) {
    let seconds = |seconds: u64| second * u32::try_from(seconds).unwrap_or(u32::MAX);
    let mut silences = 0;
    loop {
        tokio::select! {
            () = sleep(seconds(ASKED_EVERY)) => {}
            () = told.closed() => return,
        }
        match answers(&*engine, seconds(ANSWER_WITHIN)).await {
            Ok(()) => {
                silences = 0;
                let _ = told.send((number, Health::Answers));
            }
            Err(reason) => {
                silences += 1;
                if silences == SILENT {
                    let _ = told.send((number, Health::Silent(reason)));
                }
            }
        }
    }
}

/// How an engine is when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    Answers,
    /// For so long that it is taken for lost; with the reason, as a sentence. Told once.
    Silent(String),
}

/// Whether an engine answers within a time.
///
/// # Errors
/// Why it does not, printable.
pub(crate) async fn answers(engine: &dyn Engine, limit: Duration) -> Result<(), String> {
    match timeout(limit, engine.ping()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(printable(&super::outcome::chain(&error))),
        Err(_) => Err(format!("the engine at {} does not answer", printable(engine.endpoint()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_gives_what_it_has_and_no_more_than_it_may() {
        assert_eq!([(8, 2), (1, 4), (0, 0), (16, 5)].map(|(cpus, slots)| parallel(cpus, slots)), [4, 1, 1, 3]);
        let of = [(0, 16), (4, 16), (32, 16), (0, 0), (4, 0)].map(|(given, there)| memory(given, there));
        assert_eq!(of, [16, 4, 16, u64::MAX, 4]);
    }

    #[test]
    fn the_first_image_of_a_name_is_that_of_the_run() {
        let image = |identity: &str| Base { image: "id".to_owned(), identity: identity.to_owned() };
        let agreed = Agreed::on(BTreeMap::from([("debian-12/amd64".to_owned(), "sha256:a".to_owned())]));
        assert!(agreed.agrees("debian-12/amd64", &image("sha256:a")));
        assert!(!agreed.agrees("debian-12/amd64", &image("sha256:b")));
        assert!(agreed.agrees("debian-13/amd64", &image("sha256:b")));
        assert!(!agreed.agrees("debian-13/amd64", &image("sha256:c")));
        assert!(agreed.agrees("debian-13/amd64", &image("sha256:b")));
    }
}
