//! End to end: the real binary, the recipes of this repository, a real engine; results are read by dpkg, rpm, lintian,
//! rpmlint and sha256sum, never by farm's own code. Tests share base and builder images in the engine, and a cache.

mod docker;
mod lab;
mod packages;
mod podman;
mod rpm_families;
