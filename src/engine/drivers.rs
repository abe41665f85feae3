//! The drivers: one row each, in the order in which `auto` tries them.

use super::discovery::driver::Driver;
use super::{docker, kubernetes, native};

pub(super) const DRIVERS: &[&Driver] = &[&docker::DRIVER, &native::DRIVER, &kubernetes::DRIVER];
