//! How a build comes by what a language's own package manager names: as modules that farm fetches before it, where a lock
//! file pins them, else over the network. The one place where a recipe gets one.

use crate::init::draft::Draft;
use crate::init::tree::Tree;
use crate::recipe::Ecosystem;

/// Package managers of languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modules {
    Cargo,
    Go,
    Npm,
    Gem,
    Maven,
}

impl Modules {
    /// What it fetches, and how a project comes to be built without that.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Modules::Cargo => ("crates", "a Cargo.lock (`cargo generate-lockfile`) makes it offline"),
            Modules::Go => ("modules", "a go.sum (`go mod tidy`) makes it offline"),
            Modules::Npm => {
                ("modules of npm", "a package-lock.json (`npm install --package-lock-only`) makes it offline")
            }
            Modules::Gem => {
                ("gems", "`bundle package`, with whose vendor/cache `farm init` is run again, makes it offline")
            }
            Modules::Maven => ("artifacts of Maven", "a repository of them as a second source makes it offline"),
        }
    }
}

/// The project needs modules that are not among its files; `from` is the file that names them. Whether farm fetches them.
pub(super) fn needed(kind: Modules, from: &str, tree: &Tree, draft: &mut Draft) -> bool {
    if let Some((ecosystem, lock)) = lock(kind, tree) {
        draft.modules = Some((ecosystem, lock));
        return true;
    }
    let (what, offline) = kind.words();
    let mut begin = what.chars();
    let begin: String = begin.next().into_iter().flat_map(char::to_uppercase).chain(begin).collect();
    draft.network = Some(format!("{begin} that {from} names are downloaded while building: {offline}"));
    draft.check(format!("it downloads {what} while building: [build] network is on; {offline}"));
    // Whoever downloads has to know whom to trust.
    draft.need("ca-certificates", from);
    false
}

/// The lock file from which farm can fetch.
fn lock(kind: Modules, tree: &Tree) -> Option<(Ecosystem, &'static str)> {
    match kind {
        Modules::Cargo => tree.has("Cargo.lock").then_some((Ecosystem::Cargo, "Cargo.lock")),
        Modules::Go => tree.has("go.sum").then_some((Ecosystem::Go, "go.sum")),
        Modules::Npm => {
            let lock = ["npm-shrinkwrap.json", "package-lock.json"].into_iter().find(|file| tree.has(file))?;
            let text: serde_json::Value = serde_json::from_str(tree.text(lock)?).ok()?;
            (text["packages"].is_object() || text["lockfileVersion"] == 1).then_some((Ecosystem::Npm, lock))
        }
        Modules::Gem | Modules::Maven => None,
    }
}
