//! `farm logs`: the log of a target's last build, or of the one that is under way.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::LogsArgs;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::list;
use super::output;
use crate::packaging::StepKind;
use crate::types::banner::{is_rule, title};
use crate::types::printable;

/// How long between two looks at a log that grows.
const PAUSE: Duration = Duration::from_millis(200);
/// A longer line comes in pieces.
const LONGEST_LINE: usize = 64 << 10;

pub(crate) async fn run(args: LogsArgs) -> Result<Exit, Failure> {
    context::blocking(move || show(&args)).await
}

fn show(args: &LogsArgs) -> Result<Exit, Failure> {
    let log = find(&args.output, &args.target)?;
    if args.path {
        output::out(&format!("{}\n", log.path.display()));
        return Ok(Exit::Success);
    }
    let failed = |source| Failure::Read { path: log.path.clone(), source };
    let mut file = File::open(&log.path).map_err(failed)?;
    let stdout = io::stdout();
    let mut lines = Lines::new(stdout.lock(), stdout.is_terminal(), args.step);
    let mut buffer = vec![0; 128 << 10];
    loop {
        // Before it is read: what is written until the job ends is read afterwards.
        let grows = args.follow && log.is_under_way();
        let read = file.read(&mut buffer).map_err(failed)?;
        let written = match read {
            0 if grows => {
                std::thread::sleep(PAUSE);
                Ok(())
            }
            0 => lines.finish(),
            _ => lines.feed(&buffer[..read]),
        };
        // Nobody reads on: that is no failure.
        if written.is_err() || (read == 0 && !grows) {
            return Ok(Exit::Success);
        }
    }
}

/// A log, and how to tell that it still grows.
struct Log {
    path: PathBuf,
    /// The folder of a job that is under way, which goes when the job ends.
    stage: Option<PathBuf>,
}

impl Log {
    fn is_under_way(&self) -> bool {
        self.stage.as_ref().is_some_and(|stage| stage.exists())
    }
}

/// The one log that is meant.
fn find(store: &Path, pattern: &str) -> Result<Log, Failure> {
    let found = list::folders(store, pattern)?;
    let [(folder, stage)] = &found[..] else {
        let known: String = found.iter().map(|(folder, _)| format!("\n  {}", printable(folder))).collect();
        return Err(Failure::usage(format!("{} means more than one target:{known}", printable(pattern))));
    };
    let path = match stage {
        Some(stage) => stage.join("files/build.log"),
        None => store.join(folder).join("build.log"),
    };
    match path.is_file() {
        true => Ok(Log { path, stage: stage.clone() }),
        false => Err(Failure::NothingMatched {
            message: format!("there is no {}", printable(&path.display().to_string())),
            help: Some("farm build writes one".to_owned()),
        }),
    }
}

/// Lines of a log on their way out.
struct Lines<W> {
    out: W,
    /// What a terminal would act on is left out of what it gets.
    is_terminal: bool,
    step: Option<StepKind>,
    /// Whether the step that lines are of is wanted.
    is_wanted: bool,
    /// A rule that may begin a banner.
    rule: Option<Vec<u8>>,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    fn new(out: W, is_terminal: bool, step: Option<StepKind>) -> Lines<W> {
        Lines { out, is_terminal, step, is_wanted: step.is_none(), rule: None, line: Vec::new() }
    }

    fn feed(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = bytes.len().min(LONGEST_LINE - self.line.len());
            let end = bytes[..room].iter().position(|byte| *byte == b'\n').map_or(room, |at| at + 1);
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end..];
            if self.line.ends_with(b"\n") || self.line.len() == LONGEST_LINE {
                let line = std::mem::take(&mut self.line);
                self.whole(line)?;
            }
        }
        self.out.flush()
    }

    /// Writes what is left, which has no end of line.
    fn finish(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.whole(line)?;
        }
        match self.rule.take() {
            Some(rule) => self.write(&rule),
            None => self.out.flush(),
        }
    }

    fn whole(&mut self, line: Vec<u8>) -> io::Result<()> {
        let Some(step) = self.step else { return self.write(&line) };
        if let Some(rule) = self.rule.take() {
            match title(&line) {
                Some(title) if StepKind::ALL.iter().any(|known| known.as_str() == title) => {
                    self.is_wanted = title == step.as_str();
                }
                // The end of every log.
                Some(title) if title == "summary" => self.is_wanted = false,
                _ => {}
            }
            self.write(&rule)?;
        } else if is_rule(&line) {
            self.rule = Some(line);
            return Ok(());
        }
        self.write(&line)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.is_wanted {
            return Ok(());
        }
        if !self.is_terminal {
            return self.out.write_all(line);
        }
        let text = String::from_utf8_lossy(line);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        let shown: Vec<String> = text.split('\t').map(printable).collect();
        write!(self.out, "{}{end}", shown.join("\t"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::banner::banner;

    fn shown(log: &str, is_terminal: bool, step: Option<StepKind>, size: usize) -> String {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, is_terminal, step);
        log.as_bytes().chunks(size).for_each(|chunk| lines.feed(chunk).unwrap());
        lines.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_step_is_all_between_its_banner_and_the_next() {
        let build = format!("{}cc a.c\n+--+\n{}in it\n", banner("Build"), banner("Image of Dockerfile"));
        let log = format!("begin\n{}unpacked\n{build}{}ok{}end", banner("Unpack"), banner("Check"), banner("Summary"));
        for size in [1, 7, 10_000] {
            assert_eq!(shown(&log, false, None, size), log);
            // The empty line before a banner is the last of what goes before.
            let expected = format!("{}\n", build.trim_start_matches('\n'));
            assert_eq!(shown(&log, false, Some(StepKind::Build), size), expected);
            assert_eq!(shown(&log, false, Some(StepKind::Test), size), "");
        }
    }

    #[test]
    fn a_terminal_gets_nothing_that_it_would_act_on() {
        let log = "\u{1b}[31mred\u{1b}[0m\tand\u{7}\nno end";
        assert_eq!(shown(log, false, None, 3), log);
        let safe = shown(log, true, None, 3);
        assert!(
            !safe.contains(['\u{1b}', '\u{7}']) && safe.contains("red\tand") && safe.ends_with("\nno end"),
            "{safe:?}"
        );
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let log = "x".repeat(3 * LONGEST_LINE + 5);
        assert_eq!(shown(&log, false, None, 1 << 20), log);
    }
}
