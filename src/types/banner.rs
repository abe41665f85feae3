//! The banners that begin the parts of a job's log.

/// Columns of a banner.
const WIDTH: usize = 80;

/// Three lines between two empty ones; the one in the middle is the title.
pub(crate) fn banner(title: &str) -> String {
    let rule = format!("+{}+", "-".repeat(WIDTH - 2));
    format!("\n{rule}\n| {title:<width$} |\n{rule}\n\n", width = WIDTH - 4)
}

/// Whether a line, its end included, is the first of a banner, or the last.
pub(crate) fn is_rule(line: &[u8]) -> bool {
    let inner = line.strip_prefix(b"+").and_then(|line| line.strip_suffix(b"+\n"));
    inner.is_some_and(|inner| inner.len() == WIDTH - 2 && inner.iter().all(|byte| *byte == b'-'))
}

/// What the line after a rule says, in small letters, if it is the middle of a banner.
pub(crate) fn title(line: &[u8]) -> Option<String> {
    let inner = line.strip_prefix(b"| ")?.strip_suffix(b" |\n")?;
    Some(String::from_utf8_lossy(inner).trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let written = banner("Build");
        let lines: Vec<&[u8]> = written.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
        assert!(lines.iter().all(|line| line.len() == 1 || line.len() == WIDTH + 1), "{written}");
        assert_eq!(lines.iter().map(|line| is_rule(line)).collect::<Vec<_>>(), [false, true, false, true, false]);
        assert_eq!(title(lines[2]).as_deref(), Some("build"));
        assert_eq!((title(b"| a\n"), is_rule(b"+--+\n")), (None, false));
    }
}
