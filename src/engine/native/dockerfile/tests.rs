use proptest::prelude::*;

use super::*;

fn steps(text: &str) -> Vec<Instruction> {
    let file = parse(&format!("FROM x\n{text}")).unwrap_or_else(|problem| panic!("{problem}"));
    file.stages[0].steps.iter().map(|step| step.instruction.clone()).collect()
}

fn shell(script: &str) -> Instruction {
    Instruction::Run(Command::Shell(script.to_owned()))
}

#[test]
fn lines_are_joined_and_comments_left_out() {
    let text = "\u{feff}# syntax=docker/dockerfile:1\n# a comment\n\nFROM x \\\n# between\n\n  AS y\nrun a \\\\\nRUN b \\  \n\n c\n";
    let file = parse(text).unwrap();
    let stage = &file.stages[0];
    assert_eq!((stage.line, stage.image.as_str(), stage.name.as_deref()), (4, "x", Some("y")));
    let runs: Vec<(usize, &Instruction)> = stage.steps.iter().map(|step| (step.line, &step.instruction)).collect();
    assert_eq!(runs, [(8, &shell("a \\\\")), (9, &shell("b  c"))], "a doubled escape joins nothing");
}

#[test]
fn the_escape_character_can_be_chosen() {
    let file = parse("# escape=`\nFROM x\nRUN dir `\n  c:\\\n").unwrap();
    assert_eq!(file.escape, '`');
    assert_eq!(file.stages[0].steps[0].instruction, shell("dir   c:\\"));
}

#[test]
fn commands_have_two_forms() {
    assert_eq!(steps(r#"RUN ["a", "b c"]"#), [Instruction::Run(Command::Exec(vec!["a".to_owned(), "b c".to_owned()]))]);
    assert_eq!(steps("RUN [ -e x ] && y"), [shell("[ -e x ] && y")]);
    assert_eq!(steps(r#"SHELL ["bash", "-c"]"#), [Instruction::Shell(vec!["bash".to_owned(), "-c".to_owned()])]);
}

#[test]
fn here_documents_are_scripts_inputs_and_files() {
    assert_eq!(steps("RUN <<EOF\na $b\n# c\nEOF\nRUN d"), [shell("a $b\n# c\n"), shell("d")]);
    assert_eq!(steps("RUN cat <<-'E' >x\n\ty\n\tE"), [shell("cat <<-'E' >x\n\ty\nE\n")]);
    let [Instruction::Copy(copy)] = &steps("COPY a <<\"B\" <<C /d/\n1\nB\n2\nC")[..] else { panic!() };
    let documents: Vec<(&str, bool)> = copy
        .sources
        .iter()
        .filter_map(|source| match source {
            Source::Document(document) => Some((document.content.as_str(), document.expands)),
            Source::Path(_) => None,
        })
        .collect();
    assert_eq!(documents, [("1\n", false), ("2\n", true)]);
}

#[test]
fn variables_are_given_in_both_forms() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        steps("ENV a=1 b=\"2 3\" c=4\\ 5"),
        [Instruction::Env(vec![pair("a", "1"), pair("b", "\"2 3\""), pair("c", "4\\ 5")])]
    );
    assert_eq!(steps("ENV a 1 2"), [Instruction::Env(vec![pair("a", "1 2")])]);
    assert_eq!(
        steps("ARG a b=1"),
        [Instruction::Arg(vec![("a".to_owned(), None), ("b".to_owned(), Some("1".to_owned()))])]
    );
}

#[test]
fn only_the_stages_that_are_needed_are_built() {
    let file =
        parse("FROM x AS a\nFROM a AS b\nFROM y AS c\nFROM z AS d\nCOPY --from=b x y\nCOPY --from=0 x y\nFROM d")
            .unwrap();
    let images: Vec<String> = file.stages.iter().map(|stage| stage.image.clone()).collect();
    let needed = |name: &str| file.needed(file.stage(name).unwrap(), &images).into_iter().collect::<Vec<_>>();
    assert_eq!(needed("c"), [2]);
    assert_eq!(needed("B"), [0, 1]);
    assert_eq!(needed("d"), [0, 1, 3]);
    assert_eq!(needed("4"), [0, 1, 3, 4]);
}

#[test]
fn words_are_expanded_by_the_reference() {
    let value = |name: &str| match name {
        "a" => Some("A".to_owned()),
        "e" => Some(String::new()),
        _ => None,
    };
    for (word, expected) in [
        ("$a-${a}b", "A-Ab"),
        ("'$a'\"$a'\"", "$aA'"),
        (r#"\$a "\$a \x""#, r"$a $a \x"),
        ("${b:-x$a}${b-y}${e-z}${e:-w}", "xAyw"),
        ("${a:+x}${b:+y}${e+z}", "xz"),
        ("$1$ $", "$ $"),
        ("${b:-${c:-${a}}}", "A"),
        ("a\\", "a"),
    ] {
        assert_eq!(words::expand(word, '\\', &value).as_deref(), Ok(expected), "{word}");
    }
    assert_eq!(words::expand_document("'$a' \"\\$a\" \\x\n", '\\', &value).unwrap(), "'A' \"$a\" \\x\n");
    for word in ["'a", "\"a", "${a", "${}", "${a:-b", "${a#b}", "${b:?gone}"] {
        assert!(words::expand(word, '\\', &value).is_err(), "{word}");
    }
}

/// What is refused, with its line and what helps.
#[test]
fn refusals() {
    let refused = [
        "",
        "RUN x",
        "FROM",
        "FROM a b",
        "FROM a AS 1",
        "FROM --flag=x a",
        "# escape=x\nFROM a",
        "# escape=`\n# escape=`\nFROM a",
        "FROM a\n\nRUNN x",
        "FROM a\nRUN --mount=type=cache,target=/x make",
        "FROM a\nRUN --network=none make",
        "FROM a\nRUN --security=insecure make",
        "FROM a\nRUN --what make",
        "FROM a\nRUN <<EOF\n#!/usr/bin/python3\nEOF",
        "FROM a\nRUN <<EOF\nx",
        "FROM a\nCOPY x",
        "FROM a\nCOPY --link x y",
        "FROM a\nCOPY --parents x y",
        "FROM a\nCOPY --exclude=x y z",
        "FROM a\nCOPY --chmod=u+x y z",
        "FROM a\nCOPY --chown y z",
        "FROM a\nADD --from=x y z",
        "FROM a\nADD --checksum=sha256:00 https://example.org/x y",
        "FROM a\nADD https://example.org/x.tar.gz /x/",
        "FROM a\nADD git@example.org:x.git /x/",
        "FROM a\nENV x",
        "FROM a\nENV x=1 y",
        "FROM a\nARG 1=2",
        "FROM a\nSHELL bash",
    ];
    let said: Vec<String> =
        refused.iter().map(|text| format!("{text}\n  -> {}", parse(text).expect_err(text))).collect();
    insta::assert_snapshot!(said.join("\n\n"));
}

/// Texts that look like Dockerfiles as often as not.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("FROM a AS b\n".to_owned()),
        Just("RUN <<E cat\n".to_owned()),
        Just("E\n".to_owned()),
        Just("COPY --from=b --chmod=7 ".to_owned()),
        Just("ENV a=\"${b:-$c}\" ".to_owned()),
        Just("# escape=`\n".to_owned()),
        Just("\\\n".to_owned()),
        "[A-Z]{3,8} [\"'$\\\\{}\\[\\]=a-c -]{0,12}\n",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_a_dockerfile_or_says_in_which_line_it_is_none(text in text()) {
        match parse(&text) {
            Ok(file) => prop_assert!(!file.stages.is_empty()),
            Err(problem) => {
                prop_assert!(problem.line >= 1 && problem.line <= text.lines().count().max(1));
                prop_assert!(!problem.message.is_empty());
            }
        }
    }

    #[test]
    fn any_word_is_expanded_or_says_why_not(word in "[\"'$\\\\{}:+?#a-c -]{0,40}|\\PC{0,20}") {
        let value = |name: &str| (name.len() == 1).then(|| name.to_owned());
        if let Err(why) = words::expand(&word, '\\', &value) {
            prop_assert!(!why.is_empty());
        }
        let _ = words::expand_document(&word, '\\', &value);
    }

    #[test]
    fn quoted_words_stay_one(parts in proptest::collection::vec("[a-z]{1,4}", 1..5)) {
        let quoted = format!("x=\"{}\" y", parts.join(" "));
        let split = words::split(&quoted, '\\');
        prop_assert_eq!(split.len(), 2);
        prop_assert_eq!(words::expand(&split[0], '\\', &|_| None), Ok(format!("x={}", parts.join(" "))));
    }
}
