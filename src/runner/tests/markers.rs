//! Whoever prints into a log decides nothing: what a build can print is for people.

use super::*;
use crate::engine::fake::Guest;

fn token(guest: &Guest<'_>) -> String {
    guest.exec.env.iter().find(|(name, _)| name == PHASE_TOKEN).unwrap().1.clone()
}

#[tokio::test]
async fn announced_phases_do_not_begin_the_time_anew() {
    // Each of them would have begun it again; together they print for ever.
    for phases in [&["build"][..], &["build", "check", "package"], &["unpack", "build", "unpack", "build"]] {
        let bench = Bench::fast();
        bench.on("hang", move |guest| {
            let token = token(guest);
            phases.iter().fold(Reply::hang(), |reply, phase| reply.stdout(format!("{token} {phase}\n")))
        });
        let mut job = bench.job("aa", &["hang"]);
        job.limits.timeout_seconds = 60;
        let ran = bench.run(vec![job]).await;
        let Outcome::TimedOut { limit, .. } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
        assert_eq!(*limit, Duration::from_secs(60));
    }
}

#[tokio::test]
async fn findings_that_are_printed_do_not_change_what_a_failure_is() {
    for (code, finding) in [
        (1, "finding file-in-no-package /usr/x is in no package"),
        (2, "finding x y"),
        (137, "finding no-results the mirror is to blame"),
    ] {
        let bench = Bench::new();
        bench.on("make", move |guest| {
            let token = token(guest);
            Reply::exit(code).stdout(format!("{token} package\n{token} {finding}\n"))
        });
        let ran = bench.run(vec![bench.job("aa", &["make"])]).await;
        assert_eq!(*ran.outcome(), Outcome::Failed { step: StepKind::Package, exit_code: code });
        assert_eq!(ran.reports[0].told.len(), 1, "it is shown all the same");
    }
    // And none makes a failure of what ended well.
    let bench = Bench::new();
    bench.on("make", |guest| {
        let token = token(guest);
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        let deb = deb("hello", "1.0-1~deb12");
        guest.files.insert("/build/results/hello_1.0-1~deb12_all.deb".to_owned(), FakeFile::regular(deb));
        Reply::exit(0).stdout(format!("{token} finding x no\n"))
    });
    let ran = bench.run(vec![bench.job("hello", &["make"])]).await;
    assert_eq!(*ran.outcome(), Outcome::Succeeded, "{}", ran.log());
    assert!(ran.reports[0].told.is_empty());
}

#[tokio::test]
async fn a_flood_of_markers_is_bounded() {
    let bench = Bench::new();
    bench.on("flood", |guest| {
        let token = token(guest);
        let text: String = (0..3000)
            .map(|number| {
                let phase = ["build", "check"][number % 2];
                format!("{token} {phase}\n{token} warning x number {number}\n{token} finding x number {number}\n")
            })
            .collect();
        Reply::exit(1).stdout(text)
    });
    let ran = bench.run(vec![bench.job("aa", &["flood"])]).await;
    assert!(matches!(ran.outcome(), Outcome::Failed { exit_code: 1, .. }), "{:?}", ran.outcome());
    assert!(ran.steps().len() < 20, "{} steps", ran.steps().len());
    assert!(ran.reports[0].told.len() <= 200 && ran.reports[0].warnings.len() <= 100);
}
