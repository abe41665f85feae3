//! Lock files of Python -> the wheels and sdists of one architecture, which pip takes from a folder.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::hash::{Hash, HashKind};
use super::model::{Form, Module, Place};
use crate::recipe::Ecosystem;
use crate::source::make::file_name;
use crate::types::{Address, Arch};

/// One project in one version.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    /// Normalised (PEP 503).
    pub(super) name: String,
    pub(super) version: String,
    /// Those that the lock file allows.
    pub(super) files: Vec<LockedFile>,
}

/// A file of a project: what the lock file says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LockedFile {
    pub(super) name: Option<String>,
    pub(super) url: Option<Address>,
    pub(super) hash: Hash,
}

/// A file that an index offers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Link {
    pub(super) url: String,
    pub(super) hash: Option<Hash>,
}

impl Wanted {
    /// # Errors
    /// When there is no file by whose hash it could be verified.
    fn of(name: &str, version: &str, files: Vec<LockedFile>) -> Result<Wanted, String> {
        match files.is_empty() {
            true => Err(format!(
                "has no sha256 of {name} {version}: `uv export`, `poetry export` and `pip-compile --generate-hashes` \
                 write requirements with hashes"
            )),
            false => Ok(Wanted { name: normalised(name), version: version.to_owned(), files }),
        }
    }

    /// Whether the lock file leaves it to an index where the files are, or what they are called.
    pub(super) fn needs_index(&self) -> bool {
        self.files.iter().any(|file| file.url.is_none())
    }
}

/// What a lock file names, but what lies in the project. `path` is the file's own name, which says what it is.
///
/// # Errors
/// A sentence about the file.
pub(super) fn read(path: &str, text: &str) -> Result<Vec<Wanted>, String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "uv.lock" => uv(&toml_of(name, text)?),
        "poetry.lock" => poetry(&toml_of(name, text)?),
        _ if name.starts_with("pylock.") && name.ends_with(".toml") => pylock(&toml_of(name, text)?),
        "Pipfile.lock" => pipfile(text),
        _ => requirements(text),
    }
}

fn toml_of(name: &str, text: &str) -> Result<Table, String> {
    text.parse().map_err(|error| format!("is no {name}: {error}"))
}

fn packages<'a>(lock: &'a Table, key: &str) -> Vec<&'a Table> {
    lock.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table).collect()
}

fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}

fn inner<'a>(table: &'a Table, key: &str) -> Option<&'a Table> {
    table.get(key).and_then(Value::as_table)
}

fn name_and_version(package: &Table) -> (&str, &str) {
    (text(package, "name").unwrap_or_default(), text(package, "version").unwrap_or_default())
}

/// `sha256:…`
fn sha256(text: &str) -> Option<Hash> {
    Hash::from_hex(HashKind::Sha256, text.strip_prefix("sha256:")?)
}

/// PEP 503
pub(super) fn normalised(name: &str) -> String {
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_ascii_lowercase()
}

fn not_of_an_index(name: &str) -> String {
    format!("takes {name} from a repository or a folder: farm fetches from indexes only")
}

fn uv(lock: &Table) -> Result<Vec<Wanted>, String> {
    let mut wanted = Vec::new();
    for package in packages(lock, "package") {
        let (name, version) = name_and_version(package);
        let source = inner(package, "source");
        let is = |kind: &str| source.is_some_and(|source| source.contains_key(kind));
        if ["virtual", "editable", "directory"].iter().any(|kind| is(kind)) {
            continue;
        }
        if !is("registry") && !is("url") {
            return Err(not_of_an_index(name));
        }
        let sdist = inner(package, "sdist");
        let files = packages(package, "wheels").into_iter().chain(sdist);
        let file = |file: &Table| {
            let url = text(file, "url")?;
            Some(LockedFile { name: None, url: Some(Address::from(url)), hash: sha256(text(file, "hash")?)? })
        };
        let files: Vec<LockedFile> = files.filter_map(file).collect();
        wanted.push(Wanted::of(name, version, files)?);
    }
    Ok(wanted)
}

/// PEP 751
fn pylock(lock: &Table) -> Result<Vec<Wanted>, String> {
    let mut wanted = Vec::new();
    for package in packages(lock, "packages") {
        let (name, version) = name_and_version(package);
        let directory = inner(package, "directory");
        if directory.is_some_and(|directory| text(directory, "path").is_some_and(|path| path == ".")) {
            continue;
        }
        let sdist = inner(package, "sdist");
        let archive = inner(package, "archive");
        if sdist.is_none() && archive.is_none() && !package.contains_key("wheels") {
            return Err(not_of_an_index(name));
        }
        let file = |file: &Table| {
            let hashes = inner(file, "hashes")?;
            Some(LockedFile {
                name: text(file, "name").map(str::to_owned),
                url: text(file, "url").map(Address::from),
                hash: Hash::from_hex(HashKind::Sha256, text(hashes, "sha256")?)?,
            })
        };
        let files = packages(package, "wheels").into_iter().chain(sdist).chain(archive);
        let files: Vec<LockedFile> = files.filter_map(file).collect();
        wanted.push(Wanted::of(name, version, files)?);
    }
    Ok(wanted)
}

fn poetry(lock: &Table) -> Result<Vec<Wanted>, String> {
    let mut wanted = Vec::new();
    for package in packages(lock, "package") {
        let (name, version) = name_and_version(package);
        if package.contains_key("source") && !is_index(package) {
            return Err(not_of_an_index(name));
        }
        let file = |file: &Table| {
            let hash = sha256(text(file, "hash")?)?;
            Some(LockedFile { name: text(file, "file").map(str::to_owned), url: None, hash })
        };
        let files: Vec<LockedFile> = packages(package, "files").into_iter().filter_map(file).collect();
        wanted.push(Wanted::of(name, version, files)?);
    }
    Ok(wanted)
}

fn is_index(package: &Table) -> bool {
    let kind = inner(package, "source").and_then(|source| text(source, "type"));
    kind.is_some_and(|kind| kind == "legacy")
}

fn pipfile(text: &str) -> Result<Vec<Wanted>, String> {
    let lock: Json = serde_json::from_str(text).map_err(|error| format!("is no Pipfile.lock: {error}"))?;
    let mut wanted = Vec::new();
    for (name, package) in lock.get("default").and_then(Json::as_object).into_iter().flatten() {
        let version = package.get("version").and_then(Json::as_str).unwrap_or_default().trim_start_matches("==");
        let hashes = package.get("hashes").and_then(Json::as_array).into_iter().flatten();
        let files: Vec<LockedFile> = hashes
            .filter_map(|hash| Some(LockedFile { name: None, url: None, hash: sha256(hash.as_str()?)? }))
            .collect();
        wanted.push(Wanted::of(name, version, files)?);
    }
    Ok(wanted)
}

/// pip's requirements file format, in its hash-checking mode.
fn requirements(text: &str) -> Result<Vec<Wanted>, String> {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut wanted = Vec::new();
    for line in joined.lines() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with("-r") || line.starts_with("--requirement") || line.starts_with("-c") {
            return Err(format!("names another file, `{line}`: name each of them in [modules]"));
        }
        if line.starts_with('-') {
            if line.starts_with("-e") || line.starts_with("--editable") {
                return Err(not_of_an_index(line));
            }
            continue;
        }
        let requirement = line.split(" --").next().unwrap_or(line);
        let pinned = requirement.split(';').next().unwrap_or_default();
        let (name, version) = match pinned.split_once("==") {
            Some((name, version)) => (name.split('[').next().unwrap_or_default().trim(), version.trim()),
            None if pinned.contains('@') => return Err(not_of_an_index(pinned.trim())),
            None => return Err(format!("does not pin {}: `==` with a version does", pinned.trim())),
        };
        let hashes = line.split_ascii_whitespace().filter_map(|word| word.strip_prefix("--hash="));
        let files: Vec<LockedFile> =
            hashes.filter_map(|hash| Some(LockedFile { name: None, url: None, hash: sha256(hash)? })).collect();
        wanted.push(Wanted::of(name, version, files)?);
    }
    Ok(wanted)
}

/// The files that a page of an index links to (PEP 503): the text of `href` attributes, resolved against the page's own
/// address, with the hash behind its `#`.
pub(super) fn links(page: &str, html: &str) -> Vec<Link> {
    let Ok(base) = reqwest::Url::parse(page) else { return Vec::new() };
    let mut links = Vec::new();
    for anchor in html.split("<a ").skip(1) {
        let tag = anchor.split('>').next().unwrap_or_default();
        let Some(value) = tag.split("href=").nth(1) else { continue };
        let quote = value.chars().next().filter(|c| ['"', '\''].contains(c));
        let Some(quote) = quote else { continue };
        let Some(href) = value[1..].split(quote).next() else { continue };
        let Ok(mut url) = base.join(&href.replace("&amp;", "&")) else { continue };
        let hash = url.fragment().and_then(|fragment| {
            let digits = fragment.split('&').find_map(|part| part.strip_prefix("sha256="))?;
            Hash::from_hex(HashKind::Sha256, digits)
        });
        url.set_fragment(None);
        links.push(Link { url: url.into(), hash });
    }
    links
}

/// The files of a project that a build for `arch` can use, out of those that the lock file allows and, where it does not
/// say where they are, `links`.
///
/// # Errors
/// A sentence about the lock file.
pub(super) fn choose(wanted: &Wanted, links: &[Link], arch: Arch) -> Result<Vec<Module>, String> {
    let mut known = Vec::new();
    for file in &wanted.files {
        let from_index = || links.iter().find(|link| link.hash.as_ref() == Some(&file.hash));
        let url = match &file.url {
            Some(url) => url.clone(),
            None => match from_index() {
                Some(link) => Address::from(link.url.as_str()),
                None => continue,
            },
        };
        let from_address = || file_name(std::slice::from_ref(&url)).replace("%2B", "+").replace("%2b", "+");
        let name = file.name.clone().unwrap_or_else(from_address);
        if let Some(rank) = rank(&name, arch) {
            known.push((rank, name, url, file.hash.clone()));
        }
    }
    if known.is_empty() {
        return Err(format!(
            "{} {} has no file that is in the lock file and fits {arch}: no wheel for it, and no sdist",
            wanted.name, wanted.version
        ));
    }
    // One wheel for all makes the others superfluous.
    if known.iter().any(|(rank, ..)| *rank == Rank::ForAll) {
        known.retain(|(rank, ..)| *rank == Rank::ForAll);
    }
    let module = |(_, name, url, hash): (Rank, String, Address, Hash)| Module {
        ecosystem: Ecosystem::Pip,
        name: wanted.name.clone(),
        version: wanted.version.clone(),
        hash,
        place: Place::Urls(vec![url]),
        form: Form::AsItIs,
        path: format!("pip/{name}"),
        license: None,
    };
    Ok(known.into_iter().map(module).collect())
}

/// What a file is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// A wheel of Python alone.
    ForAll,
    /// A wheel for the architecture, or sources.
    Fits,
}

/// `None` for what is of no use: wheels of other systems and architectures, what is no file of Python's.
fn rank(name: &str, arch: Arch) -> Option<Rank> {
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        return None;
    }
    let Some(stem) = name.strip_suffix(".whl") else {
        let is_sdist = name.ends_with(".tar.gz") || name.ends_with(".zip");
        return is_sdist.then_some(Rank::Fits);
    };
    let platforms = stem.rsplit('-').next()?;
    let machine = match arch {
        Arch::Amd64 => "_x86_64",
        Arch::Arm64 => "_aarch64",
        Arch::Armhf => "_armv7l",
        Arch::Armel => "_armv5tel",
        Arch::Loong64 => "_loongarch64",
        Arch::Mips64el => "_mips64",
        Arch::Mipsel => "_mips",
        Arch::I386 => "_i686",
        Arch::Ppc64el => "_ppc64le",
        Arch::Riscv64 => "_riscv64",
        Arch::S390x => "_s390x",
    };
    let fits = |platform: &str| {
        (platform.starts_with("manylinux") || platform.starts_with("linux_")) && platform.ends_with(machine)
    };
    match platforms {
        "any" => Some(Rank::ForAll),
        platforms => platforms.split('.').any(fits).then_some(Rank::Fits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274";

    #[test]
    fn all_forms_name_the_same_file() {
        let wheel = "https://files.example/six-1.17.0-py2.py3-none-any.whl";
        let cases = [
            (
                "requirements.txt",
                format!("# pinned\nSix==1.17.0 ; python_version < \"4\" \\\n    --hash=sha256:{SUM}\n    # via pond\n"),
            ),
            (
                "uv.lock",
                format!(
                    "[[package]]\nname = \"pond\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n[[package]]\nname = \"six\"\nversion = \"1.17.0\"\nsource = {{ registry = \"https://files.example/simple\" }}\nwheels = [{{ url = \"{wheel}\", hash = \"sha256:{SUM}\" }}]\n"
                ),
            ),
            (
                "pylock.toml",
                format!(
                    "[[packages]]\nname = \"six\"\nversion = \"1.17.0\"\n[[packages.wheels]]\nurl = \"{wheel}\"\nhashes = {{ sha256 = \"{SUM}\" }}\n"
                ),
            ),
            (
                "poetry.lock",
                format!(
                    "[[package]]\nname = \"six\"\nversion = \"1.17.0\"\nfiles = [{{ file = \"six-1.17.0-py2.py3-none-any.whl\", hash = \"sha256:{SUM}\" }}]\n"
                ),
            ),
            (
                "Pipfile.lock",
                format!(r#"{{"default": {{"six": {{"version": "==1.17.0", "hashes": ["sha256:{SUM}"]}}}}}}"#),
            ),
        ];
        let html = format!(
            "<a href=\"../../six-1.17.0.tar.gz#sha256=00\">x</a>\n<a data-x=\"1\" href=\"/six-1.17.0-py2.py3-none-any.whl#sha256={SUM}\">y</a>"
        );
        let links = links("https://files.example/simple/six/", &html);
        for (name, text) in cases {
            let wanted = read(name, &text).unwrap();
            let [six] = wanted.as_slice() else { panic!("{name}: {wanted:?}") };
            assert_eq!((six.name.as_str(), six.version.as_str()), ("six", "1.17.0"), "{name}");
            let modules = choose(six, &links, Arch::Amd64).unwrap();
            let [module] = modules.as_slice() else { panic!("{name}: {modules:?}") };
            assert_eq!(module.path, "pip/six-1.17.0-py2.py3-none-any.whl", "{name}");
            assert!(matches!(&module.place, Place::Urls(urls) if urls[0].secret() == wheel), "{name}: {module:?}");
        }
    }

    #[test]
    fn wheels_are_for_one_architecture() {
        let fits = |name: &str| rank(name, Arch::Arm64).is_some();
        assert!(fits("numpy-2.0.0-cp313-cp313-manylinux_2_17_aarch64.manylinux2014_aarch64.whl"));
        assert!(fits("numpy-2.0.0.tar.gz"));
        for name in [
            "numpy-2.0.0-cp313-cp313-manylinux_2_17_x86_64.whl",
            "numpy-2.0.0-cp313-cp313-musllinux_1_2_aarch64.whl",
            "numpy-2.0.0-cp313-cp313-macosx_14_0_arm64.whl",
            "numpy-2.0.0.exe",
            ".whl",
        ] {
            assert!(!fits(name), "{name}");
        }
    }

    #[test]
    fn what_is_not_pinned_is_refused() {
        let refused = |text: &str| requirements(text).unwrap_err();
        assert_eq!(refused("six>=1\n"), "does not pin six>=1: `==` with a version does");
        assert!(refused("six==1.17.0\n").starts_with("has no sha256 of six 1.17.0: "));
        assert!(refused("six @ https://example.org/six.whl\n").starts_with("takes six @ https"));
        assert!(refused("-r base.txt\n").starts_with("names another file, `-r base.txt`"));
        let one = read("requirements.txt", &format!("six==1.17.0 --hash=sha256:{SUM}\n")).unwrap();
        assert!(choose(&one[0], &[], Arch::Amd64).unwrap_err().starts_with("six 1.17.0 has no file"));
    }
}
