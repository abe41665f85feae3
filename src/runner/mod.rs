//! Runs a plan: a pure dispatcher decides (slots, memory, cancelling), an executor does (images, containers, logs,
//! artifacts, store). It reports by events only and never prints.
//!
//! A job's way, in the order of its files:
//!
//! ```text
//! dispatcher     what starts when; no I/O, no clock
//! driver         carries that out; alone talks to the outside
//!   alike        at the end: whether the packages mean the same in both formats
//! decide         whether the job has to run
//! executor       the job from its first event to its report; retries
//!   prepare      sources and images
//!   build        the job's container: upload, steps, results
//!     caches       what it takes over from the last good build, and leaves for the next
//!     environment  what an image of the recipe's own can do
//!     assemble     packages of an installed tree, where the image makes none
//!   former_links what the packages have to replace beyond the recipe
//!   given        packages that somebody else has built, in place of a build
//!   inspect      the check of the packages
//!   modules      the list of what lock files have pinned
//!   buildinfo    what .rpm packages were built of
//!   install_test the packages in a fresh container
//!     upgrade      the last good version, to compare with and to upgrade from
//!   suite        the project's own tests, debian/tests, each in a fresh container
//!     kept_tree    the source tree for them, from the build's container to theirs
//!   locked       whether what it is built from is what the lock says
//!   verify       the last good build once more elsewhere, and whether it gives the same
//!   rebuilt      what a .buildinfo tells of, built once more, and whether it gives that
//!   hints        what a failure may lack, by what it printed
//! ```
//!
//! What the parts of a job use:
//!
//! ```text
//! work           what they hold in their hands
//!   readers      the threads that read what builds made
//! job_events     what a job says to the driver
//! journal        what a job says at all: log, events, step
//!   log, tail, phases, summary
//! derive         images that containers are made of
//! container      a container: made, filled, watched, emptied
//! watch          one process under its limits: time, silence, size of the log
//! packed         what lies in farm's own cache of that, and how it gets there
//! results        the tar that a build leaves, unpacked safely
//! required       what an archive has not, of what packages and tests require
//! set            what a job takes from others of its set
//! outcome        what an error or an end means
//! ```
//!
//! What it does not do: it takes no lock on the store (the caller holds it over the run), chooses no engine and no
//! mirror, and turns no outcome into an exit code.

mod adviser;
mod alike;
mod assemble;
mod build;
mod buildinfo;
mod caches;
mod changed;
mod container;
mod context;
mod decide;
mod derive;
mod dispatcher;
mod driver;
mod environment;
mod executor;
mod extra;
mod former_links;
mod given;
mod hints;
mod inputs;
mod inspect;
mod install_test;
mod job_events;
mod journal;
mod kept;
mod kept_tree;
mod lines;
mod lint;
mod locked;
mod log;
mod modules;
mod outcome;
mod packed;
mod phases;
mod placement;
mod pool;
mod prepare;
mod readers;
mod rebuilt;
mod released;
mod required;
mod results;
mod set;
mod suite;
mod summary;
mod tail;
mod traced;
mod unused;
mod upgrade;
mod varied;
mod verify;
mod watch;
mod work;

pub(crate) use adviser::Adviser;
pub use context::GoOn;
pub(crate) use context::{Context, Request, RunOptions};
pub(crate) use driver::run;
pub(crate) use pool::Agreed;
pub use pool::Member;
pub(crate) use set::SetInputs;

#[cfg(test)]
mod tests;
