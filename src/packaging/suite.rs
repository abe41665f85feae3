//! A project's own tests, debian/tests, in shell: what a build keeps for them, and how they are run as autopkgtest does. Which
//! there are, and what becomes of them, is the runner's business.

use std::collections::BTreeMap;

use crate::formats::dep8::{Program, SourceTest};
use crate::recipe::Recipe;
use crate::types::SharedText;

use super::model::{BUILD_ROOT, BUILD_UID, RESULTS, SourceTests, build_top, source_folder};
use super::text::quote;

/// Asks a build to leave the source tree for tests of its own among its results.
pub(crate) const KEEP_TREE: &str = "FARM_KEEP_TREE";

/// What the parts of it are called there: this, and `tree`, `tests` (debian/tests/control) or `control`, behind a dot.
pub(crate) const KEPT_TREE: &str = "farm-source-tests";

/// Where a test's container has what farm puts there for it.
pub(crate) const TESTS_ROOT: &str = "/tmp/farm-source-tests";

/// The exit code of [`run`] for a test that was good but for its standard error.
pub(crate) const EXIT_STDERR: i32 = 253;

const USER: &str = "tester";
const HOME: &str = "/home/tester";

impl SourceTests {
    /// Of a recipe with a `debian/` of the project's own.
    pub(super) fn new(recipe: &Recipe, install: SharedText) -> SourceTests {
        SourceTests { prepare: prepare(recipe), install, tree: source_folder(recipe) }
    }

    /// The script of one test and its environment; [`is_for_root`] says whose.
    pub(crate) fn run(&self, test: &SourceTest, processes: usize) -> (String, BTreeMap<String, String>) {
        let (file, command) = match &test.program {
            Program::File(path) => (path.as_str(), ""),
            Program::Command(command) => ("", command.as_str()),
        };
        let script = format!(
            "farm_tree={}\nfarm_file={}\nfarm_command={}\nfarm_stderr={}\n{}",
            quote(&self.tree),
            quote(file),
            quote(command),
            if test.is("allow-stderr") { "yes" } else { "" },
            include_str!("scripts/source-test.sh")
        );
        let is_root = is_for_root(test);
        let (user, home) = if is_root { ("root", "/root") } else { (USER, HOME) };
        let path = match is_root {
            true => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            false => "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
        };
        let parallel = format!("parallel={processes}");
        let mut env = vec![
            ("DEBIAN_FRONTEND", "noninteractive"),
            ("DEB_BUILD_OPTIONS", parallel.as_str()),
            ("HOME", home),
            ("LANG", "C.UTF-8"),
            ("LOGNAME", user),
            ("PATH", path),
            ("USER", user),
        ];
        if is_root {
            env.extend([("AUTOPKGTEST_NORMAL_USER", USER), ("ADT_NORMAL_USER", USER)]);
        }
        (script, env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// Whether a test is run as root, and as an ordinary user otherwise.
pub(crate) fn is_for_root(test: &SourceTest) -> bool {
    test.is("needs-root")
}

fn prepare(recipe: &Recipe) -> String {
    format!(
        "set -eu\numask 022\n\
         grep -q '^{USER}:' /etc/group || echo '{USER}:x:{BUILD_UID}:' >>/etc/group\n\
         grep -q '^{USER}:' /etc/passwd || echo '{USER}:x:{BUILD_UID}:{BUILD_UID}:tests:{HOME}:/bin/sh' >>/etc/passwd\n\
         mkdir -p {HOME} {BUILD_ROOT}\nchown {BUILD_UID}:{BUILD_UID} {HOME}\n\
         tar --extract --numeric-owner --file={TESTS_ROOT}/tree --directory={BUILD_ROOT}\n\
         rm -f {TESTS_ROOT}/tree\n\
         chown -R -h {BUILD_UID}:{BUILD_UID} {}\n",
        quote(&source_folder(recipe))
    )
}

/// Shell in the source tree, whose `debian/` is complete: what its tests need, for whoever asks with [`KEEP_TREE`].
pub(super) fn keep(recipe: &Recipe) -> String {
    let top = quote(&build_top(recipe));
    format!(
        "farm_keep_tree=${{{KEEP_TREE}:-}}\nunset {KEEP_TREE}\n[ -f debian/tests/control ] || farm_keep_tree=\n\
         farm_keep_tree() {{\n    dpkg-source --before-build .\n    \
         tar --create --numeric-owner --file={RESULTS}/{KEPT_TREE}.tree --directory={BUILD_ROOT} {top}\n}}\n\
         if [ -n \"$farm_keep_tree\" ]; then\n    cp debian/tests/control {RESULTS}/{KEPT_TREE}.tests\n    \
         cp debian/control {RESULTS}/{KEPT_TREE}.control\n    farm_keep_tree\nfi\n"
    )
}

/// Shell behind the build: some tests want the tree as that has left it.
pub(super) const KEEP_BUILT: &str =
    "if [ -n \"$farm_keep_tree\" ] && grep -q '^[^#]*build-needed' debian/tests/control; then farm_keep_tree; fi\n";
