//! The shape of a recipe as a JSON Schema, for editors: which keys there are comes from the reader's own lists, and what
//! each holds, with a line on what it means, stands here and nowhere else. The schema knows types and spellings; what
//! else makes a value wrong (a version with a hyphen, a short hash) is said by the reader alone.

use serde_json::{Map, Value, json};

use super::keys::{
    ALTERNATIVE, ALTERNATIVE_LINK, ATTRIBUTES, BUILD, CHANGELOG, DATE, ENVIRONMENT, FILE, LIMITS, MATRIX, MODULES,
    OVERRIDE, PACKAGE, PACKAGING, PARAMETER, REPOSITORY, SCRIPT_FILE, SCRIPTS, SERVICE, SOURCE, SUB_PACKAGE, Schema,
    TEST, USER, VERSION, WAIVER,
};

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    OneOf(&'static [&'static str]),
    Integer(u32, u32),
    Boolean,
    /// An array of strings.
    Texts,
    /// A yes or no for all, or an array of strings.
    BooleanOrTexts,
    /// An integer in the base unit, or a string with a unit.
    Quantity,
    /// A table of strings under names that are up to the writer.
    TextMap,
    /// A string, or a table that says where to look for it.
    TextOr(&'static Schema),
    /// A date, or seconds, or such a table.
    TimeOr(&'static Schema),
    Table(&'static Schema),
    /// An array of tables.
    Tables(&'static Schema),
    /// Tables under names that are up to the writer.
    Named(&'static Schema),
    /// Strings under such names, or tables in their place.
    NamedTextOr(&'static Schema),
    /// Tables of strings under such names.
    NamedTextMaps,
    /// A table of this kind, in which every name that is no key is one more of its kind.
    WithNamed(&'static Schema),
}

use Shape::{
    Boolean, BooleanOrTexts, Integer, Named, NamedTextMaps, NamedTextOr, OneOf, Quantity, Table, Tables, Text, TextMap,
    TextOr, Texts, TimeOr, WithNamed,
};

/// A kind of table: its keys with their shape and meaning, and which of them a recipe cannot do without.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) schema: &'static Schema,
    /// In `$defs`.
    name: &'static str,
    meaning: &'static str,
    pub(crate) keys: &'static [(&'static str, Shape, &'static str)],
    required: &'static [&'static str],
}

const ARCHITECTURE: Shape = OneOf(&["any", "all"]);
const MULTI_ARCH: Shape = OneOf(&["same", "foreign", "allowed"]);

pub(crate) static DESCRIBED: &[Described] = &[
    Described {
        schema: &FILE,
        name: "recipe",
        meaning: "How one source becomes native packages, for every distribution.",
        keys: &[
            ("extends", Text, "Another recipe, on which this one is laid: \"../base.toml\"."),
            ("parameters", NamedTextOr(&PARAMETER), "What can be given with --param NAME=VALUE, with its defaults."),
            ("package", Table(&PACKAGE), "Name, version, metadata and relations of the package."),
            ("sources", Tables(&SOURCE), "What is unpacked, in order, into one source tree."),
            ("modules", Table(&MODULES), "What languages' own tools would fetch, as lock files pin it."),
            ("repositories", Tables(&REPOSITORY), "Where packages come from that the distribution does not have."),
            ("build", Table(&BUILD), "Requirements and scripts."),
            ("environment", Table(&ENVIRONMENT), "Where the steps run, when not in the target's own distribution."),
            ("packages", Named(&SUB_PACKAGE), "Split packages; what no pattern takes belongs to the main package."),
            ("packaging", Table(&PACKAGING), "The project's own packaging, used as it is."),
            ("matrix", WithNamed(&MATRIX), "Which targets the recipe is built for; [matrix.NAME] is a further matrix."),
            ("override", Named(&OVERRIDE), "What differs for the targets that a selector matches."),
            ("test", Table(&TEST), "Tried in a fresh container in which the packages are installed."),
            ("limits", Table(&LIMITS), "What a job may take."),
            ("waivers", Named(&WAIVER), "Findings of the package check that are accepted, by rule."),
            ("lint", TextMap, "What findings of lintian and rpmlint are, by rule: `off`, `warn` or `require`."),
        ],
        required: &["package"],
    },
    Described {
        schema: &OVERRIDE,
        name: "override",
        meaning: "Tables merge key by key; arrays and single values are replaced.",
        keys: &[
            ("package", Table(&PACKAGE), "As [package], where it differs."),
            ("sources", Tables(&SOURCE), "Sources instead of all others."),
            ("modules", Table(&MODULES), "As [modules], where they differ."),
            ("repositories", Tables(&REPOSITORY), "Repositories instead of all others."),
            ("build", Table(&BUILD), "As [build], where it differs."),
            ("environment", Table(&ENVIRONMENT), "Another environment; an empty one is the target's own distribution."),
            ("packages", Named(&SUB_PACKAGE), "As [packages.KEY], where they differ."),
            ("packaging", Table(&PACKAGING), "As [packaging], where it differs."),
            ("test", Table(&TEST), "As [test], where it differs."),
            ("limits", Table(&LIMITS), "As [limits], where they differ."),
            ("waivers", Named(&WAIVER), "As [waivers.RULE], where they differ."),
            ("lint", TextMap, "As [lint], where it differs."),
        ],
        required: &[],
    },
    Described {
        schema: &PARAMETER,
        name: "parameter",
        meaning: "A parameter without a default.",
        keys: &[("required", Boolean, "`true`: nothing is built without a value for it.")],
        required: &["required"],
    },
    Described {
        schema: &PACKAGE,
        name: "package",
        meaning: "Name, version, metadata and relations of the package.",
        keys: &[
            ("name", Text, "Source and main package: lower-case letters, digits, `+`, `-`, `.`."),
            ("version", TextOr(&VERSION), "Upstream version; a pre-release is `1.0~rc1`, which sorts before `1.0`."),
            ("release", Integer(1, 999_999), "Revision of the packaging; the distribution's tag is added by farm."),
            ("epoch", Integer(0, 999_999), "Sorts before the version; needed only when a version must go down."),
            ("summary", Text, "One line, without the package's name and a full stop."),
            ("description", Text, "Paragraphs, separated by blank lines; the summary when there is none."),
            ("license", Text, "An SPDX expression: `MIT OR Apache-2.0`; others are `LicenseRef-NAME`."),
            ("homepage", Text, "An http or https address."),
            ("maintainer", Text, "`Name <address>`"),
            ("vendor", Text, "Who hands the packages out: a company, an organisation."),
            ("section", Text, "Debian section; `misc` when there is none."),
            ("group", Text, "RPM group; only openSUSE and old tools look at it."),
            ("architecture", ARCHITECTURE, "`all` is built once per distribution and installs everywhere."),
            ("multi-arch", MULTI_ARCH, "How a .deb stands to packages of other architectures."),
            ("pre-requires", Texts, "Packages that must be installed before the scripts of this one run."),
            ("requires", Texts, "Packages that must be installed, beside the libraries that are found by themselves."),
            ("recommends", Texts, "Packages that are usually wanted beside it."),
            ("suggests", Texts, "Packages that may be of use beside it."),
            ("enhances", Texts, "Packages to which this one may be of use."),
            ("supplements", Texts, "Packages with which this one is usually wanted; only in an .rpm."),
            ("provides", Texts, "Names that this package stands in for."),
            ("conflicts", Texts, "Packages that cannot be installed beside it."),
            ("replaces", Texts, "Packages whose files it takes over."),
            ("files", Texts, "What the main package holds; without it, all that no other package takes."),
            ("config-files", Texts, "Absolute paths of files that users edit."),
            ("services", Named(&SERVICE), "Units of systemd that the package's files hold."),
            ("users", Named(&USER), "System users, each with a group of its own."),
            ("groups", Texts, "System groups."),
            ("tmpfiles", Texts, "Lines of tmpfiles.d(5): folders that the program needs, with their owner."),
            ("alternatives", Named(&ALTERNATIVE), "Common names of which several packages may be behind."),
            ("former-links", TextMap, "Links of earlier versions where this one has folders, and where they led."),
            ("former-config-files", Texts, "Configuration files that earlier versions had and this one has not."),
            ("attributes", Named(&ATTRIBUTES), "Modes, owners and capabilities of installed files, by path or glob."),
            ("changelog", Table(&CHANGELOG), "What the packages' changelogs say of this version."),
            (
                "date",
                TimeOr(&DATE),
                "Date of the changelog entry, and SOURCE_DATE_EPOCH; else the newest time in the sources.",
            ),
            ("scripts", Table(&SCRIPTS), "Shell that the package manager runs on the user's machine."),
        ],
        // The version may be that of the project's own packaging.
        required: &["name", "summary", "license", "maintainer"],
    },
    Described {
        schema: &VERSION,
        name: "version",
        meaning: "Where in the project the version stands.",
        keys: &[
            ("from", OneOf(&["git", "file"]), "The last tag and the commits since, or a file of the project."),
            ("file", Text, "The file; without it, the first of those that usually say the version."),
            ("tags", Text, "Glob over the tags that are releases: `v*`."),
            ("suffix", Text, "Put behind what was found: `+minimal`."),
        ],
        required: &["from"],
    },
    Described {
        schema: &CHANGELOG,
        name: "changelog",
        meaning: "Where in the project it stands what has changed.",
        keys: &[
            ("from", OneOf(&["git", "file"]), "Subjects of the commits since the last tag, or a file of the project."),
            ("file", Text, "The file; without it, the first of those that usually are changelogs."),
        ],
        required: &["from"],
    },
    Described {
        schema: &DATE,
        name: "date",
        meaning: "Where in the project the date stands.",
        keys: &[("from", OneOf(&["git"]), "When the commit was made.")],
        required: &["from"],
    },
    Described {
        schema: &SCRIPTS,
        name: "scripts",
        meaning: "Shell that the package manager runs on the user's machine.",
        keys: &[
            ("pre-install", TextOr(&SCRIPT_FILE), "Before the files are there."),
            ("pre-upgrade", TextOr(&SCRIPT_FILE), "The same, at upgrades only."),
            ("post-install", TextOr(&SCRIPT_FILE), "When the files are there."),
            ("post-upgrade", TextOr(&SCRIPT_FILE), "The same, at upgrades only."),
            ("pre-remove", TextOr(&SCRIPT_FILE), "Before the files are removed."),
            ("post-remove", TextOr(&SCRIPT_FILE), "When the files are gone."),
            ("purge", TextOr(&SCRIPT_FILE), "When the configuration files are gone, too: deb only."),
            ("post-transaction", TextOr(&SCRIPT_FILE), "When all packages of a transaction are installed: rpm only."),
        ],
        required: &[],
    },
    Described {
        schema: &SCRIPT_FILE,
        name: "script-file",
        meaning: "Where the script is kept.",
        keys: &[("file", Text, "A file with a script for sh, its path from the folder of the recipe.")],
        required: &["file"],
    },
    Described {
        schema: &SERVICE,
        name: "service",
        meaning: "What is done with a unit; where nothing is said, the distribution's own policy holds.",
        keys: &[
            ("enable", Boolean, "Whether it is enabled when first installed."),
            ("start", Boolean, "Whether it is started when first installed."),
            ("restart", Boolean, "Whether it is restarted after an upgrade, when it runs."),
        ],
        required: &[],
    },
    Described {
        schema: &USER,
        name: "user",
        meaning: "A user without a password, by sysusers.d(5).",
        keys: &[
            ("comment", Text, "Who it is, in a few words."),
            ("home", Text, "Its home, which is not made: that is for `tmpfiles`."),
            ("shell", Text, "None to log in with unless given."),
            ("groups", Texts, "Groups beside its own."),
        ],
        required: &[],
    },
    Described {
        schema: &ALTERNATIVE,
        name: "alternative",
        meaning: "One of several files that can stand behind a common name, by update-alternatives(1).",
        keys: &[
            ("link", Text, "The common name: /usr/bin/editor."),
            ("path", Text, "The file of this package behind it."),
            ("priority", Integer(0, 1_000_000), "The highest is chosen unless the administrator chooses."),
            ("dependents", Named(&ALTERNATIVE_LINK), "Links that go with the first one, mostly man pages."),
        ],
        required: &["link", "path", "priority"],
    },
    Described {
        schema: &ALTERNATIVE_LINK,
        name: "alternative-link",
        meaning: "A link that goes where another one goes.",
        keys: &[
            ("link", Text, "The common name: /usr/share/man/man1/editor.1.gz."),
            ("path", Text, "The file of this package behind it."),
        ],
        required: &["link", "path"],
    },
    Described {
        schema: &ATTRIBUTES,
        name: "attributes",
        meaning: "What an installed file has in the packages, by its path or a glob.",
        keys: &[
            ("mode", Text, "Permissions in octal: `0640`."),
            ("owner", Text, "The user that it belongs to; root when there is none."),
            ("group", Text, "The group that it belongs to; root when there is none."),
            ("capabilities", Text, "As cap_from_text(3) has them: `cap_net_bind_service=ep`."),
            ("ghost", Boolean, "Of .rpm files: a file that is made later, and that the package owns."),
        ],
        required: &[],
    },
    Described {
        schema: &WAIVER,
        name: "waiver",
        meaning: "What a rule of the package check finds, and is meant so.",
        keys: &[
            ("paths", Texts, "Paths, folders and globs that it is accepted of; all when there is none."),
            ("reason", Text, "Why it is meant: one line, which reports tell."),
        ],
        required: &["reason"],
    },
    Described {
        schema: &SOURCE,
        name: "source",
        meaning: "One of: url (or urls) and sha256; path; git and commit; file and text.",
        keys: &[
            ("url", Text, "Where the file is: https://, http://, file:/// or mirror://NAME/path."),
            ("urls", Texts, "Places of one file, tried in order."),
            ("sha256", Text, "SHA-256 sum of the file: 64 hexadecimal digits."),
            ("path", Text, "A file or folder beside the recipe; .gitignore is honoured."),
            ("git", Text, "Address of a git repository."),
            ("commit", Text, "The full id of a commit."),
            ("submodules", Boolean, "Whether the commit's submodules are fetched too."),
            ("file", Text, "Name of a file that stands here, as `text`."),
            ("text", Text, "What the file holds."),
            ("mode", OneOf(&["0644", "0755"]), "`0755` for a file that can be run."),
            ("unpack", Boolean, "Whether an archive is unpacked; `false` copies it as the file that it is."),
            ("gitignore", Boolean, "`false` takes files of a `path` that .gitignore names, too."),
            ("strip", Integer(0, 16), "Leading folders to drop from the paths in an archive."),
            ("into", Text, "Folder of the source tree to unpack into."),
            ("series", Text, "A quilt series beside the recipe, applied before `patches`."),
            ("patches", Texts, "Patch files beside the recipe, applied in order."),
            ("fuzz", Integer(0, 2), "How many lines of context around a hunk need not match."),
        ],
        required: &[],
    },
    Described {
        schema: &REPOSITORY,
        name: "repository",
        meaning: "One of: url and suite; suite or components of the distribution's own archive; baseurl; enable.",
        keys: &[
            ("url", Text, "Where an apt repository is: https://, http:// or file:///."),
            ("suite", Text, "The suite below `url`, or of the distribution's own archive: `${codename}-backports`."),
            ("components", Texts, "Components of the suite: main, contrib, non-free."),
            ("baseurl", Text, "Where a repository of .rpm packages is, with its `repodata`."),
            ("enable", Text, "A repository that the distribution's images know and have turned off: crb."),
            ("key", Text, "A file beside the recipe with the public key that signs it, or the armoured key itself."),
            ("trusted", Boolean, "`true` believes whatever answers there, in place of a key."),
            ("packages", Texts, "Packages, by name or glob, that go before the distribution's own."),
            ("for", Texts, "\"build\", \"test\" or both; both when it is not said."),
        ],
        required: &[],
    },
    Described {
        schema: &BUILD,
        name: "build",
        meaning: "Requirements and scripts: POSIX shell, run with -e in the source tree.",
        keys: &[
            ("requires", Texts, "Packages needed to build, beside the distribution's own toolchain."),
            ("env", TextMap, "Environment of the scripts."),
            ("build", TextOr(&SCRIPT_FILE), "Compiles."),
            ("check", TextOr(&SCRIPT_FILE), "Runs the test suite."),
            ("install", TextOr(&SCRIPT_FILE), "Installs below $DESTDIR."),
            ("network", Boolean, "Leaves the network on while building."),
            ("strip", BooleanOrTexts, "Whether symbols leave the packages; patterns name files that stay as they are."),
            (
                "private-libraries",
                BooleanOrTexts,
                "Whether libraries that the loader does not find by itself are the packages' own; patterns name others that are.",
            ),
            ("cache", Texts, "Caches that builds of the target take over from the last good one: \"ccache\", \"go\"."),
        ],
        required: &[],
    },
    Described {
        schema: &MODULES,
        name: "modules",
        meaning: "Lock files in the source tree: what they pin is fetched before the build, which needs no network.",
        keys: &[
            ("cargo", Texts, "Rust: Cargo.lock."),
            ("go", Texts, "Go: go.sum."),
            ("npm", Texts, "Node: package-lock.json or npm-shrinkwrap.json."),
            ("pip", Texts, "Python: requirements.txt with hashes, pylock.toml, uv.lock or poetry.lock."),
        ],
        required: &[],
    },
    Described {
        schema: &ENVIRONMENT,
        name: "environment",
        meaning: "Where the steps run: one of image, distro and dockerfile.",
        keys: &[
            ("image", Text, "A container image by tag or digest, taken as it is."),
            ("distro", Text, "The id of a distribution, whose package manager installs what the build requires."),
            ("dockerfile", Text, "A Dockerfile beside the recipe; its image is built first and taken as it is."),
            ("context", Text, "The folder beside the recipe whose files it can copy; without it, the recipe's own."),
            ("target", Text, "The stage to build; without it, the last."),
            ("args", TextMap, "Build arguments."),
            ("tools", OneOf(&["auto", "image", "farm"]), "Who makes the packages: the image's own tools, or farm."),
        ],
        required: &[],
    },
    Described {
        schema: &SUB_PACKAGE,
        name: "split-package",
        meaning: "A package split off from what was installed.",
        keys: &[
            ("name", Text, "The package's name; `<name>-KEY` when there is none."),
            ("summary", Text, "That of [package] unless given."),
            ("description", Text, "That of [package] unless given."),
            ("section", Text, "Debian section; that of [package] unless given."),
            ("group", Text, "RPM group; that of [package] unless given."),
            ("architecture", ARCHITECTURE, "That of [package] unless given."),
            ("multi-arch", MULTI_ARCH, "How a .deb stands to packages of other architectures."),
            ("files", Texts, "Absolute paths and globs: `*` within a folder, `**` across folders; `${libdir}`."),
            ("config-files", Texts, "Absolute paths of files that users edit."),
            ("pre-requires", Texts, "Packages that must be installed before the scripts of this one run."),
            ("requires", Texts, "Packages that must be installed; `${self-version}` is the version of this build."),
            ("recommends", Texts, "Packages that are usually wanted beside it."),
            ("suggests", Texts, "Packages that may be of use beside it."),
            ("enhances", Texts, "Packages to which this one may be of use."),
            ("supplements", Texts, "Packages with which this one is usually wanted; only in an .rpm."),
            ("provides", Texts, "Names that this package stands in for."),
            ("conflicts", Texts, "Packages that cannot be installed beside it."),
            ("replaces", Texts, "Packages whose files it takes over."),
            ("services", Named(&SERVICE), "Units of systemd that the package's files hold."),
            ("users", Named(&USER), "System users, each with a group of its own."),
            ("groups", Texts, "System groups."),
            ("tmpfiles", Texts, "Lines of tmpfiles.d(5): folders that the program needs, with their owner."),
            ("alternatives", Named(&ALTERNATIVE), "Common names of which several packages may be behind."),
            ("former-links", TextMap, "Links of earlier versions where this one has folders, and where they led."),
            ("former-config-files", Texts, "Configuration files that earlier versions had and this one has not."),
            ("attributes", Named(&ATTRIBUTES), "Modes, owners and capabilities of installed files, by path or glob."),
            ("scripts", Table(&SCRIPTS), "Shell that the package manager runs on the user's machine."),
        ],
        required: &["files"],
    },
    Described {
        schema: &PACKAGING,
        name: "packaging",
        meaning: "The project's own packaging, used as it is.",
        keys: &[
            ("debian", Text, "The debian/ folder, as a path in the source tree."),
            ("spec", Text, "The .spec file, as a path in the source tree."),
            (
                "prepare",
                TextOr(&SCRIPT_FILE),
                "Shell that runs in the source tree before its packaging is read; what it leaves is the source.",
            ),
            ("define", TextMap, "Macros for the .spec, as after rpmbuild --define."),
            ("stand-ins", TextMap, "Debian packages for what the .spec requires, where it is built on a Debian base."),
            ("distribution-suffix", Boolean, "Whether the distribution's tag is put behind the packaging's version."),
        ],
        required: &[],
    },
    Described {
        schema: &MATRIX,
        name: "matrix",
        meaning: "Which targets the recipe is built for.",
        keys: &[
            ("distros", Texts, "Ids of distributions, or globs: `debian-12`, `fedora-*`."),
            ("arches", Texts, "Architectures under any of their names; the engine's own when there is none."),
            ("exclude", Texts, "Target patterns to leave out: `fedora-*/arm64`."),
            ("variants", NamedTextMaps, "Each target is built once for each variant; its values are given to scripts."),
        ],
        required: &[],
    },
    Described {
        schema: &TEST,
        name: "test",
        meaning: "Tried in a fresh container in which the packages are installed.",
        keys: &[
            ("script", TextOr(&SCRIPT_FILE), "Run as root, with -e."),
            ("requires", Texts, "Packages to install beside the built ones."),
            ("network", Boolean, "Leaves the network on for the packages' own scripts and the test."),
            (
                "upgrade-from",
                Text,
                "A package, a folder of some, or a version, that the upgrade begins with in place of what dist/ has.",
            ),
            ("skip", TextMap, "Tests of debian/tests that are not run, by name, each with the reason; \"*\" is all."),
        ],
        required: &[],
    },
    Described {
        schema: &LIMITS,
        name: "limits",
        meaning: "What a job may take; no input of its key.",
        keys: &[
            ("memory", Quantity, "At most this much memory: \"8 GiB\", or bytes."),
            ("pids", Integer(16, 4_194_304), "Processes and threads at once."),
            (
                "timeout",
                Quantity,
                "For the build from unpacking to packages, and for each part of the test: \"4 h\", or seconds.",
            ),
            ("stall", Quantity, "Without any output: \"20 min\", or seconds."),
            ("log", Quantity, "Output of the whole job: \"256 MiB\", or bytes."),
        ],
        required: &[],
    },
];

/// The JSON Schema of `farm.toml`, draft 2020-12.
pub(crate) fn json_schema() -> Value {
    let (file, tables) = DESCRIBED.split_first().map_or((None, DESCRIBED), |(first, rest)| (Some(first), rest));
    let mut root = file.map(object).unwrap_or_default();
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("farm.toml"));
    if let Some(file) = file {
        // What a recipe lacks may be said by the one that it extends.
        root.insert("if".to_owned(), json!({"required": ["extends"]}));
        root.insert("else".to_owned(), json!({"required": file.required, "properties": properties(file, true)}));
    }
    let tables: Map<String, Value> =
        tables.iter().map(|table| (table.name.to_owned(), Value::Object(object(table)))).collect();
    root.insert("$defs".to_owned(), tables.into());
    root.into()
}

/// A table without its required keys: overrides hold parts.
fn object(table: &Described) -> Map<String, Value> {
    let object = json!({
        "type": "object",
        "description": table.meaning,
        "properties": properties(table, false),
        "additionalProperties": false,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// `whole`: the tables in it stand for themselves, and must have their required keys.
fn properties(table: &Described, whole: bool) -> Map<String, Value> {
    let property = |(key, shape, meaning): &(&str, Shape, &str)| {
        let mut value = shape_of(*shape, whole);
        value.insert("description".to_owned(), json!(meaning));
        ((*key).to_owned(), value.into())
    };
    table.keys.iter().map(property).collect()
}

/// An array of strings, or what is added to one and removed from it.
fn list() -> [Value; 3] {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let edit = |key: &str| {
        json!({
            "type": "object",
            "properties": {"add": texts, "remove": texts},
            "additionalProperties": false,
            "required": [key],
        })
    };
    [texts.clone(), edit("add"), edit("remove")]
}

/// `whole`: the table stands for itself, and must have its required keys.
fn shape_of(shape: Shape, whole: bool) -> Map<String, Value> {
    let texts = || json!({"type": "object", "additionalProperties": {"type": "string"}});
    let value = match shape {
        Shape::Text => json!({"type": "string"}),
        // An empty string counts as not given, so that an override can take a value away.
        Shape::OneOf(words) => json!({"enum": ([words, &[""]].concat())}),
        Shape::Integer(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Texts => json!({"anyOf": list()}),
        Shape::TextOr(schema) => json!({"anyOf": [{"type": "string"}, part(schema, whole)]}),
        // Editors see a date of TOML as a string.
        Shape::BooleanOrTexts => {
            let [texts, add, remove] = list();
            json!({"anyOf": [{"type": "boolean"}, texts, add, remove]})
        }
        Shape::TimeOr(schema) => json!({"anyOf": [
            {"type": "string", "format": "date"},
            {"type": "string", "format": "date-time"},
            {"type": "integer", "minimum": 0},
            part(schema, whole),
        ]}),
        Shape::Quantity => json!({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}),
        Shape::TextMap => texts(),
        Shape::NamedTextOr(schema) => json!({
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": "string"}, part(schema, whole)]},
        }),
        Shape::NamedTextMaps => json!({"type": "object", "additionalProperties": texts()}),
        Shape::Table(schema) => part(schema, whole),
        Shape::Tables(schema) => json!({"type": "array", "items": part(schema, whole)}),
        Shape::Named(schema) => json!({"type": "object", "additionalProperties": part(schema, whole)}),
        Shape::WithNamed(schema) => {
            let mut with = described(schema).map(object).unwrap_or_default();
            with.insert("additionalProperties".to_owned(), part(schema, whole));
            with.into()
        }
    };
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn part(schema: &'static Schema, whole: bool) -> Value {
    let Some(table) = described(schema) else { return json!({"type": "object"}) };
    let reference = json!({"$ref": format!("#/$defs/{}", table.name)});
    if whole && !table.required.is_empty() {
        json!({"allOf": [reference], "required": table.required})
    } else {
        // Beside a reference older readers of schemas see nothing else.
        json!({"allOf": [reference]})
    }
}

/// What a key means, in a line.
pub(super) fn meaning(schema: &Schema, key: &str) -> Option<&'static str> {
    described(schema)?.keys.iter().find(|(known, ..)| *known == key).map(|(_, _, meaning)| *meaning)
}

fn described(schema: &Schema) -> Option<&'static Described> {
    DESCRIBED.iter().find(|table| std::ptr::eq(table.schema, schema))
}

#[cfg(test)]
mod tests;
