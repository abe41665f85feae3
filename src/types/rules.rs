//! Names of rules that two parts know: one checks packages, the other reads who waives them.

/// The rules about packages that a recipe may waive: what they refuse may be meant. A package that is not the planned
/// one, is read differently by different tools, or does not hold what was installed, is never meant.
pub(crate) const WAIVABLE: [&str; 25] = [
    "build-path-in-rpath",
    "build-path-in-script",
    "device-node",
    "elf-damaged",
    "elf-dependency-unclear",
    "elf-in-noarch",
    "elf-without-dependency",
    "elf-wrong-architecture",
    "empty-package",
    "file-outside-standard",
    "formats-differ",
    "hard-links-split",
    "interpreter-not-found",
    "interpreter-outside-standard",
    "link-into-build-tree",
    "link-to-itself",
    "not-stripped",
    "owner-not-kept",
    "owns-shared-directory",
    "program-without-interpreter",
    "script-with-carriage-return",
    "setuid-file",
    "unstripped-elf",
    "world-writable",
    "world-writable-directory",
];
