//! Which command of a recipe's script failed, by what the script left in its container. It is for people: whatever ran there
//! can leave the same, so it names a line of the recipe and decides nothing.

use super::container::{Content, run_captured};
use super::work::Work;
use crate::engine::Container;
use crate::event::FailedCommand;
use crate::packaging::traced::{self, Failed};
use crate::packaging::{TRACED_FOLDER, TracedScript};

/// Longer lines are cut.
const TEXT_CHARS: usize = 400;

/// The files that a build reads its scripts from.
pub(crate) fn files(scripts: &[TracedScript]) -> Vec<(String, Content)> {
    let files = scripts.iter().flat_map(TracedScript::files);
    files.map(|(path, text)| (path, Content::Bytes(text.into_bytes(), 0o644))).collect()
}

/// What a step runs with, so that its scripts are read from there.
pub(crate) fn env() -> (String, String) {
    (traced::TRACED.to_owned(), TRACED_FOLDER.to_owned())
}

/// Asks a container, after a process of it has failed, for the command of one of `scripts`; `ask` prints the answer. Without one
/// the job fails all the same.
pub(crate) async fn failed(
    work: &Work<'_>,
    container: &dyn Container,
    scripts: &[TracedScript],
    ask: &str,
) -> Option<FailedCommand> {
    let Ok((0, output)) = run_captured(work, container, ask).await else { return None };
    told(work, scripts, &String::from_utf8_lossy(&output.bytes))
}

fn told(work: &Work<'_>, scripts: &[TracedScript], said: &str) -> Option<FailedCommand> {
    let Failed { name, line, status } = traced::answer(said)?;
    let script = scripts.iter().find(|script| script.name == name)?;
    let text = script.line(line).unwrap_or_default().chars().take(TEXT_CHARS).collect::<String>();
    // A script may end before what it was to say.
    if text.is_empty() && status.is_some() {
        return None;
    }
    let place = work.shared.adviser.script_place(&work.job.target, &script.key, line);
    Some(FailedCommand { script: script.name, line, text, exit_code: status, place })
}
