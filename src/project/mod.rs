//! The application as a library: from a folder and what is asked for to a plan, and from there to packages.
//!
//! ```text
//! Project::load     the recipes and distributions of a folder
//!   .select         which of their targets are meant
//!   .resolve        with what these need of their set, of projects, sources and archives
//!   .plan           the jobs, with what the engine has already
//!   .run            the jobs, run
//! ```
//!
//! Each stage is a type and holds all that the next one needs. Nothing here prints, reads the environment or parses
//! arguments: what is to be told is returned, as notes or as a [`ProjectError`].

mod advice;
mod capabilities;
mod error;
mod fetch;
mod inputs;
mod load;
mod locks;
mod metadata;
mod plan;
mod rebuild;
mod run;
mod select;
mod set;
mod wishes;

pub use error::{Circle, Link, ProjectError, Unread};
pub use fetch::Fetched;
pub use inputs::{Access, Resolved};
pub use load::Project;
pub(crate) use locks::{Attested, Locks, Unlocked, built};
pub use plan::{Decided, Limits, Planned, default_slots};
pub(crate) use rebuild::{Builder, builder, project as of_buildinfo, source as source_of};
pub use run::{Run, RunChoices, RunEnd};
pub use select::{Selected, Selection};

pub use crate::runner::{GoOn, Member};
