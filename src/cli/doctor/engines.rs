//! Engines: which one would be used, and what each driver found of its own.

use futures_util::future;

use super::check::{A_WHILE, Check, Severity};
use crate::cli::engine_choice::EngineChoice;
use crate::engine::{self, Reachable, Survey};
use crate::types::{printable, redacted_text};

pub(super) fn checks(choice: &str, survey: &Survey) -> Vec<Check> {
    let mut checks = vec![chosen(choice, survey)];
    for driver in &survey.drivers {
        // What is missing for an engine that another stands in for is no more than a note.
        let is_needed = survey.chosen().is_none_or(|(chosen, _)| std::ptr::eq(chosen, driver));
        let severity = |severity: Severity| if is_needed { severity } else { severity.min(Severity::Note) };
        let all = driver.checks.iter().cloned();
        checks.extend(all.map(|check| Check { severity: severity(check.severity), ..check }));
    }
    checks
}

/// Whether the engines of a pool answer, beside the first.
pub(super) async fn others(choices: &[EngineChoice]) -> Vec<Check> {
    let look = |choice: &EngineChoice| {
        let url = choice.url.clone();
        async move {
            let name = redacted_text(&url);
            let asked = async {
                let engine = engine::connect(&url).await?;
                engine.ping().await
            };
            match tokio::time::timeout(A_WHILE, asked).await {
                Ok(Ok(info)) => {
                    Check::new("engine", Severity::Ok, format!("{} {} at {name}, too", info.name, info.version))
                }
                Ok(Err(error)) => Check::new("engine", Severity::Warning, printable(&error.to_string()))
                    .mend("builds go on without it, on the others"),
                Err(_) => Check::new("engine", Severity::Warning, format!("{name} did not answer within {A_WHILE:?}"))
                    .mend("builds go on without it, on the others"),
            }
        }
    };
    future::join_all(choices.iter().map(look)).await
}

fn chosen(choice: &str, survey: &Survey) -> Check {
    const NAME: &str = "engine";
    let choice = if choice.is_empty() { "auto" } else { choice };
    if let Some((_, Reachable { endpoint, info })) = survey.chosen() {
        let found = format!("{} {} at {endpoint}, chosen by `{choice}`", info.name, info.version);
        return Check::new(NAME, Severity::Ok, found);
    }
    let found = match &survey.error {
        Some(error) => error.to_string(),
        None if survey.drivers.iter().any(|driver| driver.is_meant && driver.is_late) => {
            format!("`{choice}` finds none within {A_WHILE:?}")
        }
        None => format!("`{choice}` finds none that works"),
    };
    let works = survey.drivers.iter().find_map(|driver| Some((driver.title, &driver.engines.first()?.info.name)));
    let mend = match works {
        Some((title, name)) => {
            format!("{title} works here: --engine {name}, or engine = \"{name}\" in the configuration")
        }
        None => "start Docker or Podman, name one with --engine, or mend what farm's own lacks, see below".to_owned(),
    };
    Check::new(NAME, Severity::Bad, found).mend(mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{DriverSurvey, EngineError, EngineInfo};

    /// `engine`: the name of the one that works.
    fn driver(title: &'static str, is_meant: bool, engine: Option<&str>, checks: &[Severity]) -> DriverSurvey {
        let reachable = |name: &str| Reachable { endpoint: format!("{name}:///x"), info: EngineInfo::named(name) };
        let check = |severity: &Severity| Check::new(title, *severity, "found");
        DriverSurvey {
            title,
            is_meant,
            is_late: false,
            engines: engine.map(reachable).into_iter().collect(),
            checks: checks.iter().map(check).collect(),
        }
    }

    fn text(choice: &str, drivers: Vec<DriverSurvey>) -> String {
        let survey = Survey { error: None, drivers };
        checks(choice, &survey).into_iter().map(|check| format!("{check}\n")).collect()
    }

    const ALL: [Severity; 4] = [Severity::Ok, Severity::Note, Severity::Warning, Severity::Bad];

    #[test]
    fn what_another_engine_stands_in_for_is_no_more_than_a_note() {
        let drivers = vec![driver("one", true, Some("a"), &ALL), driver("two", true, Some("b"), &ALL)];
        insta::assert_snapshot!(text("", drivers), @"
        ok engine: a 1.2 at a:///x, chosen by `auto`
        ok one: found
        note one: found
        warning one: found
        missing one: found
        ok two: found
        note two: found
        note two: found
        note two: found
        ");
        let drivers = vec![driver("one", true, None, &ALL[3..]), driver("two", true, Some("b"), &ALL[3..])];
        insta::assert_snapshot!(text("auto", drivers), @"
        ok engine: b 1.2 at b:///x, chosen by `auto`
        note one: found
        missing two: found
        ");
    }

    #[test]
    fn what_is_named_is_not_replaced_by_what_works() {
        let drivers = vec![driver("one", true, None, &ALL[2..3]), driver("two", false, Some("b"), &[])];
        insta::assert_snapshot!(text("a", drivers), @r#"
        missing engine: `a` finds none that works [two works here: --engine b, or engine = "b" in the configuration]
        warning one: found
        "#);
    }

    #[test]
    fn without_any_engine_it_is_said_why() {
        let none = || vec![driver("one", true, None, &[])];
        assert!(
            text("", none()).contains("`auto` finds none that works [start Docker or Podman"),
            "{}",
            text("", none())
        );
        let late = DriverSurvey { is_late: true, ..none().remove(0) };
        assert!(text("a", vec![late]).contains("`a` finds none within"));
        let error = Some(EngineError::Config("`b` is no container engine".to_owned()));
        let survey = Survey { error, drivers: none() };
        assert_eq!(chosen("b", &survey).found, "`b` is no container engine");
    }
}
