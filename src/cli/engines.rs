//! Which engines a command uses: what flags, the environment and the configuration name, and those of them that answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future;

use super::args::EngineArgs;
use super::config::Config;
use super::failure::Failure;
use super::output;
use super::values;
use crate::engine::{self, Engine, EngineError, EngineInfo};
use crate::project::Member;
use crate::recipe::{Schema, Section, Value};
use crate::types::{Arch, nearest, printable, redacted_text};

/// What stands for whatever there is.
const AUTO: &str = "auto";
static ENGINE: Schema = Schema { title: "[[engine]]", keys: &["url", "slots", "memory", "architectures"] };
/// More jobs at a time than any machine has processors.
const MOST_SLOTS: u32 = 4096;

/// An engine, and how much of it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EngineChoice {
    /// `auto`, the name of a kind of engine, or a URL.
    pub(crate) url: String,
    /// Jobs at a time; none: by its processors.
    pub(crate) slots: Option<usize>,
    /// For all jobs on it; none: all that it has.
    pub(crate) memory_bytes: Option<u64>,
    /// None: what it can run.
    pub(crate) arches: Option<BTreeSet<Arch>>,
}

/// An engine that answers.
pub(crate) struct Connected {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) info: EngineInfo,
    choice: EngineChoice,
}

impl EngineChoice {
    fn of(url: &str) -> EngineChoice {
        EngineChoice { url: url.to_owned(), ..EngineChoice::default() }
    }
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

/// `engine` of the configuration: a name or a URL, several of these, or a table for each.
pub(super) fn read(file: &Section<'_>) -> Vec<EngineChoice> {
    let Some(entry) = file.table.get("engine") else { return Vec::new() };
    match &entry.node.value {
        Value::Array(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))) => {
            file.subs("engine", &ENGINE).iter().filter_map(of_table).collect()
        }
        Value::Array(_) => {
            let texts = file.lines("engine", |_| Ok(()));
            texts.into_iter().filter_map(|text| known(file, text.value, text.span)).map(EngineChoice::of).collect()
        }
        _ => {
            let text = file.text("engine");
            text.and_then(|text| known(file, text.value, text.span)).map(EngineChoice::of).into_iter().collect()
        }
    }
}

fn of_table(section: &Section<'_>) -> Option<EngineChoice> {
    section.require(&["url"]);
    let wrong = |span: &std::ops::Range<usize>, message: String, label: String, help: &str| {
        section.problems.add(message, span, label, Some(help.to_owned()));
    };
    let memory_bytes = section.text("memory").and_then(|text| match values::size(text.value) {
        Ok(bytes) => Some(bytes),
        Err(reason) => {
            let message = format!("`memory` in {} is no size", ENGINE.title);
            wrong(text.span, message, reason, "it is for all jobs on this engine together: memory = \"32G\"");
            None
        }
    });
    let arches = section.table.get("architectures").map(|_| {
        let mut arches = BTreeSet::new();
        for text in section.lines("architectures", |_| Ok(())) {
            match Arch::ALL.into_iter().find(|arch| arch.deb() == text.value) {
                Some(arch) => drop(arches.insert(arch)),
                None => {
                    let names = Arch::ALL.map(Arch::deb);
                    let label = match nearest(text.value, names) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "not an architecture".to_owned(),
                    };
                    let message = format!("`{}` is no architecture", printable(text.value));
                    wrong(text.span, message, label, &format!("known are {}", names.join(", ")));
                }
            }
        }
        arches
    });
    let slots = section.integer("slots", 1..=MOST_SLOTS).and_then(|slots| usize::try_from(slots).ok());
    let url = section.text("url")?;
    let url = known(section, url.value, url.span)?.to_owned();
    Some(EngineChoice { url, slots, memory_bytes, arches })
}

fn known<'a>(file: &Section<'_>, name: &'a str, span: &std::ops::Range<usize>) -> Option<&'a str> {
    // What else it may be is an address.
    let engines = engine::choices();
    if engines.contains(&name) || name.contains("://") || name.starts_with('/') {
        return Some(name);
    }
    let label = match nearest(name, engines.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "not an engine".to_owned(),
    };
    let help = format!("engines are {}, or a URL such as unix:///var/run/docker.sock", engines.join(", "));
    file.problems.add(format!("`{}` is no container engine", printable(name)), span, label, Some(help));
    None
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
