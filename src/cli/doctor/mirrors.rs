//! Mirrors: which is used for each archive and who says so, whether it answers, and what time it is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future;

use super::check::{A_MOMENT, A_WHILE, Check, Severity, within};
use crate::archive::mirror::{self, Origin};
use crate::cli::config::{Config, variables};
use crate::cli::context;
use crate::distro::{Catalogue, Distro};
use crate::fetch;
use crate::plan;
use crate::types::{Address, human_duration};

/// Beyond it, a signature's or an index's date may be on the wrong side of now.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(5);
/// An InRelease has a few hundred kilobytes of hashes; its dates are at the top.
const ENOUGH_OF_INDEX: usize = 16 << 10;

/// A mirror to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AskedMirror {
    archive: String,
    url: Address,
    /// Who chose it.
    from: String,
    /// Whose InRelease is asked for; none where no distribution is known to use the archive.
    suite: Option<String>,
}

/// What a mirror said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Answer {
    took: Duration,
    /// The server's time.
    now: Option<DateTime<Utc>>,
    /// Of the index.
    date: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
}

/// A check for each mirror, and one for the clock.
pub(super) async fn checks(flags: &[(String, String)], config: &Config) -> (Vec<Check>, Check) {
    let Ok(catalogue) = Catalogue::around([Path::new(".")]) else {
        let broken = Check::new("mirror", Severity::Warning, "not known: a definition in distros/ is not valid");
        return (vec![broken.mend("`farm distros` shows the place")], clock(Utc::now(), &[]));
    };
    let variables = match context::mirrors_of(&variables()) {
        Ok(mirrors) => mirrors,
        Err(failure) => {
            let wrong = Check::new("mirror", Severity::Bad, failure.to_string());
            return (vec![wrong.mend("give it a URL, or unset it")], clock(Utc::now(), &[]));
        }
    };
    let places = places(&catalogue, flags, &variables, config);
    let client = fetch::client(|builder| builder.connect_timeout(A_MOMENT).timeout(A_WHILE));
    let asked = places.iter().map(|place| async {
        let client = client.as_ref().map_err(ToString::to_string)?;
        within(A_WHILE, ask(client, place)).await.unwrap_or_else(|| Err(format!("no answer within {A_WHILE:?}")))
    });
    let answers = future::join_all(asked).await;
    let now = Utc::now();
    let checks = places.iter().zip(&answers).map(|(place, answer)| check(place, answer, now)).collect();
    let answers: Vec<&Answer> = answers.iter().flatten().collect();
    (checks, clock(now, &answers))
}

/// Debian's archives, of which bases are made, and those that somebody chose a mirror for.
fn places(
    catalogue: &Catalogue,
    flags: &[(String, String)],
    variables: &BTreeMap<String, String>,
    config: &Config,
) -> Vec<AskedMirror> {
    let mut configured = config.mirrors.clone();
    configured.extend(variables.clone());
    configured.extend(flags.iter().cloned());
    let today = plan::today();
    // The oldest release that has support is in every mirror that is worth its name.
    let lives = |distro: &&Distro| distro.end_of_life.is_some() && !distro.has_ended(&today);
    let debian = catalogue.iter().map(|distro| &**distro).find(|distro| distro.family == "debian" && lives(distro));
    let using = |archive: &str| {
        catalogue.iter().map(|distro| &**distro).filter(lives).find(|distro| suite(distro, archive).is_some())
    };
    let distros: Vec<&Distro> =
        debian.into_iter().chain(configured.keys().filter_map(|archive| using(archive))).collect();
    let from = |archive: &str, origin| match origin {
        Origin::Configured if flags.iter().any(|(name, _)| name == archive) => "--mirror".to_owned(),
        Origin::Configured if variables.contains_key(archive) => {
            format!("FARM_MIRROR_{}", archive.to_ascii_uppercase().replace('-', "_"))
        }
        Origin::Configured => "the configuration".to_owned(),
        Origin::HostApt => "apt of this machine".to_owned(),
        Origin::Definition => "the distribution".to_owned(),
    };
    mirror::choose(&distros, &configured)
        .into_iter()
        // Another archive of a distribution whose one archive has a mirror of its own.
        .filter(|(archive, _)| {
            configured.contains_key(archive) || debian.is_some_and(|it| suite(it, archive).is_some())
        })
        .map(|(archive, mirror)| {
            let suite = distros.iter().find_map(|distro| suite(distro, &archive));
            AskedMirror { from: from(&archive, mirror.origin), suite, url: mirror.url, archive }
        })
        .collect()
}

/// The suite that a distribution has in an archive.
fn suite(distro: &Distro, archive: &str) -> Option<String> {
    let bootstrap = distro.bootstrap.as_ref()?;
    if bootstrap.archive == archive {
        return Some(bootstrap.suite.clone());
    }
    bootstrap.security.as_ref().filter(|security| security.archive == archive).map(|security| security.suite.clone())
}

async fn ask(client: &reqwest::Client, place: &AskedMirror) -> Result<Answer, String> {
    let path = place.suite.as_ref().map(|suite| format!("/dists/{suite}/InRelease")).unwrap_or_default();
    let begun = Instant::now();
    if let Some(folder) = place.url.secret().strip_prefix("file://") {
        let text = tokio::fs::read(format!("{folder}{path}")).await.map_err(|error| format!("{path}: {error}"))?;
        return Ok(answer(begun.elapsed(), None, &text));
    }
    let response = client.get(format!("{}{path}", place.url.secret())).send().await.map_err(|error| causes(&error))?;
    let took = begun.elapsed();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status();
    // A proxy that has it already gives it with the time at which it got it.
    let age = header("age").and_then(|age| age.parse().ok()).and_then(TimeDelta::try_seconds).unwrap_or_default();
    let now = header("date").and_then(|date| time(&date)).map(|date| date + age);
    if !status.is_success() && place.suite.is_some() {
        return Err(format!("answers {status} to {path}"));
    }
    let mut text = Vec::new();
    let mut response = response;
    while text.len() < ENOUGH_OF_INDEX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        text.extend_from_slice(&chunk);
    }
    Ok(answer(took, now, &text))
}

/// The innermost says most: `dns error`, `connection refused`.
fn causes(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn answer(took: Duration, now: Option<DateTime<Utc>>, index: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(index);
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).and_then(|value| time(value.trim()));
    Answer { took, now, date: field("Date:"), valid_until: field("Valid-Until:") }
}

/// `Sat, 21 Nov 2026 20:27:33 UTC`, or with `GMT` in HTTP.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")).unwrap_or(text).trim_end();
    let time = chrono::NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S").ok();
    time.map(|time| time.and_utc()).or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|time| time.to_utc()))
}

fn check(place: &AskedMirror, answer: &Result<Answer, String>, now: DateTime<Utc>) -> Check {
    const NAME: &str = "mirror";
    let shown = format!("{}: {} ({})", place.archive, place.url, place.from);
    match answer {
        Err(why) => {
            let mend = format!("name another: --mirror {}=URL, or [mirrors] in the configuration", place.archive);
            Check::new(NAME, Severity::Warning, format!("{shown}: {why}")).mend(mend)
        }
        Ok(Answer { took, valid_until: Some(until), .. }) if *until < now => {
            let late = human_duration((now - until).to_std().unwrap_or_default());
            let suite = place.suite.as_deref().unwrap_or_default();
            let found = format!("{shown} answers in {}, its index of {suite} is {late} past its date", millis(*took));
            Check::new(NAME, Severity::Warning, found)
                .mend("name a mirror that is up to date, and look at the clock, below")
        }
        Ok(answer) => Check::new(NAME, Severity::Ok, format!("{shown} answers in {}", millis(answer.took))),
    }
}

fn millis(took: Duration) -> String {
    format!("{} ms", took.as_millis())
}

/// This machine's clock beside those of the mirrors, and beside the newest index, which nobody can have made later than
/// now.
fn clock(now: DateTime<Utc>, answers: &[&Answer]) -> Check {
    const NAME: &str = "clock";
    let nearest = answers.iter().filter_map(|answer| answer.now).map(|there| now - there).min_by_key(TimeDelta::abs);
    let index = answers.iter().filter_map(|answer| answer.date).max().map(|date| now - date);
    let ahead = match (nearest, index) {
        (Some(ahead), _) => ahead,
        (None, Some(ahead)) if ahead < -CLOCK_SLACK => ahead,
        (None, Some(_)) => return Check::new(NAME, Severity::Note, "not before the newest index; no server says more"),
        (None, None) => return Check::new(NAME, Severity::Note, "no mirror answers to compare it with"),
    };
    if ahead.abs() <= CLOCK_SLACK {
        return Check::new(NAME, Severity::Ok, format!("within {} s of the mirrors'", ahead.num_seconds().abs() + 1));
    }
    let side = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
    let difference = human_duration(ahead.abs().to_std().unwrap_or_default());
    Check::new(NAME, Severity::Warning, format!("{difference} {side} the mirrors'"))
        .mend("set it, as root `timedatectl set-ntp true`: indexes are only taken within the dates that they name")
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &[u8] =
        b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nOrigin: Debian\nCodename: trixie-security\n\
        Date: Sat, 21 Nov 2026 20:27:33 UTC\nValid-Until: Sat, 28 Nov 2026 20:27:33 UTC\nSHA256:\n";

    fn at(text: &str) -> DateTime<Utc> {
        time(text).unwrap()
    }

    fn place() -> AskedMirror {
        AskedMirror {
            archive: "debian".to_owned(),
            url: "http://ada:secret@m.example.org/debian".into(),
            from: "--mirror".to_owned(),
            suite: Some("trixie".to_owned()),
        }
    }

    #[test]
    fn dates_are_read_from_headers_and_indexes() {
        assert_eq!(at("Sat, 21 Nov 2026 20:27:33 GMT"), at("Sat, 21 Nov 2026 20:27:33 UTC"));
        let seen = answer(Duration::ZERO, None, INDEX);
        assert_eq!(seen.date, Some(at("Sat, 21 Nov 2026 20:27:33 UTC")));
        assert_eq!(seen.valid_until, Some(at("Sat, 28 Nov 2026 20:27:33 UTC")));
        assert_eq!(answer(Duration::ZERO, None, b"<html>\xff"), Answer::default());
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn a_mirror_answers_or_says_why_not() {
        let now = at("Sun, 22 Nov 2026 00:00:00 UTC");
        let good = answer(Duration::from_millis(23), None, INDEX);
        let line = |answer, now| {
            let check = check(&place(), &answer, now);
            format!("{}: {}", check.severity.word(), check.found)
        };
        assert_eq!(line(Ok(good.clone()), now), "ok: debian: http://m.example.org/debian (--mirror) answers in 23 ms");
        assert_eq!(
            line(Ok(good), at("Mon, 30 Nov 2026 20:27:33 UTC")),
            "warning: debian: http://m.example.org/debian (--mirror) answers in 23 ms, its index of trixie is 48h 00m past its date"
        );
        assert_eq!(
            line(Err("connection refused".to_owned()), now),
            "warning: debian: http://m.example.org/debian (--mirror): connection refused"
        );
    }

    #[test]
    fn the_clock_is_compared_with_servers_and_indexes() {
        let now = at("Sun, 22 Nov 2026 00:00:00 UTC");
        let server = |text: &str| Answer { now: Some(at(text)), ..Answer::default() };
        let index = answer(Duration::ZERO, None, INDEX);
        let line = |now, answers: &[&Answer]| {
            let check = clock(now, answers);
            format!("{}: {}", check.severity.word(), check.found)
        };
        let (right, wrong) = (server("Sat, 21 Nov 2026 23:59:50 GMT"), server("Sat, 21 Nov 2026 22:00:00 GMT"));
        assert_eq!(line(now, &[&wrong, &right]), "ok: within 11 s of the mirrors'");
        assert_eq!(line(now, &[&wrong]), "warning: 2h 00m ahead of the mirrors'");
        assert_eq!(line(now, &[]), "note: no mirror answers to compare it with");
        assert_eq!(line(now, &[&index]), "note: not before the newest index; no server says more");
        assert!(line(at("Fri, 20 Nov 2026 20:27:33 UTC"), &[&index]).starts_with("warning: 24h 00m behind"));
    }

    #[test]
    fn each_mirror_says_who_chose_it() {
        let catalogue = Catalogue::load(&[]).unwrap();
        let set = |name: &str| (name.to_owned(), format!("http://{name}.example.org/x"));
        let config = Config { mirrors: BTreeMap::from([set("debian"), set("ubuntu")]), ..Config::default() };
        let variables = BTreeMap::from([set("debian-security"), set("ubuntu")]);
        let seen: Vec<String> = places(&catalogue, &[set("spare")], &variables, &config)
            .into_iter()
            .map(|place| format!("{} {} {}", place.archive, place.from, place.suite.unwrap_or_default()))
            .collect();
        assert_eq!(
            seen,
            [
                "debian the configuration bookworm",
                "debian-security FARM_MIRROR_DEBIAN_SECURITY bookworm-security",
                "spare --mirror ",
                "ubuntu FARM_MIRROR_UBUNTU jammy",
            ]
        );
    }
}
