//! `farm` builds native .deb and .rpm packages for a matrix of distributions, one container per target.
//!
//! [`project`] is the front door: a folder becomes a plan, and a plan packages; `examples/` use nothing else.
//! Data flows one way: recipe and distro -> matrix -> project -> plan -> runner -> artifact -> store -> report.
//! `ARCHITECTURE.md` has the map of the modules and what each may import; `tests/imports` holds it.

pub mod archive;
pub mod artifact;
pub(crate) mod assemble;
pub(crate) mod attest;
pub(crate) mod cache;
pub(crate) mod capability;
pub mod cli;
pub mod compare;
pub mod distro;
pub mod engine;
pub mod event;
pub mod fetch;
mod formats;
pub(crate) mod hint;
pub mod image;
pub(crate) mod init;
pub(crate) mod lint;
pub mod lock;
pub mod matrix;
pub mod network;
pub mod packaging;
pub mod plan;
pub mod project;
pub(crate) mod publish;
pub mod recipe;
pub(crate) mod repo;
pub mod report;
pub(crate) mod repositories;
pub(crate) mod runner;
pub(crate) mod sign;
pub(crate) mod source;
pub mod store;
pub mod stream;
pub(crate) mod swap;
pub mod types;
