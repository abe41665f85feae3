//! What farm finds in builds and packages, each by the name that stands in reports. docs/troubleshooting.md says what to do about each.

/// A rule that a build or a package breaks, or something to be warned of.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    /// Whether a recipe may waive it: what it refuses may be meant. A package that is not the planned one, is read differently by
    /// different tools, or does not hold what was installed, is never meant.
    pub(crate) can_be_waived: bool,
    /// What was found, as a sentence.
    pub(crate) meaning: &'static str,
}

/// The rule of this name.
pub(crate) fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// The names of rules that a recipe may waive.
pub(crate) fn waivable() -> impl Iterator<Item = &'static str> {
    RULES.iter().filter(|rule| rule.can_be_waived).map(|rule| rule.name)
}

const fn fixed(name: &'static str, meaning: &'static str) -> Rule {
    Rule { name, can_be_waived: false, meaning }
}

const fn waivable_rule(name: &'static str, meaning: &'static str) -> Rule {
    Rule { name, can_be_waived: true, meaning }
}

/// Every rule but those of linters, which are named after the linter: `lintian:no-manual-page`.
pub(crate) const RULES: &[Rule] = &[
    // What a step of a build says.
    fixed("build-as-root", "A script of the recipe calls sudo, su or the like."),
    fixed("outside-destdir", "A script writes to a folder of the build container in place of `$DESTDIR`."),
    fixed("usr-local", "Something was installed below /usr/local, which is the administrator's."),
    fixed("script-not-started", "A script is there and cannot be started, as its interpreter is not there."),
    fixed("no-network", "A step looked for a network, which a build does not have."),
    fixed("patch-does-not-apply", "A patch of the recipe does not fit the sources."),
    fixed("patch-moved", "A patch was applied at other lines than it names."),
    fixed(
        "ignored-by-git",
        "A file that the build did not find is on this host, and .gitignore keeps it out of the sources.",
    ),
    fixed("missing-requirement", "A failed build lacks a file, program, module or library, by its own words."),
    // What the recipe says of installed files.
    fixed("attributes-twice", "Two patterns of one package have attributes for one file."),
    fixed("attributes-without-files", "Nothing of the package matches a pattern that has attributes."),
    fixed("pattern-without-files", "Nothing that was installed matches a pattern of `files`."),
    fixed("file-in-two-packages", "Two packages take the same file."),
    fixed("file-in-no-package", "No package takes a file, and each has a list of `files`."),
    fixed("file-in-other-package", "A file is declared for one package, and another package takes it."),
    fixed("file-not-installed", "A configuration file, unit or other file that the recipe names was not installed."),
    fixed("file-at-ghost", "A file was installed where the recipe declares a ghost, which no package holds."),
    fixed("file-at-link", "A file was installed where the link of an alternative will be."),
    fixed("file-written-twice", "A file was installed where farm writes one that the recipe declares."),
    fixed("name-with-control-character", "The name of a file has a control character, which no package can have."),
    fixed(
        "names-too-alike",
        "rpm: two files of one package are of different kinds, and no list of files can tell their names apart.",
    ),
    fixed("unreadable-file", "The user that builds cannot read an installed file."),
    fixed(
        "capabilities-lost",
        "An installed file was given file capabilities, which neither format takes from a tree.",
    ),
    fixed("former-file-installed", "A path in `former-config-files` was installed."),
    fixed("former-link-without-folder", "A path in `former-links` is no folder of the package."),
    fixed("cannot-be-packaged", "farm makes these packages itself, and something that was installed cannot be in one."),
    // Packages that are not those of the plan.
    fixed("missing-package", "The build made no package, or not all that are expected."),
    fixed("unexpected-package", "The build made a package twice, or one that is not expected."),
    fixed("unexpected-file", "Among the results is a file that is no package and belongs to none."),
    fixed("unexpected-result", "A result is no regular file, or has a name that a result cannot have."),
    fixed("too-many-results", "The build left more files than a build can have."),
    fixed("no-results", "The steps ended well and left no package."),
    fixed("wrong-name", "A package or its file has another name than planned."),
    fixed("wrong-version", "A package has another version than planned."),
    fixed("wrong-architecture", "A package is for another architecture than the target."),
    fixed("not-an-empty-package", "A package has files, and the recipe says `files = []`."),
    waivable_rule("empty-package", "A package has nothing but its own documentation."),
    fixed("changes-mismatch", "The .changes does not list exactly what is beside it."),
    fixed("buildinfo-mismatch", "The .buildinfo does not list exactly what is beside it."),
    fixed("malformed-package", "A package cannot be read."),
    fixed("debug-package-content", "A debug package has something else than debug symbols."),
    fixed("manifest-damaged", "The list of what was installed cannot be read."),
    // Packages that do not hold what was installed.
    fixed("missing-from-package", "An installed file is in no package."),
    fixed("not-installed", "A package has a file that was not installed."),
    fixed("in-other-package", "A file is in another package than its pattern says, or in several."),
    fixed("content-not-as-installed", "A file in the package has other bytes than the one that was installed."),
    fixed("type-not-as-installed", "A file became a link, a folder or something else in the package."),
    fixed("link-not-as-installed", "A link in the package leads elsewhere than the one that was installed."),
    fixed("mode-not-as-installed", "A file in the package has another mode than was installed or said."),
    fixed("owner-not-as-installed", "A file in the package has another owner than was said."),
    fixed(
        "config-not-as-installed",
        "A file is a configuration file in the package and is not meant to be one, or the other way round.",
    ),
    waivable_rule(
        "owner-not-kept",
        "deb: an installed file had another owner than root, which the package does not have.",
    ),
    waivable_rule("not-stripped", "A file was to be stripped, and was not."),
    waivable_rule("hard-links-split", "Hard links became files of their own."),
    // Paths, modes and links.
    waivable_rule("file-outside-standard", "A path where no package may put files."),
    waivable_rule(
        "owns-shared-directory",
        "rpm: the package has a folder of the system, which goes or changes with it.",
    ),
    fixed(
        "shared-directory-changed",
        "deb: a folder of the system has another mode or owner in the package, or is something else there.",
    ),
    fixed("path-not-safe", "A path has `..`, control characters or bytes that are no UTF-8."),
    fixed("link-not-safe", "A link leads to what is no path."),
    fixed("duplicate-path", "A package has a path twice."),
    fixed("path-under-two-names", "A package has a file under two names of one place, as `/sbin/x` and `/usr/sbin/x`."),
    fixed("path-through-link", "A package has a file in a folder that is a link in the same package."),
    waivable_rule("link-into-build-tree", "A link leads into the folder of the build."),
    waivable_rule("link-to-itself", "A link leads to itself."),
    waivable_rule("device-node", "A file is a device, pipe or socket."),
    waivable_rule("world-writable", "A file or folder can be written by anybody."),
    waivable_rule("world-writable-directory", "A folder can be written by anybody, and only owners can delete there."),
    waivable_rule("setuid-file", "A file is setuid or setgid."),
    // Programs, libraries and scripts.
    waivable_rule("elf-damaged", "A file begins as an ELF file does, and is none."),
    waivable_rule("elf-in-noarch", "A program or library is in a package for all architectures."),
    waivable_rule("elf-wrong-architecture", "A program or library is for another architecture."),
    waivable_rule("elf-without-dependency", "A library is needed, and no dependency brings it."),
    waivable_rule("elf-dependency-unclear", "deb: no dependency has a name like that of a library that is needed."),
    waivable_rule("unstripped-elf", "A program has its symbols, and there is no debug package."),
    waivable_rule(
        "build-path-in-rpath",
        "Libraries are searched in the folder of the build, or relative to the working directory.",
    ),
    waivable_rule("build-path-in-script", "A script's interpreter is in the folder of the build."),
    waivable_rule("interpreter-not-found", "A script begins with an interpreter that no dependency brings."),
    waivable_rule("interpreter-outside-standard", "A script's interpreter is where no package puts one."),
    waivable_rule("program-without-interpreter", "A command is neither a program nor a script with a first line."),
    waivable_rule("script-with-carriage-return", "A script's first line ends in a carriage return."),
    // Against the last good version.
    waivable_rule("config-file-lost", "A configuration file of the last good version is an ordinary file now."),
    waivable_rule(
        "config-file-left",
        "deb: a configuration file of the last good version is in no package any more, and stays.",
    ),
    waivable_rule(
        "file-moved",
        "A file was in another package of the last good version, which this one does not replace.",
    ),
    waivable_rule("soname-changed", "A shared library has another soname, or is gone, in a package of the same name."),
    waivable_rule("epoch-goes-back", "The version has a lower epoch than the last good one."),
    fixed("version-goes-back", "The version is lower than the last good one."),
    fixed("link-became-folder", "A link of the last good version is a folder now."),
    waivable_rule("formats-differ", "The .deb and the .rpm of one recipe do not mean the same."),
    fixed("waiver-unused", "The recipe waives what nothing does."),
    // Installed, tried, upgraded, removed.
    fixed("install-failed", "The packages cannot be installed."),
    fixed("check-failed", "What is installed is not in order."),
    fixed("test-failed", "The recipe's `[test]` ended with another exit code than 0."),
    fixed("upgrade-failed", "The earlier version cannot be upgraded to this one."),
    fixed(
        "reinstall-failed",
        "The packages cannot be installed once more in the same version, or change something then.",
    ),
    fixed("remove-failed", "The packages cannot be removed, or leave what they should take away."),
    fixed("downgrade-failed", "A script fails when the earlier version takes the packages' place."),
    fixed("no-upgrade", "The earlier version cannot be installed here any more, so no upgrade was tried."),
    fixed("no-downgrade", "Nobody can go back to the earlier version, by its own fault."),
    fixed("upgrade-from", "What `upgrade-from` of `[test]` names is not there."),
    fixed("source-test-failed", "A test of the project's `debian/tests` failed."),
    fixed("source-test-flaky", "A test of `debian/tests` that is marked as flaky failed."),
    fixed("source-test-skipped", "A test of `debian/tests` was not run."),
    fixed(
        "source-tests",
        "The project's `debian/tests/control` cannot be read, or its tree cannot be kept for the tests.",
    ),
    fixed("not-linted", "lintian or rpmlint could not be had, or broke."),
    // Warnings about how a package was made.
    fixed("build-cache", "A build cache was not taken over, or not kept."),
    fixed("dropped-files", "Files at the top of a source archive were left out by `strip`."),
    fixed("weak-hash", "A lock file pins a module by a hash that can be forged."),
    fixed("no-date", "Nothing in the sources says when they were made."),
    fixed("made-by-farm", "farm itself made the packages, as the image has no packaging tools."),
    fixed("environment-unfit", "The image of the recipe's environment lacks what a build needs."),
    fixed(
        "repository-held",
        "A repository of the recipe has a version that the distribution lacks, and it is not taken.",
    ),
    fixed("not-varied", "`farm verify` could not make something of the environment different."),
    fixed("went-on", "The packages were made in a kept container from a later step on, and are not accepted."),
];
