//! What a file is: told by what is in it, never by its name.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::layers::plain;
use super::opened::{ByteSource, Failure, Layer, Opened};
use crate::stream::{self, Bounded};
use crate::types::{Arch, printable};

const LARGEST_HEADER: u64 = 1 << 20;
/// Indexes, manifests and configurations; registries refuse larger ones.
const LARGEST_DOCUMENT: u64 = 4 << 20;
const MOST_LAYERS: usize = 127;
/// An index may name further ones.
const DEEPEST_INDEX: usize = 4;
const BUFFER: usize = 128 << 10;

const KINDS: &str = "a root file system as a tar, an OCI image layout (folder or tar), or what `docker save` writes";

/// Finds out what `path` is, and reads what it says of itself.
pub(super) fn open(path: &Path, arch: Arch, cancel: &CancellationToken) -> Result<Opened, Failure> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        let folder = Folder(path.to_owned());
        if folder.find("oci-layout")?.is_none() {
            return Err(Failure::unfit(format!("it is a folder without `oci-layout`: farm reads {KINDS}")));
        }
        return layout(&folder, arch);
    }
    if !metadata.is_file() {
        return Err(Failure::unfit(format!("it is no file: farm reads {KINDS}")));
    }
    let file = File::open(path)?;
    let tar = stream::decompressed(BufReader::with_capacity(BUFFER, &file))?;
    let Some(tar) = stream::tar_from_beginning(tar)? else {
        return Err(Failure::unfit(format!("it is no tar, compressed (gz, xz, zst, bz2) or not: farm reads {KINDS}")));
    };
    let found = scan(tar, cancel)?;
    let has = |name: &str| found.contains_key(name.as_bytes());
    if !(has("manifest.json") || has("oci-layout") && has("index.json")) {
        let layer = Layer { source: ByteSource::File(path.to_owned()), diff_id: None };
        return Ok(Opened { layers: vec![layer], env: Vec::new(), plain: true });
    }
    // Its parts are read here and there: from the file itself, or from a copy where that is compressed.
    let mut file = file;
    file.rewind()?;
    let mut start = [0; 6];
    let n = file.read(&mut start)?;
    file.rewind()?;
    let file = match is_compressed(&start[..n]) {
        false => file,
        true => {
            let mut copy = tempfile::tempfile()?;
            let mut reader = stream::decompressed(BufReader::with_capacity(BUFFER, &file))?;
            let mut buffer = vec![0; BUFFER];
            loop {
                if cancel.is_cancelled() {
                    return Err(Failure::Cancelled);
                }
                match reader.read(&mut buffer)? {
                    0 => break,
                    n => io::Write::write_all(&mut copy, &buffer[..n])?,
                }
            }
            drop(reader);
            copy
        }
    };
    let archive = Archive { file: Arc::new(file), found };
    match archive.find("manifest.json")? {
        Some(source) => saved(&archive, &source, arch),
        None => layout(&archive, arch),
    }
}

fn is_compressed(start: &[u8]) -> bool {
    let magic: [&[u8]; 4] = [&[0x1f, 0x8b], &[0xfd, b'7', b'z', b'X', b'Z', 0], b"BZh", &[0x28, 0xb5, 0x2f, 0xfd]];
    magic.iter().any(|magic| start.starts_with(magic))
}

/// Where in a tar a file lies, or what a link leads to.
#[derive(Debug, Clone)]
enum Found {
    At { start: u64, size: u64 },
    Link(Vec<u8>),
}

/// The names of an archive of an image; of a root file system, those of the root folder that tell it apart.
fn scan(tar: Box<dyn Read + '_>, cancel: &CancellationToken) -> Result<HashMap<Vec<u8>, Found>, Failure> {
    let (bounded, allowance) = Bounded::new(tar);
    let mut archive = tar::Archive::new(bounded);
    let mut entries = archive.entries()?;
    let mut found = HashMap::new();
    loop {
        allowance.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { return Ok(found) };
        let mut entry = entry?;
        allowance.set(u64::MAX);
        if cancel.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        let name = entry.path_bytes().into_owned();
        let Ok(name) = plain(&name) else {
            return Err(Failure::unfit(format!(
                "{}: a name that leads out of the root file system",
                printable(&String::from_utf8_lossy(&name))
            )));
        };
        let first = name.split(|byte| *byte == b'/').next().unwrap_or_default();
        if ["bin", "etc", "lib", "usr"].iter().any(|folder| first == folder.as_bytes()) {
            return Ok(HashMap::new());
        }
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            let folder = name.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |at| &name[..at]);
            let target = if kind.is_symlink() { beside(folder, &target) } else { plain(&target).ok() };
            found.extend(target.map(|target| (name, Found::Link(target))));
        } else if kind.is_file() {
            found.insert(name, Found::At { start: entry.raw_file_position(), size: entry.size() });
        }
        io::copy(&mut entry, &mut io::sink())?;
    }
}

/// Old `docker save` writes a layer once, and links to it from the folders of others: `../<layer>/layer.tar`.
fn beside(folder: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = folder.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

/// Files by name: those of a folder, or of a tar.
trait Files {
    fn find(&self, name: &str) -> Result<Option<ByteSource>, Failure>;

    fn document(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let source = self.find(name)?.ok_or_else(|| Failure::unfit(format!("it has no {}", printable(name))))?;
        let mut bytes = Vec::new();
        source.open()?.take(LARGEST_DOCUMENT + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > LARGEST_DOCUMENT {
            true => Err(Failure::unfit(format!("its {} is larger than {LARGEST_DOCUMENT} bytes", printable(name)))),
            false => Ok(bytes),
        }
    }

    /// The document with a digest, which is checked.
    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Failure> {
        let bytes = self.document(&blob_name(&descriptor.digest)?)?;
        let seen = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        match seen == descriptor.digest {
            true => Ok(bytes),
            false => Err(Failure::unfit(format!("{} is damaged: its content is {seen}", descriptor.digest))),
        }
    }
}

struct Folder(PathBuf);

impl Files for Folder {
    fn find(&self, name: &str) -> Result<Option<ByteSource>, Failure> {
        let path = self.0.join(name);
        Ok(path.is_file().then_some(ByteSource::File(path)))
    }
}

struct Archive {
    file: Arc<File>,
    found: HashMap<Vec<u8>, Found>,
}

impl Files for Archive {
    fn find(&self, name: &str) -> Result<Option<ByteSource>, Failure> {
        let mut found = self.found.get(plain(name.as_bytes())?.as_slice());
        if let Some(Found::Link(target)) = found {
            found = self.found.get(target);
        }
        Ok(match found {
            Some(Found::At { start, size }) => {
                Some(ByteSource::Part { file: self.file.clone(), start: *start, size: *size })
            }
            _ => None,
        })
    }
}

fn blob_name(digest: &str) -> Result<String, Failure> {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    match hex.len() == 64 && hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
        true => Ok(format!("blobs/sha256/{hex}")),
        false => Err(Failure::unfit(format!("`{}` is not a sha256 digest", printable(digest)))),
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    fn is_for(&self, arch: Arch) -> bool {
        self.os == "linux"
            && arch.has_images_for(&self.architecture, self.variant.as_deref())
            && (self.variant.is_none() || self.variant.as_deref() == arch.oci().1)
    }
}

/// An index has `manifests`, an image `config` and `layers` (OCI image specification; Docker's differ in media types).
#[derive(Debug, Deserialize)]
struct Document {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    config: Option<Process>,
    #[serde(default)]
    rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Process {
    env: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// One image of `manifest.json`, as `docker save` writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: Vec<String>,
    repo_tags: Option<Vec<String>>,
}

fn parsed<'a, T: Deserialize<'a>>(text: &'a [u8], name: &str) -> Result<T, Failure> {
    serde_json::from_slice(text).map_err(|error| Failure::unfit(format!("its {name} cannot be read: {error}")))
}

/// An OCI image layout.
fn layout(files: &impl Files, arch: Arch) -> Result<Opened, Failure> {
    let text = files.document("index.json")?;
    let document: Document = parsed(&text, "index.json")?;
    let (config, layers) = image(files, document, arch, 0)?;
    let text = files.blob(&config)?;
    let mut sources = Vec::new();
    for layer in layers {
        let media_type = &layer.media_type;
        if ["encrypted", "foreign", "nondistributable"].iter().any(|word| media_type.contains(word)) {
            return Err(Failure::unfit(format!("it has a layer of type `{}`", printable(media_type))));
        }
        let source = files.find(&blob_name(&layer.digest)?)?;
        sources.push(source.ok_or_else(|| Failure::unfit(format!("its layer {} is not in it", layer.digest)))?);
    }
    opened(&text, sources, arch)
}

/// The configuration and the layers of the image for `arch`.
fn image(
    files: &impl Files,
    document: Document,
    arch: Arch,
    depth: usize,
) -> Result<(Descriptor, Vec<Descriptor>), Failure> {
    let manifests = match document {
        Document { config: Some(config), layers: Some(layers), .. } => return Ok((config, layers)),
        Document { manifests: Some(manifests), .. } if depth < DEEPEST_INDEX => manifests,
        _ => return Err(Failure::unfit("it has neither a list of images nor an image where one should be")),
    };
    // What is about an image (attestations), and no image.
    let is_image = |descriptor: &&Descriptor| {
        descriptor.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
            && !descriptor.annotations.contains_key("vnd.docker.reference.type")
    };
    let images: Vec<&Descriptor> = manifests.iter().filter(is_image).collect();
    let exact = |descriptor: &&&Descriptor| descriptor.platform.as_ref().is_some_and(|platform| platform.is_for(arch));
    let fitting: Vec<&&Descriptor> = images.iter().filter(exact).collect();
    let chosen = match (&fitting[..], &images[..]) {
        ([one], _) => **one,
        ([], [one]) if one.platform.is_none() => *one,
        ([], []) => return Err(Failure::unfit("it has no image")),
        ([], _) => return Err(Failure::unfit(format!("it has no image for {arch}; it has {}", names(&images)))),
        // The same one under several tags.
        (several, _) if several.iter().all(|one| one.digest == several[0].digest) => *several[0],
        _ => {
            return Err(Failure::unfit(format!(
                "it has several images ({}): export the one that is meant",
                names(&images)
            )));
        }
    };
    let text = files.blob(chosen)?;
    image(files, parsed(&text, "manifest")?, arch, depth + 1)
}

fn names(images: &[&Descriptor]) -> String {
    let name = |one: &&Descriptor| match (&one.platform, one.annotations.get("org.opencontainers.image.ref.name")) {
        (_, Some(name)) => name.clone(),
        (Some(platform), None) => {
            let variant = platform.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
            format!("{}/{}{variant}", platform.os, platform.architecture)
        }
        (None, None) => one.digest.clone(),
    };
    images.iter().map(|one| printable(&name(one))).collect::<Vec<_>>().join(", ")
}

/// What `docker save` wrote.
fn saved(files: &impl Files, manifest: &ByteSource, arch: Arch) -> Result<Opened, Failure> {
    let mut text = Vec::new();
    manifest.open()?.take(LARGEST_DOCUMENT).read_to_end(&mut text)?;
    let images: Vec<Saved> = parsed(&text, "manifest.json")?;
    let [image] = &images[..] else {
        let names: Vec<String> =
            images.iter().flat_map(|one| one.repo_tags.iter().flatten()).map(|tag| printable(tag)).collect();
        return Err(Failure::unfit(format!(
            "it has {} images ({}): save the one that is meant",
            images.len(),
            names.join(", ")
        )));
    };
    let text = files.document(&image.config)?;
    let mut sources = Vec::new();
    for layer in &image.layers {
        let source = files.find(layer)?;
        sources.push(source.ok_or_else(|| Failure::unfit(format!("its layer {} is not in it", printable(layer))))?);
    }
    opened(&text, sources, arch)
}

fn opened(config: &[u8], sources: Vec<ByteSource>, arch: Arch) -> Result<Opened, Failure> {
    let config: Config = parsed(config, "configuration")?;
    let variant = config.variant.clone().filter(|variant| !variant.is_empty());
    let platform = Platform { os: config.os.clone(), architecture: config.architecture.clone(), variant };
    let says_nothing = platform.os.is_empty() && platform.architecture.is_empty();
    if !says_nothing && !platform.is_for(arch) {
        let (os, said) = (printable(&platform.os), printable(&platform.architecture));
        return Err(Failure::unfit(format!("it is for {os}/{said}, not for {arch} (--arch)")));
    }
    let diff_ids = config.rootfs.diff_ids;
    if sources.len() != diff_ids.len() || sources.is_empty() {
        let (layers, said) = (sources.len(), diff_ids.len());
        return Err(Failure::unfit(format!("it has {layers} layers, and its configuration says {said}")));
    }
    if sources.len() > MOST_LAYERS {
        return Err(Failure::unfit(format!("it has {} layers, more than {MOST_LAYERS}", sources.len())));
    }
    let env = config.config.and_then(|process| process.env).unwrap_or_default();
    if let Some(bad) = env.iter().find(|pair| !pair.contains('=') || pair.contains('\0')) {
        return Err(Failure::unfit(format!("its environment has `{}`, which is no NAME=value", printable(bad))));
    }
    let layers = sources.into_iter().zip(diff_ids).map(|(source, diff_id)| Layer { source, diff_id: Some(diff_id) });
    Ok(Opened { layers: layers.collect(), env, plain: false })
}
