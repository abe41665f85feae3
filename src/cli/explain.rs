//! `farm explain`: what docs/troubleshooting.md says of an outcome, a rule or an exit code.

use super::args::{ColorChoice, ExplainArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use crate::report::Style;
use crate::types::{Linter, nearest, printable};

const PAGE: &str = include_str!("../../docs/troubleshooting.md");

/// What stands before the number in the heading of an exit code.
const EXIT_CODE: &str = "Exit code ";

pub(crate) fn run(args: &ExplainArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let style = Surroundings::of_this_process().style(color, false);
    let texts: Result<Vec<String>, Failure> = args.names.iter().map(|name| explain(name, &style)).collect();
    output::out(&texts?.join("\n"));
    Ok(Exit::Success)
}

fn explain(name: &str, style: &Style) -> Result<String, Failure> {
    // As summaries have it.
    let name = name.trim_matches(['[', ']', '`']);
    if let Some((name, body)) = sections().find(|(known, _)| *known == name) {
        return Ok(text(name, body, style));
    }
    if let Some((linter, rule)) = of_linter(name) {
        let ask = match linter {
            Linter::Lintian => format!("`lintian-explain-tags {rule}`"),
            Linter::Rpmlint => format!("`rpmlint -e {rule}`"),
        };
        let says = format!(
            "A rule of {linter}, which {ask} explains, and the log of the job. `[lint]` in the recipe sets its level: docs/recipe.md"
        );
        return Ok(format!("{name}\n\n{}\n", style.wrap(&says, "  ")));
    }
    let message = format!("`{}` is no outcome, rule or exit code of farm", printable(name));
    let help = match nearest(name, sections().map(|(known, _)| known)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "docs/troubleshooting.md has all of them".to_owned(),
    };
    Err(Failure::Usage { message, help: Some(help) })
}

/// `lintian:no-manual-page`
fn of_linter(name: &str) -> Option<(Linter, &str)> {
    let (linter, rule) = name.split_once(':')?;
    let is_rule = !rule.is_empty() && rule.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let linter = Linter::ALL.into_iter().find(|known| known.as_str() == linter)?;
    is_rule.then_some((linter, rule))
}

/// What the page has headings for, each with the text below: `dep-wait`, `11`.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGE.split("\n### ").skip(1).filter_map(|section| {
        let (heading, body) = section.split_once('\n')?;
        let name = heading.strip_prefix(EXIT_CODE).unwrap_or(heading.trim_matches('`'));
        // Up to the next group.
        Some((name, body.split("\n## ").next().unwrap_or(body).trim()))
    })
}

/// A section for a terminal, with pages in place of links.
fn text(name: &str, body: &str, style: &Style) -> String {
    let is_code = name.bytes().all(|byte| byte.is_ascii_digit());
    let mut text = format!("{}{name}\n", if is_code { EXIT_CODE } else { "" });
    for paragraph in body.split("\n\n") {
        text.push_str(&format!("\n{}\n", style.wrap(&without_links(paragraph), "  ")));
    }
    text
}

/// `[limits](recipe.md#limits)` as `limits (docs/recipe.md)`, and a link into this page as its words.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        // A bracket that begins no link: `[build]`.
        let parts = link.split_once("](").and_then(|(words, after)| Some((words, after.split_once(')')?)));
        let Some((words, (target, after))) = parts.filter(|(words, _)| !words.contains(']') || words.starts_with("`["))
        else {
            plain.push('[');
            rest = link;
            continue;
        };
        match target.split('#').next().unwrap_or_default() {
            "" => plain.push_str(words),
            page if page == words => plain.push_str(&format!("docs/{page}")),
            page => plain.push_str(&format!("{words} (docs/{page})")),
        }
        rest = after;
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::report::samples;
    use crate::types::RULES;

    fn first_paragraph(body: &str) -> String {
        body.split("\n\n").next().unwrap().replace('\n', " ")
    }

    /// In both directions: the page has what the code knows, and nothing else.
    #[test]
    fn the_page_has_all_outcomes_rules_and_exit_codes() {
        let mut written = BTreeMap::new();
        for (name, body) in sections() {
            assert!(written.insert(name.to_owned(), body).is_none(), "{name} stands there twice");
            assert!(body.contains("\n\n"), "{name}: what it means, and what to do");
        }
        let mut known = BTreeSet::new();
        for exit in Exit::WORST_FIRST {
            let name = exit.code().to_string();
            let meaning = first_paragraph(written[&name]).to_lowercase();
            assert_eq!(meaning, format!("{}.", exit.meaning().to_lowercase()), "exit code {name}");
            known.insert(name);
        }
        for rule in RULES {
            let body = written.get(rule.name).unwrap_or_else(|| panic!("docs/troubleshooting.md has no {}", rule.name));
            assert_eq!(first_paragraph(body), rule.meaning, "{}", rule.name);
            assert_eq!(body.contains("[Can be waived](recipe.md#waiversrule)"), rule.can_be_waived, "{}", rule.name);
            assert!(known.insert(rule.name.to_owned()), "{} is known twice", rule.name);
        }
        known.extend(samples::every_outcome().iter().map(|outcome| outcome.word().to_owned()));
        assert_eq!(written.into_keys().collect::<BTreeSet<_>>(), known);
    }

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with("tests") || path.ends_with("snapshots") => {}
                true => files(&path, found),
                false => found.push(path),
            }
        }
    }

    /// Who names a rule says so where it is made (`types::rule` in the constructors of findings); here, that each is made somewhere,
    /// and that those of scripts are known.
    #[test]
    fn every_rule_is_one_that_something_finds() {
        let mut paths = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
        paths.retain(|path| {
            !path.ends_with("types/rules.rs") && !path.ends_with("tests.rs") && !path.ends_with("samples.rs")
        });
        let is_script = |path: &Path| path.extension().is_some_and(|kind| kind == "sh" || kind == "awk");
        let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let (scripts, code): (Vec<_>, Vec<_>) = paths.iter().partition(|path| is_script(path));
        let scripts: String = scripts.into_iter().map(text).collect();
        let code: String = code.into_iter().map(text).collect();
        for rule in RULES {
            let phase = rule.name.strip_suffix("-failed").unwrap_or(rule.name);
            let is_made = code.contains(&format!("\"{}\"", rule.name)) || code.contains(&format!("\"{phase}\""));
            let is_told = ["mistake(\"", "mistake ", "warning "]
                .iter()
                .any(|call| scripts.contains(&format!("{call}{}", rule.name)));
            assert!(is_made || is_told, "nothing finds {}", rule.name);
        }
        let called = ["mistake(\"", "\n    mistake ", "\n        mistake ", "token \" warning "];
        let mut count = 0;
        for call in called {
            for rest in scripts.split(call).skip(1) {
                let name = rest.split(['"', ' ']).next().unwrap();
                assert!(crate::types::rule(name).is_some(), "{name} of a script is not in types::RULES");
                count += 1;
            }
        }
        assert!(count >= 18, "{count} calls in scripts");
    }

    /// As GitHub makes them of headings.
    fn anchors(page: &str) -> Vec<String> {
        let headings = page.lines().filter(|line| line.starts_with('#'));
        let keeps = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
        let anchor =
            |line: &str| line.trim_start_matches('#').trim().to_lowercase().chars().filter(keeps).collect::<String>();
        headings.map(|line| anchor(line).replace(' ', "-")).collect()
    }

    #[test]
    fn links_of_the_page_lead_somewhere() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        let mut count = 0;
        for link in PAGE.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let (page, anchor) = link.split_once('#').unwrap_or((link, ""));
            let page =
                if page.is_empty() { PAGE.to_owned() } else { std::fs::read_to_string(docs.join(page)).expect(link) };
            assert!(anchor.is_empty() || anchors(&page).iter().any(|known| known == anchor), "{link}");
            count += 1;
        }
        assert!(count > 50, "{count} links");
    }

    #[test]
    fn a_section_is_text_for_a_terminal() {
        insta::assert_snapshot!(explain("log-limit", &Style::PLAIN).unwrap(), @r"
        log-limit

          A step printed more than the limit for logs.

          Something prints in a circle, or a tool is set to be very verbose. limits
          (docs/recipe.md) has the limit.
        ");
        insta::assert_snapshot!(explain("5", &Style::PLAIN).unwrap(), @r"
        Exit code 5

          No container engine answers.

          `farm doctor` says what is missing: docs/engines.md.
        ");
        insta::assert_snapshot!(explain("[no-network]", &Style::PLAIN).unwrap(), @r"
        no-network

          A step looked for a network, which a build does not have.

          What lock files pin is fetched before by `[modules]` (docs/recipe.md), any
          other file by `[[sources]]` with its hash. Only what can be had in no other
          way wants `network = true` in `[build]`.
        ");
        insta::assert_snapshot!(explain("lintian:no-manual-page", &Style::PLAIN).unwrap(), @r"
        lintian:no-manual-page

          A rule of lintian, which `lintian-explain-tags no-manual-page` explains, and
          the log of the job. `[lint]` in the recipe sets its level: docs/recipe.md
        ");
        // The last of a group.
        assert!(!explain("130", &Style::PLAIN).unwrap().contains("##"));
    }

    #[test]
    fn what_is_no_name_gets_the_nearest_one() {
        let refused = |name| match explain(name, &Style::PLAIN) {
            Err(Failure::Usage { help, .. }) => help.unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("dep-wiat"), "did you mean `dep-wait`?");
        assert_eq!(refused("lintian:$(id)"), "docs/troubleshooting.md has all of them");
    }
}
