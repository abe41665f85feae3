//! The page as text, and as people use it, in a browser.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::browser::Browser;
use super::text;
use crate::event::Tail;
use crate::report::{samples, whole};

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
    let page = text(&run);
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains("<img") && page.matches("&lt;img src=x onerror=&quot;").count() >= 3);
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
    let mut run = whole::sample();
    let failed = run.jobs.iter().position(|job| job.tail.is_some()).unwrap();
    let long = (0..400).map(|number| format!("CC src/{number}.o {}", "x".repeat(number)));
    let last = ["src/a.c:1:2: error: no Oniguruma".to_owned(), "make: *** [all] Error 1".to_owned()];
    run.jobs[failed].tail = Some(Tail { first_line: 10, lines: long.chain(last).collect() });
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

    // The log is searched, and comes to what was found.
    let log = format!("#t{failed} pre.log");
    browser.enter(&format!("#t{failed} .search input"), "oniguruma");
    assert_eq!(browser.run(&format!("document.querySelector('#t{failed} output').textContent")), "1 line");
    assert_eq!(browser.run(&format!("document.querySelectorAll('{log} .found').length")), 1);
    assert_eq!(browser.run(&in_view(&format!("{log} .found"))), true);
    browser.enter(&format!("#t{failed} .search input"), "cc src/");
    assert_eq!(browser.run(&format!("document.querySelector('#t{failed} output').textContent")), "400 lines");
    // A line's number is a link to it.
    browser.click(&format!("#t{failed}-410 a"));
    assert_eq!(browser.run("location.hash"), format!("#t{failed}-410"));
    assert_eq!(browser.run(&format!("document.querySelector('#t{failed}-410').matches(':target')")), true);

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

    // On a phone.
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
    let page = text(&run);
    assert!(page.len() < 4 << 20, "{} bytes", page.len());
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = write(folder.path(), &page);
    // A measurement, not a limit: what else runs on this machine is not known.
    let times = [(); 3].map(|()| browser.open(&page));
    let begin = std::time::Instant::now();
    browser.enter("#filter", "jq7@debian-1");
    assert_eq!(browser.run(SHOWN), 11);
    // Past the capture of the test harness.
    let told = format!("1,000 targets: opened in {times:.2?}, filtered in {:.2?}", begin.elapsed());
    let _ = writeln!(std::io::stderr(), "{told}");
    assert_eq!(browser.noise(), Vec::<String>::new());
}
