//! How long each part of a run took, how much of that time the processors were at work, and how much room there was.

use std::process::Command;
use std::time::Instant;

use crate::command;

/// Bytes.
const GB: u64 = 1_000_000_000;
/// What all tests leave on the way: images of two engines, a cache, and what is compiled.
const SHORT: u64 = 25 * GB;

/// The parts of a run that are done, and the one that goes on.
#[derive(Debug)]
pub(super) struct Phases {
    begin: Instant,
    current: Option<Phase>,
    lines: Vec<String>,
}

#[derive(Debug)]
struct Phase {
    name: String,
    begin: Instant,
    processors: Processors,
}

impl Phases {
    pub(super) fn new() -> Phases {
        Phases { begin: Instant::now(), current: None, lines: Vec::new() }
    }

    /// Ends the phase that goes on and begins the next one.
    pub(super) fn begin(&mut self, name: &str) {
        self.end();
        println!("\n=== {name}");
        if let Some(free) = free().filter(|bytes| *bytes < SHORT) {
            println!("xtask: the disk has {} GB left, and the tests may need {}", free / GB, SHORT / GB);
        }
        self.current = Some(Phase { name: name.to_owned(), begin: Instant::now(), processors: Processors::now() });
    }

    /// A line each: seconds, percent of the processors' time that was used (by anybody on this machine), what the disk
    /// had left at the end, name.
    pub(super) fn lines(&mut self) -> &[String] {
        self.end();
        &self.lines
    }

    pub(super) fn seconds(&self) -> u64 {
        self.begin.elapsed().as_secs()
    }

    fn end(&mut self) {
        let Some(phase) = self.current.take() else { return };
        let busy = phase.processors.busy_until(Processors::now());
        let busy = busy.map_or_else(|| "   ?".to_owned(), |percent| format!("{percent:3}%"));
        let free = free().map_or_else(|| "  ? GB".to_owned(), |bytes| format!("{:3} GB", bytes / GB));
        self.lines.push(format!("{:5} s  {busy}  {free}  {}", phase.begin.elapsed().as_secs(), phase.name));
    }
}

/// Bytes that the disk of the target folder has left, where `df` says it.
fn free() -> Option<u64> {
    let df = Command::new("df").arg("-Pk").arg(command::target()).output().ok()?;
    let kib: u64 = String::from_utf8_lossy(&df.stdout).lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib * 1024)
}

/// The time of all processors since the machine started, in ticks, by what they did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Processors {
    busy: u64,
    idle: u64,
}

impl Processors {
    /// Zero where there is no `/proc/stat`.
    fn now() -> Processors {
        Processors::parse(&std::fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    /// proc_stat(5): `cpu user nice system idle iowait irq softirq steal …`.
    fn parse(stat: &str) -> Processors {
        let line = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|ticks| ticks.parse().ok()).collect();
        let idle = ticks.iter().skip(3).take(2).sum();
        Processors { busy: ticks.iter().sum::<u64>() - idle, idle }
    }

    fn busy_until(self, later: Processors) -> Option<u64> {
        let (busy, idle) = (later.busy - self.busy, later.idle - self.idle);
        (100 * busy).checked_div(busy + idle)
    }
}

#[cfg(test)]
mod tests {
    use super::Processors;

    #[test]
    fn idle_is_what_waits_for_work_or_for_a_disk() {
        let before = Processors::parse("cpu  10 1 5 100 20 0 1 0 0 0\ncpu0 1 1 1 1\n");
        assert_eq!(before, Processors { busy: 17, idle: 120 });
        let after = Processors::parse("cpu  80 1 10 110 35 0 1 0 0 0\n");
        assert_eq!(before.busy_until(after), Some(75));
        assert_eq!(Processors::parse("").busy_until(Processors::parse("")), None);
    }
}
