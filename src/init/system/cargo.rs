//! Cargo: Cargo.toml of the package or workspace; native libraries from the `*-sys` crates that Cargo.lock names.

use toml::{Table, Value};

use super::modules::Modules;
use crate::init::draft::Draft;
use crate::init::text::is_plain_word;
use crate::init::tree::{Tree, base_name};

pub(super) const FILE: &str = "Cargo.toml";

/// Crates that link a library of the system, with what provides it. Crates whose library is mostly compiled from a copy
/// of their own use the system's where pkg-config finds it.
const NATIVE: [(&str, &str); 24] = [
    ("alsa-sys", "pkgconfig(alsa)"),
    ("bzip2-sys", "/usr/include/bzlib.h"),
    ("cairo-sys-rs", "pkgconfig(cairo)"),
    ("curl-sys", "pkgconfig(libcurl)"),
    ("expat-sys", "pkgconfig(expat)"),
    ("fontconfig-sys", "pkgconfig(fontconfig)"),
    ("freetype-sys", "pkgconfig(freetype2)"),
    ("glib-sys", "pkgconfig(glib-2.0)"),
    ("gtk4-sys", "pkgconfig(gtk4)"),
    ("libdbus-sys", "pkgconfig(dbus-1)"),
    ("libgit2-sys", "pkgconfig(libgit2)"),
    ("libsodium-sys", "pkgconfig(libsodium)"),
    ("libsqlite3-sys", "pkgconfig(sqlite3)"),
    ("libssh2-sys", "pkgconfig(libssh2)"),
    ("libudev-sys", "pkgconfig(libudev)"),
    ("libz-sys", "pkgconfig(zlib)"),
    ("lzma-sys", "pkgconfig(liblzma)"),
    ("ncurses", "pkgconfig(ncurses)"),
    ("onig_sys", "pkgconfig(oniguruma)"),
    ("openssl-sys", "pkgconfig(openssl)"),
    ("pcre2-sys", "pkgconfig(libpcre2-8)"),
    ("pq-sys", "pkgconfig(libpq)"),
    ("xcb", "pkgconfig(xcb)"),
    ("zstd-sys", "pkgconfig(libzstd)"),
];

/// Crates with code in other languages.
const COMPILERS: [(&str, &str); 4] =
    [("cc", "cc"), ("cmake", "cmake"), ("bindgen", "/usr/bin/clang"), ("nasm-rs", "/usr/bin/nasm")];

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let manifest = tree.text(FILE).and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let shared = manifest.get("workspace").and_then(Value::as_table).cloned().unwrap_or_default();
    let inherited = shared.get("package").and_then(Value::as_table).cloned().unwrap_or_default();
    let members = members(tree, &manifest);
    let main = manifest.get("package").and_then(Value::as_table).cloned();
    // A workspace without a package of its own is named after the member that makes the program.
    let main = main.or_else(|| {
        let programs = members.iter().find(|member| !programs(tree, member).is_empty());
        programs.or(members.first()).and_then(|member| member.manifest.get("package")?.as_table().cloned())
    });
    let mut main = main.unwrap_or_default();
    // A crate `greet-cli` that makes the program `greet` beside a crate of that name.
    let crate_name = main.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let bare = ["-cli", "-bin"].iter().find_map(|ending| crate_name.strip_suffix(ending));
    let makes = |name: &str| members.iter().any(|member| programs(tree, member).iter().any(|program| program == name));
    if let Some(bare) = bare.filter(|bare| makes(bare) && !makes(&crate_name)) {
        main.insert("name".to_owned(), Value::String(bare.to_owned()));
    }
    let field = |name: &str| -> Option<String> {
        let value = main.get(name)?;
        let value = if value.is_table() { inherited.get(name)? } else { value };
        value.as_str().map(str::to_owned)
    };
    draft.name = draft.name.take().or_else(|| field("name"));
    draft.version = draft.version.take().or_else(|| field("version"));
    draft.summary = draft.summary.take().or_else(|| field("description"));
    draft.homepage = draft.homepage.take().or_else(|| field("homepage")).or_else(|| field("repository"));
    if let Some(license) = field("license") {
        draft.declared_licenses.push((license.replace('/', " OR "), FILE.to_owned()));
    }
    let author = main.get("authors").and_then(Value::as_array).and_then(|authors| authors.first()?.as_str());
    draft.maintainer = draft.maintainer.take().or_else(|| author.map(str::to_owned));

    draft.need("cargo", FILE);
    let lock = tree.text("Cargo.lock").and_then(|text| text.parse::<Table>().ok());
    let (crates, from) = crates(tree, lock.as_ref());
    native_libraries(&crates, from, draft);
    // Crates come from the tree, or from elsewhere.
    let configured = [".cargo/config.toml", ".cargo/config"].iter().any(|path| tree.has(path));
    let vendored = tree.has_folder("vendor") && configured;
    if !crates.is_empty() && !vendored {
        super::modules::needed(Modules::Cargo, from, tree, draft);
    }
    if let Some(least) = field("rust-version") {
        draft.want("rust", &least, FILE);
    }
    let newest_edition = members.iter().any(|member| {
        let edition = member.manifest.get("package").and_then(|package| package.get("edition"));
        let edition = edition.filter(|edition| edition.is_str()).or_else(|| inherited.get("edition"));
        edition.and_then(Value::as_str) == Some("2024")
    });
    if newest_edition {
        draft.want("rust", "1.85", "Cargo.toml (edition 2024)");
    }
    let lock_version = lock.as_ref().and_then(|lock| lock.get("version")?.as_integer());
    if lock_version.is_some_and(|version| version >= 4) {
        draft.want("rust", "1.78", "Cargo.lock (version 4)");
    }

    let mut names: Vec<String> = Vec::new();
    for member in &members {
        names.extend(programs(tree, member));
    }
    names.retain(|name| is_plain_word(name));
    names.dedup();
    let locked = if tree.has("Cargo.lock") { " --locked" } else { "" };
    draft.build = vec![format!("cargo build --release{locked}")];
    draft.check = vec![format!("cargo test --release{locked}")];
    draft.install = vec!["mkdir -p $DESTDIR$PREFIX/bin".to_owned()];
    for name in &names {
        draft.install.push(format!("install -m 755 target/release/{name} $DESTDIR$PREFIX/bin/"));
        draft.program(name);
    }
    // Programs that read their arguments with it know --help.
    draft.runs_programs = crates.iter().any(|name| name == "clap");
    super::common::install_manual_pages(tree, draft);
    if names.is_empty() {
        draft.cannot("no program was found: a crate that is a library only makes no package");
    }
}

struct Member {
    /// `""`, or the folder with a slash at its end.
    folder: String,
    manifest: Table,
}

/// The packages that `cargo build` builds: the one at the top, else those of the workspace.
fn members(tree: &Tree, manifest: &Table) -> Vec<Member> {
    if manifest.contains_key("package") {
        return vec![Member { folder: String::new(), manifest: manifest.clone() }];
    }
    let patterns = manifest.get("workspace").and_then(|workspace| workspace.get("members")).and_then(Value::as_array);
    let patterns: Vec<&str> = patterns.into_iter().flatten().filter_map(Value::as_str).collect();
    let mut members = Vec::new();
    for (path, text) in tree.texts(|path| base_name(path) == FILE) {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else { continue };
        let named = patterns.iter().any(|pattern| crate::recipe::glob_matches(pattern, folder));
        // `xtask` is what developers call their own scripts in Rust.
        let named = named && base_name(folder) != "xtask";
        if let Some(manifest) = text.parse::<Table>().ok().filter(|_| named) {
            members.push(Member { folder: format!("{folder}/"), manifest });
        }
    }
    members
}

fn programs(tree: &Tree, member: &Member) -> Vec<String> {
    let mut names = Vec::new();
    for bin in member.manifest.get("bin").and_then(Value::as_array).into_iter().flatten() {
        names.extend(bin.get("name").and_then(Value::as_str).map(str::to_owned));
    }
    let folder = &member.folder;
    let package = member.manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    let listed = |path: &str| {
        let bins = member.manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
        bins.filter_map(|bin| bin.get("path")?.as_str()).any(|known| known == path)
    };
    if tree.has(&format!("{folder}src/main.rs")) && !listed("src/main.rs") {
        names.extend(package.map(str::to_owned));
    }
    let place = format!("{folder}src/bin/");
    for path in tree.names().filter_map(|path| path.strip_prefix(&place)) {
        let name =
            path.strip_suffix("/main.rs").or_else(|| path.strip_suffix(".rs")).filter(|name| !name.contains('/'));
        names.extend(name.filter(|_| !listed(&format!("src/bin/{path}"))).map(str::to_owned));
    }
    names.sort();
    names.dedup();
    names
}

/// The names of the crates that are built, from the lock or, without one, the manifest.
fn crates(tree: &Tree, lock: Option<&Table>) -> (Vec<String>, &'static str) {
    if let Some(lock) = lock {
        let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
        let names = packages.filter(|package| package.get("source").is_some());
        return (names.filter_map(|package| package.get("name")?.as_str().map(str::to_owned)).collect(), "Cargo.lock");
    }
    let manifest = tree.text(FILE).and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let tables = ["dependencies", "build-dependencies"];
    let names = tables.iter().filter_map(|key| manifest.get(*key)?.as_table()).flat_map(|table| table.keys().cloned());
    (names.collect(), FILE)
}

fn native_libraries(crates: &[String], from: &str, draft: &mut Draft) {
    for name in crates {
        if let Some((_, what)) = NATIVE.iter().find(|(known, _)| known == name) {
            draft.need("/usr/bin/pkg-config", format!("{from}: {name}"));
            draft.need(*what, format!("{from}: {name}"));
        } else if let Some((_, what)) = COMPILERS.iter().find(|(known, _)| known == name) {
            draft.need(*what, format!("{from}: {name}"));
        } else if name.ends_with("-sys")
            && !["windows-sys", "js-sys", "web-sys", "core-foundation-sys", "linux-raw-sys"].contains(&name.as_str())
        {
            let name = crate::init::text::one_line(name);
            draft.check(format!("the crate {name} links a library: see whether it needs one of the system, and name it in [build] requires"));
        }
    }
}
