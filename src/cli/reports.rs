//! What a command that builds tells programs of itself, from its beginning: also when no run comes of it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::args::{ProgressChoice, ShownArgs};
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::report_file::ReportFile;
use super::stdout::Stdout;
use crate::report::{End, Json, Sink, Style};
use crate::store::StoreError;
use crate::types::printable;

/// The reports of one command.
pub(crate) struct Reports<'a> {
    /// The id of the run, whether or not it begins.
    pub(crate) run: String,
    shown: &'a ShownArgs,
    /// A run has them: it is told how the command ends.
    begun: AtomicBool,
}

impl Reports<'_> {
    /// # Errors
    /// When every line is wanted, and nothing that is would show it.
    pub(crate) fn new(shown: &ShownArgs) -> Result<Reports<'_>, Failure> {
        let hears = shown.progress() == ProgressChoice::Json || shown.reports.iter().any(ReportFile::has_lines);
        if shown.every_line && !hears {
            return Err(Failure::Usage {
                message: "--every-line is for reports in JSON, and there is none".to_owned(),
                help: Some(
                    "add --progress json, or --report json=FILE; `farm logs` shows the log of a target".to_owned(),
                ),
            });
        }
        Ok(Reports { run: context::new_run(), shown, begun: AtomicBool::new(false) })
    }

    /// Those in files, for the run that begins, and `page`.
    pub(crate) fn begin(&self, page: Option<ReportFile>) -> Result<Vec<Box<dyn Sink>>, Failure> {
        let sinks = self.shown.reports.iter().chain(&page).map(ReportFile::sink).collect::<Result<_, Failure>>()?;
        self.begun.store(true, Ordering::Relaxed);
        Ok(sinks)
    }

    /// Passes on how the command ends. Where no run began, that is the one thing that reports say.
    pub(crate) fn ended(&self, result: Result<Exit, Failure>) -> Result<Exit, Failure> {
        if self.begun.load(Ordering::Relaxed) {
            return result;
        }
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if self.shown.progress() == ProgressChoice::Json {
            sinks.push(Box::new(Json::new(Stdout)));
        }
        // The files are those of the other run, or may be.
        if !matches!(result, Err(Failure::Store(StoreError::Locked(_)))) {
            // One that cannot be written is what the failure says already, or not what keeps the others from it.
            sinks.extend(self.shown.reports.iter().filter_map(|report| report.sink().ok()));
        }
        let error = result.as_ref().err().map(|failure| failure.render(&Style::PLAIN));
        let exit = result.as_ref().map_or_else(Failure::exit, |exit| *exit);
        let end = End { run: &self.run, exit_code: exit.code(), error: error.as_deref().map(str::trim_end) };
        for error in sinks.iter_mut().filter_map(|sink| sink.end(&end).err()) {
            output::err(&format!("warning: {}\n", printable(&error.to_string())));
        }
        result
    }
}
