//! What people are shown of what a build prints.

use super::*;

#[tokio::test]
async fn lines_to_show_are_few_and_short_but_the_log_has_all() {
    let bench = Bench::new();
    bench.on("chatty", |_| {
        let line = format!("{}\u{1b}[31m\n", "z".repeat(10_000));
        (0..50).fold(Reply::exit(1), |reply, _| reply.stdout(line.clone()))
    });
    let ran = bench.run(vec![bench.job("aa", &["chatty"])]).await;
    let lines: Vec<&String> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Output { line, .. } => Some(line),
            _ => None,
        })
        .collect();
    // At most ten a second, and the job takes far less than a second.
    assert!((1..=10).contains(&lines.len()), "{}", lines.len());
    assert!(lines.iter().all(|line| line.len() == 4096 && line.chars().all(|c| c == 'z')));
    assert_eq!(ran.log().matches("zzz\u{1b}[31m\n").count(), 50);
}

#[tokio::test]
async fn what_a_failed_step_lacks_is_hinted_at_and_decides_nothing() {
    let bench = Bench::new();
    bench.on("make", |_| {
        let error = "a.c:1:10: fatal error: oniguruma.h: No such file or directory\n";
        // Far above the last lines, and once more, as parallel builds have it.
        let noise = "cc b.c\n".repeat(500);
        Reply::exit(2).stdout(format!("cc a.c\n{error}{noise}{error}ld: cannot find -lfrob\nmake: *** Error 1\n"))
    });
    // The words of a success are nobody's hint.
    bench.on("true", |guest| {
        let deb = deb("good", "1.0-1~deb12");
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        guest.files.insert("/build/results/good_1.0-1~deb12_all.deb".to_owned(), FakeFile::regular(deb));
        Reply::exit(0).stdout("sh: 1: git: not found\n")
    });
    let ran = bench.run(vec![bench.job("hello", &["make"]), bench.job("good", &["true"])]).await;
    assert_eq!(*ran.outcome(), Outcome::Failed { step: StepKind::Unpack, exit_code: 2 });
    let report = &ran.reports[0];
    let [header, library] = &report.hints[..] else { panic!("{:?}", report.hints) };
    let log = ran.log();
    let line = log.lines().position(|line| line.contains("oniguruma.h")).unwrap() + 1;
    assert_eq!(header.missing.line, line as u64);
    assert!(header.missing.line < report.tail.as_ref().unwrap().first_line);
    assert_eq!(header.requirement, "pkgconfig(oniguruma)");
    assert_eq!(header.place.as_ref().unwrap().line, 24);
    assert_eq!(header.packages.as_ref().unwrap()[0].name, "libonig-dev");
    assert_eq!((library.requirement.as_str(), &library.packages), ("lib(frob)", &None));
    assert!(ran.reports[1].hints.is_empty());
}
