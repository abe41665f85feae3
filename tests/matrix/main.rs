//! End to end: the real binary, the recipes of this repository, a real engine; results are read by dpkg, rpm, lintian,
//! rpmlint and sha256sum, never by farm's own code. Tests share base and builder images in the engine, and a cache.

// Helpers of tests are no tests to clippy; a skip has to be said.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

// The first by name, which are the first that are run: while there is the most room on the disk.
#[cfg(target_os = "linux")]
mod action;
mod amounts;
mod attest;
mod build_caches;
#[cfg(target_os = "linux")]
mod buildinfo;
mod caches;
mod capabilities;
#[cfg(target_os = "linux")]
mod ci;
#[cfg(target_os = "linux")]
mod clients;
mod described;
mod docker;
#[cfg(target_os = "linux")]
mod dockerfile;
#[cfg(target_os = "linux")]
mod documented;
mod edges;
#[cfg(target_os = "linux")]
mod emulated;
#[cfg(target_os = "linux")]
mod environment;
mod failures;
mod faults;
mod greet;
mod hints;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod kept;
#[cfg(target_os = "linux")]
mod life;
mod lint;
#[cfg(target_os = "linux")]
mod locks;
#[cfg(target_os = "linux")]
mod modules;
mod native;
#[cfg(target_os = "linux")]
mod own;
mod packages;
mod podman;
mod pool;
mod printed;
#[cfg(target_os = "linux")]
mod proxy;
mod repositories;
mod secrets;
mod set;
mod source_packages;
#[cfg(target_os = "linux")]
mod source_tests;
mod sources;
mod split;
#[cfg(target_os = "linux")]
mod staged;
#[cfg(target_os = "linux")]
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tutorial;
#[cfg(target_os = "linux")]
mod unused;
mod verify;
