//! Why a command could not do its work, before or beside any job: each with its exit code and what to do next.
//! How a job ended is an `Outcome` and not here.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::config::ConfigError;
use super::diagnostics;
use super::exit::Exit;
use super::resolve::Open;
use crate::archive::ArchiveError;
use crate::distro::DistroError;
use crate::engine::EngineError;
use crate::fetch::FetchError;
use crate::image::ImageError;
use crate::init::InitError;
use crate::matrix::{MatrixError, Target};
use crate::plan::PlanError;
use crate::recipe::{RecipeError, RecipeFile};
use crate::report::{Style, Tone};
use crate::source::SourceError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{message}")]
    Usage { message: String, help: Option<String> },
    /// All recipes that are wrong, not only the first.
    #[error("{} of the recipes are not valid", .0.len())]
    Recipes(Vec<RecipeError>),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Distro(#[from] DistroError),
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{0}")]
    Circle(Circle),
    #[error("{}: {source}", .recipe.display())]
    Source { recipe: PathBuf, source: SourceError },
    #[error("{message}")]
    NothingMatched { message: String, help: Option<String> },
    #[error(transparent)]
    Open(#[from] Open),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot {action}")]
    System { action: &'static str, source: std::io::Error },
}

/// Targets that need each other, so that none can be the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circle {
    /// Each goes to the target from which the next one comes, the last to that of the first.
    pub(crate) links: Vec<Link>,
}

/// That a target needs another, and the place in a recipe that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) path: PathBuf,
    pub(crate) text: Arc<str>,
    pub(crate) span: Range<usize>,
    pub(crate) from: Target,
    pub(crate) to: Target,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut way: Vec<String> = self.links.iter().map(|link| link.from.to_string()).collect();
        way.extend(way.first().cloned());
        write!(f, "these need each other, so none can be built first: {}", way.join(" -> "))
    }
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::Usage { message: message.into(), help: None }
    }

    /// What is wrong with the sources of a recipe: at its place, where it is the recipe that has to change.
    pub(crate) fn source(file: &RecipeFile, source: SourceError) -> Failure {
        match source {
            SourceError::Recipe { problem, .. } => Failure::Recipes(vec![RecipeError::Invalid {
                path: file.path.clone(),
                text: Arc::clone(&file.text),
                problems: vec![*problem],
            }]),
            source => Failure::Source { recipe: file.path.clone(), source },
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Usage { .. } | Failure::Read { .. } => Exit::Usage,
            // That a recipe was written which is none is our own mistake.
            Failure::Init(InitError::Invalid(_)) => Exit::Bug,
            Failure::Recipes(_)
            | Failure::Config(_)
            | Failure::Distro(_)
            | Failure::Plan(_)
            | Failure::Circle(_)
            | Failure::Source { .. }
            | Failure::Init(_)
            | Failure::Image(ImageError::File { .. })
            | Failure::Matrix(MatrixError::Invalid { .. }) => Exit::Invalid,
            Failure::Matrix(MatrixError::UnknownMatrix { .. }) | Failure::NothingMatched { .. } => Exit::NothingMatched,
            Failure::Engine(EngineError::Cancelled)
            | Failure::Image(ImageError::Cancelled)
            | Failure::Open(Open { source: ArchiveError::Cancelled, .. }) => Exit::Interrupted,
            Failure::Engine(EngineError::Build { .. })
            | Failure::Image(ImageError::Engine(EngineError::Build { .. })) => Exit::JobFailed,
            Failure::Engine(_) | Failure::Image(ImageError::Engine(_)) => Exit::NoEngine,
            Failure::Image(_)
            | Failure::Open(_)
            | Failure::Store(_)
            | Failure::Fetch(_)
            | Failure::Write { .. }
            | Failure::System { .. } => Exit::JobFailed,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Failure::Usage { help, .. } | Failure::NothingMatched { help, .. } => help.clone(),
            Failure::Engine(EngineError::NoEngine { .. } | EngineError::Unreachable { .. }) => Some(
                "start Docker or Podman, or name another engine with --engine, --engine native for farm's own; \
                 `farm doctor` says what each lacks, and `farm plan` needs none"
                    .to_owned(),
            ),
            Failure::Open(_) => Some(
                "which package has a capability is looked up in the distribution's archive: choose another mirror with \
                 --mirror NAME=URL, or name packages"
                    .to_owned(),
            ),
            Failure::Store(StoreError::Locked(_)) => {
                Some("wait for the other run, or write to another folder with -o".to_owned())
            }
            _ => None,
        }
    }

    /// For stderr, ended.
    pub(crate) fn render(&self, style: &Style) -> String {
        match self {
            Failure::Recipes(errors) => errors.iter().map(|error| diagnostics::recipe(error, style)).collect(),
            Failure::Config(error) => diagnostics::config(error, style),
            Failure::Distro(error) => diagnostics::distro(error, style),
            Failure::Matrix(error) => diagnostics::matrix(error, style),
            Failure::Plan(error) => diagnostics::plan(error, style),
            Failure::Circle(circle) => diagnostics::circle(circle, style),
            Failure::Init(InitError::Invalid(error)) => diagnostics::recipe(error, style),
            _ => self.render_plainly(style),
        }
    }

    fn render_plainly(&self, style: &Style) -> String {
        let mut text = format!("{} {self}", style.paint(Tone::Bad, "error:"));
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            let reason = error.to_string();
            // Some errors quote their source in their own words already.
            if !text.contains(&reason) {
                text.push_str(&format!(": {reason}"));
            }
            source = error.source();
        }
        text.push('\n');
        if let Some(help) = self.help() {
            text.push_str(&style.wrap(&format!("help: {help}"), "  "));
            text.push('\n');
        }
        text
    }
}
