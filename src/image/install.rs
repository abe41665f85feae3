//! Packages that a script is about to ask apt for, pre-installed on its system: chosen here, fetched here, unpacked on all
//! processors as one stream, where dpkg unpacks one after the other. While the system is still being made they are
//! fetched and opened already. The script finds them unpacked, lets dpkg configure them, and asks apt whether all is as
//! it would have it. Only additions are pre-installed, on systems that apt would treat in the plain way: the rest is left to it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::deb::{self, DebError};
use super::guest::{PATH, add_files, say};
use super::layer::{self, Failure, InstalledSystem, Layer};
use super::opening::Opening;
use super::{FileContent, ImageError, Images};
use crate::archive::{self, ArchiveError, Components, Package};
use crate::distro::Distro;
use crate::engine::{Container, ExecSpec, GuestPath, OutputSink, OutputStream};
use crate::fetch::FetchError;
use crate::stream;
use crate::types::{Arch, Progress, printable};

/// What looks at a system prints no more: a hundred thousand paths, where a base has eight thousand.
const LARGEST_SURVEY: usize = 8 << 20;
/// Packages that are open while the system is still being made, most of them some hundred kilobytes.
const OPEN_AHEAD: usize = 64;
/// What `probe.sh` exits with when apt is to install.
const EXIT_NO: i32 = 3;
const PREINST_FOLDER: &str = "tmp/farm-preinst";

/// Packages for a system that apt looks after.
#[derive(Debug)]
pub struct Install {
    wanted: Wanted,
    manner: Manner,
    ahead: Option<Ahead>,
    /// Whether a system is no longer as it was.
    begun: bool,
    /// What goes on an image of its own first, of which this one is then made.
    toolchain: Option<Box<Install>>,
}

/// What becomes of the packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// They are unpacked.
    Lay,
    /// apt, which unpacks all by itself, finds copies of them in a folder of the container, and need not fetch them.
    Offer,
}

#[derive(Debug, Clone)]
pub(super) struct Wanted {
    distro: Arc<Distro>,
    arch: Arch,
    /// As apt is told: relations in Debian's syntax.
    relations: Vec<String>,
    /// Where apt looks for packages before it fetches them: an absolute path in the container.
    offered: &'static str,
}

/// What was done for a system that is not there yet.
#[derive(Debug)]
struct Ahead {
    /// What it will have.
    installed: Vec<(String, String)>,
    chosen: Chosen,
    opening: Option<Opening>,
}

/// The packages that are added to a system, and where their .debs are.
#[derive(Debug, Clone)]
struct Chosen {
    packages: Vec<Package>,
    debs: Vec<PathBuf>,
}

/// The reason why packages were not pre-installed.
pub(super) enum PreinstallError {
    /// In words; the system is as it was.
    Untouched(String),
    /// In words; the system cannot be used any more.
    Dirty(String),
    Failed(ImageError),
}

impl From<ImageError> for PreinstallError {
    fn from(error: ImageError) -> PreinstallError {
        PreinstallError::Failed(error)
    }
}

impl From<ArchiveError> for PreinstallError {
    fn from(error: ArchiveError) -> PreinstallError {
        match error {
            ArchiveError::Cancelled | ArchiveError::Fetch(FetchError::Cancelled) => {
                PreinstallError::Failed(ImageError::Cancelled)
            }
            // apt may have better luck, or say it better.
            error => PreinstallError::Untouched(error.to_string()),
        }
    }
}

impl Install {
    /// `relations`: what apt will be told to install, from the mirrors that farm reads.
    /// `offered`: where apt looks for packages before it fetches them.
    pub fn new(distro: Arc<Distro>, arch: Arch, relations: Vec<String>, offered: &'static str) -> Install {
        let wanted = Wanted { distro, arch, relations, offered };
        Install { wanted, manner: Manner::Lay, ahead: None, begun: false, toolchain: None }
    }

    /// To go with a derivation that has a toolchain: what is to be installed for that.
    pub(crate) fn upon(mut self, toolchain: Install) -> Install {
        self.toolchain = Some(Box::new(toolchain));
        self
    }

    pub(super) fn take_toolchain(&mut self) -> Option<Install> {
        self.toolchain.take().map(|toolchain| *toolchain)
    }

    /// Nothing is unpacked: apt is to do all, from copies of the packages as far as that can be said.
    pub(crate) fn leave_to_apt(&mut self) {
        self.manner = Manner::Offer;
    }

    /// Whether something was changed on a system.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// What is wanted of the archive, where all of it is to come from there.
    pub(super) fn of_archive(&self) -> Option<Wanted> {
        (self.manner == Manner::Lay).then(|| self.wanted.clone())
    }

    /// Fetches what a system of these packages will need, if that can be said.
    pub(super) async fn fetch_ahead(
        &mut self,
        images: &Images,
        installed: &[Package],
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) {
        if let Some(toolchain) = &mut self.toolchain {
            Box::pin(toolchain.fetch_ahead(images, installed, progress, cancel)).await;
        }
        // Who pre-installs the packages meets the same error, and has a place to tell it.
        if let Ok(chosen) = self.wanted.choose(self.manner, images, installed.to_vec(), progress, cancel).await {
            self.ahead = Some(Ahead { installed: versions(installed), chosen, opening: None });
        }
    }

    /// Begins to open what was fetched, on all processors but one: that makes the system.
    pub(super) fn open_ahead(&mut self, images: &Images) {
        if let Some(toolchain) = &mut self.toolchain {
            // The rest is chosen once more on the image with that.
            return toolchain.open_ahead(images);
        }
        if let Some(ahead) = self.ahead.as_mut().filter(|_| self.manner == Manner::Lay) {
            ahead.opening = Some(open(images, &ahead.chosen));
        }
    }

    /// Lays what is wanted on the system in a running container that is a base and nothing more. What its scripts print
    /// goes to `sink`.
    pub(super) async fn preinstall(
        &mut self,
        images: &Images,
        container: &dyn Container,
        sink: &mut dyn OutputSink,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<(), PreinstallError> {
        let status = look(container, include_str!("scripts/probe.sh"), None, cancel).await?;
        let status = String::from_utf8(status).map_err(|_| untouched("dpkg's status is not UTF-8"))?;
        let installed = archive::installed(&status, self.wanted.arch.deb()).map_err(PreinstallError::Untouched)?;
        if installed.is_empty() {
            return Err(untouched("its dpkg knows of no packages"));
        }
        let seen = versions(&installed);
        let ahead = self.ahead.take().filter(|ahead| ahead.installed == seen);
        let (chosen, opening) = match ahead {
            Some(Ahead { chosen, opening, .. }) => (chosen, opening),
            None => (self.wanted.choose(self.manner, images, installed, progress, cancel).await?, None),
        };
        if chosen.packages.is_empty() {
            return Ok(());
        }
        if self.manner == Manner::Offer {
            return self.wanted.offer(container, chosen, cancel).await;
        }
        let opening = opening.unwrap_or_else(|| open(images, &chosen));
        let bytes: u64 = chosen.packages.iter().map(|package| package.size).sum();
        let count = chosen.packages.len();
        let word = if count == 1 { "package" } else { "packages" };
        say(sink, &format!("farm: unpacking {count} {word}, {:.1} MB", bytes as f64 / 1e6)).await?;

        let debs = chosen.debs.clone();
        let packages = chosen.packages.clone();
        let preinsts = archive::blocking(move || Ok(preinsts(&packages, &debs))).await?;
        let preinsts = preinsts.map_err(|error| PreinstallError::Untouched(error.to_string()))?;
        self.begun = true;
        let mut survey = String::new();
        if !preinsts.is_empty() {
            let upload = stream::from_tar(move |tar| add_files(tar, &preinsts));
            container.upload(&GuestPath::new("/"), upload).await.map_err(ImageError::from)?;
            survey = format!(
                "set -e\nexport DEBIAN_FRONTEND=noninteractive\ncd /{PREINST_FOLDER}\n{{ {}}} >&2\n",
                include_str!("scripts/preinst.sh")
            );
        }
        survey.push_str(include_str!("scripts/survey.sh"));
        let dirty = |error| match error {
            PreinstallError::Untouched(reason) => PreinstallError::Dirty(reason),
            error => error,
        };
        let seen = look(container, &survey, Some(sink), cancel).await.map_err(dirty)?;
        let installed_system = archive::blocking(move || Ok(installed_system(&seen, status))).await?;
        let installed_system =
            installed_system.ok_or_else(|| PreinstallError::Dirty("its files cannot be listed".to_owned()))?;
        let (tar, failure) = layer::stream(move |out| write(installed_system, &chosen.packages, opening, out));
        let root = GuestPath::new("/");
        let uploaded = tokio::select! {
            uploaded = container.upload(&root, tar) => uploaded,
            () = cancel.cancelled() => return Err(PreinstallError::Failed(ImageError::Cancelled)),
        };
        uploaded.map_err(|error| match failure.take(&self.wanted.distro) {
            Some(reason) => PreinstallError::Dirty(reason.to_string()),
            None => PreinstallError::Failed(error.into()),
        })
    }
}

impl Wanted {
    /// What the archive has nothing for, of that name and version; empty where it cannot be read: apt tells that better.
    pub(super) async fn unknown(
        &self,
        images: &Images,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Vec<String> {
        let archives = images.archives();
        let index = archives.packages(&self.distro, self.arch, Components::All, progress, &|_| (), cancel).await;
        let Ok(index) = index else { return Vec::new() };
        let relations = self.relations.clone();
        archive::blocking(move || archive::unknown(&index, &relations)).await.unwrap_or_default()
    }

    /// Puts copies of packages, which have just been verified, where apt looks for them.
    async fn offer(
        &self,
        container: &dyn Container,
        chosen: Chosen,
        cancel: &CancellationToken,
    ) -> Result<(), PreinstallError> {
        let folder = self.offered.trim_start_matches('/');
        let files: Vec<(String, FileContent)> = chosen
            .packages
            .iter()
            .zip(&chosen.debs)
            .map(|(package, deb)| {
                let content = FileContent::OnHost { path: deb.clone(), sha256: package.sha256.clone() };
                (format!("{folder}/{}", apt_name(package)), content)
            })
            .collect();
        let root = GuestPath::new("/");
        let upload = stream::from_tar(move |tar| add_files(tar, &files));
        tokio::select! {
            uploaded = container.upload(&root, upload) => Ok(uploaded.map_err(ImageError::from)?),
            () = cancel.cancelled() => Err(PreinstallError::Failed(ImageError::Cancelled)),
        }
    }

    async fn choose(
        &self,
        manner: Manner,
        images: &Images,
        installed: Vec<Package>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Chosen, ArchiveError> {
        let archives = images.archives();
        // Warnings were given when the base was made from the same archive, or apt gives them.
        let index = archives.packages(&self.distro, self.arch, Components::All, progress, &|_| (), cancel);
        let index = index.await?;
        let relations = self.relations.clone();
        let packages = archive::blocking(move || {
            let additions = |relations: &[String]| archive::additions(&index, &installed, relations);
            match manner {
                Manner::Lay => additions(&relations),
                // Some are of the set, and no archive has them: the others are worth having all the same.
                Manner::Offer => additions(&relations).or_else(|_| {
                    let known = |relation: &String| additions(std::slice::from_ref(relation)).is_ok();
                    additions(&relations.iter().filter(|relation| known(relation)).cloned().collect::<Vec<_>>())
                }),
            }
        });
        let packages = packages.await?;
        let debs = archives.reader().download(&packages, progress, cancel).await?;
        Ok(Chosen { packages, debs })
    }
}

/// What apt calls a package's file in its folder of archives: `name_version_architecture.deb`, colons and underlines as
/// in a URL.
pub(super) fn apt_name(package: &Package) -> String {
    let quoted = |text: &str| text.replace('%', "%25").replace(':', "%3a").replace('_', "%5f");
    let (name, version) = (quoted(&package.name), quoted(&package.version.to_string()));
    format!("{name}_{version}_{}.deb", package.arch)
}

fn untouched(reason: &str) -> PreinstallError {
    PreinstallError::Untouched(reason.to_owned())
}

fn versions(packages: &[Package]) -> Vec<(String, String)> {
    let mut versions: Vec<_> =
        packages.iter().map(|package| (package.name.clone(), package.version.to_string())).collect();
    versions.sort();
    versions
}

fn open(images: &Images, chosen: &Chosen) -> Opening {
    let workers = rayon::current_num_threads().saturating_sub(1).clamp(1, 8);
    Opening::begin(chosen.debs.clone(), images.archives().reader().spool(), workers, OPEN_AHEAD)
}

/// The preinst scripts, as files for a container.
fn preinsts(packages: &[Package], debs: &[PathBuf]) -> Result<Vec<(String, FileContent)>, DebError> {
    let mut files = Vec::new();
    for (package, deb) in packages.iter().zip(debs) {
        let mut control = deb::control(deb)?;
        if let Some(script) = control.remove("preinst") {
            let stem = layer::stem(package, &control);
            files.push((format!("{PREINST_FOLDER}/{stem}.preinst"), script.into()));
        }
    }
    Ok(files)
}

fn write(
    installed_system: InstalledSystem,
    packages: &[Package],
    mut opening: Opening,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut layer = Layer::upon(installed_system, out);
    for package in packages {
        layer.package(package, &mut opening.next()?)?;
    }
    layer.finish().map_err(layer::LayerError::from)?;
    Ok(())
}

/// What `survey.sh` printed; none if that is not what it prints.
fn installed_system(survey: &[u8], status: String) -> Option<InstalledSystem> {
    let mut installed_system = InstalledSystem { status, ..InstalledSystem::default() };
    let mut pieces = survey.split(|byte| *byte == 0);
    loop {
        let name = std::str::from_utf8(pieces.next()?).ok()?;
        if name.is_empty() {
            break;
        }
        let content = std::str::from_utf8(pieces.next()?).ok()?;
        let relative = |path: &str| path.trim_start_matches('/').as_bytes().to_vec();
        match name {
            // Three lines each: what is diverted, to where, and by which package.
            "diversions" => {
                for diversion in content.lines().collect::<Vec<_>>().chunks(3) {
                    let &[from, to, package] = diversion else { return None };
                    installed_system.diverted.insert(relative(from), package.to_owned());
                    installed_system.diverted.insert(relative(to), package.to_owned());
                }
            }
            // Owner, group, mode and path.
            "statoverride" => {
                let paths = content.lines().filter_map(|line| line.splitn(4, ' ').nth(3));
                installed_system.diverted.extend(paths.map(|path| (relative(path), String::new())));
            }
            _ => {
                installed_system.triggers.insert(name.strip_prefix("triggers/")?.to_owned(), content.to_owned());
            }
        }
    }
    while let [kind, path @ ..] = pieces.next()? {
        let target = pieces.next()?;
        let path = path.strip_prefix(b"/")?.to_vec();
        match kind {
            b'd' => drop(installed_system.directories.insert(path)),
            b'l' => drop(installed_system.links.insert(path, target.to_vec())),
            _ => drop(installed_system.files.insert(path)),
        }
    }
    installed_system.directories.contains(&b""[..]).then_some(installed_system)
}

/// What a script prints on its standard output, whole. `sink` takes the rest.
async fn look(
    container: &dyn Container,
    script: &str,
    sink: Option<&mut dyn OutputSink>,
    cancel: &CancellationToken,
) -> Result<Vec<u8>, PreinstallError> {
    let exec = ExecSpec {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        user: "0:0".to_owned(),
        env: BTreeMap::from([("PATH", PATH), ("LC_ALL", "C"), ("HOME", "/root")])
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        workdir: GuestPath::new("/"),
    };
    let mut seen = Seen { sink, stdout: Vec::new(), stderr: Vec::new() };
    let status = container.exec(&exec, &mut seen, cancel).await.map_err(ImageError::from)?;
    let Seen { stdout, stderr, .. } = seen;
    match status.code {
        _ if stdout.len() > LARGEST_SURVEY => Err(untouched("it has too many files")),
        0 => Ok(stdout),
        EXIT_NO => Err(PreinstallError::Untouched(printable(String::from_utf8_lossy(&stderr).trim()))),
        code => Err(PreinstallError::Untouched(format!("a script that looks at it exited with {code}"))),
    }
}

/// Keeps what is printed on the standard output, up to a limit and a little, and hands on the rest.
struct Seen<'a> {
    sink: Option<&'a mut dyn OutputSink>,
    stdout: Vec<u8>,
    /// Its beginning.
    stderr: Vec<u8>,
}

#[async_trait]
impl OutputSink for Seen<'_> {
    async fn write(&mut self, stream: OutputStream, chunk: Bytes) -> std::io::Result<()> {
        match stream {
            OutputStream::Stdout if self.stdout.len() <= LARGEST_SURVEY => self.stdout.extend_from_slice(&chunk),
            OutputStream::Stdout => {}
            OutputStream::Stderr => {
                self.stderr.extend_from_slice(&chunk[..chunk.len().min(4096_usize.saturating_sub(self.stderr.len()))]);
                if let Some(sink) = &mut self.sink {
                    sink.write(stream, chunk).await?;
                }
            }
        }
        Ok(())
    }
}
