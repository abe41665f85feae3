//! One definition file -> [`Layer`]: what it says and nothing more, each value with its span. Strict: an unknown key or
//! a value that cannot be right is an error here. Does not follow `extends`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{DistroError, Newer, Payload, Stage, SystemdWords, TOOLCHAINS, Trigger};
use crate::types::{Arch, Format, Linter, PackageManager, nearest};

/// A definition as written.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(crate) path: PathBuf,
    pub(crate) text: Arc<str>,
}

impl File {
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>, help: Option<String>) -> DistroError {
        DistroError::Invalid {
            path: self.path.clone(),
            text: Arc::clone(&self.text),
            span,
            message: message.into(),
            help,
        }
    }

    /// For what is missing: the first line stands for the file.
    pub(super) fn whole(&self, message: impl Into<String>, help: Option<String>) -> DistroError {
        let end = self.text.find('\n').unwrap_or(self.text.len());
        self.error(0..end, message, help)
    }
}

/// A value, where it is written, and in which file.
#[derive(Debug, Clone)]
pub(super) struct Said<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
    pub(crate) file: Arc<File>,
}

/// What one file says.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(crate) extends: Option<Said<String>>,
    pub(crate) name: Option<Said<String>>,
    pub(crate) family: Option<Said<String>>,
    pub(crate) version: Option<Said<String>>,
    pub(crate) format: Option<Said<Format>>,
    pub(crate) manager: Option<Said<PackageManager>>,
    pub(crate) image: Option<Said<String>>,
    pub(crate) arches: Option<Said<Vec<Arch>>>,
    pub(crate) release_tag: Option<Said<String>>,
    pub(crate) stage: Option<Said<Stage>>,
    pub(crate) end_of_life: Option<Said<String>>,
    pub(crate) enable_repositories: Option<Said<Vec<String>>>,
    pub(crate) build_packages: Option<Said<Vec<String>>>,
    pub(crate) build_caches: Option<Said<Vec<String>>>,
    pub(crate) triggers: Option<Said<Vec<Trigger>>>,
    pub(crate) macros: BTreeMap<String, String>,
    pub(crate) setup: Option<Said<String>>,
    pub(crate) deb: DebLayer,
    pub(crate) rpm: RpmLayer,
    pub(crate) toolchains: ToolchainsLayer,
    pub(crate) lint: LintLayer,
    pub(crate) bootstrap: Option<BootstrapLayer>,
}

/// `[toolchains]`
#[derive(Debug, Clone, Default)]
pub(super) struct ToolchainsLayer {
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) newer: BTreeMap<String, Newer>,
}

/// `[lint]`
#[derive(Debug, Clone, Default)]
pub(super) struct LintLayer {
    pub(crate) linter: Option<Said<Linter>>,
    pub(crate) packages: Option<Said<Vec<String>>>,
    pub(crate) on: Option<Said<String>>,
}

/// `[deb]`
#[derive(Debug, Clone, Default)]
pub(super) struct DebLayer {
    pub(crate) debhelper: Option<Said<u32>>,
    pub(crate) standards_version: Option<Said<String>>,
    pub(crate) unit_folder: Option<Said<String>>,
}

/// `[rpm]`
#[derive(Debug, Clone, Default)]
pub(super) struct RpmLayer {
    pub(crate) systemd: Option<Said<SystemdWords>>,
    pub(crate) systemd_macros: Option<Said<String>>,
    pub(crate) user_macros: Option<Said<String>>,
    pub(crate) payload: Option<Said<Payload>>,
    pub(crate) sbin: Option<Said<String>>,
    pub(crate) group_tag: Option<Said<bool>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct BootstrapLayer {
    pub(crate) archive: Option<Said<String>>,
    pub(crate) mirror: Option<Said<String>>,
    pub(crate) suite: Option<Said<String>>,
    pub(crate) updates: Option<Said<Vec<String>>>,
    pub(crate) components: Option<Said<Vec<String>>>,
    pub(crate) keyrings: Option<Said<Vec<String>>>,
    pub(crate) include: Option<Said<Vec<String>>>,
    pub(crate) tolerate_expired: Option<Said<bool>>,
    pub(crate) snapshot: Option<Said<String>>,
    pub(crate) security: Option<SecurityLayer>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct SecurityLayer {
    pub(crate) archive: Option<Said<String>>,
    pub(crate) mirror: Option<Said<String>>,
    pub(crate) snapshot: Option<Said<String>>,
    pub(crate) suite: Option<Said<String>>,
}

const KEYS: [&str; 22] = [
    "extends",
    "name",
    "family",
    "version",
    "format",
    "manager",
    "image",
    "arches",
    "release-tag",
    "stage",
    "end-of-life",
    "enable-repositories",
    "build-packages",
    "build-caches",
    "triggers",
    "macros",
    "setup",
    "deb",
    "rpm",
    "toolchains",
    "lint",
    "bootstrap",
];
const LINT_KEYS: [&str; 3] = ["linter", "packages", "on"];
const DEB_KEYS: [&str; 3] = ["debhelper", "standards-version", "unit-folder"];
const RPM_KEYS: [&str; 6] = ["systemd", "systemd-macros", "user-macros", "payload", "sbin", "group-tag"];
const BOOTSTRAP_KEYS: [&str; 10] = [
    "archive",
    "mirror",
    "suite",
    "updates",
    "components",
    "keyrings",
    "include",
    "tolerate-expired",
    "snapshot",
    "security",
];
const NEWER_KEYS: [&str; 3] = ["version", "package", "folder"];
const SECURITY_KEYS: [&str; 4] = ["archive", "mirror", "snapshot", "suite"];

/// Reads one file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Layer, DistroError> {
    let file = Arc::new(File { path: path.to_owned(), text: Arc::from(text) });
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        file.error(span, error.message().trim_end(), Some("a distribution is a TOML file: docs/distros.md".into()))
    })?;
    let reader = Reader { file: &file };
    let mut layer = Layer::default();
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            "extends" => layer.extends = Some(reader.word(key, value)?),
            "name" => layer.name = Some(reader.line(key, value)?),
            "family" => layer.family = Some(reader.checked(key, value, is_id, "lower-case letters, digits and `-`")?),
            "version" => layer.version = Some(reader.checked(key, value, is_id, "letters, digits, `.` and `-`")?),
            "format" => layer.format = Some(reader.one_of(key, value, &Format::ALL, Format::as_str)?),
            "manager" => {
                layer.manager = Some(reader.one_of(key, value, &PackageManager::ALL, PackageManager::as_str)?);
            }
            "image" => layer.image = Some(reader.word(key, value)?),
            "arches" => layer.arches = Some(reader.arches(key, value)?),
            "release-tag" => {
                let allowed = "letters, digits, `.`, `_`, `+`, `~` and `^`";
                layer.release_tag = Some(reader.checked(key, value, is_release_tag, allowed)?);
            }
            "stage" => layer.stage = Some(reader.one_of(key, value, &Stage::ALL, Stage::as_str)?),
            "end-of-life" => {
                let date = "a date like \"2028-06-30\", the first day without any support";
                layer.end_of_life = Some(reader.checked(key, value, is_date, date)?);
            }
            "enable-repositories" => layer.enable_repositories = Some(reader.words(key, value)?),
            "build-packages" => layer.build_packages = Some(reader.list(key, value, Reader::line)?),
            "build-caches" => layer.build_caches = Some(reader.words(key, value)?),
            "triggers" => layer.triggers = Some(reader.triggers(key, value)?),
            "macros" => {
                for (name, body) in reader.table(key, value)? {
                    layer.macros.insert(name.get_ref().to_string(), reader.line(name, body)?.value);
                }
            }
            "setup" => layer.setup = Some(reader.text(key, value)?),
            "deb" => layer.deb = deb(&reader, reader.table(key, value)?)?,
            "rpm" => layer.rpm = rpm(&reader, reader.table(key, value)?)?,
            "toolchains" => layer.toolchains = toolchains(&reader, reader.table(key, value)?)?,
            "lint" => layer.lint = lint(&reader, reader.table(key, value)?)?,
            "bootstrap" => layer.bootstrap = Some(bootstrap(&reader, reader.table(key, value)?)?),
            _ => return Err(reader.unknown(key, &KEYS, "a distribution")),
        }
    }
    Ok(layer)
}

fn deb(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<DebLayer, DistroError> {
    let mut layer = DebLayer::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "debhelper" => layer.debhelper = Some(reader.level(key, value)?),
            "standards-version" => {
                layer.standards_version =
                    Some(reader.checked(key, value, is_numbers, "a version of Debian Policy, like \"4.7.0\"")?);
            }
            "unit-folder" => layer.unit_folder = Some(reader.folder(key, value)?),
            _ => return Err(reader.unknown(key, &DEB_KEYS, "[deb]")),
        }
    }
    Ok(layer)
}

fn rpm(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<RpmLayer, DistroError> {
    let mut layer = RpmLayer::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "systemd" => layer.systemd = Some(reader.one_of(key, value, &SystemdWords::ALL, SystemdWords::as_str)?),
            "systemd-macros" => layer.systemd_macros = Some(reader.word(key, value)?),
            "user-macros" => layer.user_macros = Some(reader.word(key, value)?),
            "payload" => layer.payload = Some(reader.one_of(key, value, &Payload::ALL, Payload::as_str)?),
            "sbin" => layer.sbin = Some(reader.folder(key, value)?),
            "group-tag" => layer.group_tag = Some(reader.boolean(key, value)?),
            _ => return Err(reader.unknown(key, &RPM_KEYS, "[rpm]")),
        }
    }
    Ok(layer)
}

fn lint(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<LintLayer, DistroError> {
    let mut layer = LintLayer::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "linter" => layer.linter = Some(reader.one_of(key, value, &Linter::ALL, Linter::as_str)?),
            "packages" => layer.packages = Some(reader.words(key, value)?),
            "on" => layer.on = Some(reader.checked(key, value, is_id, "the id of a distribution")?),
            _ => return Err(reader.unknown(key, &LINT_KEYS, "[lint]")),
        }
    }
    Ok(layer)
}

fn toolchains(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<ToolchainsLayer, DistroError> {
    const VERSION: &str = "a version like \"1.85\"";
    let mut layer = ToolchainsLayer::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "newer" => {
                for (key, value) in reader.table(key, value)? {
                    let name = key.get_ref().to_string();
                    if !TOOLCHAINS.contains(&name.as_str()) {
                        return Err(reader.unknown(key, &TOOLCHAINS, "[toolchains.newer]"));
                    }
                    let (mut version, mut package, mut folder) = (None, None, None);
                    for (key, value) in reader.table(key, value)? {
                        match key.get_ref().as_ref() {
                            "version" => version = Some(reader.checked(key, value, is_numbers, VERSION)?.value),
                            "package" => {
                                package = Some(reader.checked(key, value, is_id, "the name of a package")?.value)
                            }
                            "folder" => folder = Some(reader.folder(key, value)?.value),
                            _ => return Err(reader.unknown(key, &NEWER_KEYS, "a newer version")),
                        }
                    }
                    let (Some(version), Some(package)) = (version, package) else {
                        return Err(reader.wrong(key, value, "a table with `version` and `package`"));
                    };
                    layer.newer.insert(name, Newer { version, package, folder });
                }
            }
            name if TOOLCHAINS.contains(&name) => {
                let version = reader.checked(key, value, is_numbers, VERSION)?;
                layer.versions.insert(name.to_owned(), version.value);
            }
            _ => return Err(reader.unknown(key, &[&TOOLCHAINS[..], &["newer"]].concat(), "[toolchains]")),
        }
    }
    Ok(layer)
}

fn bootstrap(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<BootstrapLayer, DistroError> {
    let mut layer = BootstrapLayer::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "archive" => layer.archive = Some(reader.checked(key, value, is_id, "letters, digits and `-`")?),
            "mirror" => layer.mirror = Some(reader.url(key, value)?),
            "suite" => layer.suite = Some(reader.word(key, value)?),
            "updates" => layer.updates = Some(reader.words(key, value)?),
            "components" => layer.components = Some(reader.words(key, value)?),
            "keyrings" => layer.keyrings = Some(reader.words(key, value)?),
            "include" => layer.include = Some(reader.words(key, value)?),
            "snapshot" => layer.snapshot = Some(snapshot(reader, key, value)?),
            "tolerate-expired" => layer.tolerate_expired = Some(reader.boolean(key, value)?),
            "security" => layer.security = Some(security(reader, reader.table(key, value)?)?),
            _ => return Err(reader.unknown(key, &BOOTSTRAP_KEYS, "[bootstrap]")),
        }
    }
    Ok(layer)
}

/// A URL with a place for a time.
fn snapshot(reader: &Reader<'_>, key: &Key<'_>, value: &Value<'_>) -> Result<Said<String>, DistroError> {
    let url = reader.url(key, value)?;
    if url.value.contains("{time}") { Ok(url) } else { Err(reader.wrong(key, value, "a URL with {time} in it")) }
}

fn security(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<SecurityLayer, DistroError> {
    let mut layer = SecurityLayer::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "archive" => layer.archive = Some(reader.checked(key, value, is_id, "letters, digits and `-`")?),
            "mirror" => layer.mirror = Some(reader.url(key, value)?),
            "snapshot" => layer.snapshot = Some(snapshot(reader, key, value)?),
            "suite" => layer.suite = Some(reader.word(key, value)?),
            _ => return Err(reader.unknown(key, &SECURITY_KEYS, "[bootstrap.security]")),
        }
    }
    Ok(layer)
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// Takes values of one file apart. Every method fails with the value's span and the key's name.
struct Reader<'a> {
    file: &'a Arc<File>,
}

impl Reader<'_> {
    fn said<T>(&self, value: T, at: &Value<'_>) -> Said<T> {
        Said { value, span: at.span(), file: Arc::clone(self.file) }
    }

    fn wrong(&self, key: &Key<'_>, at: &Value<'_>, wanted: &str) -> DistroError {
        let message = format!("`{}` is {}, and has to be {wanted}", key.get_ref(), described(at.get_ref()));
        self.file.error(at.span(), message, None)
    }

    fn unknown(&self, key: &Key<'_>, known: &[&str], place: &str) -> DistroError {
        let help = match nearest(key.get_ref(), known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the keys of {place} are {}", known.join(", ")),
        };
        self.file.error(key.span(), format!("unknown key `{}`", key.get_ref()), Some(help))
    }

    fn text(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<String>, DistroError> {
        let text = at.get_ref().as_str().ok_or_else(|| self.wrong(key, at, "text"))?;
        Ok(self.said(text.to_owned(), at))
    }

    /// Text of one line without control characters.
    fn line(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<String>, DistroError> {
        self.checked(key, at, |text| !text.chars().any(char::is_control), "one line of text")
    }

    /// Text without blanks, not empty.
    fn word(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<String>, DistroError> {
        self.checked(key, at, is_word, "one word")
    }

    fn url(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<String>, DistroError> {
        let schemes = ["http://", "https://", "file://"];
        let is_url = |text: &str| is_word(text) && schemes.iter().any(|scheme| text.starts_with(scheme));
        let mut url = self.checked(key, at, is_url, "a URL (http, https or file)")?;
        url.value.truncate(url.value.trim_end_matches('/').len());
        Ok(url)
    }

    fn checked(
        &self,
        key: &Key<'_>,
        at: &Value<'_>,
        is_right: impl Fn(&str) -> bool,
        wanted: &str,
    ) -> Result<Said<String>, DistroError> {
        let said = self.text(key, at)?;
        if is_right(&said.value) { Ok(said) } else { Err(self.wrong(key, at, wanted)) }
    }

    fn one_of<T: Copy>(
        &self,
        key: &Key<'_>,
        at: &Value<'_>,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<Said<T>, DistroError> {
        let written = self.text(key, at)?;
        let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        let found = all.iter().copied().find(|one| name(*one) == written.value);
        found.map(|one| self.said(one, at)).ok_or_else(|| {
            let help = nearest(&written.value, names.iter().copied()).map(|near| format!("did you mean \"{near}\"?"));
            let message = format!("unknown {} `{}` (known: {})", key.get_ref(), written.value, names.join(", "));
            self.file.error(at.span(), message, help)
        })
    }

    /// A compatibility level of debhelper: those before 11 are gone from all releases that have it.
    fn level(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<u32>, DistroError> {
        let level =
            at.get_ref().as_integer().and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
        let level = level.filter(|level| (11..100).contains(level));
        let level = level.ok_or_else(|| self.wrong(key, at, "a compatibility level of debhelper, like 13"))?;
        Ok(self.said(level, at))
    }

    /// An absolute path of plain characters, without a slash at its end.
    fn folder(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<String>, DistroError> {
        self.checked(key, at, is_folder, "an absolute path like \"/usr/lib\"")
    }

    fn boolean(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<bool>, DistroError> {
        let value = at.get_ref().as_bool().ok_or_else(|| self.wrong(key, at, "true or false"))?;
        Ok(self.said(value, at))
    }

    fn table<'t, 'i>(&self, key: &Key<'_>, at: &'t Value<'i>) -> Result<&'t DeTable<'i>, DistroError> {
        at.get_ref().as_table().ok_or_else(|| self.wrong(key, at, "a table"))
    }

    fn words(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<Vec<String>>, DistroError> {
        self.list(key, at, Reader::word)
    }

    fn list(
        &self,
        key: &Key<'_>,
        at: &Value<'_>,
        item: impl Fn(&Self, &Key<'_>, &Value<'_>) -> Result<Said<String>, DistroError>,
    ) -> Result<Said<Vec<String>>, DistroError> {
        let list = at.get_ref().as_array().ok_or_else(|| self.wrong(key, at, "a list of texts"))?;
        let items = list.iter().map(|one| item(self, key, one).map(|said| said.value)).collect::<Result<_, _>>()?;
        Ok(self.said(items, at))
    }

    fn triggers(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<Vec<Trigger>>, DistroError> {
        let list = at.get_ref().as_array().ok_or_else(|| self.wrong(key, at, "a list of texts"))?;
        let one = |item| self.one_of(key, item, &Trigger::ALL, Trigger::as_str).map(|said| said.value);
        Ok(self.said(list.iter().map(one).collect::<Result<_, _>>()?, at))
    }

    fn arches(&self, key: &Key<'_>, at: &Value<'_>) -> Result<Said<Vec<Arch>>, DistroError> {
        let list = at.get_ref().as_array().ok_or_else(|| self.wrong(key, at, "a list of architectures"))?;
        let mut arches = Vec::new();
        for item in list {
            let written = self.word(key, item)?.value;
            let arch: Arch = written.parse().map_err(|error: crate::types::UnknownArch| {
                let near = nearest(&written, Arch::ALL.iter().flat_map(|arch| [arch.deb(), arch.rpm()]));
                self.file.error(item.span(), error.to_string(), near.map(|near| format!("did you mean \"{near}\"?")))
            })?;
            if arches.contains(&arch) {
                return Err(self.file.error(item.span(), format!("`arches` names {arch} twice"), None));
            }
            arches.push(arch);
        }
        if arches.is_empty() { Err(self.wrong(key, at, "at least one")) } else { Ok(self.said(arches, at)) }
    }
}

fn described(value: &DeValue<'_>) -> String {
    match value.as_str() {
        Some(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Some(_) => "a long text".to_owned(),
        None => format!("a value of type {}", value.type_str()),
    }
}

/// Made of what file names, target ids and selectors may hold.
pub(super) fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-'))
}

fn is_numbers(text: &str) -> bool {
    text.split('.').all(|part| part.parse::<u32>().is_ok())
}

fn is_folder(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part != ".." && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c))
    };
    text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// What both Debian (Policy 5.6.12) and RPM take in a version's last part.
fn is_release_tag(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '~' | '^'))
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}
