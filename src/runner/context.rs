//! What a run is given by its caller: what it needs beside its plan, and what is asked of it while it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::adviser::Adviser;
use super::pool::{Agreed, Member};
use crate::lock::Locked;
use crate::packaging::{Factor, StepKind};
use crate::source::Sources;
use crate::store::Store;

/// What a run needs beside its plan.
pub(crate) struct Context {
    /// `20261122-235716-4f2a`: in labels and container names.
    pub run: String,
    /// The engines, at least one.
    pub pool: Vec<Member>,
    /// The images that the plan goes by.
    pub agreed: Agreed,
    pub sources: Sources,
    pub store: Store,
    /// Asked what a build that failed may lack.
    pub adviser: Arc<dyn Adviser>,
    pub options: RunOptions,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("run", &self.run).field("options", &self.options).finish_non_exhaustive()
    }
}

/// Where a build goes on that failed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoOn {
    /// The target that is meant.
    pub target: String,
    /// The image of its kept container.
    pub image: String,
    /// The step that it goes on with.
    pub from: StepKind,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct RunOptions {
    pub fail_fast: bool,
    /// Build even what is up to date.
    pub force: bool,
    /// Keep the containers of builds that fail.
    pub keep_failed: bool,
    /// Build in a container that was kept.
    pub go_on: Option<GoOn>,
    /// Where caches of builds are kept; none: nothing is taken over from another build, or left for one.
    pub build_caches: Option<PathBuf>,
    /// Network of containers that may have one.
    pub host_network: bool,
    /// The environment of scripts with network (`packaging::network_env`: where the mirrors are), by distribution id.
    pub network_env: BTreeMap<String, BTreeMap<String, String>>,
    /// What targets are held to.
    pub locked: Locked,
    /// Whether to note what of a recipe's requirements its builds use.
    pub watch_reads: bool,
    /// Whether findings of linters count that the last good build had, too.
    pub all_findings: bool,
    /// Whether reports hear of every line that is printed, and whoever prints waits for them.
    pub every_line: bool,
    /// Build what is up to date once more, with another environment in this, and compare; nothing is accepted.
    pub verify: Option<BTreeSet<Factor>>,
}

/// What a person or the system asks of a run while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The first Ctrl-C: no new jobs; running ones are cancelled and cleaned up.
    Cancel,
    /// The second: as fast as can be, still leaving no container.
    Kill,
}
