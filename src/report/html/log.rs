//! The end of a log, in a page. Only so much of it that a page with a thousand failures still opens.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::shown;
use crate::event::JobReport;

/// Of each log, its last bytes.
const LONGEST: usize = 48 << 10;
/// A longer line is cut.
const LONGEST_LINE: usize = 2000;

/// Lines with their numbers, which are links to themselves, and a field to search them.
pub(super) fn excerpt(index: usize, job: &JobReport, page: &mut String) {
    let of_file = job.log.as_deref().and_then(|path| last_lines(path, LONGEST).ok());
    let (first, lines) = match (of_file, &job.tail) {
        (Some((first, lines)), _) if !lines.is_empty() => (first, lines),
        (_, Some(tail)) => (tail.first_line, tail.lines.clone()),
        _ => return,
    };
    page.push_str(&format!(
        "<h3>The end of its log</h3>\n<p class=\"search controls\" hidden><label>Search <input type=\"search\" autocomplete=\"off\">\
         </label> <output></output></p>\n<pre class=\"log\" tabindex=\"0\" aria-label=\"The end of the log of {}\">",
        shown(&job.target.to_string())
    ));
    for (line, number) in lines.iter().zip(first..) {
        let cut = line.char_indices().nth(LONGEST_LINE).map_or(line.as_str(), |(at, _)| &line[..at]);
        let place = format!("t{index}-{number}");
        page.push_str(&format!("<span id=\"{place}\"><a href=\"#{place}\">{number}</a>{}</span>", shown(cut)));
    }
    page.push_str("</pre>\n");
}

/// The lines of the last bytes of a file, and the number of the first of them, from 1 on.
fn last_lines(path: &Path, bytes: usize) -> io::Result<(u64, Vec<String>)> {
    let mut file = BufReader::with_capacity(128 << 10, File::open(path)?);
    let skipped = file.get_ref().metadata()?.len().saturating_sub(bytes as u64);
    let mut number = 1;
    let mut left = skipped;
    while left > 0 {
        let block = file.fill_buf()?;
        let length = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            break;
        }
        number += block[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
        file.consume(length);
        left -= length as u64;
    }
    let mut rest = Vec::new();
    file.take(bytes as u64).read_to_end(&mut rest)?;
    let text = String::from_utf8_lossy(&rest);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if skipped > 0 && !lines.is_empty() {
        // It began before.
        lines.remove(0);
        number += 1;
    }
    Ok((number, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_have_the_numbers_that_they_have_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("build.log");
        let text: String = (1..=1000).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&path, &text).unwrap();
        for bytes in [1, 9, 10, 100, 5000, 1 << 20] {
            let (first, lines) = last_lines(&path, bytes).unwrap();
            for (line, number) in lines.iter().zip(first..) {
                assert_eq!(*line, format!("line {number}"), "{bytes}");
            }
            let whole = lines.len() as u64 + first;
            assert!(lines.is_empty() || whole == 1001, "{bytes}: {whole}");
        }
        assert_eq!(last_lines(&path, 1 << 20).unwrap().0, 1);
        assert!(last_lines(&folder.path().join("none"), 10).is_err());
    }
}
