use super::model::{LONGEST_CONTEXT, MOST_FINDINGS};
use super::*;
use crate::types::LintLevel::{Off, Require, Warn};

/// As lintian 2.116 prints it.
const LINTIAN: &str = "2.116.3+deb12u1\n\
    E: hello: no-copyright-file\n\
    W: hello: no-manual-page [usr/bin/hello]\n\
    W: hello: no-manual-page [usr/bin/bye]\n\
    I: hello: typo-in-manual-page addtional additional [usr/share/man/man1/hello.1.gz:27]\n\
    O: hello: embedded-library usr/lib/x\n\
    N: 1 hint overridden\n\
    W: hello source: bad-distribution-in-changes-file unstable\n\
    farm-lint-end 0\n";

/// As rpmlint 2.4 prints it.
const RPMLINT: &str = "2.4.0\n\
    ============================ rpmlint session starts ============================\n\
    rpmlint: 2.4.0\n\
    configuration:\n\
    \x20   /usr/lib/python3/dist-packages/rpmlint/configdefaults.toml\n\
    checks: 31, packages: 1\n\
    \n\
    hello.x86_64: E: no-signature\n\
    hello.x86_64: E: zero-perms /usr/share/x 000\n\
    python3.11-x.noarch: W: no-documentation\n\
    ===== 1 packages and 0 specfiles checked; 2 errors, 1 warnings, 2 badness; has taken 0.2 s ====\n\
    farm-lint-end 64\n";

fn judged(linter: Linter, text: &str, levels: &[(&str, LintLevel)], before: Option<&Memory>) -> Judged {
    let levels = levels.iter().map(|(rule, level)| ((*rule).to_owned(), *level)).collect();
    judge(linter, true, &read(linter, text).unwrap(), &levels, before)
}

#[test]
fn an_rpmlint_with_settings_is_believed_where_one_without_is_not() {
    let text = "2.4.0\nx.noarch: W: invalid-license GPL-3\nx.noarch: E: no-signature\nfarm-lint-end 0\n";
    let output = read(Linter::Rpmlint, text).unwrap();
    let rules = |is_unset| {
        let news = judge(Linter::Rpmlint, is_unset, &output, &BTreeMap::new(), None).news;
        news.into_iter().map(|one| one.rule).collect::<Vec<_>>()
    };
    assert_eq!((rules(true), rules(false)), (Vec::new(), vec!["invalid-license".to_owned()]));
}

#[test]
fn what_only_a_distribution_wants_of_its_own_packages_is_told() {
    let level = |linter, rule: &str, levels: &[(&str, LintLevel)]| {
        let text = format!("2.4.0\nE: x: {rule} [opt/x]\nx.noarch: E: {rule} /opt/x\nfarm-lint-end 0\n");
        judged(linter, &text, levels, None).news[0].level
    };
    for (linter, rule) in [
        (Linter::Lintian, "dir-or-file-in-opt"),
        (Linter::Lintian, "unstripped-binary-or-object"),
        (Linter::Lintian, "license-problem-json-evil"),
        (Linter::Rpmlint, "setuid-binary"),
        (Linter::Rpmlint, "description-line-too-long"),
    ] {
        assert_eq!((level(linter, rule, &[]), level(linter, rule, &[(rule, Require)])), (Warn, Require), "{rule}");
    }
    for (linter, rule) in [
        (Linter::Lintian, "missing-dep-for-interpreter"),
        (Linter::Lintian, "license-problem"),
        (Linter::Rpmlint, "dir-or-file-in-tmp"),
        (Linter::Rpmlint, "dir-or-file-in-opt-"),
    ] {
        assert_eq!(level(linter, rule, &[]), Require, "{rule}");
    }
}

fn told(judged: &Judged) -> Vec<String> {
    judged
        .news
        .iter()
        .map(|one| format!("{} {} {}: {}", one.level.as_str(), one.package, one.rule, one.sentence(None)))
        .collect()
}

#[test]
fn errors_are_required_not_to_be_there_and_remarks_are_nothing() {
    let of_lintian = judged(Linter::Lintian, LINTIAN, &[], None);
    assert_eq!(
        told(&of_lintian),
        [
            "require hello no-copyright-file: no copyright file",
            "warn hello no-manual-page: [usr/bin/hello]; [usr/bin/bye]"
        ]
    );
    assert_eq!((of_lintian.memory.linter.as_str(), of_lintian.off), ("lintian 2.116.3+deb12u1", 1));
    let of_rpmlint = judged(Linter::Rpmlint, RPMLINT, &[], None);
    assert_eq!(
        told(&of_rpmlint),
        ["require hello zero-perms: /usr/share/x 000", "warn python3.11-x no-documentation: no documentation"]
    );
    assert_eq!((of_rpmlint.memory.linter.as_str(), of_rpmlint.off), ("rpmlint 2.4.0", 1));
}

#[test]
fn the_recipe_goes_before_the_linter_and_before_what_farm_leaves_out() {
    let levels =
        [("no-copyright-file", Off), ("typo-in-manual-page", Require), ("bad-distribution-in-changes-file", Warn)];
    let judged = judged(Linter::Lintian, LINTIAN, &levels, None);
    let told = told(&judged);
    assert_eq!(
        told,
        [
            "require hello typo-in-manual-page: addtional additional [usr/share/man/man1/hello.1.gz:27]",
            "warn hello bad-distribution-in-changes-file: unstable",
            "warn hello no-manual-page: [usr/bin/hello]; [usr/bin/bye]",
        ]
    );
    assert_eq!(judged.off, 1);
}

#[test]
fn what_the_last_good_build_had_is_not_new_in_another_version_or_at_another_line() {
    let levels = [("typo-in-manual-page", Warn)];
    let before = judged(Linter::Lintian, LINTIAN, &levels, None).memory;
    // It survives the record.
    let before: Memory = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
    let again = judged(Linter::Lintian, &LINTIAN.replace(":27]", ":131]"), &levels, Some(&before));
    assert_eq!((told(&again), again.known), (Vec::new(), 4));
    // One more of the same kind at the same place is new.
    let line = "W: hello: no-manual-page [usr/bin/hello]\n";
    let more = judged(Linter::Lintian, &LINTIAN.replace(line, &line.repeat(2)), &levels, Some(&before));
    assert_eq!((told(&more), more.known), (vec!["warn hello no-manual-page: [usr/bin/hello]".to_owned()], 4));
    // What goes away is forgotten.
    let gone = judged(Linter::Lintian, &LINTIAN.replace(line, ""), &levels, Some(&before)).memory;
    let back = judged(Linter::Lintian, LINTIAN, &levels, Some(&gone));
    assert_eq!(told(&back), ["warn hello no-manual-page: [usr/bin/hello]"]);
}

#[test]
fn a_linter_that_breaks_off_has_found_nothing() {
    let wrong = |linter, text: &str| read(linter, text).unwrap_err();
    assert_eq!(
        wrong(Linter::Lintian, "2.1\nCannot open x\nfarm-lint-end 2\n"),
        "it ended with exit code 2: 2.1 / Cannot open x"
    );
    assert_eq!(
        wrong(Linter::Rpmlint, "sh: rpmlint: not found\nfarm-lint-end 127\n"),
        "it ended with exit code 127: sh: rpmlint: not found"
    );
    assert_eq!(
        wrong(Linter::Rpmlint, "2.4\nhello.noarch: E: x\n"),
        "it did not come to its end: 2.4 / hello.noarch: E: x"
    );
    assert_eq!(wrong(Linter::Lintian, ""), "it did not come to its end: ");
}

#[test]
fn lines_are_as_hostile_as_the_packages() {
    let of = |line: &str| read(Linter::Lintian, &format!("2\n{line}\nfarm-lint-end 0\n")).unwrap().found;
    let [found] = &of("W: hello: odd-name [usr/\x1b[31mred]")[..] else { panic!() };
    assert!(!found.context.contains('\x1b'), "{found:?}");
    let [long] = &of(&format!("W: hello: odd-name {}", "ä".repeat(5000)))[..] else { panic!() };
    assert_eq!(long.context.chars().count(), LONGEST_CONTEXT + 1);
    for line in
        ["W: : x", "W: hello:", "W: hello: ", "W:", ": :", "hello", "W: h\u{7f}: x", "E: a b c", "\u{202e}W: hello: x"]
    {
        assert_eq!(of(line), [], "{line:?}");
    }
    let flood = "W: hello: x\n".repeat(MOST_FINDINGS + 7);
    let output = read(Linter::Lintian, &format!("2\n{flood}farm-lint-end 0\n")).unwrap();
    assert_eq!((output.found.len(), output.more), (MOST_FINDINGS, 7));
    let [news] = &judge(Linter::Lintian, true, &output, &BTreeMap::new(), None).news[..] else { panic!() };
    assert_eq!((news.count, news.places.len()), (MOST_FINDINGS, 0));
}

#[test]
fn explanations_are_the_linters_own_first_sentences() {
    let lintian = "N:\nE: no-copyright-file\nN: \nN:   Each binary package has to include a plain file\nN:   \
                   /usr/share/doc/*pkg*/copyright\nN: \nN:   Please refer to\nN:\nN:\nW: other\nN: \nN:   Other words.\nN:\n";
    let read = |linter, text: &str, rules: &[&'static str]| read_explanations(linter, text, rules.iter().copied());
    let explained = read(Linter::Lintian, lintian, &["no-copyright-file", "other", "third"]);
    assert_eq!(
        explained.into_iter().collect::<Vec<_>>(),
        [
            (
                "no-copyright-file",
                "Each binary package has to include a plain file /usr/share/doc/*pkg*/copyright".to_owned()
            ),
            ("other", "Other words.".to_owned())
        ]
    );
    let long = format!("x:\nFirst sentence. Second {}\n\n", "word ".repeat(100));
    assert_eq!(read(Linter::Rpmlint, &long, &["x"])["x"], "First sentence.");
    let asked = ask_to_explain(Linter::Lintian, ["a-b", "o'clock", "c"].into_iter());
    assert!(asked.contains("lintian-explain-tags 'a-b' 'c'") && !asked.contains("clock"), "{asked}");
}
