//! `farm.lock`, beside the recipe: what the last good builds were made of, so that later ones can be held to it. It is
//! written from what builds noted of themselves, and compared with what a build is given; nothing here fetches anything.

mod error;
mod file;
mod model;

pub use error::LockError;
pub(crate) use file::{LOCK_FILE, Lock};
pub use model::Locked;
pub(crate) use model::{LockedPackage, LockedSource, LockedSuite, LockedTarget};

#[cfg(test)]
mod tests;
