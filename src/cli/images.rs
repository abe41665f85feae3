//! `farm images` and `farm reap`: what farm keeps, or left, in the engine.

use std::path::Path;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::args::{ColorChoice, ImagesArgs, ImagesCommand, ReapArgs};
use super::context::{self, Connected};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use super::{distros, select, signals};
use crate::engine::{Engine, ImageInfo, Network, OutputSink, OutputStream, labels};
use crate::fetch::Fetcher;
use crate::image::BaseChoice;
use crate::report::table::Table;
use crate::report::{Style, Tone};
use crate::types::{Arch, Progress, human_bytes, printable};

pub(crate) async fn run(args: &ImagesArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let surroundings = Surroundings::of_this_process();
    let connected = context::connect(&args.engine.engine).await?;
    match &args.command {
        None | Some(ImagesCommand::List) => {
            let images = owned(connected.engine.as_ref()).await?;
            output::out(&list(&images, &surroundings.style(color, false)));
            Ok(Exit::Success)
        }
        Some(ImagesCommand::Prune { all }) => prune(connected.engine.as_ref(), *all).await,
        Some(ImagesCommand::Bootstrap { distros, arch, mirrors }) => {
            bootstrap(connected, distros, *arch, mirrors, &surroundings.style(color, true)).await
        }
    }
}

pub(crate) async fn reap(args: &ReapArgs) -> Result<Exit, Failure> {
    let Connected { engine, .. } = context::connect(&args.engine.engine).await?;
    let removed = engine.reap(None).await?;
    output::out(&match removed {
        0 => "no container was left behind\n".to_owned(),
        1 => "removed 1 container\n".to_owned(),
        many => format!("removed {many} containers\n"),
    });
    Ok(Exit::Success)
}

/// farm's images: bases first, then what is made from them, each by what they are for.
async fn owned(engine: &dyn Engine) -> Result<Vec<ImageInfo>, Failure> {
    let mut images = engine.images(labels::OWNED).await?;
    images.sort_by_key(|image| {
        (kind(image) != "base", label(image, labels::DISTRO), kind(image), std::cmp::Reverse(image.created))
    });
    Ok(images)
}

fn label(image: &ImageInfo, name: &str) -> String {
    image.labels.get(name).map(|value| printable(value)).unwrap_or_default()
}

fn kind(image: &ImageInfo) -> String {
    label(image, labels::KIND)
}

fn list(images: &[ImageInfo], style: &Style) -> String {
    if images.is_empty() {
        return "farm keeps no image in this engine yet\n".to_owned();
    }
    let mut table = Table::new(&["KIND", "FOR", "SIZE", "MADE", "HOLDS"]);
    for image in images {
        let made = chrono::DateTime::from_timestamp(image.created, 0)
            .map(|made| made.format("%Y-%m-%d %H:%M").to_string())
            .unwrap_or_default();
        let holds = label(image, labels::REQUIRES);
        table.row(vec![
            kind(image),
            label(image, labels::DISTRO),
            human_bytes(image.size_bytes),
            made,
            if holds.is_empty() { image.tags.join(" ") } else { holds },
        ]);
    }
    format!("{}sizes count the layers that images share in each of them\n", table.render(style))
}

async fn prune(engine: &dyn Engine, all: bool) -> Result<Exit, Failure> {
    let mut images = owned(engine).await?;
    images.retain(|image| all || kind(image) != "base");
    // Images that others were made from go last.
    images.reverse();
    let mut removed = 0;
    let mut exit = Exit::Success;
    for image in &images {
        let names = if image.tags.is_empty() { std::slice::from_ref(&image.id) } else { &image.tags };
        for name in names {
            match engine.remove_image(name).await {
                Ok(()) => removed += 1,
                Err(error) => {
                    output::err(&format!("warning: {}: {error}\n", printable(name)));
                    exit = Exit::JobFailed;
                }
            }
        }
    }
    let mut caches = 0;
    if all {
        for cache in engine.caches().await? {
            engine.remove_cache(&cache).await?;
            caches += 1;
        }
    }
    let more = if all { format!(", {caches} package caches") } else { String::new() };
    output::out(&format!("removed {removed} images{more}\n"));
    Ok(exit)
}

async fn bootstrap(
    connected: Connected,
    ids: &[String],
    arch: Option<Arch>,
    mirrors: &[(String, String)],
    style: &Style,
) -> Result<Exit, Failure> {
    let catalogue = select::catalogue(Path::new("."), &[])?;
    let mut wanted = Vec::new();
    for id in ids {
        wanted.push(distros::find(&catalogue, id)?);
    }
    let chosen: Vec<_> = wanted.iter().map(|distro| distro.as_ref()).collect();
    let mirrors = context::mirrors(&chosen, mirrors);
    let Connected { engine, info } = connected;
    let run = context::new_run();
    let images = context::images(engine, BaseChoice::Bootstrap, Fetcher::new()?, mirrors, &run, Network::Default)?;
    let cancel = cancel_on_signal()?;
    for distro in wanted {
        let arch = arch.unwrap_or(info.arch);
        let warn = |message: String| {
            output::err(&format!("{} {}: {message}\n", style.paint(Tone::Warning, "warning:"), distro.id));
        };
        let progress = Steps::default();
        let base = images.base(distro, arch, &mut ToStderr, &progress, &warn, &cancel).await?;
        output::out(&format!("{}/{arch}  {}\n", distro.id, base.identity));
    }
    Ok(Exit::Success)
}

fn cancel_on_signal() -> Result<CancellationToken, Failure> {
    let mut signals = signals::listen().map_err(|source| Failure::System { action: "listen for Ctrl-C", source })?;
    let cancel = CancellationToken::new();
    let fired = cancel.clone();
    tokio::spawn(async move {
        if signals.recv().await.is_some() {
            fired.cancel();
        }
    });
    Ok(cancel)
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

/// Names each part of the work once.
#[derive(Default)]
struct Steps(std::sync::Mutex<String>);

impl Progress for Steps {
    fn progress(&self, what: &str, _done: u64, _total: u64) {
        let Ok(mut last) = self.0.lock() else { return };
        if *last != what {
            what.clone_into(&mut last);
            output::err(&format!("{}\n", printable(what)));
        }
    }
}
