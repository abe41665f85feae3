//! Patterns of paths, as `files` of a recipe has them. The packaging that runs in containers does the same in awk
//! (`patterns.awk`); tests compare the two.

/// Whether a pattern takes a path: `*` and `?` stay within one component, `**` is any path, and a pattern that names a
/// folder takes all below it.
pub(crate) fn takes(pattern: &str, path: &str) -> bool {
    let whole = |end: usize| matches(pattern.as_bytes(), &path.as_bytes()[..end]);
    whole(path.len()) || path.match_indices('/').any(|(slash, _)| whole(slash))
}

/// Whether a pattern takes a path itself, not by a folder above it.
pub(crate) fn is_meant(pattern: &str, path: &str) -> bool {
    matches(pattern.as_bytes(), path.as_bytes())
}

/// By a table of which prefixes match which: no pattern takes exponential time.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    let mut rest = pattern;
    while !rest.is_empty() {
        let mut next = vec![false; text.len() + 1];
        if let Some(after) = rest.strip_prefix(b"/**/") {
            // One slash, and any folders behind it.
            for start in (0..text.len()).filter(|start| reach[*start] && text[*start] == b'/') {
                next[start + 1] = true;
                for at in start + 1..text.len() {
                    next[at + 1] |= text[at] == b'/';
                }
            }
            rest = after;
        } else if let Some(after) = rest.strip_prefix(b"**") {
            let first = reach.iter().position(|reached| *reached).unwrap_or(text.len() + 1);
            next.iter_mut().skip(first).for_each(|reached| *reached = true);
            rest = after;
        } else {
            match rest[0] {
                b'*' => {
                    let mut open = false;
                    for at in 0..=text.len() {
                        open |= reach[at];
                        next[at] = open;
                        open &= text.get(at) != Some(&b'/');
                    }
                }
                // One character, of however many bytes.
                b'?' => {
                    for start in (0..text.len()).filter(|at| reach[*at] && text[*at] != b'/') {
                        let rest = text[start + 1..].iter().take_while(|byte| matches!(byte, 0x80..=0xbf));
                        next[start + 1 + rest.count()] = true;
                    }
                }
                c => {
                    for at in (0..text.len()).filter(|at| reach[*at]) {
                        next[at + 1] = text[at] == c;
                    }
                }
            }
            rest = &rest[1..];
        }
        reach = next;
    }
    reach[text.len()]
}
