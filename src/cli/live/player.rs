//! The other end of these tests, in a process of its own: a run that does what it is told, line by line, through the terminal, the
//! signals and the sinks of a real one. Its clock stands still until it is told another time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::cli::args::{ColorChoice, ProgressChoice};
use crate::cli::build::to_its_end;
use crate::cli::terminal::Terminal;
use crate::cli::{output, signals};
use crate::event::{Event, JobReport, Outcome, Room, RunReport};
use crate::matrix::Target;
use crate::project::Run;
use crate::report::summary::Commands;
use crate::report::{Sink, samples};
use crate::runner::Request;
use crate::types::Format;

/// Names the file that says what to play.
pub(super) const SCRIPT: &str = "FARM_LIVE_SCRIPT";

/// Of each of these, three targets.
const RECIPES: [&str; 10] =
    ["hello", "jq", "xxhash", "zstd", "fzf", "ripgrep", "prometheus-postgres-exporter", "tree", "libuv", "curl"];
const DISTROS: [&str; 3] = ["debian-12", "debian-13", "fedora-43"];

/// The targets of the run, as the script names them.
pub(super) fn targets() -> Vec<String> {
    RECIPES.iter().flat_map(|recipe| DISTROS.map(|distro| format!("{recipe}@{distro}"))).collect()
}

/// Plays what the file named by [`SCRIPT`] says, and ends the process as farm would; returns where none is named.
pub(super) fn play_if_asked() {
    let Some(script) = std::env::var_os(SCRIPT) else { return };
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(File::open(script).unwrap()).lines() {
            sender.send(line.unwrap()).unwrap();
        }
    });
    if io::stdout().is_terminal() {
        // What the test harness says before it begins.
        output::out("\u{1b}[2A\u{1b}[J");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let exit = runtime.block_on(async {
        let signals = signals::listen().unwrap();
        let clock = Arc::new(AtomicU64::new(0));
        let now = clock.clone();
        let now = Arc::new(move || Duration::from_secs(now.load(Ordering::SeqCst)));
        let terminal = Terminal::at(now, ProgressChoice::Auto, ColorChoice::Auto, "farm build --matrix");
        let commands = |target: &Target| Commands {
            again: format!("farm build -t {target}"),
            into: Some(format!("farm shell {target}")),
        };
        let (told, heard) = mpsc::unbounded_channel();
        let mut sinks = terminal.sinks("dist".into(), Box::new(commands));
        sinks.push(Box::new(Told(told)));
        let run = Run::begin(sinks, |events, asked| {
            Player { events, heard, clock, begun: BTreeMap::new(), ended: Vec::new() }.play(lines, asked)
        });
        to_its_end(run, signals, &terminal).await
    });
    std::process::exit(i32::from(exit.unwrap_or_else(|_| panic!("a run has an end")).code()));
}

/// The last sink: all others have heard what it hears.
struct Told(mpsc::UnboundedSender<()>);

impl Sink for Told {
    fn event(&mut self, _event: &Event) -> io::Result<()> {
        self.0.send(()).map_err(io::Error::other)
    }
}

struct Player {
    events: mpsc::UnboundedSender<Event>,
    heard: mpsc::UnboundedReceiver<()>,
    /// Seconds.
    clock: Arc<AtomicU64>,
    /// When the jobs that run began.
    begun: BTreeMap<String, Duration>,
    ended: Vec<JobReport>,
}

impl Player {
    async fn play(
        mut self,
        mut lines: mpsc::UnboundedReceiver<String>,
        mut asked: mpsc::UnboundedReceiver<Request>,
    ) -> (RunReport, Vec<JobReport>) {
        let expected = |(index, target): (usize, &String)| {
            (!target.ends_with("fedora-43")).then(|| Duration::from_secs(30 + 5 * index as u64))
        };
        let ids = targets();
        self.tell(Event::RunStarted {
            run: "20261122-235716-4f2a".into(),
            engine: "docker 20.10.24+dfsg1".into(),
            slots: 4,
            targets: ids.iter().map(|id| samples::target(id)).collect(),
            expected: ids.iter().enumerate().map(expected).collect(),
        })
        .await;
        let mut interrupted = false;
        loop {
            tokio::select! {
                Some(_) = asked.recv() => interrupted = true,
                line = lines.recv() => match line.as_deref() {
                    None | Some("over") => break,
                    Some(line) => self.act(line).await,
                },
            }
        }
        for id in ids {
            if !self.ended.iter().any(|report| report.target == samples::target(&id)) {
                self.end(&id, Outcome::Cancelled).await;
            }
        }
        let run = RunReport { run: "20261122-235716-4f2a".into(), elapsed: self.now(), busy: 0.93, interrupted };
        self.tell(Event::RunFinished(run.clone())).await;
        (run, self.ended)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(self.clock.load(Ordering::SeqCst))
    }

    /// `at SECONDS`, `start TARGET`, `step TARGET STEP`, `line TARGET TEXT`, `bytes TARGET DONE TOTAL WHAT`, `end TARGET OUTCOME`
    async fn act(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap();
        let (id, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if verb == "at" {
            return self.clock.store(id.parse().unwrap(), Ordering::SeqCst);
        }
        let target = samples::target(id);
        match verb {
            "start" => {
                self.begun.insert(id.to_owned(), self.now());
                self.tell(Event::JobStarted { target }).await;
            }
            "step" => {
                let step = crate::packaging::StepKind::ALL.into_iter().find(|step| step.as_str() == rest).unwrap();
                self.tell(Event::StepStarted { target, step }).await;
            }
            "line" => self.tell(Event::Output { target, line: rest.to_owned(), room: Room::default() }).await,
            "bytes" => {
                let mut words = rest.splitn(3, ' ');
                let mut number = || words.next().unwrap().parse().unwrap();
                let (done, total) = (number(), number());
                self.tell(Event::Progress { target, what: words.next().unwrap().to_owned(), done, total }).await;
            }
            "end" => {
                let outcome = samples::every_outcome().into_iter().find(|outcome| outcome.word() == rest).unwrap();
                self.end(id, outcome).await;
            }
            other => panic!("{other}"),
        }
    }

    async fn end(&mut self, id: &str, outcome: Outcome) {
        let begun = self.begun.remove(id);
        let elapsed = begun.map(|begun| self.now() - begun).unwrap_or_default();
        let mut report = JobReport { elapsed, ..samples::report(id, outcome) };
        if report.target.format == Format::Rpm {
            for artifact in &mut report.artifacts {
                artifact.file_name = artifact.file_name.replace('_', "-").replace("-amd64.deb", ".x86_64.rpm");
            }
        }
        self.ended.push(report.clone());
        self.tell(Event::JobFinished(Box::new(report))).await;
    }

    /// Returns when all sinks have heard it, so that the next line of the script finds it done.
    async fn tell(&mut self, event: Event) {
        self.events.send(event).unwrap();
        self.heard.recv().await.unwrap();
    }
}
