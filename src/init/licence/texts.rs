//! Licences by their words. Short ones must be there whole; of the long ones, which may not be changed, what only that
//! version has at its beginning and end.

/// A licence found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    /// SPDX; of the GNU licences without what follows the version.
    pub(super) id: &'static str,
    /// How many words of the text it takes.
    pub(super) words: usize,
}

struct Licence {
    id: &'static str,
    /// Its words in parts; `*` stands for a few others, such as names.
    text: &'static [&'static str],
    /// Only marks of a text that is not here whole: any number of words may stand between.
    long: bool,
    later_versions: bool,
}

/// Words that a `*` may stand for.
const GAP: usize = 24;

const BSD_BEGIN: &str = "redistribution and use in source and binary forms with or without modification are permitted \
    provided that the following conditions are met * redistributions of source code must retain the above copyright \
    notice * this list of conditions and the following disclaimer * redistributions in binary form must reproduce the \
    above copyright notice * this list of conditions and the following disclaimer in the documentation and or other \
    materials provided with the distribution";
const BSD_NAMES: &str = "* neither the name of * may be used to endorse or promote products derived from this software \
    without specific prior written permission";
const BSD_END: &str = "this software is provided by * as is and any express or implied warranties including but not \
    limited to the implied warranties of merchantability and fitness for a particular purpose are disclaimed in no event \
    shall * be liable for any direct indirect incidental special exemplary or consequential damages including but not \
    limited to procurement of substitute goods or services loss of use data or profits or business interruption however \
    caused and on any theory of liability whether in contract strict liability or tort including negligence or otherwise \
    arising in any way out of the use of this software even if advised of the possibility of such damage";
const MIT: &str = "permission is hereby granted free of charge to any person obtaining a copy of this software and \
    associated documentation files * to deal in the software without restriction including without limitation the rights \
    to use copy modify merge publish distribute sublicense and or sell copies of the software and to permit persons to \
    whom the software is furnished to do so subject to the following conditions the above copyright notice and this \
    permission notice * shall be included in all copies or substantial portions of the software the software is provided \
    as is without warranty of any kind express or implied including but not limited to the warranties of merchantability \
    fitness for a particular purpose and noninfringement in no event shall * be liable for any claim damages or other \
    liability whether in an action of contract tort or otherwise arising from out of or in connection with the software \
    or the use or other dealings in the software";
const ISC: &str = "permission to use copy modify and * distribute this software for any purpose with or without fee is \
    hereby granted provided that the above copyright notice and this permission notice appear in all copies the software \
    is provided as is and * disclaims all warranties with regard to this software including all implied warranties of \
    merchantability and fitness in no event shall * be liable for any special direct indirect or consequential damages or \
    any damages whatsoever resulting from loss of use data or profits whether in an action of contract negligence or \
    other tortious action arising out of or in connection with the use or performance of this software";
const ZLIB: &str = "this software is provided as is without any express or implied warranty in no event will the * be \
    held liable for any damages arising from the use of this software permission is granted to anyone to use this software \
    for any purpose including commercial applications and to alter it and redistribute it freely subject to the following \
    restrictions the origin of this software must not be misrepresented you must not claim that you wrote the original \
    software if you use this software in a product an * in the product documentation would be appreciated but is not \
    required altered source versions must be plainly marked as such and must not be misrepresented as being the original \
    software this notice may not be removed or altered from any source distribution";
const UNLICENSE: &str = "this is free and unencumbered software released into the public domain anyone is free to copy \
    modify publish use compile sell or distribute this software either in source code form or as a compiled binary for any \
    purpose commercial or non commercial and by any means in jurisdictions that recognize copyright laws the author or \
    authors of this software dedicate any and all copyright interest in the software to the public domain";
const BOOST: &str = "permission is hereby granted free of charge to any person or organization obtaining a copy of the \
    software and accompanying documentation covered by this license the software to use reproduce display distribute \
    execute and transmit the software and to prepare derivative works of the software and to permit third parties to whom \
    the software is furnished to do so all subject to the following";

const LICENCES: [Licence; 19] = [
    short("MIT", &[MIT]),
    short("BSD-2-Clause", &[BSD_BEGIN, BSD_END]),
    short("BSD-3-Clause", &[BSD_BEGIN, BSD_NAMES, BSD_END]),
    short("ISC", &[ISC]),
    short("Zlib", &[ZLIB]),
    short("Unlicense", &[UNLICENSE]),
    long("BSL-1.0", &[BOOST]),
    gnu("GPL-1.0", &["gnu general public license version february 1989", "* end of terms and conditions"]),
    gnu("GPL-2.0", &["gnu general public license version june 1991", "* end of terms and conditions"]),
    gnu("GPL-3.0", &["gnu general public license version june 2007", "* end of terms and conditions"]),
    gnu("LGPL-2.0", &["gnu library general public license version june 1991", "* end of terms and conditions"]),
    gnu("LGPL-2.1", &["gnu lesser general public license version february 1999", "* end of terms and conditions"]),
    gnu("LGPL-3.0", &["gnu lesser general public license version june 2007", "* revised versions of the gnu lesser"]),
    gnu("AGPL-3.0", &["gnu affero general public license version november 2007", "* end of terms and conditions"]),
    long(
        "Apache-2.0",
        &[
            "apache license version january 2004 * terms and conditions for use reproduction and distribution",
            "* end of terms and conditions",
        ],
    ),
    long(
        "MPL-2.0",
        &["mozilla public license version * owns covered software * incompatible with secondary licenses notice"],
    ),
    long(
        "Artistic-2.0",
        &["the artistic license * the perl foundation * under which a given free software package may be copied"],
    ),
    long("CC0-1.0", &["cc0 universal * the person who associated a work with this deed"]),
    long("EPL-2.0", &["eclipse public license v * exhibit a form of secondary licenses notice"]),
];

const fn short(id: &'static str, text: &'static [&'static str]) -> Licence {
    Licence { id, text, long: false, later_versions: false }
}

const fn long(id: &'static str, text: &'static [&'static str]) -> Licence {
    Licence { id, text, long: true, later_versions: false }
}

const fn gnu(id: &'static str, text: &'static [&'static str]) -> Licence {
    Licence { id, text, long: true, later_versions: true }
}

/// Whether only marks of a licence are known: its file has many more words.
pub(super) fn is_long(id: &str) -> bool {
    LICENCES.iter().any(|licence| licence.id == id && licence.long)
}

/// Whether a notice decides if later versions may be chosen.
pub(super) fn has_later_versions(id: &str) -> bool {
    LICENCES.iter().any(|licence| licence.id == id && licence.later_versions)
}

/// The words of a text in lower case: numbers of clauses and versions, marks of comments and quotes are none.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 2 || !word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_lowercase)
        .collect()
}

/// The words of a text with one space between, numbers with their dots.
pub(super) fn running(text: &str) -> String {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '.')).map(|word| word.trim_matches('.'));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Every licence that the words hold.
pub(super) fn matches(words: &[String]) -> Vec<Match> {
    let found = LICENCES.iter().filter_map(|licence| {
        let text = licence.text.join(" ");
        let segments: Vec<Vec<&str>> = text
            .split('*')
            .map(|segment| segment.split_whitespace().collect())
            .filter(|s: &Vec<&str>| !s.is_empty())
            .collect();
        let gap = if licence.long { usize::MAX } else { GAP };
        let mut from = 0;
        let mut taken = 0;
        // Of several authors, each may have written it below his own name.
        while let Some((begin, end)) = span(words, from, &segments, gap) {
            taken += end - begin;
            from = end;
        }
        (taken > 0).then_some(Match { id: licence.id, words: taken })
    });
    found.collect()
}

/// From the first segment's begin to the last one's end, in words; none when one is missing.
fn span(words: &[String], from: usize, segments: &[Vec<&str>], gap: usize) -> Option<(usize, usize)> {
    let first = segments.first()?;
    let mut begin = from;
    while let Some(at) = position(words, begin, usize::MAX, first) {
        let mut end = at + first.len();
        let all = segments[1..].iter().all(|segment| match position(words, end, gap, segment) {
            Some(next) => {
                end = next + segment.len();
                true
            }
            None => false,
        });
        if all {
            return Some((at, end));
        }
        begin = at + 1;
    }
    None
}

/// Where a segment begins, at most `gap` words after `from`.
fn position(words: &[String], from: usize, gap: usize, segment: &[&str]) -> Option<usize> {
    let last = words.len().checked_sub(segment.len())?.min(from.saturating_add(gap));
    (from..=last).find(|at| words[*at..at + segment.len()].iter().zip(segment).all(|(word, wanted)| word == wanted))
}

/// A licence's text with names put in, for tests.
#[cfg(test)]
pub(super) fn sample(id: &str) -> String {
    let licence = LICENCES.iter().find(|licence| licence.id == id).unwrap();
    licence.text.join(" ").replace('*', "The Authors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_licence_is_valid_and_recognises_its_own_text_only() {
        for licence in &LICENCES {
            let id = if licence.later_versions { format!("{}-only", licence.id) } else { licence.id.to_owned() };
            assert!(spdx::Expression::parse(&id).is_ok(), "{id}");
            let found: Vec<&str> = matches(&words(&sample(licence.id))).iter().map(|one| one.id).collect();
            assert_eq!(found, [licence.id]);
        }
    }

    #[test]
    fn marks_of_comments_and_numbers_of_clauses_do_not_matter() {
        let text = "/* 1. Permission is hereby\n * granted, (2) free of charge. */";
        assert_eq!(words(text).join(" "), "permission is hereby granted free of charge");
        assert_eq!(running("version 2.1 of\n# the License."), "version 2.1 of the license");
    }
}
