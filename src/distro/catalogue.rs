//! Definition files -> [`Catalogue`]: `extends` followed, what is missing or does not fit together found, digests made.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::parse::{
    BootstrapLayer, DebLayer, File, Layer, LintLayer, RpmLayer, Said, SecurityLayer, ToolchainsLayer, is_id, parse,
};
use super::{Bootstrap, DebFacts, Distro, DistroError, LintPlace, RpmFacts, Security, Toolchains};
use crate::types::{Format, nearest};

// DEFINITIONS, TEMPLATES and KEYRINGS: `(name, content)` of the files in `distros/`, made by build.rs.
include!(concat!(env!("OUT_DIR"), "/distros.rs"));

/// Templates to extend are in this subfolder of `distros/`, and are no distributions themselves.
const TEMPLATE_FOLDER: &str = "common";

/// All known distributions: the built-in ones, and those of folders that the user has beside the recipe.
#[derive(Debug, Clone)]
pub struct Catalogue {
    distros: BTreeMap<String, Arc<Distro>>,
    /// Ids in the order of [`Catalogue::iter`].
    order: Vec<String>,
}

impl Catalogue {
    /// The distributions in the binary, and the `*.toml` of `folders` on top; a later one of the same id wins. A folder
    /// that does not exist counts as empty.
    ///
    /// # Errors
    /// The first file that cannot be read or is not valid, built-in ones included.
    pub fn load(folders: &[PathBuf]) -> Result<Catalogue, DistroError> {
        let mut files = Files::built_in()?;
        for folder in folders {
            files.add_folder(folder)?;
        }
        let mut distros = BTreeMap::new();
        for name in files.by_name.keys().filter(|name| !name.contains('/')) {
            distros.insert(name.clone(), Arc::new(files.distro(name)?));
        }
        let mut order: Vec<&Arc<Distro>> = distros.values().collect();
        order.sort_by(|a, b| a.family.cmp(&b.family).then_with(|| version_order(&a.version, &b.version)));
        let order = order.into_iter().map(|distro| distro.id.clone()).collect();
        Ok(Catalogue { distros, order })
    }

    /// As [`Catalogue::load`], with the folder `distros/` of each of `places`.
    pub(crate) fn around<'a>(places: impl IntoIterator<Item = &'a Path>) -> Result<Catalogue, DistroError> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in places.into_iter().map(|place| place.join("distros")) {
            if folder.is_dir() && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        Catalogue::load(&folders)
    }

    /// The definition of the distribution with this id (`debian-12`), if there is one.
    pub fn get(&self, id: &str) -> Option<&Arc<Distro>> {
        self.distros.get(id)
    }

    /// In the order people expect: by family, then version order; rolling ones (`sid`, `rawhide`) last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Distro>> {
        self.order.iter().filter_map(|id| self.distros.get(id))
    }
}

/// A keyring by an entry of [`Bootstrap::keyrings`]: one that ships with farm, or a file of the user's.
pub fn keyring(name: &str) -> Option<Cow<'static, [u8]>> {
    if let Some((_, content)) = KEYRINGS.iter().find(|(known, _)| *known == name) {
        return Some(Cow::Borrowed(content));
    }
    // Entries of user folders were made paths when they were read; a bare name is never looked up in the work folder.
    name.contains(std::path::MAIN_SEPARATOR).then(|| std::fs::read(name).ok().map(Cow::Owned)).flatten()
}

/// Numbers by value, everything else by letter, words after numbers.
fn version_order(a: &str, b: &str) -> Ordering {
    let part = |text: &str| text.parse::<u64>().map_or((u64::MAX, text.to_owned()), |number| (number, String::new()));
    a.split('.').map(part).cmp(b.split('.').map(part))
}

/// Where a file is in the stack of those with its name: 0 is the built-in one, if there is one.
type Level = usize;

/// Files by name (`debian-12`, `common/debian`); several of one name lie on each other, the user's on top.
struct Files {
    by_name: BTreeMap<String, Vec<Definition>>,
}

struct Definition {
    layer: Layer,
    file: File,
    /// The user's folder; none for a built-in file.
    folder: Option<PathBuf>,
}

impl Files {
    fn built_in() -> Result<Files, DistroError> {
        let mut files = Files { by_name: BTreeMap::new() };
        for (name, text) in DEFINITIONS.iter().chain(TEMPLATES) {
            files.add(name, &PathBuf::from(format!("distros/{name}.toml")), text, None)?;
        }
        Ok(files)
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), DistroError> {
        for (prefix, folder_read) in [("", folder.to_owned()), ("common/", folder.join(TEMPLATE_FOLDER))] {
            let read =
                |error: std::io::Error| DistroError::Read { path: folder_read.clone(), reason: error.to_string() };
            let entries = match std::fs::read_dir(&folder_read) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(read(error)),
            };
            let mut paths =
                entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(read)?;
            paths.sort();
            for path in paths.iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "toml")) {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| DistroError::Read { path: path.clone(), reason: error.to_string() })?;
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                self.add(&format!("{prefix}{stem}"), path, &text, Some(folder))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, path: &Path, text: &str, folder: Option<&Path>) -> Result<(), DistroError> {
        let file = File { path: path.to_owned(), text: Arc::from(text) };
        if !is_id(name.trim_start_matches("common/")) {
            let help = "a distribution is named by its file: lower-case letters, digits, `.` and `-`".to_owned();
            return Err(file.whole(format!("`{name}` cannot be the name of a distribution"), Some(help)));
        }
        let layer = parse(path, text)?;
        let entry = Definition { layer, file, folder: folder.map(Path::to_owned) };
        self.by_name.entry(name.to_owned()).or_default().push(entry);
        Ok(())
    }

    /// The topmost file of this name with all that it extends below it.
    fn distro(&self, name: &str) -> Result<Distro, DistroError> {
        let level = self.by_name[name].len() - 1;
        let layer = self.resolve(name, level, &mut Vec::new())?;
        let entry = &self.by_name[name][level];
        // Two distributions cannot share a name: it is the only key that is not inherited.
        let title = entry.layer.name.clone().ok_or_else(|| missing(&entry.file, "name", "\"Debian 12 (bookworm)\""))?;
        let layer = self.with_facts(layer);
        let mut distro = finish(name, title.value, layer, &entry.file)?;
        self.locate_keyrings(&mut distro, &entry.file)?;
        distro.digest = digest(&distro);
        Ok(distro)
    }

    /// What a definition does not say of `[rpm]` is as in the built-in template of its package manager, of `[deb]` as in
    /// apt's.
    fn with_facts(&self, mut layer: Layer) -> Layer {
        let built_in = |name: &str| self.by_name.get(name).and_then(|stack| stack.first()).map(|entry| &entry.layer);
        if let Some(template) = built_in("common/apt") {
            layer.deb = layer.deb.over(template.deb.clone());
        }
        let manager = layer.manager.as_ref().map(|said| said.value.as_str()).unwrap_or_default();
        if let Some(template) = built_in(&format!("common/{manager}")) {
            layer.rpm = layer.rpm.over(template.rpm.clone());
        }
        layer
    }

    fn resolve(&self, name: &str, level: Level, above: &mut Vec<(String, Level)>) -> Result<Layer, DistroError> {
        let layer = self.by_name[name][level].layer.clone();
        let Some(extends) = layer.extends.clone() else { return Ok(layer) };
        above.push((name.to_owned(), level));
        let base = &extends.value;
        // A file that extends its own name adds to the one below it: how a user changes a built-in definition a little.
        let base_level = match self.by_name.get(base) {
            Some(_) if base == name && level > 0 => level - 1,
            Some(stack) => stack.len() - 1,
            None => {
                let near = nearest(base, self.by_name.keys().map(String::as_str));
                let help = near.map(|near| format!("did you mean \"{near}\"?"));
                return Err(extends.file.error(extends.span, format!("`{base}` to extend is not there"), help));
            }
        };
        if above.contains(&(base.clone(), base_level)) {
            let mut names: Vec<&str> = above.iter().map(|(name, _)| name.as_str()).collect();
            names.push(base);
            let message = format!("`extends` goes in a circle: {}", names.join(" -> "));
            return Err(extends.file.error(extends.span, message, None));
        }
        Ok(layer.over(self.resolve(base, base_level, above)?))
    }

    /// Entries that are not built in become paths below the user's folders.
    fn locate_keyrings(&self, distro: &mut Distro, file: &File) -> Result<(), DistroError> {
        let Some(bootstrap) = &mut distro.bootstrap else { return Ok(()) };
        let folders: Vec<&PathBuf> =
            self.by_name.values().flatten().filter_map(|entry| entry.folder.as_ref()).collect();
        for entry in &mut bootstrap.keyrings {
            if entry.contains(['/', '\\']) {
                let help = "name a file in the folder `keyrings` beside the definition".to_owned();
                return Err(file.whole(format!("keyring `{entry}` is a path"), Some(help)));
            }
            let own =
                folders.iter().rev().map(|folder| folder.join("keyrings").join(&*entry)).find(|path| path.is_file());
            if let Some(path) = own {
                *entry = path.to_string_lossy().into_owned();
            } else if keyring(entry).is_none() {
                let near = nearest(entry, KEYRINGS.iter().map(|(name, _)| *name));
                let help = near.map_or_else(
                    || format!("put it at keyrings/{entry} beside the definition"),
                    |near| format!("did you mean \"{near}\"?"),
                );
                return Err(file.whole(format!("keyring `{entry}` is not there"), Some(help)));
            }
        }
        Ok(())
    }
}

impl Layer {
    /// What this file says, and where it says nothing, what `base` says. Tables merge key by key; lists do not add up.
    fn over(self, base: Layer) -> Layer {
        let mut macros = base.macros;
        macros.extend(self.macros);
        Layer {
            extends: None,
            name: None,
            family: self.family.or(base.family),
            version: self.version.or(base.version),
            format: self.format.or(base.format),
            manager: self.manager.or(base.manager),
            image: self.image.or(base.image),
            arches: self.arches.or(base.arches),
            release_tag: self.release_tag.or(base.release_tag),
            stage: self.stage.or(base.stage),
            end_of_life: self.end_of_life.or(base.end_of_life),
            enable_repositories: self.enable_repositories.or(base.enable_repositories),
            build_packages: self.build_packages.or(base.build_packages),
            build_caches: self.build_caches.or(base.build_caches),
            triggers: self.triggers.or(base.triggers),
            macros,
            setup: self.setup.or(base.setup),
            deb: self.deb.over(base.deb),
            rpm: self.rpm.over(base.rpm),
            toolchains: self.toolchains.over(base.toolchains),
            lint: self.lint.over(base.lint),
            bootstrap: merge(self.bootstrap, base.bootstrap, BootstrapLayer::over),
        }
    }
}

impl DebLayer {
    fn over(self, base: DebLayer) -> DebLayer {
        DebLayer {
            debhelper: self.debhelper.or(base.debhelper),
            standards_version: self.standards_version.or(base.standards_version),
            unit_folder: self.unit_folder.or(base.unit_folder),
        }
    }
}

impl RpmLayer {
    fn over(self, base: RpmLayer) -> RpmLayer {
        RpmLayer {
            systemd: self.systemd.or(base.systemd),
            systemd_macros: self.systemd_macros.or(base.systemd_macros),
            user_macros: self.user_macros.or(base.user_macros),
            payload: self.payload.or(base.payload),
            sbin: self.sbin.or(base.sbin),
            group_tag: self.group_tag.or(base.group_tag),
        }
    }
}

impl LintLayer {
    fn over(self, base: LintLayer) -> LintLayer {
        // Who names a linter of its own has no use for that of another distribution.
        let on = if self.linter.is_some() { self.on } else { self.on.or(base.on) };
        LintLayer { linter: self.linter.or(base.linter), packages: self.packages.or(base.packages), on }
    }
}

impl ToolchainsLayer {
    fn over(self, base: ToolchainsLayer) -> ToolchainsLayer {
        let (mut versions, mut newer) = (base.versions, base.newer);
        versions.extend(self.versions);
        newer.extend(self.newer);
        ToolchainsLayer { versions, newer }
    }
}

impl BootstrapLayer {
    fn over(self, base: BootstrapLayer) -> BootstrapLayer {
        BootstrapLayer {
            archive: self.archive.or(base.archive),
            mirror: self.mirror.or(base.mirror),
            suite: self.suite.or(base.suite),
            updates: self.updates.or(base.updates),
            components: self.components.or(base.components),
            keyrings: self.keyrings.or(base.keyrings),
            include: self.include.or(base.include),
            tolerate_expired: self.tolerate_expired.or(base.tolerate_expired),
            snapshot: self.snapshot.or(base.snapshot),
            security: merge(self.security, base.security, SecurityLayer::over),
        }
    }
}

impl SecurityLayer {
    fn over(self, base: SecurityLayer) -> SecurityLayer {
        SecurityLayer {
            archive: self.archive.or(base.archive),
            mirror: self.mirror.or(base.mirror),
            snapshot: self.snapshot.or(base.snapshot),
            suite: self.suite.or(base.suite),
        }
    }
}

fn merge<T>(own: Option<T>, base: Option<T>, over: impl Fn(T, T) -> T) -> Option<T> {
    match (own, base) {
        (Some(own), Some(base)) => Some(over(own, base)),
        (own, base) => own.or(base),
    }
}

fn missing(file: &File, key: &str, example: &str) -> DistroError {
    file.whole(format!("`{key}` is missing"), Some(format!("write, for example, {key} = {example}")))
}

/// A complete definition, or what is missing in it. `digest` is left to the caller.
fn finish(id: &str, name: String, layer: Layer, file: &File) -> Result<Distro, DistroError> {
    fn need<T>(file: &File, said: Option<Said<T>>, key: &str, example: &str) -> Result<T, DistroError> {
        said.map(|said| said.value).ok_or_else(|| missing(file, key, example))
    }
    let format = need(file, layer.format, "format", "\"deb\"")?;
    let manager = layer.manager.ok_or_else(|| missing(file, "manager", "\"apt\""))?;
    if format == Format::Deb && manager.value.format() != format {
        let message = format!("{} cannot install the requirements of .deb packages", manager.value.as_str());
        return Err(manager.file.error(manager.span, message, Some("write manager = \"apt\"".into())));
    }
    let bootstrap = layer.bootstrap.map(|bootstrap| finish_bootstrap(bootstrap, file)).transpose()?;
    if layer.image.is_none() && bootstrap.is_none() {
        return Err(file.whole("neither `image` nor [bootstrap] says where its base comes from", None));
    }
    Ok(Distro {
        id: id.to_owned(),
        name,
        family: need(file, layer.family, "family", "\"debian\"")?,
        version: need(file, layer.version, "version", "\"12\"")?,
        format,
        manager: manager.value,
        image: layer.image.map(|said| said.value),
        arches: need(file, layer.arches, "arches", "[\"amd64\", \"arm64\"]")?,
        release_tag: need(file, layer.release_tag, "release-tag", "\"~deb12\"")?,
        stage: layer.stage.map(|said| said.value).unwrap_or_default(),
        end_of_life: layer.end_of_life.map(|said| said.value),
        enable_repositories: or_empty(layer.enable_repositories),
        build_packages: or_empty(layer.build_packages),
        build_caches: or_empty(layer.build_caches),
        triggers: layer.triggers.map(|said| said.value).unwrap_or_default(),
        deb: DebFacts {
            debhelper: need(file, layer.deb.debhelper, "deb.debhelper", "13")?,
            standards_version: need(file, layer.deb.standards_version, "deb.standards-version", "\"4.7.0\"")?,
            unit_folder: need(file, layer.deb.unit_folder, "deb.unit-folder", "\"/usr/lib/systemd/system\"")?,
        },
        rpm: RpmFacts {
            systemd: need(file, layer.rpm.systemd, "rpm.systemd", "\"macros\"")?,
            systemd_macros: layer.rpm.systemd_macros.map(|said| said.value),
            user_macros: layer.rpm.user_macros.map(|said| said.value),
            payload: need(file, layer.rpm.payload, "rpm.payload", "\"gzip\"")?,
            sbin: need(file, layer.rpm.sbin, "rpm.sbin", "\"/usr/sbin\"")?,
            group_tag: need(file, layer.rpm.group_tag, "rpm.group-tag", "true")?,
        },
        toolchains: Toolchains { versions: layer.toolchains.versions, newer: layer.toolchains.newer },
        lint: layer.lint.on.map(|said| LintPlace::On(said.value)).or_else(|| {
            layer.lint.linter.map(|said| LintPlace::Here {
                linter: said.value,
                packages: layer.lint.packages.map_or_else(|| vec![said.value.as_str().to_owned()], |said| said.value),
            })
        }),
        macros: layer.macros,
        bootstrap,
        setup: layer.setup.map(|said| said.value),
        digest: String::new(),
    })
}

fn finish_bootstrap(layer: BootstrapLayer, file: &File) -> Result<Bootstrap, DistroError> {
    let need = |said: Option<Said<String>>, key: &str, example: &str| {
        said.map(|said| said.value).ok_or_else(|| missing(file, key, example))
    };
    let keyrings = or_empty(layer.keyrings);
    if keyrings.is_empty() {
        return Err(missing(file, "bootstrap.keyrings", "[\"debian-archive-keyring.gpg\"]"));
    }
    // A template may name the archive of security updates for all releases; a release without a suite in it has none.
    let security = match layer.security {
        Some(SecurityLayer { archive, mirror, snapshot, suite: Some(suite) }) => Some(Security {
            snapshot: snapshot.map(|said| said.value),
            archive: need(archive, "bootstrap.security.archive", "\"debian-security\"")?,
            mirror: need(mirror, "bootstrap.security.mirror", "\"http://security.debian.org/debian-security\"")?,
            suite: suite.value,
        }),
        _ => None,
    };
    Ok(Bootstrap {
        archive: need(layer.archive, "bootstrap.archive", "\"debian\"")?,
        mirror: need(layer.mirror, "bootstrap.mirror", "\"http://ftp.debian.org/debian\"")?,
        suite: need(layer.suite, "bootstrap.suite", "\"bookworm\"")?,
        updates: or_empty(layer.updates),
        security,
        components: match or_empty(layer.components) {
            components if components.is_empty() => vec!["main".to_owned()],
            components => components,
        },
        keyrings,
        include: or_empty(layer.include),
        tolerate_expired: layer.tolerate_expired.is_some_and(|said| said.value),
        snapshot: layer.snapshot.map(|said| said.value),
    })
}

fn or_empty(list: Option<Said<Vec<String>>>) -> Vec<String> {
    list.map(|said| said.value).unwrap_or_default()
}

fn digest(distro: &Distro) -> String {
    let mut relevant = distro.clone();
    relevant.name.clear();
    relevant.end_of_life = None;
    if let Some(bootstrap) = &mut relevant.bootstrap {
        for entry in &mut bootstrap.keyrings {
            *entry = hex::encode(Sha256::digest(keyring(entry).unwrap_or_default()));
        }
    }
    // Fields in the order of the type, maps sorted: the same JSON for the same definition.
    let json = serde_json::to_vec(&relevant).unwrap_or_default();
    format!("sha256:{}", hex::encode(Sha256::digest(json)))
}
