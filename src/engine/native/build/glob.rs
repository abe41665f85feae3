//! Wildcards of COPY and ADD, by the rules of Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a-z]` and `\`, none of which
//! matches a `/`.

/// Whether a path is more than the name of one file.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '\\'])
}

/// Whether all parts of a path match those of a pattern.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| part_matches(pattern, part))
}

fn part_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where to go on when what follows the last `*` does not match: one character more is its.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&'*') {
            retry = Some((at + 1, seen));
            at += 1;
            continue;
        }
        if at == pattern.len() && seen == text.len() {
            return true;
        }
        match text.get(seen).and_then(|c| one(&pattern[at..], *c)) {
            Some(length) => {
                at += length;
                seen += 1;
            }
            None => match retry {
                Some((after, from)) if from < text.len() => {
                    retry = Some((after, from + 1));
                    (at, seen) = (after, from + 1);
                }
                _ => return false,
            },
        }
    }
}

/// The length of the pattern's first piece, if it matches a character.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match *pattern.first()? {
        '?' => Some(1),
        '\\' => (pattern.get(1) == Some(&c)).then_some(2),
        '[' => class(&pattern[1..], c).map(|length| length + 1),
        literal => (literal == c).then_some(1),
    }
}

fn class(pattern: &[char], c: char) -> Option<usize> {
    let negated = pattern.first() == Some(&'^');
    let (mut at, mut matched, begin) = (usize::from(negated), false, usize::from(negated));
    loop {
        let next = |at: &mut usize| {
            let escaped = pattern.get(*at) == Some(&'\\');
            *at += usize::from(escaped) + 1;
            pattern.get(*at - 1).copied().filter(|c| escaped || !matches!(c, '-' | ']'))
        };
        if pattern.get(at) == Some(&']') && at > begin {
            return (matched != negated).then_some(at + 1);
        }
        let low = next(&mut at)?;
        let high = if pattern.get(at) == Some(&'-') {
            at += 1;
            next(&mut at)?
        } else {
            low
        };
        matched |= (low..=high).contains(&c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_match_as_in_go() {
        for (pattern, path, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "a/b.txt", false),
            ("*/*.txt", "a/b.txt", true),
            ("a*b*c", "axxbyybc", true),
            ("a*b*c", "axxbyyb", false),
            ("?", "ü", true),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("arr[[]0].txt", "arr[0].txt", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[", "[", false),
            ("[]a]", "]", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_is_answered(pattern in "[ab*?\\[\\]^\\\\/-]{0,12}", path in "[ab/\\]]{0,12}") {
            matches(&pattern, &path);
        }

        #[test]
        fn a_name_matches_itself(name in "[a-z.]{1,12}", at in any::<prop::sample::Index>()) {
            prop_assert!(matches(&name, &name));
            let at = at.index(name.len() + 1);
            let starred = format!("{}*{}", &name[..at], &name[at..]);
            prop_assert!(matches(&starred, &name));
        }
    }
}
