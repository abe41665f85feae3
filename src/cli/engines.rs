//! Which engines a command uses: what flags, the environment and the configuration name, and those of them that answer.

use std::sync::Arc;

use futures_util::future;

use super::args::EngineArgs;
use super::config::Config;
use super::engine_choice::EngineChoice;
use super::failure::Failure;
use super::output;
use crate::engine::{self, Engine, EngineError, EngineInfo};
use crate::project::Member;
use crate::types::{printable, redacted_text};

/// What stands for whatever there is.
const AUTO: &str = "auto";

/// An engine that answers.
pub(crate) struct Connected {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) info: EngineInfo,
    choice: EngineChoice,
}

impl Connected {
    /// As one of those that a run builds on.
    pub(crate) fn member(&self, images: crate::image::Images) -> Member {
        let mut member = Member::new(self.engine.clone(), self.info.clone(), images);
        member.slots = self.choice.slots.unwrap_or_default();
        member.memory_bytes = self.choice.memory_bytes.unwrap_or_default();
        member.arches = self.choice.arches.clone();
        member
    }
}

/// The engines that the command line names, else `FARM_ENGINE`, else the configuration; `auto` on the command line is as
/// good as nothing. One that the configuration has a table for has its settings, whoever names it. At least one.
pub(crate) fn choices(flags: &[String], variable: &str, config: &Config) -> Vec<EngineChoice> {
    let named = |name: &str| {
        let known = config.engines.iter().find(|choice| choice.url == name);
        known.cloned().unwrap_or_else(|| EngineChoice::of(name))
    };
    let flags: Vec<&str> = flags.iter().map(String::as_str).filter(|flag| !["", AUTO].contains(flag)).collect();
    let chosen: Vec<EngineChoice> = match (flags.is_empty(), variable.trim().is_empty()) {
        (false, _) => flags.into_iter().map(named).collect(),
        (true, false) => variable.split_whitespace().map(named).collect(),
        (true, true) => config.engines.clone(),
    };
    if chosen.is_empty() { vec![EngineChoice::of(AUTO)] } else { chosen }
}

/// [`choices`] of this process.
pub(crate) fn chosen(args: &EngineArgs, config: &Config) -> Vec<EngineChoice> {
    choices(&args.engines, &std::env::var("FARM_ENGINE").unwrap_or_default(), config)
}

/// The one engine that a command looks into.
///
/// # Errors
/// When several are chosen, or the one does not answer.
pub(crate) async fn connect(args: &EngineArgs, config: &Config) -> Result<Connected, Failure> {
    let mut chosen = chosen(args, config);
    if chosen.len() > 1 {
        let names: Vec<String> =
            chosen.iter().map(|choice| format!("--engine {}", redacted_text(&choice.url))).collect();
        return Err(Failure::Usage {
            message: format!("this command looks into one engine, and {} are chosen", chosen.len()),
            help: Some(format!("say which: {}", names.join(", or "))),
        });
    }
    Ok(open(chosen.swap_remove(0), args).await?)
}

/// The engines of a run. Of several, one that does not answer is left out, and that is said.
///
/// # Errors
/// When none answers: what is wrong with the first.
pub(crate) async fn connect_all(args: &EngineArgs, config: &Config) -> Result<Vec<Connected>, EngineError> {
    let chosen = chosen(args, config);
    let is_alone = chosen.len() == 1;
    let names: Vec<String> = chosen.iter().map(|choice| redacted_text(&choice.url)).collect();
    let opened = future::join_all(chosen.into_iter().map(|choice| open(choice, args))).await;
    let (mut connected, mut failed): (Vec<Connected>, Vec<(String, EngineError)>) = (Vec::new(), Vec::new());
    for (name, opened) in names.into_iter().zip(opened) {
        match opened {
            // The same daemon twice would be given twice what it has.
            Ok(one) if connected.iter().any(|known| known.engine.endpoint() == one.engine.endpoint()) => {
                output::err(&format!("note: {name} is an engine that was named before, and used once\n"));
            }
            Ok(one) => connected.push(one),
            // A word that means no engine is a mistake, however many others there are.
            Err(error @ EngineError::Config(_)) => return Err(error),
            Err(error) => failed.push((name, error)),
        }
    }
    if connected.is_empty() {
        let none = EngineError::NoEngine { tried: Vec::new() };
        return Err(failed.into_iter().next().map_or(none, |(_, error)| error));
    }
    for (name, error) in failed.iter().filter(|_| !is_alone) {
        let reason = printable(&error.to_string().replace('\n', " "));
        output::err(&format!("warning: {name} is left out of this run: {reason}\n"));
    }
    Ok(connected)
}

async fn open(choice: EngineChoice, args: &EngineArgs) -> Result<Connected, EngineError> {
    let is_by_variable = args.engines.iter().all(|flag| ["", AUTO].contains(&flag.as_str()))
        && std::env::var_os("FARM_ENGINE").is_some_and(|variable| !variable.is_empty());
    let engine = engine::connect(&choice.url).await.map_err(|error| match error {
        EngineError::Config(reason) if is_by_variable => EngineError::Config(format!("FARM_ENGINE: {reason}")),
        error => error,
    })?;
    let info = engine.ping().await?;
    for note in engine.notes() {
        output::err(&format!("warning: {}\n", printable(&note)));
    }
    Ok(Connected { engine, info, choice })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_goes_before_the_variable_and_that_before_the_file() {
        let big = EngineChoice { slots: Some(8), ..EngineChoice::of("ssh://big") };
        let config = Config { engines: vec![EngineChoice::of("native"), big.clone()], ..Config::default() };
        let chosen = |flags: &[&str], variable: &str, config: &Config| {
            let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            let chosen = choices(&flags, variable, config);
            chosen.into_iter().map(|choice| choice.url).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(chosen(&["podman"], "docker", &config), "podman");
        assert_eq!(chosen(&["podman", "native"], "docker", &config), "podman native");
        assert_eq!(chosen(&["auto"], "docker", &config), "docker");
        assert_eq!(chosen(&[], "docker  tcp://h:1", &config), "docker tcp://h:1");
        assert_eq!(chosen(&["auto"], "", &config), "native ssh://big");
        assert_eq!(chosen(&[], "auto", &config), "auto");
        assert_eq!(chosen(&["auto"], "", &Config::default()), "auto");
        assert_eq!(choices(&["ssh://big".to_owned()], "", &config), [big]);
    }
}
