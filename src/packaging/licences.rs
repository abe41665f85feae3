//! Licence files that are copies of what Debian has in /usr/share/common-licenses: a copyright file points there, and
//! holds no second copy (Policy 12.5). One rule twice: in awk for builds in containers, here for packages that farm makes.

/// The rule for containers: a licence file in, the name of Debian's file out.
pub(crate) const SCRIPT: &str = include_str!("scripts/common-licence.awk");

/// Titles with their versions, how many lines a copy has at most, and Debian's file. More specific ones first.
const TITLES: [(&str, usize, &str); 7] = [
    ("GNU LESSER GENERAL PUBLIC LICENSE VERSION 3", 175, "LGPL-3"),
    ("GNU LESSER GENERAL PUBLIC LICENSE VERSION 2.1", 520, "LGPL-2.1"),
    ("GNU LIBRARY GENERAL PUBLIC LICENSE VERSION 2", 500, "LGPL-2"),
    ("GNU GENERAL PUBLIC LICENSE VERSION 3", 690, "GPL-3"),
    ("GNU GENERAL PUBLIC LICENSE VERSION 2", 350, "GPL-2"),
    ("GNU GENERAL PUBLIC LICENSE VERSION 1", 260, "GPL-1"),
    ("APACHE LICENSE VERSION 2.0", 210, "Apache-2.0"),
];

/// The file of /usr/share/common-licenses that a licence file is a copy of.
pub(crate) fn common_licence(text: &str) -> Option<&'static str> {
    let beginning = text.lines().filter(|line| !line.trim().is_empty()).take(6).collect::<Vec<_>>().join(" ");
    let plain: String = beginning
        .to_ascii_uppercase()
        .chars()
        .map(|c| if c.is_ascii_uppercase() || c.is_ascii_digit() || c == '.' { c } else { ' ' })
        .collect();
    let title = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = text.lines().count();
    TITLES.iter().find(|(words, most, _)| title.contains(words) && lines <= *most).map(|(_, _, file)| *file)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// What the rule for containers prints.
    fn in_a_container(text: &str) -> String {
        let mut awk = Command::new("awk").arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        awk.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        String::from_utf8(awk.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn both_rules_know_the_same_copies() {
        let terms = |lines: usize| "one of its terms\n".repeat(lines);
        let gpl = "                    GNU GENERAL PUBLIC LICENSE\n                       Version 2, June 1991\n\n";
        let cases = [
            (format!("{gpl}{}", terms(330)), "GPL-2"),
            (format!("{gpl}{}And another licence.\n", terms(400)), ""),
            (format!("\n\n{}{}", gpl.replace("2, June 1991", "3, 29 June 2007"), terms(600)), "GPL-3"),
            (format!("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 2.1, February 1999\n{}", terms(490)), "LGPL-2.1"),
            (format!("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n{}", terms(160)), "LGPL-3"),
            (format!("GNU LIBRARY GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n{}", terms(470)), "LGPL-2"),
            (format!("Apache License\nVersion 2.0, January 2004\n{}", terms(195)), "Apache-2.0"),
            (format!("{}{gpl}", terms(8)), ""),
            ("MIT License\n\nPermission is hereby granted\n".to_owned(), ""),
            (String::new(), ""),
        ];
        for (text, expected) in cases {
            assert_eq!(common_licence(&text).unwrap_or_default(), expected, "{}", &text[..text.len().min(120)]);
            assert_eq!(in_a_container(&text), expected, "{}", &text[..text.len().min(120)]);
        }
    }
}
