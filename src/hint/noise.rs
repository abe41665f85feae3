//! Lines by which drivers of builds and package managers close: they only say again that something has failed, or where
//! they were then.

/// Whether a line is the one by which make, or the shell of a section of rpm's, says that a script of the recipe begins.
pub(crate) fn begins(line: &str) -> bool {
    // bash shows how deep it is.
    let shown = line.trim_start_matches('+');
    let script = line.strip_prefix("debian/farm_scripts/").or_else(|| shown.strip_prefix(" . /build/traced/"));
    script.is_some_and(|name| !name.contains([' ', ':']))
        || (shown.starts_with(" trap ") && line.ends_with("/build/traced/failed' ERR"))
}

/// Whether a line is one of these.
pub(crate) fn repeats(line: &str) -> bool {
    const BEGINNINGS: [&str; 22] = [
        "make: ***",
        "make[",
        "make: Leaving",
        "gmake: ***",
        "gmake[",
        "ninja: build stopped",
        "ninja: subcommand failed",
        "dpkg-buildpackage:",
        "dh_",
        "dh:",
        "RPM build errors",
        "RPM build warnings",
        "error: Bad exit status from ",
        "Bad exit status from ",
        "debian/rules:",
        "dpkg: error processing ",
        "Errors were encountered while processing:",
        "E: Sub-process ",
        "Processing triggers for ",
        "/tmp/farm-",
        "Error: Transaction failed",
        "E: Unable to correct problems, you have held broken packages",
    ];
    // rpm and dpkg indent what belongs to a heading.
    let line = line.trim_start();
    BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
        || line.contains(" subprocess returned error exit status ")
}
