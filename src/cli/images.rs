//! `farm images` and `farm reap`: what farm keeps, or left, in the engine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::args::{ColorChoice, ImagesArgs, ImagesCommand, ReapArgs};
use super::config::Config;
use super::context;
use super::engines::{self, Connected};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Steps, Surroundings};
use super::{distros, signals};
use crate::distro::{Catalogue, Distro};
use crate::engine::{Engine, ImageInfo, Network, OutputSink, OutputStream, labels};
use crate::image::kept;
use crate::image::{BaseChoice, ImageError, ImageOptions, Images, LeftOut};
use crate::report::table::Table;
use crate::report::{Style, Tone, count};
use crate::types::{Arch, human_bytes, printable};

pub(crate) async fn run(args: &ImagesArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let surroundings = Surroundings::of_this_process();
    let config = Config::load()?;
    // What is wrong with the command line comes before what is wrong with the engine.
    if let Some(ImagesCommand::Bootstrap { distros: ids, .. }) = &args.command {
        let catalogue = Catalogue::around([Path::new(".")])?;
        ids.iter().try_for_each(|id| distros::find(&catalogue, id).map(drop))?;
    }
    let one = || engines::connect(&args.engine, &config);
    match &args.command {
        None | Some(ImagesCommand::List { .. }) => {
            let images = images_of(one().await?.engine)?.list().await?;
            let as_json = args.json || matches!(args.command, Some(ImagesCommand::List { json: true }));
            output::out(&match as_json {
                true => json(&images),
                false => list(&images, &surroundings.style(color, false)),
            });
            Ok(Exit::Success)
        }
        Some(ImagesCommand::Prune { older_than, all }) => {
            let days = if *all { 0 } else { u64::from(*older_than) };
            prune(one().await?.engine, Duration::from_secs(days * 24 * 60 * 60), *all).await
        }
        Some(ImagesCommand::Bootstrap { distros, arch, mirrors }) => {
            let wanted = Wanted { distros, arch: *arch, mirrors, config: &config };
            bootstrap(one().await?, &wanted, &surroundings.style(color, true)).await
        }
        Some(ImagesCommand::Import { reference, file, arch }) => import(one().await?, reference, file, *arch).await,
        Some(ImagesCommand::Pull { names, arch }) => pull(one().await?, names, *arch).await,
        Some(ImagesCommand::Update { distros, arch, mirrors }) => {
            let wanted = Wanted { distros, arch: *arch, mirrors, config: &config };
            let mut exit = Exit::Success;
            for connected in engines::connect_all(&args.engine, &config).await? {
                exit = exit.worst(update(connected, &wanted, &surroundings.style(color, true)).await?);
            }
            Ok(exit)
        }
    }
}

pub(crate) async fn reap(args: &ReapArgs) -> Result<Exit, Failure> {
    let Connected { engine, .. } = engines::connect(&args.engine, &Config::load()?).await?;
    let removed = engine.reap(None).await?;
    let kept = if args.kept { kept::drop_all(&engine).await? } else { kept::reap(&engine).await? };
    let mut text = match removed {
        0 => "no container was left behind\n".to_owned(),
        some => format!("removed {}\n", count(some, "container", "containers")),
    };
    if args.kept || kept > 0 {
        text.push_str(&format!("removed {} of failed builds\n", count(kept, "kept container", "kept containers")));
    }
    output::out(&text);
    Ok(Exit::Success)
}

/// Images of one engine, for listing and removing: nothing is fetched or made.
pub(super) fn images_of(engine: Arc<dyn Engine>) -> Result<Images, Failure> {
    let archives = context::access(&[], false, &Config::default())?.archives([]);
    Ok(Images::new(engine, ImageOptions::new(BaseChoice::Store, archives, "images", Network::Default)))
}

fn label(image: &ImageInfo, name: &str) -> String {
    image.labels.get(name).map(|value| printable(value)).unwrap_or_default()
}

/// One object each, for scripts.
fn json(images: &[ImageInfo]) -> String {
    let one = |image: &ImageInfo| {
        serde_json::json!({
            "id": image.id,
            "tags": image.tags,
            "kind": label(image, labels::KIND),
            "distro": label(image, labels::DISTRO),
            "requires": label(image, labels::REQUIRES),
            "target": label(image, labels::TARGET),
            "size_bytes": image.size_bytes,
            "made": chrono::DateTime::from_timestamp(image.created, 0).map(|made| made.to_rfc3339()),
        })
    };
    output::json_list(images.iter().map(one))
}

fn list(images: &[ImageInfo], style: &Style) -> String {
    if images.is_empty() {
        return "farm keeps no image in this engine yet\n".to_owned();
    }
    let mut table = Table::new(&["KIND", "SIZE", "MADE", "HOLDS"]);
    for image in images {
        let made = chrono::DateTime::from_timestamp(image.created, 0)
            .map(|made| made.format("%Y-%m-%d %H:%M").to_string())
            .unwrap_or_default();
        // A base is known by its distribution, what is made from one by the packages added to it.
        let holds = [
            label(image, labels::DISTRO),
            label(image, labels::REQUIRES),
            label(image, labels::TARGET),
            printable(&image.tags.join(" ")),
        ];
        table.row(vec![
            label(image, labels::KIND),
            human_bytes(image.size_bytes),
            made,
            holds.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        ]);
    }
    format!("{}times are UTC; sizes count the layers that images share in each of them\n", table.render(style))
}

async fn prune(engine: Arc<dyn Engine>, older_than: Duration, caches: bool) -> Result<Exit, Failure> {
    let removed = images_of(engine.clone())?.prune(older_than, caches).await?.len();
    let mut text = format!("removed {}", count(removed, "image", "images"));
    if caches {
        let names = engine.caches().await?;
        for name in &names {
            engine.remove_cache(name).await?;
        }
        text.push_str(&format!(" and {}", count(names.len(), "package cache", "package caches")));
    }
    output::out(&format!("{text}\n"));
    Ok(Exit::Success)
}

/// Makes an image of a file, and bases of the distributions whose image that is.
async fn import(connected: Connected, name: &str, file: &Path, arch: Option<Arch>) -> Result<Exit, Failure> {
    let catalogue = Catalogue::around([Path::new(".")])?;
    let reference = match catalogue.get(name) {
        Some(distro) => distro.image.clone().ok_or_else(|| {
            Failure::usage(format!("the definition of {name} names no image: give the image a name of its own"))
        })?,
        None => name.to_owned(),
    };
    crate::recipe::check_image_reference(&reference).map_err(|reason| Failure::usage(format!("`{name}` {reason}")))?;
    if reference.contains('@') || reference.starts_with("farm/") {
        return Err(Failure::usage(format!(
            "`{name}` cannot be given to an image: a digest and farm/ are not for choice"
        )));
    }
    let Connected { engine, info, .. } = connected;
    let arch = arch.unwrap_or(info.arch);
    let images = images_of(engine)?;
    let cancel = signals::cancel_on_signal()?;
    let imported = images.import(&reference, file, arch, &cancel).await?;
    let mut text = format!("{}  {}\n", printable(&reference), imported.image.identity());
    let LeftOut { devices, mounted } = imported.left_out;
    if devices + mounted > 0 {
        let (devices, mounted) = (count(devices, "device node", "device nodes"), count(mounted, "file", "files"));
        text.push_str(&format!("left out: {devices}, and {mounted} below /dev, /proc and /sys\n"));
    }
    output::out(&text);
    let is_of = |distro: &&Arc<Distro>| distro.image.as_deref().is_some_and(|image| same_image(image, &reference));
    for distro in catalogue.iter().filter(is_of) {
        let base = images.adopt(distro, arch, &imported.image, &mut ToStderr, &cancel).await?;
        output::out(&format!("{}/{arch}  {}\n", distro.id, base.identity));
    }
    Ok(Exit::Success)
}

/// Whether two names are of one image: Docker's registry and `latest` go without saying.
fn same_image(one: &str, other: &str) -> bool {
    let plain = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        let name = name.strip_prefix("library/").unwrap_or(name);
        let last = name.rsplit('/').next().unwrap_or(name);
        if last.contains(':') { name.to_owned() } else { format!("{name}:latest") }
    };
    plain(one) == plain(other)
}

/// Gets images from registries: bases for distributions, others as they are.
async fn pull(connected: Connected, names: &[String], arch: Option<Arch>) -> Result<Exit, Failure> {
    let catalogue = Catalogue::around([Path::new(".")])?;
    let Connected { engine, info, .. } = connected;
    let arch = arch.unwrap_or(info.arch);
    let images = images_of(engine)?;
    let cancel = signals::cancel_on_signal()?;
    let progress = Steps::default();
    for name in names {
        let base = match catalogue.get(name) {
            Some(distro) => images.pull_base(distro, arch, &mut ToStderr, &progress, &cancel).await?,
            // Without `:` and `/` it is rather a distribution that was misspelt.
            None if !name.contains([':', '/']) => {
                distros::find(&catalogue, name)?;
                continue;
            }
            None => {
                crate::recipe::check_image_reference(name)
                    .map_err(|reason| Failure::usage(format!("`{name}` {reason}")))?;
                images.pull(name, arch, &progress, &cancel).await?
            }
        };
        output::out(&format!("{}/{arch}  {}\n", printable(name), base.identity));
    }
    Ok(Exit::Success)
}

/// Asks where bases came from, one after the other, and tells what became of each.
async fn update(connected: Connected, asked: &Wanted<'_>, style: &Style) -> Result<Exit, Failure> {
    let catalogue = Catalogue::around([Path::new(".")])?;
    let Connected { engine, info, .. } = connected;
    let named: Vec<Arc<Distro>> =
        asked.distros.iter().map(|id| distros::find(&catalogue, id).cloned()).collect::<Result<_, _>>()?;
    let all: Vec<Arc<Distro>> = if named.is_empty() { catalogue.iter().cloned().collect() } else { named.clone() };
    let access = context::access(asked.mirrors, false, asked.config)?;
    let archives = access.archives(all.iter().map(AsRef::as_ref));
    let images =
        Images::new(engine, ImageOptions::new(BaseChoice::Auto, archives, &context::new_run(), Network::Default));
    context::tell(images.network_notes());
    let arches = asked.arch.map_or_else(|| Arch::ALL.to_vec(), |arch| vec![arch]);
    let every: Vec<_> = all.iter().flat_map(|distro| arches.iter().map(|arch| (distro.clone(), *arch))).collect();
    let known = images.known_bases(&every).await?.identities;
    let is_wanted = |(distro, arch): &&(Arc<Distro>, Arch)| {
        known.contains_key(&format!("{}/{arch}", distro.id))
            || (!named.is_empty() && *arch == asked.arch.unwrap_or(info.arch))
    };
    let cancel = signals::cancel_on_signal()?;
    let progress = Steps::default();
    let mut failed = false;
    for (distro, arch) in every.iter().filter(is_wanted) {
        let name = format!("{}/{arch}", distro.id);
        let warn = |message: String| {
            output::err(&format!("{} {}: {message}\n", style.paint(Tone::Warning, "warning:"), distro.id));
        };
        let updated = images.update_base(distro, *arch, &mut ToStderr, &progress, &warn, &cancel).await;
        output::out(&match updated {
            Ok(Some(base)) if known.get(&name) == Some(&base.identity) => {
                format!("{name}  unchanged  {}\n", base.identity)
            }
            Ok(Some(base)) => format!("{name}  new  {}\n", base.identity),
            Ok(None) => format!("{name}  came from a file: import a newer one\n"),
            Err(ImageError::Cancelled) => return Err(ImageError::Cancelled.into()),
            // The others can still be brought up to date.
            Err(error) => {
                failed = true;
                format!("{name}  failed: {error}\n")
            }
        });
    }
    if known.is_empty() && named.is_empty() {
        output::out("the engine has no base image yet\n");
    }
    Ok(if failed { Exit::JobFailed } else { Exit::Success })
}

/// Before a plan: these bases as their registries have them today. What cannot be had is told, and is the matter of the
/// targets that want it.
pub(crate) async fn ask_registries(images: &Images, bases: &[(Arc<Distro>, Arch)]) -> Result<(), Failure> {
    let cancel = signals::cancel_on_signal()?;
    let progress = Steps::default();
    for (distro, arch) in bases {
        match images.base(distro, *arch, None, &mut ToStderr, &progress, &|_| (), &cancel).await {
            Ok(_) => {}
            Err(ImageError::Cancelled) => return Err(ImageError::Cancelled.into()),
            Err(error) => output::err(&format!("{}/{arch}: {error}\n", distro.id)),
        }
    }
    Ok(())
}

/// What `farm images bootstrap` or `update` was asked for.
struct Wanted<'a> {
    distros: &'a [String],
    arch: Option<Arch>,
    mirrors: &'a [(String, String)],
    config: &'a Config,
}

async fn bootstrap(connected: Connected, asked: &Wanted<'_>, style: &Style) -> Result<Exit, Failure> {
    let catalogue = Catalogue::around([Path::new(".")])?;
    let mut wanted = Vec::new();
    for id in asked.distros {
        wanted.push(distros::find(&catalogue, id)?);
    }
    let Connected { engine, info, .. } = connected;
    let run = context::new_run();
    let access = context::access(asked.mirrors, false, asked.config)?;
    let archives = access.archives(wanted.iter().map(|distro| distro.as_ref()));
    let images = Images::new(engine, ImageOptions::new(BaseChoice::Bootstrap, archives, &run, Network::Default));
    context::tell(images.network_notes());
    let cancel = signals::cancel_on_signal()?;
    for distro in wanted {
        let arch = asked.arch.unwrap_or(info.arch);
        let warn = |message: String| {
            output::err(&format!("{} {}: {message}\n", style.paint(Tone::Warning, "warning:"), distro.id));
        };
        let progress = Steps::default();
        let base = images.base(distro, arch, None, &mut ToStderr, &progress, &warn, &cancel).await?;
        output::out(&format!("{}/{arch}  {}\n", distro.id, base.identity));
    }
    Ok(Exit::Success)
}

/// What setup prints, for who waits for it.
struct ToStderr;

#[async_trait]
impl OutputSink for ToStderr {
    async fn write(&mut self, _stream: OutputStream, chunk: bytes::Bytes) -> std::io::Result<()> {
        let text = String::from_utf8_lossy(&chunk);
        let lines: Vec<String> = text.split('\n').map(printable).collect();
        output::err(&lines.join("\n"));
        Ok(())
    }
}
