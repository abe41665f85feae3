//! `farm doctor`: whether farm can build here, what it would use, and how to mend what is missing. Every probe runs beside
//! the others and has a few seconds; what they found becomes [`Check`]s, by pure functions, and those one screen.

mod check;
mod engines;
mod host;
mod mirrors;

use serde::Serialize;

use super::args::{ColorChoice, DoctorArgs};
use super::config::{Config, ConfigError};
use super::context;
use super::engines as engines_of;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use crate::engine;
use crate::report::style::{pad, width};
use crate::report::{Style, Tone};
use crate::types::{printable, redacted_text};
use check::{A_MOMENT, A_WHILE, Check, Severity, mark, tone, within};

/// What the program says at the end.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    can_build: bool,
    /// Where the engine is that would be used.
    engine: Option<String>,
    checks: Vec<Check>,
}

pub(crate) async fn run(args: &DoctorArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let loaded = Config::load();
    let configuration = configuration(&loaded);
    let broken = configuration.severity == Severity::Bad;
    let config = loaded.unwrap_or_default();
    let mut choices = engines_of::chosen(&args.engine, &config);
    let others = choices.split_off(1);
    let choice = choices[0].url.as_str();
    if args.rbac {
        let help = "name the cluster with --engine, as `kubernetes://CONTEXT/NAMESPACE`: docs/scale.md".to_owned();
        let message = format!("`{}` is no engine that has rights to give", redacted_text(choice));
        let rights = engine::rights(choice)?.ok_or(Failure::Usage { message, help: Some(help) })?;
        output::out(&rights);
        return Ok(Exit::Success);
    }
    let cache = context::cache_folder().ok();

    let (survey, pool, places, (mirrors, clock), foreign, git) = tokio::join!(
        engine::survey(choice, A_WHILE),
        engines::others(&others),
        within(A_MOMENT, host::places(&args.output, cache, choice)),
        mirrors::checks(&args.mirrors, &config),
        within(A_MOMENT, host::foreign()),
        within(A_MOMENT, host::git()),
    );
    let chosen = survey.chosen().map(|(_, chosen)| chosen);
    let mut checks = vec![configuration];
    checks.extend(engines::checks(choice, &survey));
    // Of a pool, the first is looked at closely.
    checks.extend(pool);
    checks.extend(places.unwrap_or_else(|| vec![late("disk")]));
    checks.push(host::machine(chosen.map(|chosen| &chosen.info)));
    checks.push(foreign.unwrap_or_else(|| late("emulation")));
    checks.extend(mirrors);
    checks.push(clock);
    checks.push(git.unwrap_or_else(|| late("git")));

    let exit = match chosen {
        _ if broken => Exit::Invalid,
        Some(_) => Exit::Success,
        None => Exit::NoEngine,
    };
    let report = Report {
        schema: 1,
        can_build: exit == Exit::Success,
        engine: chosen.map(|chosen| chosen.endpoint.clone()),
        checks,
    };
    let style = Surroundings::of_this_process().style(color, false);
    output::out(&if args.json { json(&report) } else { screen(&report, &style) });
    Ok(exit)
}

fn late(name: &'static str) -> Check {
    Check::new(name, Severity::Warning, "not known: it took too long to find out")
}

fn configuration(loaded: &Result<Config, ConfigError>) -> Check {
    const NAME: &str = "configuration";
    match loaded {
        Ok(Config { path: Some(path), .. }) => Check::new(NAME, Severity::Ok, path.display().to_string()),
        Ok(_) => Check::new(NAME, Severity::Note, "none: flags, environment and defaults"),
        Err(error) => {
            let why = match error {
                ConfigError::Invalid { problems, .. } => problems.first().map(|problem| problem.message.clone()),
                ConfigError::Read { .. } => None,
            };
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            Check::new(NAME, Severity::Bad, format!("{error}{why}")).mend("`farm images` shows the place")
        }
    }
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

/// A line per check: mark, word, name, what was found; below it how to mend that.
fn screen(report: &Report, style: &Style) -> String {
    let names = report.checks.iter().map(|check| width(check.name)).max().unwrap_or_default();
    let words = report.checks.iter().map(|check| width(check.severity.word())).max().unwrap_or_default();
    // Mark, word, name and what is between them.
    let indent = " ".repeat(2 + words + 2 + names + 2);
    let mut text = String::new();
    for check in &report.checks {
        let head = format!("{} {}", mark(check.severity, style.unicode), pad(check.severity.word(), words));
        let head = format!("{}  {}  ", style.paint(tone(check.severity), &head), pad(check.name, names));
        let found = style.wrap(&check.found, &indent);
        text.push_str(&format!("{head}{}\n", found.trim_start()));
        if let Some(mend) = &check.mend {
            text.push_str(&format!("{}\n", style.wrap(&format!("to mend: {mend}"), &indent)));
        }
    }
    let end = match (&report.engine, report.can_build) {
        (Some(engine), true) => format!("farm can build here, with {engine}"),
        (Some(_), false) => "farm cannot build here: its configuration is not valid".to_owned(),
        (None, _) => "farm cannot build here: there is no container engine".to_owned(),
    };
    format!("{text}\n{}\n", style.paint(Tone::Strong, &printable(&end)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report() -> Report {
        let checks = vec![
            Check::new("engine", Severity::Ok, "native 0.1.0"),
            Check::new("docker", Severity::Note, "no engine at the usual places"),
            Check::new(
                "disk",
                Severity::Warning,
                "1.2 GB free for dist, the cache and the store of images of this user",
            )
            .mend("make room"),
            Check::new("git", Severity::Bad, "not there\u{1b}[2J").mend("install git"),
        ];
        Report { schema: 1, can_build: true, engine: Some("native:///store".to_owned()), checks }
    }

    #[test]
    fn each_check_is_a_line_with_mark_word_and_name() {
        let narrow = Style { width: 60, ..Style::PLAIN };
        insta::assert_snapshot!(screen(&report(), &narrow), @"
        ✓ ok       engine  native 0.1.0
        · note     docker  no engine at the usual places
        ! warning  disk    1.2 GB free for dist, the cache and the
                           store of images of this user
                           to mend: make room
        ✗ missing  git     not there
                           to mend: install git

        farm can build here, with native:///store
        ");
        let ascii = screen(&report(), &Style { unicode: false, ..Style::PLAIN });
        assert!(ascii.is_ascii(), "{ascii}");
    }

    #[test]
    fn nothing_is_said_by_colour_alone() {
        let colored = screen(&report(), &Style { color: true, ..Style::PLAIN });
        assert_eq!(console::strip_ansi_codes(&colored), screen(&report(), &Style::PLAIN));
        assert!(colored.contains("\u{1b}["));
    }

    #[test]
    fn machines_get_the_same() {
        let read: serde_json::Value = serde_json::from_str(&json(&report())).unwrap();
        assert_eq!(read["can_build"], true);
        assert_eq!(read["checks"][2]["state"], "warning");
        assert_eq!(read["checks"][2]["mend"], "make room");
        assert_eq!(read["checks"][0]["mend"], serde_json::Value::Null);
    }

    #[test]
    fn without_an_engine_nothing_can_be_built() {
        let none = Report { can_build: false, engine: None, ..report() };
        assert!(screen(&none, &Style::PLAIN).ends_with("farm cannot build here: there is no container engine\n"));
    }

    #[test]
    fn a_configuration_that_is_wrong_is_missing() {
        let wrong = ConfigError::Read { path: "c.toml".into(), reason: "no".to_owned() };
        assert_eq!(configuration(&Err(wrong)).severity, Severity::Bad);
        assert_eq!(configuration(&Ok(Config::default())).severity, Severity::Note);
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_given_up() {
        assert_eq!(within(Duration::from_millis(1), std::future::pending::<()>()).await, None);
    }
}
