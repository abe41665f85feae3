//! `farm fetch`: sources and modules, ahead of the builds that need them.

use super::args::FetchArgs;
use super::config::Config;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::output::Bar;
use super::signals;
use crate::types::human_bytes;

pub(crate) async fn run(args: &FetchArgs) -> Result<Exit, Failure> {
    let config = Config::load()?;
    let project = context::project(&args.selection.recipes, &args.selection.parameters)?;
    let selected = project.select(&args.selection.selection(), context::default_arch(&[]))?;
    context::tell_left_out(&selected);
    context::known_mirrors(&args.mirrors, &project)?;
    let access = context::access(&args.mirrors, true, &config)?;
    let resolved = selected.resolve(&access, args.snapshot).await?;
    context::tell(resolved.notes());
    let bar = Bar::here();
    let fetched = resolved.fetch(&project, &access, &bar, &signals::cancel_on_signal()?).await?;
    drop(bar);
    for one in &fetched {
        let sources = if one.sources == 1 { "1 source".to_owned() } else { format!("{} sources", one.sources) };
        let modules = one.module_bytes.map(|bytes| format!(", modules {}", human_bytes(bytes))).unwrap_or_default();
        output::out(&format!("{} {}: {sources} {}{modules}\n", one.recipe, one.version, human_bytes(one.bytes)));
    }
    Ok(Exit::Success)
}
