//! Type-checks farm for macOS on any machine, so that nothing of Linux gets in where it must not. Nothing is linked and
//! no C is compiled: a check needs neither Apple's SDK nor its compiler.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::command::{self, Failure, cargo};

const TARGET: &str = "aarch64-apple-darwin";

/// Stands in for the C compiler and `ar` of crates that bring C sources (zstd, xz, bzip2, ring): their build scripts want
/// files, and nobody reads those.
const COMPILER: &str = "\
#!/bin/sh
while [ $# -gt 0 ]; do
    if [ \"$1\" = -o ]; then : >\"$2\"; fi
    shift
done
";

/// The command that type-checks the library and the program.
///
/// # Errors
/// Where this Rust has no standard library for macOS, and rustup cannot fetch one.
pub(crate) fn check() -> Result<Command, Failure> {
    if !has_standard_library()? {
        command::run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(command::root()))?;
    }
    let compiler = compiler()?;
    let mut check = cargo();
    // In the usual target folder: macros and build scripts run on this host, and are there already.
    check.args(["check", "--lib", "--bins", "--target", TARGET]);
    // What only Linux uses has to be Linux's only.
    check.env("CARGO_TARGET_AARCH64_APPLE_DARWIN_RUSTFLAGS", "-D warnings");
    for tool in ["CC", "CXX", "AR", "RANLIB"] {
        check.env(format!("{tool}_{}", TARGET.replace('-', "_")), &compiler);
    }
    Ok(check)
}

fn has_standard_library() -> Result<bool, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = command::output(
        Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).current_dir(command::root()),
    )?;
    Ok(fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()))
}

fn compiler() -> Result<PathBuf, Failure> {
    let folder = command::target().join("macos");
    let path = folder.join("compiler");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, COMPILER))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| Failure::io("write", &path, &error))?;
    Ok(path)
}
