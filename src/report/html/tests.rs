//! The page as text, and as people use it, in a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::browser::Browser;
use super::write as write_page;
use crate::artifact::{
    Artifact, ArtifactKind, Finding, ListedFile, ListedRelation, PackageId, PackageListing, RelationKind, Severity,
};
use crate::compare::{Aspect, Change, PackageChanges, PackageRef};
use crate::event::{Outcome, Tail};
use crate::report::whole::EndedRun;
use crate::report::{samples, whole};
use crate::types::Format;

/// Text that is too pale on what lies behind it (WCAG 2.2, 1.4.3), headings that leave a level out, ids that are there
/// twice, tables without headings, fields without labels.
const FAULTS: &str = r#"(() => {
  const faults = [];
  const shade = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const back = shade(getComputedStyle(at).backgroundColor);
      if (back.a === 1) return back.rgb;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  for (const element of document.body.querySelectorAll("*")) {
    const speaks = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!speaks || !element.checkVisibility() || element.matches("script, style, option")) continue;
    const [a, b] = [light(shade(getComputedStyle(element).color).rgb), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faults.push(`${contrast.toFixed(2)}: ${element.outerHTML.slice(0, 120)}`);
  }
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`h${next} after h${level}: ${heading.textContent}`);
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  if (!document.documentElement.lang || !document.title) faults.push("no language or title");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`twice: ${id}`);
  for (const table of document.querySelectorAll("table")) if (!table.querySelector("th[scope]")) faults.push("a table without headings");
  for (const field of document.querySelectorAll("input, select")) if (!field.labels.length) faults.push(`no label: ${field.outerHTML}`);
  return faults;
})()"#;

const WIDTH: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
const SHOWN: &str = "[...document.querySelectorAll('details.target')].filter((it) => it.checkVisibility()).length";

fn text(run: &EndedRun) -> String {
    let mut page = Vec::new();
    write_page(run, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

fn write(folder: &Path, page: &str) -> std::path::PathBuf {
    let path = folder.join("report.html");
    std::fs::write(&path, page).unwrap();
    path
}

#[test]
fn every_target_is_there_once_and_every_link_leads_somewhere() {
    let page = text(&whole::sample());
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an id is there once");
    for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(unique.contains(link), "{link}");
    }
    for index in 0..samples::every_outcome().len() {
        assert_eq!(page.matches(&format!("<details class=\"target\" id=\"t{index}\"")).count(), 1);
    }
    for outside in ["http://", "https://example.org\"", "src=", "url(", "@import", "<link"] {
        assert!(!page.contains(outside), "{outside}: a page needs nothing but itself");
    }
    for element in ["details", "section", "table", "div", "pre", "span", "ul", "main", "script"] {
        let (begun, ended) = (format!("<{element}"), format!("</{element}>"));
        assert_eq!(page.matches(&begun).count(), page.matches(&ended).count(), "{element}");
    }
}

#[test]
fn text_of_a_build_is_only_text() {
    let mut run = whole::sample();
    let hostile = "</script><script>alert(1)</script><img src=x onerror=\"alert(2)\">";
    run.engine = hostile.to_owned();
    run.jobs[2].tail.as_mut().unwrap().lines = vec![hostile.to_owned()];
    run.jobs[0].artifacts[0].file_name = hostile.to_owned();
    run.warnings.push((None, hostile.to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let hidden = "\u{1b}[2J\u{202e}\u{200b}";
    let mut package = listed("hello.deb", 1);
    package.name = hostile.to_owned();
    package.files[0].path = format!("/{hostile}{hidden}");
    package.files[0].link = hostile.to_owned();
    package.files[0].owner = hostile.to_owned();
    package.files[0].note = "y".repeat(4000);
    package.relations.get_mut(&RelationKind::Requires).unwrap()[0].text = format!("{hostile}{hidden}");
    keep(&mut run, 0, folder.path(), vec![package]);
    let warning = Finding {
        severity: Severity::Waived,
        artifact: "hello.deb".into(),
        rule: hostile.into(),
        message: format!("{hostile}: /{hostile}"),
        waived: Some(hostile.into()),
    };
    run.jobs[0].warnings.push(warning);
    run.jobs[0].changes.push(changed(hostile));
    let log = folder.path().join("build.log");
    std::fs::write(&log, format!("{hostile}{hidden}{}\n", "z".repeat(5000))).unwrap();
    run.jobs[0].log = Some(log);
    let page = text(&run);
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains("<img") && page.matches("&lt;img src=x onerror=&quot;").count() >= 10);
    for unseen in ["\u{1b}", "\u{202e}", "\u{200b}"] {
        let (_, of_package) = page.split_once("<h3>Packages</h3>").unwrap();
        let of_package = of_package.split_once("class=\"log\"").unwrap().0;
        assert!(!of_package.contains(unseen), "{unseen:?}");
        assert!(unseen == "\u{200b}" || !page.contains(unseen), "{unseen:?}");
    }
    assert!(page.contains("… (3500 more characters)") && page.contains("zzz… ("), "long texts are cut, and say so");
}

/// A package with so many files, that wants `libjq0`.
fn listed(file_name: &str, files: usize) -> PackageListing {
    let relation = |name: &str, text: &str, is_generated| ListedRelation {
        name: name.to_owned(),
        text: text.to_owned(),
        is_generated,
    };
    let file = |number: usize| ListedFile {
        path: format!("/usr/share/jq/a-file-with-a-name-of-usual-length-{number}"),
        kind: '-',
        mode: 0o4755,
        owner: "root:root".to_owned(),
        size: 52_300,
        link: String::new(),
        note: String::new(),
    };
    PackageListing {
        file_name: file_name.to_owned(),
        name: "jq".to_owned(),
        version: "1.7-1".to_owned(),
        format: Format::Deb,
        relations: BTreeMap::from([
            (
                RelationKind::Requires,
                vec![relation("libjq0", "libjq0 (= 1.7-1)", false), relation("libc6", "libc6 (>= 2.36)", false)],
            ),
            (RelationKind::Provides, vec![relation("jq", "jq = 1.7-1", true)]),
        ]),
        relations_left_out: 0,
        files: (0..files).map(file).collect(),
        files_left_out: 0,
        installed_bytes: 52_300,
    }
}

/// Makes these the packages of a target, which lie in a folder of its own.
fn keep(run: &mut EndedRun, index: usize, folder: &Path, packages: Vec<PackageListing>) {
    let job = &mut run.jobs[index];
    job.folder = folder.to_owned();
    job.artifacts = packages
        .iter()
        .map(|package| Artifact {
            package: Some(PackageId {
                name: package.name.clone(),
                version: package.version.clone(),
                architecture: "amd64".to_owned(),
            }),
            ..samples::artifact(&package.file_name, 20_000, ArtifactKind::Binary)
        })
        .collect();
    let folder = if matches!(job.outcome, Outcome::Rejected { .. }) { folder.join("broken") } else { folder.into() };
    if folder.ends_with("broken") {
        job.artifacts.clear();
        std::fs::create_dir(&folder).unwrap();
    }
    PackageListing::write(packages, &folder).unwrap();
}

/// A package with a hundred other files, and a new relation.
fn changed(name: &str) -> PackageChanges {
    let package = PackageRef {
        file_name: "jq_1.7-1_amd64.deb".to_owned(),
        format: Format::Deb,
        version: "1.7-1".to_owned(),
        architecture: "amd64".to_owned(),
    };
    let change = |aspect, subject: String, before: Option<&str>, after: Option<&str>| Change {
        aspect,
        subject,
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    let mut changes: Vec<Change> = (0..100)
        .map(|number| change(Aspect::Mode, format!("/usr/lib/jq/{number}"), Some("0755"), Some("0750")))
        .collect();
    changes.push(change(Aspect::Relation(RelationKind::Requires), "libonig5".to_owned(), None, Some("libonig5")));
    PackageChanges {
        name: name.to_owned(),
        before: Some(PackageRef { version: "1.6-1".to_owned(), ..package.clone() }),
        after: Some(package),
        identical: false,
        changes,
    }
}

/// The sample, with all that lies on disk: packages of a target that was built and of one that was refused, a long log.
fn with_files(folder: &Path) -> EndedRun {
    let mut run = whole::sample();
    let place = |name: &str| {
        let place = folder.join(name);
        std::fs::create_dir(&place).unwrap();
        place
    };
    let (good, refused) = (place("good"), place("refused"));
    let mut own = listed("libjq0_1.7-1_amd64.deb", 3);
    own.name = "libjq0".to_owned();
    keep(&mut run, 0, &good, vec![listed("jq_1.7-1_amd64.deb", 2100), own]);
    let finding = |artifact: &str, severity, message: &str, waived: Option<&str>| Finding {
        severity,
        artifact: artifact.to_owned(),
        rule: "some-rule".to_owned(),
        message: message.to_owned(),
        waived: waived.map(str::to_owned),
    };
    let path = "/usr/share/jq/a-file-with-a-name-of-usual-length-1";
    run.jobs[0].warnings = vec![
        finding("jq_1.7-1_amd64.deb", Severity::Warning, &format!("{path}: is a program of set-user-id"), None),
        finding("jq_1.7-1_amd64.deb", Severity::Waived, &format!("[{}]: it is odd", &path[1..]), Some("it always was")),
    ];
    run.jobs[0].known_findings = 7;
    run.jobs[0].changes = vec![changed("jq")];
    let log = good.join("build.log");
    std::fs::write(&log, "it went well\n".repeat(100)).unwrap();
    run.jobs[0].log = Some(log);
    let at = run.jobs.iter().position(|job| matches!(job.outcome, Outcome::Rejected { .. })).unwrap();
    let mut package = listed("jq_1.7-1~deb12_amd64.deb", 1);
    package.files[0].path = "/usr".to_owned();
    keep(&mut run, at, &refused, vec![package]);
    run
}

#[test]
fn packages_are_there_with_what_they_want_and_hold() {
    let folder = tempfile::tempdir().unwrap();
    let page = text(&with_files(folder.path()));
    // Its own package of that name, and not another one.
    assert!(
        page.contains("<dt>Depends</dt><dd><ul class=\"relations\"><li><a href=\"#t0-p1\">libjq0 (= 1.7-1)</a></li>")
    );
    assert!(page.contains("<li>libc6 (&gt;= 2.36)</li>"));
    let line = "-rwsr-xr-x root:root      52300 /usr/share/jq/a-file-with-a-name-of-usual-length-0\n";
    assert!(page.contains(line), "as ls writes it");
    assert!(page.contains("100 more paths, left out of this page: <code>dpkg-deb -c jq_1.7-1_amd64.deb</code>"));
    assert!(page.contains("<em>waived: it always was</em>") && page.contains("7 findings of linters, as in the last"));
    assert!(
        page.contains("<summary>Since the last good build: 1.6-1 -&gt; 1.7-1; files: 100 changed; relations: 1 new")
    );
    assert!(page.contains("~ /usr/lib/jq/99: mode 0755 -&gt; 0750\n") && page.contains("+ requires libonig5</span>"));
    // What an earlier farm has made has its place, too.
    assert!(page.contains("<details class=\"part\" id=\"t9-p0\">"));
    let mut run = whole::sample();
    keep(&mut run, 1, folder.path(), vec![listed("jq_1.7-1_amd64.deb", 1)]);
    std::fs::remove_file(folder.path().join("packages.json")).unwrap();
    assert!(
        text(&run).contains("<p id=\"t1-p0\">jq_1.7-1_amd64.deb <span class=\"quiet\">was made by an earlier farm")
    );
}

#[test]
fn of_large_logs_there_is_the_beginning_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = whole::sample();
    let failed = run.jobs.iter().position(|job| job.tail.is_some()).unwrap();
    let log = folder.path().join("build.log");
    let lines: String = (1..=100_000).map(|number| format!("{number} {}\n", "x".repeat(20))).collect();
    std::fs::write(&log, &lines).unwrap();
    run.jobs[failed].log = Some(log.clone());
    run.jobs[failed].hints[0].missing.line = 99_999;
    let page = text(&run);
    assert!(page.len() < 8 << 20, "{}", page.len());
    for line in [1, 5000, 85_000, 99_999, 100_000] {
        assert!(page.contains(&format!(">{line:>6}</a> {line} xxx")), "{line}");
    }
    assert!(!page.contains("> 50000</a>") && page.contains(" left out of this page …</em>"));
    assert!(page.contains(&format!("<a href=\"#t{failed}-99999\">line 99999</a> of it tells most")));
    assert!(page.contains(&format!("<pre class=\"log\" data-line=\"t{failed}-99999\"")));
    // A small one is there whole.
    std::fs::write(&log, &lines[..1000]).unwrap();
    let page = text(&run);
    assert!(page.contains("<h3>Log</h3>") && !page.contains(" left out of this page …"));
}

#[test]
fn jobs_stand_in_the_timeline_where_they_ran() {
    let mut run = whole::sample();
    let (target, began) = (run.jobs[2].target.clone(), Duration::from_secs(48));
    run.began.clear();
    run.began.insert(target, began);
    let page = text(&run);
    let (_, line) = page.split_once("<div class=\"line\" data-of=\"t2\">").unwrap();
    // 48 and 20 of 192 seconds.
    assert!(line.contains("<span style=\"left:25.00%;width:10.42%\" title=\"build 20.0s\">"), "{line}");
    assert_eq!(page.matches("class=\"line\"").count(), 1);
}

#[test]
fn a_run_with_every_outcome_is_clicked_through() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = with_files(folder.path());
    let failed = run.jobs.iter().position(|job| job.tail.is_some()).unwrap();
    let long = (0..400).map(|number| format!("CC src/{number}.o {}", "x".repeat(number)));
    let last = ["src/a.c:1:2: error: no Oniguruma".to_owned(), "make: *** [all] Error 1".to_owned()];
    run.jobs[failed].tail = Some(Tail { first_line: 10, lines: long.chain(last).collect() });
    run.jobs[failed].hints[0].missing.line = 410;
    let targets = run.jobs.len();
    let page = write(folder.path(), &text(&run));
    browser.screen(1280, 900);
    browser.open(&page);
    assert_eq!(browser.run(SHOWN), targets);
    assert_eq!(browser.run("document.querySelector('#told').textContent"), format!("{targets} of {targets} shown"));
    assert_eq!(browser.run(WIDTH), 0, "nothing has to be scrolled sideways");

    // By words, and by how it ended.
    browser.enter("#filter", &format!("JQ{failed}@ build"));
    assert_eq!(browser.run(SHOWN), 1);
    assert_eq!(browser.run("document.querySelector('#told').textContent"), format!("1 of {targets} shown"));
    assert_eq!(browser.run("document.querySelectorAll('.line:not([hidden])').length"), 1, "the timeline, too");
    browser.enter("#filter", "");
    assert_eq!(browser.run(SHOWN), targets);
    let choose = "((it) => { it.value = 'built'; it.dispatchEvent(new Event('change', { bubbles: true })); })";
    browser.run(&format!("{choose}(document.querySelector('#outcome'))"));
    assert_eq!(browser.run(SHOWN), 2, "what was built, and what was built once more");
    // What a link leads to is shown, whatever is filtered.
    assert_eq!(browser.run(&format!("document.querySelector('#t{failed}').checkVisibility()")), false);
    browser.run(&format!("location.hash = 't{failed}'"));
    browser.settle();
    assert_eq!(browser.run(&format!("document.querySelector('#t{failed}').checkVisibility()")), true);
    browser.run(&format!("{}(document.querySelector('#outcome'))", choose.replace("'built'", "''")));

    // A cell of the matrix opens what it stands for.
    assert_eq!(browser.run("document.querySelector('#t0').open"), false);
    browser.click("td a[href='#t0']");
    assert_eq!(browser.run("document.querySelector('#t0').open"), true);
    let in_view = |selector: &str| {
        format!(
            "((box) => box.top < innerHeight && box.bottom > 0)(document.querySelector('{selector}').getBoundingClientRect())"
        )
    };
    assert_eq!(browser.run(&in_view("#t0")), true);

    // What comes into sight of a log is what tells most.
    browser.run(&format!("document.querySelector('#t{failed} pre.log').scrollIntoView()"));
    browser.settle();
    browser.settle();
    let scrolled = browser.run(&format!("document.querySelector('#t{failed} pre.log').scrollTop"));
    assert!(scrolled.as_f64().unwrap() > 0.0, "{scrolled}");

    // The log is searched, and comes to what was found.
    let log = format!("#t{failed} pre.log");
    browser.enter(&format!("#t{failed} .search input"), "oniguruma");
    assert_eq!(browser.run(&format!("document.querySelector('#t{failed} output').textContent")), "1 line");
    assert_eq!(browser.run(&format!("document.querySelectorAll('{log} .found').length")), 1);
    assert_eq!(browser.run(&in_view(&format!("{log} .found"))), true);
    browser.enter(&format!("#t{failed} .search input"), "cc src/");
    assert_eq!(browser.run(&format!("document.querySelector('#t{failed} output').textContent")), "1 of 400 lines");
    // A line's number is a link to it.
    browser.click(&format!("#t{failed}-410"));
    assert_eq!(browser.run("location.hash"), format!("#t{failed}-410"));
    assert_eq!(browser.run(&format!("document.querySelector('#t{failed}-410').matches(':target')")), true);

    // What it holds, where a finding leads, what others want of it.
    assert_eq!(browser.run("document.querySelector('#t0-p0-f1').checkVisibility()"), false);
    browser.click("#t0 .findings a[href='#t0-p0-f1']");
    assert_eq!(browser.run("document.querySelector('#t0-p0-f1').checkVisibility()"), true);
    assert_eq!(browser.run(&in_view("#t0-p0-f1")), true);
    assert_eq!(browser.run("document.querySelector('#t0-p1').open"), false);
    browser.click("#t0-p0 dd a[href='#t0-p1']");
    assert_eq!(browser.run("document.querySelector('#t0-p1').open"), true);
    browser.click("#t0-p1 .contents summary");
    assert_eq!(browser.run("document.querySelector('#t0-p1 .contents pre').checkVisibility()"), true);
    assert_eq!(browser.run("document.querySelector('#t0-p1 .contents pre').textContent.split('\\n').length"), 4);
    browser.click("#t9 .findings a[href='#t9-p0-f0']");
    assert_eq!(browser.run(&in_view("#t9-p0-f0")), true, "of what was refused, too");
    browser.click("#t0 details:has(> .changes) summary");
    assert_eq!(browser.run("document.querySelector('#t0 .changes').checkVisibility()"), true);
    browser.click("#t0 details:has(> .log) summary");
    browser.enter("#t0 .search input", "went well");
    assert_eq!(browser.run("document.querySelector('#t0 output').textContent"), "1 of 100 lines");
    browser.key("Enter");
    assert_eq!(browser.run("document.querySelector('#t0 output').textContent"), "2 of 100 lines");
    assert_eq!(browser.run(WIDTH), 0, "nothing has to be scrolled sideways");

    // By keys alone: the first is the filter, and a closed target opens.
    browser.open(&page);
    browser.key("Tab");
    assert_eq!(browser.run("document.activeElement.id"), "filter");
    browser.run("document.querySelector('#t0 summary').focus()");
    browser.key("Enter");
    assert_eq!(browser.run("document.querySelector('#t0').open"), true);

    // For those who do not see it, and those who see little.
    let controls = browser.controls();
    assert!(controls.len() > targets * 2, "{controls:?}");
    for (role, name) in &controls {
        assert!(!name.trim().is_empty(), "a {role} without a name");
    }
    browser.run("document.querySelectorAll('details').forEach((it) => { it.open = true; })");
    for dark in [false, true] {
        browser.dark(dark);
        assert_eq!(browser.run(FAULTS), json!([]), "dark: {dark}");
    }
    browser.dark(false);

    // On a phone, with all that can be opened open.
    browser.screen(360, 640);
    assert_eq!(browser.run(WIDTH), 0, "nothing has to be scrolled sideways on a narrow screen");
    browser.enter("#filter", "jq0@");
    assert_eq!(browser.run(SHOWN), 1);
    assert_eq!(browser.noise(), Vec::<String>::new());

    // With scripts turned off it is a page all the same, without what would do nothing.
    browser.turn_scripts_off();
    browser.screen(1280, 900);
    browser.open(&page);
    assert_eq!(browser.run(SHOWN), targets);
    assert_eq!(browser.run("document.querySelector('#controls').checkVisibility()"), false);
    assert_eq!(browser.noise(), Vec::<String>::new());
}

#[test]
fn a_thousand_targets_are_a_page_that_opens_at_once() {
    let mut run = whole::sample();
    let outcomes = samples::every_outcome();
    let job = |index: usize| {
        let id = format!("jq{}@debian-{}", index % 50, index / 50);
        samples::report(&id, outcomes[index % outcomes.len()].clone())
    };
    run.jobs = (0..1000).map(job).collect();
    let folder = tempfile::tempdir().unwrap();
    let noise: String = (0..20_000).map(|number| format!("CC src/{number}.o\n")).collect();
    let log = folder.path().join("build.log");
    std::fs::write(&log, noise).unwrap();
    for index in 0..run.jobs.len() {
        let place = folder.path().join(index.to_string());
        std::fs::create_dir(&place).unwrap();
        run.jobs[index].log = Some(log.clone());
        if run.jobs[index].outcome.is_good() || matches!(run.jobs[index].outcome, Outcome::Rejected { .. }) {
            let packages = ["jq.deb", "libjq.deb", "jq-dbgsym.deb"].map(|name| listed(name, 400));
            keep(&mut run, index, &place, packages.to_vec());
            run.jobs[index].changes = vec![changed("jq")];
            let finding = Finding {
                severity: Severity::Warning,
                artifact: "jq.deb".into(),
                rule: "some-rule".into(),
                message: "it is odd".into(),
                waived: None,
            };
            run.jobs[index].warnings = vec![finding; 50];
        }
    }
    let page = text(&run);
    // 250 MB of logs, and what 700 packages hold.
    assert!(page.len() < 16 << 20, "{} bytes", page.len());
    let Some(mut browser) = Browser::start() else { return };
    let page = write(folder.path(), &page);
    // A measurement, not a limit: what else runs on this machine is not known.
    let times = [(); 3].map(|()| browser.measure(&page));
    let begin = std::time::Instant::now();
    browser.enter("#filter", "jq7@debian-1");
    assert_eq!(browser.run(SHOWN), 11);
    // Past the capture of the test harness.
    let size = std::fs::metadata(&page).unwrap().len() >> 10;
    let told = format!(
        "1,000 targets, {size} KiB: opened in (and of that its thread worked) {times:.2?}, filtered in {:.2?}",
        begin.elapsed()
    );
    let _ = writeln!(std::io::stderr(), "{told}");
    assert_eq!(browser.noise(), Vec::<String>::new());
}
