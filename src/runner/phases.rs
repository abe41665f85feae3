//! Finds the lines by which a script announces the phase that it enters, a mistake that it has found, or what people
//! should be told when all is done, in output that arrives cut anywhere, and takes them out. What it lets through is the
//! same for every way of cutting.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::artifact::Severity;
use crate::packaging::StepKind;

/// What a script may announce; the other phases are farm's own.
const ANNOUNCED: [StepKind; 4] = [StepKind::Unpack, StepKind::Build, StepKind::Check, StepKind::Package];

/// The words that say that a rule and a sentence follow.
const FINDINGS: [(&[u8], Severity); 2] = [(b" finding ", Severity::Error), (b" warning ", Severity::Warning)];
/// A longer line is no finding of a script of farm's.
const LONGEST_FINDING: usize = 4096;

/// A piece of a process's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    Phase(StepKind),
    /// What is wrong, or worth a warning, by a script that looked for it: the rule's name and a sentence. Not made
    /// printable.
    Finding(Severity, String, String),
}

/// Reads one stream of one process.
///
/// A marker is found anywhere in a line, not only at its beginning: a tool that ends its output without a newline must
/// not hide the marker that follows. The token is random, so nothing else looks like it.
#[derive(Debug)]
pub(crate) struct PhaseScanner {
    token: Vec<u8>,
    /// The beginning of what may become a marker: shorter than one.
    held: Vec<u8>,
}

impl PhaseScanner {
    pub(crate) fn new(token: &str) -> PhaseScanner {
        PhaseScanner { token: token.as_bytes().to_vec(), held: Vec::new() }
    }

    /// What is known after `chunk` came.
    pub(crate) fn scan(&mut self, chunk: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let joined;
        let mut rest = if self.held.is_empty() {
            chunk
        } else {
            joined = [std::mem::take(&mut self.held).as_slice(), chunk].concat();
            joined.as_slice()
        };
        let mut plain = Vec::new();
        while let Some(start) = self.candidate(rest) {
            plain.extend_from_slice(&rest[..start]);
            let marker = &rest[start..];
            match self.marker(marker) {
                Marker::Complete(piece, length) => {
                    push(&mut pieces, &mut plain);
                    pieces.push(piece);
                    rest = &marker[length..];
                }
                Marker::Partial => {
                    self.held = marker.to_vec();
                    push(&mut pieces, &mut plain);
                    return pieces;
                }
                Marker::None => {
                    plain.push(marker[0]);
                    rest = &marker[1..];
                }
            }
        }
        plain.extend_from_slice(rest);
        push(&mut pieces, &mut plain);
        pieces
    }

    /// What was held back when the stream ended.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// Where in `bytes` the token begins, whole or as far as there are bytes.
    fn candidate(&self, bytes: &[u8]) -> Option<usize> {
        let first = *self.token.first()?;
        let mut from = 0;
        while let Some(offset) = bytes[from..].iter().position(|byte| *byte == first) {
            let start = from + offset;
            let length = self.token.len().min(bytes.len() - start);
            if bytes[start..start + length] == self.token[..length] {
                return Some(start);
            }
            from = start + 1;
        }
        None
    }

    /// `bytes` begin with the token, or with a beginning of it that ends with them.
    fn marker(&self, bytes: &[u8]) -> Marker {
        let Some(after) = bytes.get(self.token.len()..) else { return Marker::Partial };
        let mut partial = false;
        for phase in ANNOUNCED {
            let expected = [b" ", phase.as_str().as_bytes(), b"\n"].concat();
            if after.starts_with(&expected) {
                return Marker::Complete(Piece::Phase(phase), self.token.len() + expected.len());
            }
            partial |= expected.starts_with(after);
        }
        for (word, severity) in FINDINGS {
            let Some(text) = after.strip_prefix(word) else {
                partial |= word.starts_with(after);
                continue;
            };
            let room = &text[..text.len().min(LONGEST_FINDING)];
            return match room.iter().position(|byte| *byte == b'\n') {
                Some(end) => match String::from_utf8_lossy(&text[..end]).split_once(' ') {
                    Some((rule, message)) => Marker::Complete(
                        Piece::Finding(severity, rule.to_owned(), message.to_owned()),
                        self.token.len() + word.len() + end + 1,
                    ),
                    None => Marker::None,
                },
                None if room.len() < LONGEST_FINDING => Marker::Partial,
                None => Marker::None,
            };
        }
        if partial { Marker::Partial } else { Marker::None }
    }
}

enum Marker {
    /// What it says and its length with its newline.
    Complete(Piece, usize),
    /// More bytes are needed.
    Partial,
    None,
}

fn push(pieces: &mut Vec<Piece>, plain: &mut Vec<u8>) {
    if !plain.is_empty() {
        pieces.push(Piece::Bytes(std::mem::take(plain)));
    }
}

/// A token that no program prints by chance. It is no secret: whatever runs in the container can read it.
pub(crate) fn new_token() -> String {
    // Each `RandomState` is keyed from the system's randomness.
    let random = || RandomState::new().build_hasher().finish();
    // The first byte is rare in build logs, which keeps the search fast.
    format!("@farm-phase-{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "@farm-0123";

    /// The pieces, those of bytes that follow each other joined.
    fn scan(chunks: &[&[u8]]) -> Vec<Piece> {
        let mut scanner = PhaseScanner::new(TOKEN);
        let mut pieces: Vec<Piece> = chunks.iter().flat_map(|chunk| scanner.scan(chunk)).collect();
        pieces.push(Piece::Bytes(scanner.finish()));
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (_, Piece::Bytes(bytes)) if bytes.is_empty() => {}
                (Some(Piece::Bytes(before)), Piece::Bytes(bytes)) => before.extend(bytes),
                (_, piece) => joined.push(piece),
            }
        }
        joined
    }

    fn bytes(text: &str) -> Piece {
        Piece::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn markers_are_taken_out() {
        let text = format!("cc a.c\n{TOKEN} check\nPASS\n{TOKEN} package\n");
        assert_eq!(
            scan(&[text.as_bytes()]),
            [bytes("cc a.c\n"), Piece::Phase(StepKind::Check), bytes("PASS\n"), Piece::Phase(StepKind::Package)]
        );
    }

    #[test]
    fn findings_are_taken_out_whole() {
        let text = format!("ls\n{TOKEN} finding file-in-two-packages /usr/bin/a b is in two\nend\n");
        let finding =
            Piece::Finding(Severity::Error, "file-in-two-packages".to_owned(), "/usr/bin/a b is in two".to_owned());
        assert_eq!(scan(&[text.as_bytes()]), [bytes("ls\n"), finding, bytes("end\n")]);
        for text in [
            format!("{TOKEN} finding rule\n"),
            format!("{TOKEN} finding rule {}\n", "x".repeat(LONGEST_FINDING)),
            format!("{TOKEN} finding rule without an end"),
        ] {
            assert_eq!(scan(&[text.as_bytes()]), [bytes(&text)]);
        }
    }

    #[test]
    fn a_marker_behind_an_unfinished_line_is_found() {
        let text = format!("no newline{TOKEN} check\nnext");
        assert_eq!(scan(&[text.as_bytes()]), [bytes("no newline"), Piece::Phase(StepKind::Check), bytes("next")]);
    }

    #[test]
    fn a_warning_is_a_finding_that_lets_the_build_go_on() {
        let text = format!("a\n{TOKEN} warning patch-moved a hunk\nb\n");
        let warning = || Piece::Finding(Severity::Warning, "patch-moved".to_owned(), "a hunk".to_owned());
        assert_eq!(scan(&[text.as_bytes()]), [bytes("a\n"), warning(), bytes("b\n")]);
        let (one, other) = text.as_bytes().split_at(text.len() - 8);
        assert_eq!(scan(&[one, other]), [bytes("a\n"), warning(), bytes("b\n")]);
    }

    #[test]
    fn what_only_looks_like_a_marker_stays() {
        for text in [
            format!("{TOKEN} unknown\n"),
            format!("{TOKEN} inspect\n"),
            format!("{TOKEN} checks\n"),
            format!("{TOKEN}check\n"),
            "@farm-01 check\n".to_owned(),
            format!("@farm-@farm-012{TOKEN}"),
            format!("{TOKEN} chec"),
        ] {
            assert_eq!(scan(&[text.as_bytes()]), [bytes(&text)], "{text:?}");
        }
    }

    #[test]
    fn tokens_differ() {
        assert_ne!(new_token(), new_token());
    }

    fn output() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(format!("{TOKEN} build\n").into_bytes()),
            Just(format!("{TOKEN} check\n").into_bytes()),
            Just(format!("{TOKEN} warning a b\n").into_bytes()),
            Just(format!("{TOKEN} nothing\n").into_bytes()),
            Just(format!("{TOKEN} finding rule text\n").into_bytes()),
            Just(format!("{TOKEN} finding ").into_bytes()),
            Just(TOKEN.as_bytes().to_vec()),
            (0..TOKEN.len()).prop_map(|length| TOKEN.as_bytes()[..length].to_vec()),
            proptest::collection::vec(any::<u8>(), 0..12),
            Just(b"make: done\n".to_vec()),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing(
            output in output(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(output.len() + 1)).collect();
            at.extend([0, output.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &output[pair[0]..pair[1]]).collect();
            prop_assert_eq!(scan(&chunks), scan(&[&output]));
        }

        #[test]
        fn output_without_the_token_is_not_touched(output in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assume!(!output.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
            let expected = if output.is_empty() { vec![] } else { vec![Piece::Bytes(output.clone())] };
            prop_assert_eq!(scan(&[&output]), expected);
        }
    }
}
