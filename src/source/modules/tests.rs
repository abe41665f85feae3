//! Lock files in prepared sources, and registries in folders.

use std::fs;
use std::io::Write;

use super::*;
use crate::fetch::Fetcher;
use crate::source::tests::git::{commit, git};
use crate::types::NoProgress;

struct Host {
    temp: tempfile::TempDir,
    variables: registries::Variables,
}

impl Host {
    fn new() -> Host {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().to_str().unwrap().to_owned();
        Host { temp, variables: BTreeMap::from([("HOME".to_owned(), home)]) }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.temp.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn url(&self, name: &str) -> String {
        format!("file://{}", self.temp.path().join(name).display())
    }

    fn sources(&self) -> Sources {
        Sources {
            cache: self.temp.path().join("cache"),
            fetcher: Fetcher::new().unwrap(),
            mirrors: BTreeMap::new(),
            registries: Registries::from_variables(&self.variables),
        }
    }

    /// The modules of a source tree with one lock file.
    async fn modules(&self, ecosystem: Ecosystem, path: &str, text: &str) -> Result<Option<Prepared>, SourceError> {
        self.write(&format!("project/{path}"), text);
        let sources = self.sources();
        let source = Source::whole(Origin::Path { path: "project".to_owned() });
        let cancel = CancellationToken::new();
        let prepared = sources.prepare(self.temp.path(), "pond", "1.0", &[source], &NoProgress, &cancel).await.unwrap();
        let wanted = BTreeMap::from([(ecosystem, vec![path.to_owned()])]);
        sources.modules(&prepared, &wanted, Arch::Amd64, &NoProgress, &cancel).await
    }

    /// A .crate in a local registry, which Cargo's configuration names; returns its checksum.
    fn publish(&self, name: &str, version: &str) -> String {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (file, text) in [
            (
                "Cargo.toml",
                format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nlicense = \"MIT OR 0BSD\"\n"),
            ),
            ("src/lib.rs", String::new()),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{name}-{version}/{file}"), text.as_bytes()).unwrap();
        }
        let bytes = tar.into_inner().unwrap().finish().unwrap();
        self.write(&format!("crates/{name}-{version}.crate"), &bytes);
        self.write(
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"near\"\n[source.near]\nlocal-registry = \"crates\"\n",
        );
        hex::encode(Sha256::digest(&bytes))
    }
}

fn cargo_lock(name: &str, version: &str, sum: &str) -> String {
    format!(
        "version = 4\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{}\"\nchecksum = \"{sum}\"\n",
        cargo::CRATES_IO[0]
    )
}

fn names(prepared: &Prepared) -> Vec<String> {
    let mut archive = tar::Archive::new(fs::File::open(&prepared.tree).unwrap());
    let entries = archive.entries().unwrap();
    let name =
        |entry: Result<tar::Entry<'_, _>, _>| String::from_utf8(entry.unwrap().path_bytes().into_owned()).unwrap();
    entries.map(name).filter(|name| !name.ends_with('/')).collect()
}

fn text_of(prepared: &Prepared, path: &str) -> String {
    String::from_utf8(read_file(prepared, path, 1 << 20).unwrap().unwrap()).unwrap()
}

#[tokio::test]
async fn crates_become_a_cargo_home() {
    let host = Host::new();
    let sum = host.publish("itoa", "1.0.11");
    let lock = cargo_lock("itoa", "1.0.11", &sum);
    let modules = host.modules(Ecosystem::Cargo, "Cargo.lock", &lock).await.unwrap().unwrap();
    let expected = [
        "cargo/vendor/itoa-1.0.11/Cargo.toml",
        "cargo/vendor/itoa-1.0.11/src/lib.rs",
        "cargo/vendor/itoa-1.0.11/.cargo-checksum.json",
        "cargo/config.toml",
        "modules.json",
    ];
    assert_eq!(names(&modules), expected);
    let line = format!(
        "[\n{{\"ecosystem\":\"cargo\",\"name\":\"itoa\",\"version\":\"1.0.11\",\"hash\":\"sha256:{sum}\",\
         \"license\":\"MIT OR 0BSD\"}}\n]\n"
    );
    assert_eq!(text_of(&modules, LIST), line);

    // What was packed once is there without the registry.
    fs::remove_dir_all(host.temp.path().join("crates")).unwrap();
    let again = host.modules(Ecosystem::Cargo, "Cargo.lock", &lock).await.unwrap().unwrap();
    assert_eq!(again.digest, modules.digest);
}

/// The files are those that `cargo vendor` of Cargo 1.95 makes of this repository, and `extra`, which its manifest leaves out.
#[cfg(unix)]
#[tokio::test]
async fn crates_of_a_commit_lie_as_cargo_vendor_lays_them_out() {
    let host = Host::new();
    let upstream = host.temp.path().join("upstream");
    for (name, text) in [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/a\", \"crates/b\"]\n[workspace.package]\nversion = \"1.2.0\"\nlicense = \"MIT\"\n",
        ),
        ("README.md", "hi\n"),
        ("proto/x.proto", "x\n"),
        ("crates/a/Cargo.toml", "[package]\nname = \"duck-a\"\nversion.workspace = true\nlicense.workspace = true\n"),
        ("crates/a/.cargo-checksum.json", "mine"),
        ("crates/a/src/lib.rs", ""),
        ("crates/a/tests/t.rs", ""),
        ("crates/a/tests/fix/Cargo.toml", "[package]\nname = \"{{fix}}\"\n"),
        ("crates/a/tests/fix/src/lib.rs", ""),
        ("crates/b/Cargo.toml", "[package]\nname = \"b\"\nversion = \"0.1.0\" # mine\nexclude = [\"extra\"]\n"),
        ("crates/b/src/lib.rs", ""),
        ("crates/b/extra", ""),
    ] {
        host.write(&format!("upstream/{name}"), text);
    }
    std::os::unix::fs::symlink("../../README.md", upstream.join("crates/a/README.md")).unwrap();
    std::os::unix::fs::symlink("../../proto", upstream.join("crates/a/proto")).unwrap();
    std::os::unix::fs::symlink("../../../../etc", upstream.join("crates/a/out")).unwrap();
    git(&upstream, &["init", "--quiet"]);
    let commit = commit(&upstream, "first");

    let package = |name: &str, version: &str, commit: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\
             source = \"git+https://git.example/ws?branch=main#{commit}\"\n"
        )
    };
    // As from elsewhere, but from a place of this host.
    let read = |lock: &str| {
        let mut modules = cargo::read(lock).unwrap();
        for module in &mut modules {
            let Place::Git(source) = &mut module.place else { panic!("{module:?}") };
            source.url = upstream.to_str().unwrap().into();
        }
        modules
    };
    let sources = host.sources();
    let cancel = CancellationToken::new();
    let pack_all = async |modules: Vec<Module>| {
        let commits = tempfile::tempdir().unwrap();
        let files = sources.fetch_modules(&modules, commits.path(), &NoProgress, &cancel).await?;
        let into = sources.cache.join("sources/packed");
        fs::create_dir_all(into.parent().unwrap()).unwrap();
        pack(&into, modules, &files, &cancel)?;
        match sources.load(&into).await? {
            Loaded::Whole(prepared) => Ok::<_, SourceError>(prepared),
            _ => panic!("nothing was packed"),
        }
    };
    let modules = read(&(package("duck-a", "1.2.0", &commit) + &package("b", "0.1.0", &commit)));
    let folder = modules[0].path.strip_suffix("/duck-a-1.2.0").unwrap().to_owned();
    let prepared = pack_all(modules).await.unwrap();
    let mut found = names(&prepared);
    found.sort();
    let mut expected: Vec<String> = [
        "b-0.1.0/.cargo-checksum.json",
        "b-0.1.0/Cargo.toml",
        "b-0.1.0/extra",
        "b-0.1.0/src/lib.rs",
        "duck-a-1.2.0/.cargo-checksum.json",
        "duck-a-1.2.0/Cargo.toml",
        "duck-a-1.2.0/README.md",
        "duck-a-1.2.0/proto/x.proto",
        "duck-a-1.2.0/src/lib.rs",
        "duck-a-1.2.0/tests/t.rs",
    ]
    .map(|name| format!("{folder}/{name}"))
    .into();
    expected.splice(0..0, ["cargo/config.toml".to_owned()]);
    expected.push(LIST.to_owned());
    assert_eq!(found, expected);
    let text = |name: &str| text_of(&prepared, &format!("{folder}/{name}"));
    assert_eq!((text("duck-a-1.2.0/README.md").as_str(), text("duck-a-1.2.0/proto/x.proto").as_str()), ("hi\n", "x\n"));
    assert!(text("b-0.1.0/Cargo.toml").contains("# mine"));
    assert!(text("duck-a-1.2.0/Cargo.toml").contains("version = \"1.2.0\""));
    assert_eq!(text("duck-a-1.2.0/.cargo-checksum.json"), "{\"files\":{},\"package\":null}\n");
    let list = text_of(&prepared, LIST);
    assert!(list.contains(&format!("\"hash\":\"gitCommit:{commit}\",\"license\":\"MIT\"")), "{list}");
    assert!(!list.contains("git.example") && !list.contains("upstream"), "{list}");

    // Neither another commit nor another crate is taken for the one that is pinned.
    let failed = async |lock: String| pack_all(read(&lock)).await.unwrap_err().to_string();
    let error = failed(package("duck-a", "1.2.0", &"0".repeat(40))).await;
    assert!(error.starts_with("git: duck-a 1.2.0 of ") && error.contains("has no commit 0000"), "{error}");
    let error = failed(package("duck-a", "1.3.0", &commit)).await;
    assert!(error.ends_with("has no crate duck-a 1.3.0"), "{error}");
}

#[tokio::test]
async fn a_module_that_changed_is_refused() {
    let host = Host::new();
    host.publish("itoa", "1.0.11");
    let lock = cargo_lock("itoa", "1.0.11", &"0".repeat(64));
    let error = host.modules(Ecosystem::Cargo, "Cargo.lock", &lock).await.unwrap_err().to_string();
    assert!(error.starts_with("itoa 1.0.11: what file://") && error.contains("pins, sha256:0000"), "{error}");

    host.write("a-1.0.0.tgz", "other");
    let integrity = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    let lock = format!(
        r#"{{"packages": {{"node_modules/a": {{"version": "1.0.0", "resolved": "{}", "integrity": "{integrity}"}}}}}}"#,
        host.url("a-1.0.0.tgz")
    );
    let error = host.modules(Ecosystem::Npm, "package-lock.json", &lock).await.unwrap_err().to_string();
    assert!(
        error.starts_with("a 1.0.0: what file://") && error.contains("is not what the lock file pins, sha512:cf83"),
        "{error}"
    );
    assert!(fs::read_dir(host.temp.path().join("cache/modules/sha512")).unwrap().next().is_none());

    host.write("a-1.0.0.tgz", "");
    let modules = host.modules(Ecosystem::Npm, "package-lock.json", &lock).await.unwrap().unwrap();
    assert_eq!(names(&modules).len(), 5, "with the registry's answer, and two places in the index");
}

#[tokio::test]
async fn a_damaged_module_of_the_cache_is_fetched_again() {
    let host = Host::new();
    let sum = host.publish("itoa", "1.0.11");
    let kept = host.write(&format!("cache/modules/sha256/{sum}"), "damaged");
    host.modules(Ecosystem::Cargo, "Cargo.lock", &cargo_lock("itoa", "1.0.11", &sum)).await.unwrap();
    assert_eq!(hex::encode(Sha256::digest(fs::read(kept).unwrap())), sum);
}

#[tokio::test]
async fn go_modules_become_a_proxy() {
    let mut host = Host::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("go.mod", "module a.org/x\n"), ("x.go", "package x\n")] {
        zip.start_file(format!("a.org/x@v1.0.0/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    host.write("proxy/a.org/x/@v/v1.0.0.zip", zip.finish().unwrap().into_inner());
    host.write("proxy/a.org/x/@v/v1.0.0.mod", "module a.org/x\n");
    host.variables.insert("GOPROXY".to_owned(), format!("{},direct", host.url("proxy")));
    // As `go mod download` writes them.
    let sums = "a.org/x v1.0.0 h1:ZIP\na.org/x v1.0.0/go.mod h1:MOD\n";
    let hash = |lines: &str| {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(Sha256::digest(lines))
    };
    let line = |text: &str, name: &str| format!("{}  {name}\n", hex::encode(Sha256::digest(text)));
    let zip = line("module a.org/x\n", "a.org/x@v1.0.0/go.mod") + &line("package x\n", "a.org/x@v1.0.0/x.go");
    let sums = sums.replace("ZIP", &hash(&zip)).replace("MOD", &hash(&line("module a.org/x\n", "go.mod")));
    let modules = host.modules(Ecosystem::Go, "go.sum", &sums).await.unwrap().unwrap();
    let below = "go/a.org/x/@v/v1.0.0";
    assert_eq!(names(&modules), [format!("{below}.mod"), format!("{below}.zip"), format!("{below}.info"), LIST.into()]);

    host.write("proxy/a.org/x/@v/v1.0.0.mod", "module a.org/y\n");
    fs::remove_dir_all(host.temp.path().join("cache")).unwrap();
    let error = host.modules(Ecosystem::Go, "go.sum", &sums).await.unwrap_err().to_string();
    assert!(error.contains("is not what the lock file pins, h1:"), "{error}");
}

#[tokio::test]
async fn files_of_python_are_found_in_an_index() {
    let mut host = Host::new();
    let sum = hex::encode(Sha256::digest("wheel"));
    host.write("simple/six/six-1.17.0-py3-none-any.whl", "wheel");
    host.write("simple/six/index.html", format!("<a href=\"six-1.17.0-py3-none-any.whl#sha256={sum}\">six</a>"));
    host.variables.insert("PIP_INDEX_URL".to_owned(), host.url("simple"));
    let text = format!("Six==1.17.0 --hash=sha256:{sum}\n");
    let modules = host.modules(Ecosystem::Pip, "requirements.txt", &text).await.unwrap().unwrap();
    assert_eq!(names(&modules), ["pip/six-1.17.0-py3-none-any.whl", LIST]);
}

#[tokio::test]
async fn a_lock_file_that_is_not_there_is_named() {
    let host = Host::new();
    let missing = host.modules(Ecosystem::Cargo, "src/Cargo.lock", "").await.unwrap().unwrap();
    assert_eq!(names(&missing), [LIST], "an empty one pins nothing");
    fs::remove_file(host.temp.path().join("project/src/Cargo.lock")).unwrap();
    let lock = host.modules(Ecosystem::Go, "go.sum", "x y").await.unwrap_err().to_string();
    assert!(lock.starts_with("go.sum: is no go.sum: line 1"), "{lock}");
}
