//! How a build comes by what a language's own package manager names: the one place where a recipe gets a network for it.

use crate::init::draft::Draft;

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
            Modules::Cargo => ("crates", "`cargo vendor`, and its folder as a second source, make it offline"),
            Modules::Go => ("modules", "`go mod vendor` makes it offline"),
            Modules::Npm => ("modules of npm", "node_modules as a second source makes it offline"),
            Modules::Gem => ("gems", "`bundle package`, and its folder as a second source, make it offline"),
            Modules::Maven => ("artifacts of Maven", "a repository of them as a second source makes it offline"),
        }
    }
}

/// The project needs modules that are not among its files: they are downloaded while building.
pub(super) fn modules(kind: Modules, from: &str, draft: &mut Draft) {
    let (what, offline) = kind.words();
    let mut begin = what.chars();
    let begin: String = begin.next().into_iter().flat_map(char::to_uppercase).chain(begin).collect();
    draft.network = Some(format!("{begin} that {from} names are downloaded while building: {offline}"));
    draft.check(format!("it downloads {what} while building: [build] network is on; {offline}"));
    // Whoever downloads has to know whom to trust.
    draft.need("ca-certificates", from);
}
