//! What farm needs from whatever runs containers: images, leased containers, exec with streamed output, tar in and out.
//!
//! Drivers: `docker` (any Docker-compatible API: Docker, Podman), `native` (farm's own, on Linux), `kubernetes` (pods of a
//! cluster, with the feature of that name) and `fake` (in memory, for tests of what stands above). [`connect`] finds an
//! engine; `drivers` has the row of each driver. `registry` speaks to registries of images for those that have to.
//! A driver does not decide policy: retries, timeouts and clean-up order are the runner's; what an image holds is
//! `image`'s. No type here names a host path: an engine may be remote.

mod credentials;
mod discovery;
mod docker;
mod drivers;
pub mod emulation;
mod error;
pub mod fake;
mod kubernetes;
#[cfg(target_os = "linux")]
mod native;
#[cfg(not(target_os = "linux"))]
#[path = "native/elsewhere.rs"]
mod native;
#[cfg(any(target_os = "linux", feature = "kubernetes"))]
// Layers are read by farm's own engine alone, which is Linux's.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]
mod registry;
mod scripts;
mod spec;
mod traits;

#[cfg(test)]
pub(crate) use discovery::DriverSurvey;
pub(crate) use discovery::driver::Reachable;
pub(crate) use discovery::{Survey, needs_no_daemon, rights, stores, survey};
pub use discovery::{choices, connect};
pub use error::EngineError;
#[cfg(target_os = "linux")]
pub use native::{NativeOptions, connect_native, run_helper};
pub use spec::{
    BuildSpec, CommitSpec, ContainerSpec, EngineInfo, ExecSpec, ExitStatus, GuestPath, HOST_NAME, ImageInfo,
    ImportSpec, Limits, Network, Stats, TerminalInput, TerminalSize, common, labels,
};
pub use traits::{Container, Engine, OutputSink, OutputStream, Reads};
