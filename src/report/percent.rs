//! How far a step is, by what its tools print: ninja and meson, Makefiles of CMake, CTest, pip, cargo, dnf. For people only: a
//! build can print what it likes, and nothing depends on it.

/// What a line says of how far its tool is, 0 to 100, and what else it says.
pub(super) fn percent(line: &str) -> Option<(u8, &str)> {
    let line = line.trim();
    let (percent, rest) =
        in_brackets(line).or_else(|| of_cargo(line)).or_else(|| of_pip(line)).or_else(|| of_tests(line))?;
    let rest = rest.trim_start_matches(':').trim();
    Some((percent, if rest.is_empty() { line } else { rest }))
}

/// `done` of `total`; none when that cannot be.
pub(super) fn of(done: u64, total: u64) -> Option<u8> {
    if total == 0 || done > total {
        return None;
    }
    u8::try_from(u128::from(done) * 100 / u128::from(total)).ok()
}

/// `[ 63%] Linking C library` of CMake's Makefiles, `[12/345] CC main.o` of ninja, meson and others, `(3/20): zlib.rpm` of dnf.
fn in_brackets(line: &str) -> Option<(u8, &str)> {
    let (inner, rest) = match line.strip_prefix('[') {
        Some(line) => line.split_once(']')?,
        None => line.strip_prefix('(')?.split_once(')')?,
    };
    let inner = inner.trim();
    let percent = match inner.strip_suffix('%') {
        Some(number) => number.parse().ok().filter(|percent| *percent <= 100)?,
        None => ratio(inner)?,
    };
    Some((percent, rest))
}

/// `Building [====>      ] 45/123: serde, syn`
fn of_cargo(line: &str) -> Option<(u8, &str)> {
    let (_, behind) = line.strip_prefix("Building [")?.split_once("] ")?;
    let (count, rest) = behind.split_once(':').unwrap_or((behind, ""));
    Some((ratio(count)?, rest))
}

/// `Progress 1024 of 4096` of `--progress-bar raw`, and the bar: `━━━━━━╸    1.5/12.3 MB 4.0 MB/s eta 0:00:03`.
fn of_pip(line: &str) -> Option<(u8, &str)> {
    if let Some(counts) = line.strip_prefix("Progress ") {
        let (done, total) = counts.split_once(" of ")?;
        return Some((of(done.trim().parse().ok()?, total.trim().parse().ok()?)?, ""));
    }
    let behind = line.trim_start_matches(['\u{2501}', '\u{2578}', '\u{257a}']);
    if behind.len() == line.len() {
        return None;
    }
    let behind = behind.trim_start();
    let (done, total) = behind.split_whitespace().next()?.split_once('/')?;
    // The same unit stands behind both. A tenth of it is as exact as it gets.
    let tenths = |number: &str| {
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let tenth = part.get(..1)?.parse::<u64>().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(10)?.checked_add(tenth)
    };
    Some((of(tenths(done)?, tenths(total)?)?, behind))
}

/// ` 3/12 greeting  OK  0.02s` of `meson test`, ` 3/12 Test  #3: greeting ...   Passed` of CTest.
fn of_tests(line: &str) -> Option<(u8, &str)> {
    let (count, rest) = line.split_once(' ')?;
    Some((ratio(count)?, rest))
}

/// `12/345`, `12 / 345`
fn ratio(text: &str) -> Option<u8> {
    let (done, total) = text.split_once('/')?;
    of(done.trim().parse().ok()?, total.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_say_how_far_they_are_each_in_its_way() {
        let told = [
            ("[ 63%] Linking C shared library libjq.so", 63, "Linking C shared library libjq.so"),
            ("[100%] Built target jq", 100, "Built target jq"),
            ("[12/345] CC src/main.o", 3, "CC src/main.o"),
            ("[12 / 48] Compiling src/main.cc", 25, "Compiling src/main.cc"),
            ("   Building [=====>                 ] 45/123: serde_derive, syn", 36, "serde_derive, syn"),
            ("Progress 1024 of 4096", 25, "Progress 1024 of 4096"),
            (
                "   \u{2501}\u{2501}\u{2578}      3.1/12.4 MB 4.0 MB/s eta 0:00:03",
                25,
                "3.1/12.4 MB 4.0 MB/s eta 0:00:03",
            ),
            (
                " 3/12 greet / greeting-1        OK              0.02s",
                25,
                "greet / greeting-1        OK              0.02s",
            ),
            (
                " 3/12 Test  #3: greeting ...........   Passed    0.01 sec",
                25,
                "Test  #3: greeting ...........   Passed    0.01 sec",
            ),
            ("(3/12): zlib-devel-1.2.13-4.fc39.x86_64.rpm", 25, "zlib-devel-1.2.13-4.fc39.x86_64.rpm"),
        ];
        for (line, expected, rest) in told {
            assert_eq!(percent(line), Some((expected, rest)), "{line}");
        }
    }

    #[test]
    fn what_is_no_count_is_none() {
        let others = [
            "",
            "cc -O2 -c main.c",
            "[WARN] 3/4 of it",
            "[1,2 / 3] of it",
            "[12/0] nothing",
            "[13/12] more than all",
            "[999%] no",
            "[-3%] no",
            "[99999999999999999999/1] no",
            "and/or",
            "src/main.c:12: warning: unused",
            "make[2]: Entering directory '/build/1/2'",
            "\u{2501}\u{2501}",
            "\u{2501} 1./2. MB",
            "Progress of the work",
            "Building [",
        ];
        for line in others {
            assert_eq!(percent(line), None, "{line}");
        }
    }
}
