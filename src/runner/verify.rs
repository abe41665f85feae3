//! The last good build of a job, done once more in another environment: whether it can be, how its container is made another
//! one, and whether its packages are the same, byte by byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::Timelike;

use super::container::{ONE_STREAM, run_captured};
use super::outcome::{self, JobError, log_failed};
use super::varied::Varied;
use super::work::{Work, blocking, reading};
use crate::artifact::{Artifact, ArtifactError, ArtifactKind, is_intact};
use crate::compare::{self, ByteDifference, Cause, Traits};
use crate::engine::{Container, HOST_NAME};
use crate::event::Outcome;
use crate::packaging::varied::{self, OTHER_HOST, OTHER_KERNEL, OTHER_ROOT, OTHER_UID, OTHER_USER};
use crate::packaging::{BUILD_ROOT, BUILD_UID, BUILD_USER, Factor, StepKind};
use crate::plan::{Reason, reason};
use crate::store::Record;

/// What dpkg-buildpackage writes beside packages.
const OF_ONE_BUILD: [&str; 2] = [".changes", ".buildinfo"];

impl Work<'_> {
    /// What is to be varied; none where the job is not to be verified.
    fn to_vary(&self) -> Option<&BTreeSet<Factor>> {
        self.shared.options.verify.as_ref()
    }

    /// How many processes its steps may run at a time.
    pub(super) fn processes(&self) -> usize {
        match self.varied.factors.contains(&Factor::Processors) {
            true => varied::other_processes(self.varied.processes),
            false => self.shared.parallel,
        }
    }

    /// The user of steps that need not be root, as engines take it.
    pub(super) fn builder(&self) -> String {
        let uid = varied::builder(&self.varied.factors);
        format!("{uid}:{uid}")
    }

    /// The name of the host in a container that builds.
    pub(super) fn host_name(&self) -> &'static str {
        match self.to_vary() {
            Some(factors) if factors.contains(&Factor::HostName) => OTHER_HOST,
            _ => HOST_NAME,
        }
    }
}

/// Refuses to verify what is not the last good build of what there is now. Returns its record; none where nothing is verified.
pub(super) async fn last_good(work: &mut Work<'_>) -> Result<Option<Record>, Outcome> {
    if work.to_vary().is_none() {
        return Ok(None);
    }
    let (store, target, job) = (work.shared.store.clone(), work.job.target.clone(), work.job.clone());
    let record = blocking(move || {
        let record =
            store.state(&target).map_err(|damaged| format!("{} {}", damaged.path.display(), damaged.reason))?;
        let record = record.ok_or("dist/ has no good build of it")?;
        match reason(&job, Some(&record.key)) {
            // Its test is not what is verified.
            Reason::UpToDate | Reason::NeverBuilt | Reason::NotTested => Ok(record),
            Reason::Changed { inputs } => {
                let names: Vec<&str> = inputs.iter().map(|change| change.input.as_str()).collect();
                Err(format!("since the last good build these inputs have changed: {}", names.join(", ")))
            }
            Reason::Needs { targets } => {
                let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
                Err(format!("it is made with packages that are to be built again: {}", names.join(", ")))
            }
        }
    });
    let record = record.await?.map_err(|difference| Outcome::NotAsLocked {
        by_build: true,
        by_file: None,
        differences: vec![difference],
    })?;
    work.varied.processes = record.processes.unwrap_or(work.shared.parallel);
    Ok(Some(record))
}

/// Makes a container in which all lies that steps need another one than the last good build had.
pub(super) async fn vary(work: &mut Work<'_>, container: &dyn Container) -> Result<(), JobError> {
    let processes = work.varied.processes;
    work.varied = Varied { processes, ..Varied::default() };
    let Some(factors) = work.to_vary().cloned().filter(|factors| !factors.is_empty()) else { return Ok(()) };
    let (code, output) = run_captured(work, container, &varied::vary(&factors)).await?;
    let output = String::from_utf8_lossy(&output.bytes).into_owned();
    if code != 0 {
        let reason = format!("the container cannot be made another one (exit code {code}): {}", output.trim());
        return Err(Outcome::Infrastructure { reason }.into());
    }
    let done = varied::varied(&output);
    let left: Vec<&str> = factors.difference(&done).map(|factor| factor.as_str()).collect();
    let words: Vec<&str> = done.iter().map(|factor| factor.as_str()).collect();
    work.note(&format!("built with another {}", words.join(", "))).await?;
    if !left.is_empty() {
        let message = format!("not varied, as the container has no means for it: {}", left.join(", "));
        work.note(&message).await?;
        work.warn_once(outcome::warning("not-varied", message));
    }
    work.varied = Varied { factors: done, zone: varied::other_zone(chrono::Utc::now().hour()), processes };
    Ok(())
}

/// Makes the container's folders what they were.
pub(super) async fn unvary(work: &mut Work<'_>, container: &dyn Container) -> Result<(), JobError> {
    let Some(script) = varied::unvary(&work.varied.factors) else { return Ok(()) };
    let (code, output) = run_captured(work, container, &script).await?;
    if code == 0 {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.bytes).into_owned();
    let reason = format!("the results cannot be put where they belong (exit code {code}): {}", output.trim());
    Err(Outcome::Infrastructure { reason }.into())
}

/// The arguments of a step in another environment, of the script that it would be otherwise, and that environment in `env`;
/// none where nothing is varied.
pub(super) fn step(work: &Work<'_>, script: &str, env: &mut BTreeMap<String, String>) -> Option<Vec<String>> {
    let Varied { factors, zone, .. } = &work.varied;
    if factors.is_empty() {
        return None;
    }
    varied::vary_env(env, factors, zone);
    let launch = varied::launch(factors);
    let script = format!("{}{}{script}", ONE_STREAM, varied::begin(factors));
    Some(["sh", "-c", &launch, "farm", &script].map(str::to_owned).to_vec())
}

/// Whether the new packages are those of the last good build, byte by byte. They are not inspected: what is wrong with
/// packages that came out otherwise is that they did.
pub(super) async fn compare(
    work: &mut Work<'_>,
    record: &Record,
    files: &[PathBuf],
    folder: &Path,
) -> Result<Outcome, Outcome> {
    let factors: Vec<Factor> = work.varied.factors.iter().copied().collect();
    let processors = [(work.varied.processes, work.processes()), (work.shared.engine_info.cpus, 1)];
    let traits = traits(&work.varied.factors, processors);
    let last = work.shared.store.folder(&work.job.target);
    let of_users = record.artifacts.iter().filter(|artifact| artifact.kind != ArtifactKind::Metadata);
    let old: BTreeMap<String, Artifact> =
        of_users.map(|artifact| (artifact.file_name.clone(), artifact.clone())).collect();
    let names = files.iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    // They tell when and where packages were built, and sums of those.
    let new: BTreeSet<String> =
        names.filter(|name| !OF_ONE_BUILD.iter().any(|extension| name.ends_with(extension))).collect();
    let folder = folder.to_owned();
    work.enter(StepKind::Inspect).await?;
    let compared = reading(work, StepKind::Inspect, move || {
        let mut all = Vec::new();
        for name in old.keys().chain(&new).collect::<BTreeSet<_>>() {
            let (before, after) = (old.get(name), new.contains(name));
            let path = folder.join(name);
            let Some(artifact) = before.filter(|_| after) else {
                let is_there = |there: bool| there.then(|| "is there".to_owned());
                all.push(ByteDifference {
                    file_name: name.clone(),
                    place: "the package itself".to_owned(),
                    before: is_there(before.is_some()),
                    after: is_there(after),
                    cause: None,
                });
                continue;
            };
            let is_same = is_intact(&path, artifact);
            if !is_same.map_err(|source| ArtifactError::Io { path: path.clone(), source })? {
                all.extend(compare::of_bytes(&last.join(name), &path, &traits)?);
            }
        }
        // What tells most comes first; what only follows from it, sums and sizes, has no cause of its own.
        all.sort_by_key(|difference: &ByteDifference| difference.cause.is_none());
        Ok(all)
    });
    let differences = compared.await?.map_err(|error: ArtifactError| Outcome::Infrastructure {
        reason: format!("the two builds cannot be compared: {}", outcome::chain(&error)),
    })?;
    if differences.is_empty() {
        work.note("byte by byte the packages of the last good build").await?;
        return Ok(Outcome::Reproduced { varied: factors, stated: None });
    }
    let text = format!("not the packages of the last good build:\n{}", differences_text(&differences));
    work.journal.text(text).await.map_err(|error| log_failed(&error))?;
    Err(Outcome::NotReproduced { varied: factors, differences, stated: None })
}

/// Places with what stands on both sides, for the log.
pub(super) fn differences_text(differences: &[ByteDifference]) -> String {
    let line = |difference: &ByteDifference| {
        let side = |sign: char, text: &Option<String>| text.iter().map(|text| format!("  {sign} {text}\n")).collect();
        let (before, after): (String, String) = (side('-', &difference.before), side('+', &difference.after));
        format!("{}\n{before}{after}", difference.told())
    };
    differences.iter().map(line).collect()
}

/// The words by which each environment is known.
fn traits(factors: &BTreeSet<Factor>, processors: [(usize, usize); 2]) -> Vec<Traits> {
    let of =
        |cause: Cause, before: &str, after: &str| Traits { cause, before: before.to_owned(), after: after.to_owned() };
    let mut traits = Vec::new();
    for factor in factors {
        match factor {
            Factor::Path => traits.push(of(Cause::Path, BUILD_ROOT, OTHER_ROOT)),
            Factor::User => {
                traits.push(of(Cause::User, BUILD_USER, OTHER_USER));
                traits.push(of(Cause::User, &BUILD_UID.to_string(), &OTHER_UID.to_string()));
            }
            Factor::HostName => traits.push(of(Cause::HostName, HOST_NAME, OTHER_HOST)),
            // What the kernel calls itself otherwise is known to it alone.
            Factor::Kernel => traits.push(of(Cause::Kernel, "", OTHER_KERNEL)),
            Factor::Processors => traits.extend(
                processors.map(|(before, after)| of(Cause::Processors, &before.to_string(), &after.to_string())),
            ),
            // Told by what they do.
            Factor::Locale | Factor::Timezone => {}
        }
    }
    traits
}
