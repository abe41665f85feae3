//! `farm images` and `farm reap`: what farm keeps, or left, in the engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::args::{ColorChoice, ImagesArgs, ImagesCommand, ReapArgs};
use super::config::Config;
use super::context::{self, Connected};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use super::{distros, select, signals};
use crate::engine::{Engine, ImageInfo, Network, OutputSink, OutputStream, labels};
use crate::fetch::Fetcher;
use crate::image::{BaseChoice, Images};
use crate::report::table::Table;
use crate::report::{Style, Tone, count};
use crate::types::{Arch, Progress, human_bytes, printable};

pub(crate) async fn run(args: &ImagesArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let surroundings = Surroundings::of_this_process();
    let config = Config::load()?;
    let connected = context::connect(&args.engine.engine, &config).await?;
    match &args.command {
        None | Some(ImagesCommand::List) => {
            let images = images_of(connected.engine)?.list().await?;
            output::out(&list(&images, &surroundings.style(color, false)));
            Ok(Exit::Success)
        }
        Some(ImagesCommand::Prune { older_than, all }) => {
            let days = if *all { 0 } else { u64::from(*older_than) };
            prune(connected.engine, Duration::from_secs(days * 24 * 60 * 60), *all).await
        }
        Some(ImagesCommand::Bootstrap { distros, arch, mirrors }) => {
            let wanted = Wanted { distros, arch: *arch, mirrors, config: &config };
            bootstrap(connected, &wanted, &surroundings.style(color, true)).await
        }
    }
}

pub(crate) async fn reap(args: &ReapArgs) -> Result<Exit, Failure> {
    let Connected { engine, .. } = context::connect(&args.engine.engine, &Config::load()?).await?;
    let removed = engine.reap(None).await?;
    output::out(&match removed {
        0 => "no container was left behind\n".to_owned(),
        some => format!("removed {}\n", count(some, "container", "containers")),
    });
    Ok(Exit::Success)
}

/// Images of one engine, for listing and removing: nothing is fetched or made.
fn images_of(engine: Arc<dyn Engine>) -> Result<Images, Failure> {
    let archives = context::archives(Fetcher::new()?, BTreeMap::new())?;
    Ok(context::images(engine, BaseChoice::Store, archives, "images", Network::Default))
}

fn label(image: &ImageInfo, name: &str) -> String {
    image.labels.get(name).map(|value| printable(value)).unwrap_or_default()
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
        let holds = [label(image, labels::DISTRO), label(image, labels::REQUIRES), printable(&image.tags.join(" "))];
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
    let removed = images_of(engine.clone())?.prune(older_than).await?.len();
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

/// What `farm images bootstrap` was asked for.
struct Wanted<'a> {
    distros: &'a [String],
    arch: Option<Arch>,
    mirrors: &'a [(String, String)],
    config: &'a Config,
}

async fn bootstrap(connected: Connected, asked: &Wanted<'_>, style: &Style) -> Result<Exit, Failure> {
    let catalogue = select::catalogue(Path::new("."), &[])?;
    let mut wanted = Vec::new();
    for id in asked.distros {
        wanted.push(distros::find(&catalogue, id)?);
    }
    let chosen: Vec<_> = wanted.iter().map(|distro| distro.as_ref()).collect();
    let mirrors = context::mirrors(&chosen, asked.mirrors, asked.config);
    let Connected { engine, info } = connected;
    let run = context::new_run();
    let archives = context::archives(Fetcher::new()?, mirrors)?;
    let images = context::images(engine, BaseChoice::Bootstrap, archives, &run, Network::Default);
    let cancel = cancel_on_signal()?;
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
