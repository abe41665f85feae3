//! What is different in packages: in two of one name, in all of two folders, and in what one recipe became in two formats.
//! It reads packages and says what it found; whether that is good or bad is for those who ask.

mod abi;
mod bytes;
mod folders;
mod formats;
mod model;
mod package;
mod set;
mod text;

pub(crate) use abi::add as add_abi;
pub use bytes::{ByteDifference, Cause};
pub(crate) use bytes::{Traits, differences as of_bytes};
pub(crate) use folders::{CompareError, TargetChanges, of_paths};
pub use model::{Aspect, Change, PackageChanges, PackageRef};
pub(crate) use set::{Described, between as of_files, between_formats, described};
pub(crate) use text::{gist, lines, visible};

#[cfg(test)]
mod tests;
