//! Why a command could not do its work, before or beside any job: each with its exit code and what to do next.
//! How a job ended is an `Outcome` and not here.

use std::path::PathBuf;

use super::config::ConfigError;
use super::diagnostics;
use super::exit::Exit;
use crate::archive::ArchiveError;
use crate::compare::CompareError;
use crate::distro::DistroError;
use crate::engine::{self, EngineError};
use crate::fetch::FetchError;
use crate::image::ImageError;
use crate::init::InitError;
use crate::lock::LockError;
use crate::matrix::MatrixError;
use crate::project::{ProjectError, Unread};
use crate::publish::PublishError;
use crate::repo::tree::RepoError;
use crate::report::{Style, Tone};
use crate::sign::SignError;
use crate::source::SourceError;
use crate::store::{AttestedError, MergeError, ReleaseError, StoreError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{message}")]
    Usage { message: String, help: Option<String> },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Distro(#[from] DistroError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error("{}: {source}", .of.display())]
    Source { of: PathBuf, source: SourceError },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error(transparent)]
    Attested(#[from] AttestedError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Repo(#[from] RepoError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("cannot write the report {}", .path.display())]
    Report { path: PathBuf, source: std::io::Error },
    #[error("no program shows it ({reason})")]
    Opener { reason: String },
    #[error("{message}")]
    NoEmulator { message: String, help: String },
    #[error("{message}")]
    NothingMatched { message: String, help: Option<String> },
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot {action}")]
    System { action: &'static str, source: std::io::Error },
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::Usage { message: message.into(), help: None }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Usage { .. } | Failure::Read { .. } | Failure::Compare(_) => Exit::Usage,
            Failure::NothingMatched { .. } => Exit::NothingMatched,
            Failure::NoEmulator { .. } => Exit::NoEngine,
            // That a recipe was written which is none is our own mistake.
            Failure::Init(InitError::Invalid(_)) => Exit::Bug,
            Failure::Config(_) | Failure::Distro(_) | Failure::Source { .. } | Failure::Init(_) => Exit::Invalid,
            Failure::Sign(_) | Failure::Repo(_) => Exit::Repository,
            Failure::Publish(PublishError::Address { .. }) => Exit::Usage,
            Failure::Publish(PublishError::Nothing(_)) => Exit::NothingMatched,
            Failure::Publish(PublishError::Cancelled) => Exit::Interrupted,
            Failure::Publish(_) => Exit::Repository,
            Failure::Project(error) => of_project(error),
            Failure::Image(error) => of_image(error),
            Failure::Engine(error) => of_engine(error),
            Failure::Release(ReleaseError::Nothing) | Failure::Merge(MergeError::Nothing(_)) => Exit::NothingMatched,
            Failure::Release(ReleaseError::Exists(_)) | Failure::Merge(MergeError::Itself(_)) => Exit::Usage,
            Failure::Store(_)
            | Failure::Release(_)
            | Failure::Attested(_)
            | Failure::Merge(_)
            | Failure::Fetch(_)
            | Failure::Write { .. }
            | Failure::Opener { .. }
            | Failure::Report { .. }
            | Failure::System { .. } => Exit::JobFailed,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Failure::Usage { help, .. }
            | Failure::NothingMatched { help, .. }
            | Failure::Project(ProjectError::Request { help, .. } | ProjectError::NothingMatched { help, .. }) => help.clone(),
            Failure::NoEmulator { help, .. } => Some(help.clone()),
            Failure::Report { .. } => {
                Some("its folder has to be there, and be one that can be written to: --report FORMAT=FILE".to_owned())
            }
            Failure::Opener { .. } => {
                Some("name a browser in the environment variable BROWSER, or open the file yourself".to_owned())
            }
            Failure::Engine(EngineError::NoEngine { tried })
                if tried.iter().any(|(endpoint, _)| engine::needs_no_daemon(endpoint)) =>
            {
                Some(
                    "mend what keeps farm's own engine from working, start Docker or Podman, or name another engine with \
                     --engine; `farm doctor` says what each lacks, and `farm plan` needs none"
                        .to_owned(),
                )
            }
            Failure::Engine(EngineError::NoEngine { .. } | EngineError::Unreachable { .. }) => Some(
                "start Docker or Podman, or name another engine with --engine, --engine native for farm's own; \
                 `farm doctor` says what each lacks, and `farm plan` needs none"
                    .to_owned(),
            ),
            Failure::Engine(EngineError::Store { .. }) => {
                Some("FARM_DATA names another folder, and --engine another engine".to_owned())
            }
            Failure::Project(ProjectError::Archive(Unread { source: ArchiveError::Repository { .. }, .. })) => Some(
                "which package has a capability is looked up in repositories of the recipe, too, where the distribution has \
                 none"
                    .to_owned(),
            ),
            Failure::Project(ProjectError::Lock(error)) => error.help().map(str::to_owned),
            Failure::Project(ProjectError::Archive(_)) => Some(
                "which package has a capability is looked up in the distribution's archive: choose another mirror with \
                 --mirror NAME=URL, or name packages"
                    .to_owned(),
            ),
            Failure::Store(StoreError::Locked(_)) => {
                Some("wait for the other run, or write to another folder with -o".to_owned())
            }
            Failure::Store(StoreError::InTheWay(_)) => {
                Some("name another folder with -o, or move that away".to_owned())
            }
            Failure::Store(StoreError::Io { .. }) => {
                Some("name a folder that can be written to with -o; packages go to dist/ without it".to_owned())
            }
            Failure::Compare(error) => compare_help(error).map(str::to_owned),
            Failure::Release(error) => release_help(error),
            Failure::Merge(error) => merge_help(error),
            Failure::Attested(error) => attested_help(error),
            Failure::Publish(error) => publish_help(error),
            Failure::Repo(RepoError::Locked(_)) => Some("wait for the other one, and try again".to_owned()),
            _ => None,
        }
    }

    /// For stderr, ended.
    pub(crate) fn render(&self, style: &Style) -> String {
        match self {
            Failure::Config(error) => diagnostics::config(error, style),
            Failure::Distro(error) => diagnostics::distro(error, style),
            Failure::Project(error) => diagnostics::project(error, style).unwrap_or_else(|| self.render_plainly(style)),
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
        let mut text: String = text.lines().map(|line| style.fit(line) + "\n").collect();
        if let Some(help) = self.help() {
            text.push_str(&style.wrap(&format!("help: {help}"), "  "));
            text.push('\n');
        }
        text
    }
}

fn release_help(error: &ReleaseError) -> Option<String> {
    let help = match error {
        ReleaseError::Nothing => "farm build makes some; -o names another folder than dist",
        ReleaseError::NotGood(_) | ReleaseError::Mixed { .. } => {
            "build them, `farm build --matrix`, or leave some out, with -t or --exclude"
        }
        ReleaseError::Clash { .. } => {
            "`distribution-suffix = true` under [packaging] tells packages of distributions apart, and so does a version of its \
             own for a variant"
        }
        ReleaseError::Exists(_) => "name a new folder, or remove that one",
        ReleaseError::Attested(error) => return attested_help(error),
        ReleaseError::Damaged { .. } | ReleaseError::Store(_) | ReleaseError::Sign(_) => return None,
    };
    Some(help.to_owned())
}

fn attested_help(error: &AttestedError) -> Option<String> {
    let help = match error {
        AttestedError::Unknown { .. } => {
            "an earlier farm made them, and did not write that down: `farm build --force` makes them again, and --exclude \
             leaves targets out"
        }
        AttestedError::Damaged(_) => "`farm build` makes it again",
        AttestedError::Attest(_) => return None,
    };
    Some(help.to_owned())
}

fn merge_help(error: &MergeError) -> Option<String> {
    let help = match error {
        MergeError::Nothing(_) => "name the folders that `farm build -o` wrote to, as dist/",
        MergeError::Itself(_) => "name the folder that takes all of it with -o, and the others without",
        MergeError::Disagree { .. } => "they are of two runs: merge those of one run, or remove one of the two folders",
        MergeError::Misplaced { .. } => "copy whole folders, with their names",
        MergeError::Damaged(_) => "copy it again from where it was built: it has changed on the way",
        MergeError::Store(_) => return None,
    };
    Some(help.to_owned())
}

fn publish_help(error: &PublishError) -> Option<String> {
    let help = match error {
        PublishError::Address { help, .. } => return help.clone(),
        PublishError::Nothing(_) => "`farm repo DIR` makes them, of what is in dist/",
        PublishError::Repo(RepoError::Locked(_)) => "wait for the other one, and try again",
        PublishError::AtWork { until, .. } => {
            return Some(format!(
                "wait for it; if it has died, the target is free at {}, or at once with --take-over",
                until.format("%H:%M:%S UTC")
            ));
        }
        PublishError::Overtaken { .. } => "let only one of the two publish there, and run it again",
        PublishError::OtherFolder { .. } => {
            "name another folder or prefix of the target; --take-over publishes this one there, and what only the other one \
             has is removed"
        }
        PublishError::OtherContent { .. } => {
            "give the package another version or release; or publish without it, and again after the time of --grace"
        }
        PublishError::Target { .. } => "what was sent stays: the next run sends the rest",
        _ => return None,
    };
    Some(help.to_owned())
}

fn compare_help(error: &CompareError) -> Option<&'static str> {
    match error {
        CompareError::Empty(_) | CompareError::Read { .. } => {
            Some("name a package, a folder of dist/ with packages of one target, or dist/ itself")
        }
        CompareError::Unlike { .. } => Some("name the folder of one target in the store, too"),
        CompareError::NoPackage(_) | CompareError::Artifact(_) => None,
    }
}

fn of_project(error: &ProjectError) -> Exit {
    match error {
        ProjectError::Request { .. } => Exit::Usage,
        ProjectError::Recipes(_)
        | ProjectError::Distro(_)
        | ProjectError::Plan(_)
        | ProjectError::Circle(_)
        | ProjectError::Source { .. }
        | ProjectError::Matrix(MatrixError::Invalid { .. }) => Exit::Invalid,
        ProjectError::Matrix(MatrixError::UnknownMatrix { .. }) | ProjectError::NothingMatched { .. } => {
            Exit::NothingMatched
        }
        ProjectError::Archive(Unread { source: ArchiveError::Cancelled, .. }) => Exit::Interrupted,
        ProjectError::Archive(_) => Exit::JobFailed,
        ProjectError::Lock(LockError::Io { .. } | LockError::Archive { .. }) => Exit::JobFailed,
        ProjectError::Lock(_) => Exit::Invalid,
        ProjectError::Image(error) => of_image(error),
    }
}

fn of_image(error: &ImageError) -> Exit {
    match error {
        ImageError::File { .. } => Exit::Invalid,
        ImageError::Cancelled => Exit::Interrupted,
        ImageError::Engine(error) => of_engine(error),
        _ => Exit::JobFailed,
    }
}

fn of_engine(error: &EngineError) -> Exit {
    match error {
        EngineError::Cancelled => Exit::Interrupted,
        EngineError::Build { .. } => Exit::JobFailed,
        _ => Exit::NoEngine,
    }
}
