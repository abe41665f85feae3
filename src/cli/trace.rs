//! What farm says of its own doings, for who looks for a fault: `-v`, `-vv` and `FARM_LOG`. It goes to stderr, above
//! moving lines, and nowhere else; without any of them nothing listens.

use std::io::{self, Write};
use std::time::Instant;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;

use super::failure::Failure;
use super::output;
use crate::types::{printable, redacted_text};

/// The variable that says what is told, module by module.
pub(crate) const VARIABLE: &str = "FARM_LOG";

/// Begins to tell. `verbose`: how often `-v` was given; `directives`: what [`VARIABLE`] says.
///
/// # Errors
/// When the directives cannot be read.
pub(crate) fn start(verbose: u8, directives: &str) -> Result<(), Failure> {
    if verbose == 0 && directives.is_empty() {
        return Ok(());
    }
    let wanted = wanted(verbose, directives).map_err(|reason| Failure::usage(format!("{VARIABLE}: {reason}")))?;
    // Only a program that uses this library can have been first: then it listens itself.
    let _ = tracing::subscriber::set_global_default(subscriber(wanted, || Line(output::err_above)));
    Ok(())
}

/// Of farm alone: what libraries tell of requests may have secrets in it.
fn wanted(verbose: u8, directives: &str) -> Result<Targets, String> {
    let level = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let mut wanted = Targets::new().with_target("farm", level);
    if directives.is_empty() {
        return Ok(wanted);
    }
    let asked: Targets = directives.parse().map_err(|error| format!("{error} in `{}`", printable(directives)))?;
    if let Some(level) = asked.default_level().filter(|level| *level != LevelFilter::OFF) {
        wanted = wanted.with_target("farm", level);
    }
    for (module, level) in asked.iter() {
        if module != "farm" && !module.starts_with("farm::") {
            return Err(format!("`{}` is no module of farm: expected farm::image=debug, or debug", printable(module)));
        }
        wanted = wanted.with_target(module, level);
    }
    Ok(wanted)
}

fn subscriber<W>(wanted: Targets, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_timer(Uptime(Instant::now())).with_writer(writer);
    tracing_subscriber::registry().with(wanted).with(lines)
}

/// Seconds since the begin, with three digits: more says nothing.
struct Uptime(Instant);

impl FormatTime for Uptime {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:8.3}s", self.0.elapsed().as_secs_f64())
    }
}

/// Shows what is written at once as one line that can neither steer a terminal nor tell a password.
struct Line<F>(F);

impl<F: Fn(&str)> Write for Line<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        (self.0)(&format!("{}\n", printable(&redacted_text(text.trim_end()))));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn told(verbose: u8, directives: &str, say: impl FnOnce()) -> String {
        let page: Arc<Mutex<String>> = Arc::default();
        let written = page.clone();
        let line = move || {
            let written = written.clone();
            Line(move |text: &str| written.lock().unwrap().push_str(text))
        };
        tracing::subscriber::with_default(subscriber(wanted(verbose, directives).unwrap(), line), say);
        page.lock().unwrap().clone()
    }

    #[test]
    fn flags_and_directives_choose_what_is_told() {
        let count = |verbose, directives| {
            let say = || {
                tracing::info!(target: "farm::image", "one");
                tracing::debug!(target: "farm::image", "two");
                tracing::debug!(target: "farm::fetch", "three");
                tracing::info!(target: "h2::client", "four");
            };
            told(verbose, directives, say).lines().count()
        };
        assert_eq!((count(0, ""), count(1, ""), count(2, "")), (0, 1, 3));
        assert_eq!((count(0, "farm::image=debug"), count(1, "farm::fetch=debug"), count(0, "debug")), (2, 2, 3));
        assert_eq!(count(2, "farm::image=off"), 1);
        assert!(wanted(0, "h2=debug").unwrap_err().contains("no module of farm"));
        assert!(wanted(0, "farm=loud").unwrap_err().contains("farm=loud"));
    }

    #[test]
    fn one_event_is_one_line_without_secrets_and_control_characters() {
        let text = told(1, "", || {
            let url = "https://ada:geheim@example.org/x?token=geheim";
            tracing::info!(target: "farm::fetch", %url, reason = %"\u{1b}[2Jgone\nfarm: fine\u{7}", "not fetched");
        });
        assert!(text.contains("https://example.org/x?token=…"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains("geheim") && !text.trim_end().contains(|c: char| c.is_control()), "{text}");
    }
}
