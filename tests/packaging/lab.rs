//! Runs what `family` returns in real containers, over the docker command line: builder image, steps, results, install
//! test. A stand-in for `image` and `runner`, so that these tests fail for `packaging`'s faults only.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use farm::archive::{Archives, Reader, mirror};
use farm::distro::{Catalogue, Distro};
use farm::engine::{Limits, Network, OutputSink, OutputStream};
use farm::fetch::Fetcher;
use farm::image::{BaseChoice, ImageOptions, Images};
use farm::packaging::{
    self, Answers, BUILD_ROOT, BUILD_UID, BuilderSetup, Requirements, SourceLayout, TargetRecipe, TestSetup, User,
};
use farm::recipe::Recipe;
use farm::types::{Arch, NoProgress};
use tokio_util::sync::CancellationToken;

/// A source tree: path, content, executable.
pub type Tree = Vec<(&'static str, String, bool)>;

/// The base image of a Debian release in the engine that the environment names, made by farm where there is none yet.
/// `None` when there is no engine and the test is to be skipped, said aloud; in CI that is a failure.
pub fn debian_base(version: &str) -> Option<String> {
    // Tests run side by side: one of them makes a base, the others wait for it.
    static BASES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut bases = BASES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(base) = bases.get(version) {
        return Some(base.clone());
    }
    let base = match tokio::runtime::Runtime::new().unwrap().block_on(bootstrap(&format!("debian-{version}"))) {
        Ok(base) => base,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "{why}, and in CI nothing is skipped");
            eprintln!("SKIPPED: {why}");
            return None;
        }
    };
    bases.insert(version.to_owned(), base.clone());
    Some(base)
}

/// `Err`: there is no engine.
async fn bootstrap(id: &str) -> Result<String, String> {
    // The containers here are started by the docker command line, which knows this one name of an engine.
    let Ok(endpoint) = std::env::var("DOCKER_HOST") else {
        return Err("DOCKER_HOST names no engine; `cargo xtask test` brings one up".to_owned());
    };
    let engine = farm::engine::connect(&endpoint).await.unwrap();
    let distro = Catalogue::load(&[]).unwrap().get(id).unwrap().clone();
    let options = ImageOptions {
        base: BaseChoice::Auto,
        archives: Archives::new(
            Reader { fetcher: Fetcher::new().unwrap(), cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache") },
            mirror::choose(&[&distro], &BTreeMap::new()),
        ),
        run: format!("test-{}", std::process::id()),
        limits: Limits { memory_bytes: None, pids: None, cpuset: None },
        network: Network::Default,
    };
    let (mut log, cancel) = (Collect::default(), CancellationToken::new());
    let base =
        Images::new(engine, options).base(&distro, Arch::Amd64, None, &mut log, &NoProgress, &|_| (), &cancel).await;
    Ok(base.unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&log.0))).image)
}

#[derive(Default)]
struct Collect(Vec<u8>);

#[async_trait::async_trait]
impl OutputSink for Collect {
    async fn write(&mut self, _stream: OutputStream, chunk: bytes::Bytes) -> std::io::Result<()> {
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}

#[track_caller]
pub fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().expect("docker runs");
    assert!(output.status.success(), "docker {args:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A container that is removed when the test is done with it, however that ends.
pub struct Lab {
    name: String,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-f", &self.name]).output();
    }
}

impl Lab {
    pub fn start(image: &str, network: &str) -> Lab {
        let args = ["run", "-d", "-i", "--rm", "--network", network, "--entrypoint", "cat", image];
        Lab { name: docker(&args) }
    }

    /// Uploads files below `folder`: path, content, mode.
    pub fn upload(&self, folder: &str, owner: u32, files: &[(String, Vec<u8>, u32)]) {
        let mut builder = tar::Builder::new(Vec::new());
        let mut folders = std::collections::BTreeSet::new();
        for (path, content, mode) in files {
            for parent in Path::new(path).ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()) {
                folders.insert(parent.to_owned());
            }
            let _ = (content, mode);
        }
        let header = |mode: u32, size: u64, kind: tar::EntryType| {
            let mut header = tar::Header::new_gnu();
            header.set_mode(mode);
            header.set_uid(u64::from(owner));
            header.set_gid(u64::from(owner));
            header.set_mtime(1_700_000_000);
            header.set_size(size);
            header.set_entry_type(kind);
            header
        };
        for folder in folders {
            let mut header = header(0o755, 0, tar::EntryType::Directory);
            builder.append_data(&mut header, folder, std::io::empty()).unwrap();
        }
        for (path, content, mode) in files {
            let mut header = header(*mode, content.len() as u64, tar::EntryType::Regular);
            builder.append_data(&mut header, path, content.as_slice()).unwrap();
        }
        self.upload_tar(folder, &builder.into_inner().unwrap());
    }

    pub fn upload_tar(&self, folder: &str, tar: &[u8]) {
        self.run("0:0", &BTreeMap::new(), &format!("mkdir -p '{folder}'")).expect_success();
        let mut child = Command::new("docker")
            .args(["cp", "-", &format!("{}:{folder}", self.name)])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(tar).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "docker cp: {}", text(&output));
    }

    pub fn run(&self, user: &str, env: &BTreeMap<String, String>, script: &str) -> Ran {
        let mut command = Command::new("docker");
        command.args(["exec", "-u", user, "-w", "/"]);
        for (name, value) in env {
            command.args(["-e", &format!("{name}={value}")]);
        }
        let output = command.arg(&self.name).args(["sh", "-c", script]).output().unwrap();
        Ran { code: output.status.code().unwrap_or(-1), output: text(&output) }
    }

    pub fn download(&self, folder: &str, to: &Path) {
        docker(&["cp", &format!("{}:{folder}/.", self.name), &to.display().to_string()]);
    }

    pub fn commit(&self, tag: &str) {
        docker(&["commit", &self.name, tag]);
    }
}

/// How a script ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub output: String,
}

impl Ran {
    #[track_caller]
    pub fn expect_success(self) -> String {
        assert_eq!(self.code, 0, "the script failed:\n{}", self.output);
        self.output
    }
}

/// The mirrors of this host, as a run would choose them.
pub fn network_env(distro: &Distro) -> BTreeMap<String, String> {
    let chosen = farm::archive::mirror::choose(&[distro], &BTreeMap::new());
    let mirrors = chosen.into_iter().map(|(name, mirror)| (name, mirror.url)).collect();
    packaging::network_env(distro, &mirrors)
}

/// Runs a setup script on `base`, and keeps the result under a name that its inputs make.
pub fn derive(base: &str, distro: &Distro, setup: &BuilderSetup, requirements: &[(String, Vec<u8>)]) -> String {
    let tag = derived_tag(base, setup, requirements);
    if Command::new("docker").args(["image", "inspect", &tag]).output().unwrap().status.success() {
        return tag;
    }
    let lab = Lab::start(base, "host");
    let files: Vec<_> = requirements.iter().map(|(name, content)| (name.clone(), content.clone(), 0o644)).collect();
    if !files.is_empty() {
        lab.upload(&format!("{BUILD_ROOT}/requirements"), 0, &files);
    }
    lab.run("0:0", &network_env(distro), &setup.script.whole()).expect_success();
    lab.commit(&tag);
    tag
}

fn derived_tag(base: &str, setup: &BuilderSetup, requirements: &[(String, Vec<u8>)]) -> String {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    (docker(&["image", "inspect", "-f", "{{.Id}}", base]), &setup.script, requirements).hash(&mut hasher);
    format!("farm-test/derived:{:016x}", hasher.finish())
}

/// The recipe as a plan has it for a distribution whose archive answers nothing.
pub fn in_words_of(distro: &Distro, recipe: &Recipe) -> TargetRecipe {
    packaging::answered(&Arc::new(recipe.clone()), distro, &Answers::new()).recipe
}

/// A job from sources to results.
pub struct Job<'a> {
    pub recipe: &'a Recipe,
    pub distro: &'a Distro,
    pub base: &'a str,
    /// A tar of the tree, without a top folder.
    pub tree: Vec<u8>,
    pub patches: Vec<(String, Vec<u8>)>,
    pub parallel: usize,
}

pub const EPOCH: i64 = 1_700_000_000;

impl Job<'_> {
    pub fn builder(&self) -> String {
        let setup = packaging::builder(&in_words_of(self.distro, self.recipe), self.distro);
        let requirements = match &setup.requirements {
            Requirements::Listed(_) => Vec::new(),
            Requirements::FromSource { path, .. } => {
                let name = path.rsplit('/').next().unwrap().to_owned();
                vec![(name, self.file_of_tree(path))]
            }
        };
        derive(self.base, self.distro, &setup, &requirements)
    }

    fn file_of_tree(&self, path: &str) -> Vec<u8> {
        let mut archive = tar::Archive::new(self.tree.as_slice());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.path().unwrap() == Path::new(path) {
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
                return content;
            }
        }
        panic!("no {path} in the sources");
    }

    /// Everything up to the results; the output of all steps.
    pub fn build(&self, results: &Path) -> Ran {
        let packaging = packaging::generate(&in_words_of(self.distro, self.recipe), self.distro, EPOCH);
        let lab = Lab::start(&self.builder(), "none");
        let top = format!("{}-{}", self.recipe.package.name, self.recipe.package.version);
        let patches = match &packaging.sources {
            SourceLayout::Tree { folder } => {
                lab.upload_tar(folder, &retop(&self.tree, ""));
                format!("{BUILD_ROOT}/patches")
            }
            SourceLayout::Tarball { path, top } => {
                let (folder, name) = path.rsplit_once('/').unwrap();
                lab.upload(folder, BUILD_UID, &[(name.to_owned(), retop(&self.tree, top), 0o644)]);
                folder.to_owned()
            }
            SourceLayout::Originals { folder } => {
                lab.upload(folder, BUILD_UID, &[(format!("{top}.tar"), retop(&self.tree, &top), 0o644)]);
                let spec = self.recipe.packaging.spec.as_deref().unwrap();
                let name = spec.rsplit('/').next().unwrap();
                lab.upload(
                    &format!("{BUILD_ROOT}/rpmbuild/SPECS"),
                    BUILD_UID,
                    &[(name.to_owned(), self.file_of_tree(spec), 0o644)],
                );
                folder.clone()
            }
        };
        if !self.patches.is_empty() {
            let files: Vec<_> = self.patches.iter().map(|(n, c)| (n.clone(), c.clone(), 0o644)).collect();
            lab.upload(&patches, BUILD_UID, &files);
        }
        let files: Vec<_> = packaging
            .files
            .iter()
            .map(|file| {
                let mode = if file.executable { 0o755 } else { 0o644 };
                (file.path.clone(), file.content.to_string().into_bytes(), mode)
            })
            .collect();
        lab.upload(BUILD_ROOT, BUILD_UID, &files);
        lab.run("0:0", &BTreeMap::new(), &format!("chown -R {BUILD_UID}:{BUILD_UID} {BUILD_ROOT}")).expect_success();
        let mut output = String::new();
        for step in &packaging.steps {
            let mut env = step.env.clone();
            env.insert("FARM_PHASE_TOKEN".to_owned(), "token-1234".to_owned());
            env.extend([packaging::parallelism(self.distro.format, self.parallel)]);
            let user = match step.user {
                User::Root => "0:0",
                User::Builder => "2000:2000",
            };
            let ran = lab.run(user, &env, &step.script);
            output.push_str(&ran.output);
            if ran.code != 0 {
                return Ran { code: ran.code, output };
            }
        }
        lab.download(&packaging.results, results);
        Ran { code: 0, output }
    }

    /// The install test, in the order that the runner has.
    pub fn test(&self, results: &Path) -> Vec<(&'static str, Ran)> {
        let setup = packaging::test(&in_words_of(self.distro, self.recipe), self.distro, &[]);
        test_packages(self.base, self.distro, &setup, results)
    }
}

/// Installs the binary packages of `results` in a fresh container, runs the test, removes them.
pub fn test_packages(base: &str, distro: &Distro, setup: &TestSetup, results: &Path) -> Vec<(&'static str, Ran)> {
    let image = match &setup.tester {
        Some(tester) => derive(base, distro, tester, &[]),
        None => base.to_owned(),
    };
    let lab = Lab::start(&image, "host");
    let files: Vec<_> = file_names(results)
        .into_iter()
        .filter(|name| name.ends_with(".deb") || (name.ends_with(".rpm") && !name.ends_with(".src.rpm")))
        .filter(|name| !["-dbgsym_", "-debuginfo-", "-debugsource-"].iter().any(|debug| name.contains(debug)))
        .map(|name| (name.clone(), std::fs::read(results.join(&name)).unwrap(), 0o644))
        .collect();
    lab.upload(&setup.packages, 0, &files);
    let mut env = setup.env.clone();
    env.extend(network_env(distro));
    let scripts = [
        ("install", Some(setup.install.to_string())),
        ("test", setup.test.clone()),
        ("remove", Some(setup.remove.to_string())),
    ];
    let mut ran = Vec::new();
    for (name, script) in scripts {
        let Some(script) = script else { continue };
        let result = lab.run("0:0", &env, &script);
        let failed = result.code != 0;
        ran.push((name, result));
        if failed {
            break;
        }
    }
    ran
}

/// The tree's tar with all entries below `top`.
fn retop(tree: &[u8], top: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut archive = tar::Archive::new(tree);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut header = entry.header().clone();
        header.set_uid(u64::from(BUILD_UID));
        header.set_gid(u64::from(BUILD_UID));
        let path = PathBuf::from(top).join(entry.path().unwrap());
        if header.entry_type().is_symlink() {
            let target = entry.link_name().unwrap().unwrap().into_owned();
            builder.append_link(&mut header, path, target).unwrap();
        } else {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            builder.append_data(&mut header, path, content.as_slice()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

pub fn tar_of(tree: &Tree) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content, executable) in tree {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if *executable { 0o755 } else { 0o644 });
        header.set_mtime(EPOCH as u64);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Sorted.
pub fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
