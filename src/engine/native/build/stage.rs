//! A stage as it is built: what its instructions leave to the next, and where they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::engine::native::dockerfile::{Dockerfile, Instruction, Problem, words};
use crate::engine::native::init::PATH;
use crate::engine::native::store::Image;
use crate::engine::{BuildSpec, EngineError};
use crate::types::{clean_path, printable};

/// Where the context is in its container.
pub(super) const CONTEXT: &str = "/context";
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Where an instruction is, for the errors that it makes.
pub(super) struct Position<'a> {
    pub(super) file: &'a Dockerfile,
    pub(super) line: usize,
    pub(super) spec: &'a BuildSpec,
}

impl Position<'_> {
    pub(super) fn wrong(&self, message: impl std::fmt::Display) -> EngineError {
        wrong(self.spec, &Problem::new(self.line, message.to_string()))
    }

    pub(super) fn expand(&self, word: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, EngineError> {
        let expanded = words::expand(word, self.file.escape, value);
        expanded.map_err(|problem| self.wrong(format!("`{}`: {problem}", printable(word))))
    }
}

pub(super) fn wrong(spec: &BuildSpec, problem: &Problem) -> EngineError {
    EngineError::Build { reason: format!("{}:{problem}", spec.dockerfile) }
}

/// What goes on from one instruction to the next, and from a stage to those that begin with it.
#[derive(Debug, Clone)]
pub(super) struct StageState {
    pub(super) env: BTreeMap<String, String>,
    pub(super) user: String,
    pub(super) workdir: String,
    pub(super) shell: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    /// Not beyond the stage.
    pub(super) arguments: BTreeMap<String, String>,
}

impl StageState {
    pub(super) fn of(image: &Image) -> StageState {
        let text = |name: &str| image.setting(name).as_str().unwrap_or_default().to_owned();
        let shell: Vec<String> = image
            .setting("Shell")
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let pairs = image.env.iter().filter_map(|one| one.split_once('='));
        let mut env: BTreeMap<String, String> =
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        // Dockerfiles count on it: `ENV PATH=/opt/bin:$PATH`.
        env.entry("PATH".to_owned()).or_insert_with(|| PATH.to_owned());
        StageState {
            env,
            user: text("User"),
            workdir: clean_path("/", &text("WorkingDir")),
            shell: if shell.is_empty() { SHELL.map(str::to_owned).to_vec() } else { shell },
            labels: BTreeMap::new(),
            arguments: BTreeMap::new(),
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.env.get(name).or_else(|| self.arguments.get(name)).cloned()
    }
}

/// What an instruction does that touches no file.
pub(super) fn set(
    position: &Position<'_>,
    instruction: &Instruction,
    state: &mut StageState,
    globals: &BTreeMap<String, String>,
    used: &mut BTreeSet<String>,
) -> Result<(), EngineError> {
    // All of an instruction see what was before it.
    let before = state.clone();
    let expand = |word: &str| position.expand(word, &|name| before.value(name));
    match instruction {
        Instruction::Arg(arguments) => {
            for (name, default) in arguments {
                used.insert(name.clone());
                // One after the other: a default may name the argument before.
                let value = match (position.spec.args.get(name), default) {
                    (Some(value), _) => Some(value.clone()),
                    (None, Some(default)) => Some(position.expand(default, &|name| state.value(name))?),
                    (None, None) => globals.get(name).cloned(),
                };
                if let Some(value) = value {
                    state.arguments.insert(name.clone(), value);
                }
            }
        }
        Instruction::Env(pairs) => {
            for (name, value) in pairs {
                let name = expand(name)?;
                if name.is_empty() || name.contains(['=', '\0']) {
                    return Err(position.wrong(format!("`{}` is no name for a variable", printable(&name))));
                }
                state.env.insert(name, expand(value)?);
            }
        }
        Instruction::Label(pairs) => {
            for (name, value) in pairs {
                let name = expand(name)?;
                // What things are to farm is not for a Dockerfile to say.
                if !name.starts_with("io.farm.") {
                    state.labels.insert(name, expand(value)?);
                }
            }
        }
        Instruction::User(user) => state.user = expand(user)?,
        Instruction::Shell(shell) => state.shell.clone_from(shell),
        _ => {}
    }
    Ok(())
}
