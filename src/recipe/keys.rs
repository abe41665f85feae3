//! The keys that each table of a recipe may have, where a misplaced one may belong, and what other tools call them. Types
//! and meanings are in `schema`.

use std::sync::Arc;

/// The keys of one kind of table, in the order in which people write them.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) title: &'static str,
    pub(crate) keys: &'static [&'static str],
}

impl Schema {
    /// `title` is that of the very table.
    pub(super) fn key_list(&self, title: &str) -> String {
        format!("the keys of {title} are {}", self.keys.join(", "))
    }
}

pub(crate) static FILE: Schema = Schema {
    title: "a recipe",
    keys: &[
        "extends",
        "parameters",
        "package",
        "sources",
        "modules",
        "repositories",
        "build",
        "environment",
        "packages",
        "packaging",
        "matrix",
        "override",
        "test",
        "limits",
        "waivers",
        "lint",
    ],
};
pub(crate) static OVERRIDE: Schema = Schema {
    title: "[override.SELECTOR]",
    keys: &[
        "package",
        "sources",
        "modules",
        "repositories",
        "build",
        "environment",
        "packages",
        "packaging",
        "test",
        "limits",
        "waivers",
        "lint",
    ],
};
/// In place of a parameter's default.
pub(crate) static PARAMETER: Schema = Schema { title: "[parameters.NAME]", keys: &["required"] };
pub(crate) static PACKAGE: Schema = Schema {
    title: "[package]",
    keys: &[
        "name",
        "version",
        "release",
        "epoch",
        "summary",
        "description",
        "license",
        "homepage",
        "maintainer",
        "vendor",
        "section",
        "group",
        "architecture",
        "multi-arch",
        "pre-requires",
        "requires",
        "recommends",
        "suggests",
        "enhances",
        "supplements",
        "provides",
        "conflicts",
        "replaces",
        "files",
        "config-files",
        "services",
        "users",
        "groups",
        "tmpfiles",
        "alternatives",
        "former-links",
        "former-config-files",
        "attributes",
        "changelog",
        "date",
        "scripts",
    ],
};
pub(crate) static SERVICE: Schema = Schema { title: "[package.services.NAME]", keys: &["enable", "start", "restart"] };
pub(crate) static USER: Schema =
    Schema { title: "[package.users.NAME]", keys: &["comment", "home", "shell", "groups"] };
pub(crate) static ALTERNATIVE: Schema =
    Schema { title: "[package.alternatives.NAME]", keys: &["link", "path", "priority", "dependents"] };
pub(crate) static ALTERNATIVE_LINK: Schema =
    Schema { title: "[package.alternatives.NAME.dependents.NAME]", keys: &["link", "path"] };
pub(crate) static ATTRIBUTES: Schema =
    Schema { title: "[package.attributes.PATH]", keys: &["mode", "owner", "group", "capabilities", "ghost"] };
/// What a value may be taken from: the tables that stand in place of it.
pub(crate) static VERSION: Schema = Schema { title: "[package.version]", keys: &["from", "file", "tags", "suffix"] };
pub(crate) static CHANGELOG: Schema = Schema { title: "[package.changelog]", keys: &["from", "file"] };
pub(crate) static DATE: Schema = Schema { title: "[package.date]", keys: &["from"] };
/// In place of a script.
pub(crate) static SCRIPT_FILE: Schema = Schema { title: "[package.scripts.NAME]", keys: &["file"] };
pub(crate) static SCRIPTS: Schema = Schema {
    title: "[package.scripts]",
    keys: &[
        "pre-install",
        "pre-upgrade",
        "post-install",
        "post-upgrade",
        "pre-remove",
        "post-remove",
        "purge",
        "post-transaction",
    ],
};
pub(crate) static SOURCE: Schema = Schema {
    title: "[[sources]]",
    keys: &[
        "url",
        "urls",
        "sha256",
        "path",
        "git",
        "commit",
        "submodules",
        "file",
        "text",
        "mode",
        "unpack",
        "gitignore",
        "strip",
        "into",
        "series",
        "patches",
        "fuzz",
    ],
};
pub(crate) static MODULES: Schema = Schema { title: "[modules]", keys: &["cargo", "go", "npm", "pip"] };
pub(crate) static REPOSITORY: Schema = Schema {
    title: "[[repositories]]",
    keys: &["url", "suite", "components", "baseurl", "enable", "key", "trusted", "packages", "for"],
};
pub(crate) static BUILD: Schema = Schema {
    title: "[build]",
    keys: &["requires", "env", "build", "check", "install", "network", "strip", "private-libraries", "cache"],
};
pub(crate) static ENVIRONMENT: Schema =
    Schema { title: "[environment]", keys: &["image", "distro", "dockerfile", "context", "target", "args", "tools"] };
pub(crate) static SUB_PACKAGE: Schema = Schema {
    title: "[packages.KEY]",
    keys: &[
        "name",
        "summary",
        "description",
        "section",
        "group",
        "architecture",
        "multi-arch",
        "files",
        "config-files",
        "pre-requires",
        "requires",
        "recommends",
        "suggests",
        "enhances",
        "supplements",
        "provides",
        "conflicts",
        "replaces",
        "services",
        "users",
        "groups",
        "tmpfiles",
        "alternatives",
        "former-links",
        "former-config-files",
        "attributes",
        "scripts",
    ],
};
pub(crate) static PACKAGING: Schema =
    Schema { title: "[packaging]", keys: &["debian", "spec", "prepare", "define", "stand-ins", "distribution-suffix"] };
pub(crate) static MATRIX: Schema = Schema { title: "[matrix]", keys: &["distros", "arches", "exclude", "variants"] };
pub(crate) static TEST: Schema =
    Schema { title: "[test]", keys: &["script", "requires", "network", "skip", "upgrade-from"] };
pub(crate) static LIMITS: Schema = Schema { title: "[limits]", keys: &["memory", "pids", "timeout", "stall", "log"] };

pub(crate) static WAIVER: Schema = Schema { title: "[waivers.RULE]", keys: &["paths", "reason"] };

/// Whether the way to a value begins with these keys; `*` is any name.
pub(super) fn begins_with(path: &[Arc<str>], keys: &[&str]) -> bool {
    keys.len() <= path.len() && keys.iter().zip(path).all(|(key, at)| *key == "*" || *key == &**at)
}

/// Where a misplaced key may belong, most likely first.
pub(crate) static PLACES: [&Schema; 18] = [
    &PACKAGE,
    &BUILD,
    &SOURCE,
    &MODULES,
    &REPOSITORY,
    &TEST,
    &LIMITS,
    &MATRIX,
    &PACKAGING,
    &ENVIRONMENT,
    &SUB_PACKAGE,
    &SCRIPTS,
    &SERVICE,
    &USER,
    &ALTERNATIVE,
    &ALTERNATIVE_LINK,
    &ATTRIBUTES,
    &WAIVER,
];

/// What other packaging tools call these things, with the table where that is not the one it stands in.
pub(super) static FOREIGN_NAMES: &[(&str, &str, Option<&Schema>)] = &[
    ("architectures", "arches", None),
    ("author", "maintainer", None),
    ("authors", "maintainer", None),
    ("branch", "commit", None),
    ("build-args", "args", Some(&ENVIRONMENT)),
    ("build-depends", "requires", Some(&BUILD)),
    ("build-dependencies", "requires", Some(&BUILD)),
    ("build-requires", "requires", Some(&BUILD)),
    ("buildargs", "args", Some(&ENVIRONMENT)),
    ("buildrequires", "requires", Some(&BUILD)),
    ("checksum", "sha256", None),
    ("command", "script", None),
    ("compile", "build", Some(&BUILD)),
    ("conffiles", "config-files", None),
    ("configure", "build", Some(&BUILD)),
    ("containerfile", "dockerfile", Some(&ENVIRONMENT)),
    ("dependencies", "requires", None),
    ("depends", "requires", None),
    ("environment", "env", None),
    ("followers", "dependents", None),
    ("gecos", "comment", None),
    ("md5", "sha256", None),
    ("obsoletes", "replaces", None),
    ("postinst", "post-install", None),
    ("postrm", "post-remove", None),
    ("posttrans", "post-transaction", None),
    ("preinst", "pre-install", None),
    ("pre-depends", "pre-requires", None),
    ("predepends", "pre-requires", None),
    ("prerm", "pre-remove", None),
    ("rev", "commit", None),
    ("slave", "dependents", None),
    ("slaves", "dependents", None),
    ("systemd", "services", None),
    ("sysusers", "users", None),
    ("run", "script", None),
    ("sha512", "sha256", None),
    ("tag", "commit", None),
    ("targets", "distros", None),
    ("timeouts", "timeout", None),
    ("units", "services", None),
];
