//! What languages' own tools find in their environment where a recipe names lock files: the modules that those pin,
//! as `source` lays them out, and nothing else to ask.

use std::collections::BTreeMap;

use super::Packaging;
use crate::recipe::{Ecosystem, Recipe};

/// Where modules lie in a build's container.
pub(crate) const MODULES_ROOT: &str = "/build/modules";

/// `packaging` with the environment of its steps made complete; what the recipe says itself stays.
pub(super) fn with_modules(mut packaging: Packaging, recipe: &Recipe) -> Packaging {
    for step in &mut packaging.steps {
        for (name, value) in recipe.modules.keys().flat_map(|ecosystem| environment(*ecosystem)) {
            step.env.entry(name.to_owned()).or_insert(value);
        }
    }
    packaging
}

fn environment(ecosystem: Ecosystem) -> BTreeMap<&'static str, String> {
    let below = |path: &str| format!("{MODULES_ROOT}/{path}");
    let said = |text: &str| text.to_owned();
    let variables = match ecosystem {
        // Its config.toml replaces the registries by a folder.
        Ecosystem::Cargo => vec![("CARGO_HOME", below("cargo"))],
        Ecosystem::Go => vec![
            ("GOPROXY", format!("file://{MODULES_ROOT}/go")),
            // Hashes are those of go.sum, and a folder has no checksum database.
            ("GOSUMDB", said("off")),
            ("GOTOOLCHAIN", said("local")),
            ("GOPATH", below("gopath")),
            ("GOCACHE", below("go-build")),
            ("GOFLAGS", said("-modcacherw")),
        ],
        Ecosystem::Npm => vec![
            ("npm_config_cache", below("npm")),
            ("npm_config_offline", said("true")),
            // The one that lock files without addresses mean, whatever the project configures.
            ("npm_config_registry", said("https://registry.npmjs.org/")),
            ("npm_config_audit", said("false")),
            ("npm_config_fund", said("false")),
            ("npm_config_update_notifier", said("false")),
            // Node's headers, which node-gyp would download.
            ("npm_config_nodedir", said("/usr")),
            ("YARN_YARN_OFFLINE_MIRROR", below("yarn")),
            ("YARN_CACHE_FOLDER", below("yarn-cache")),
        ],
        Ecosystem::Pip => vec![
            ("PIP_NO_INDEX", said("1")),
            ("PIP_FIND_LINKS", below("pip")),
            ("PIP_DISABLE_PIP_VERSION_CHECK", said("1")),
            ("UV_OFFLINE", said("1")),
            ("UV_NO_INDEX", said("1")),
            ("UV_FIND_LINKS", below("pip")),
        ],
    };
    variables.into_iter().collect()
}
