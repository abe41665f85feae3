//! Reports in files, beside what the terminal shows.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use super::failure::Failure;
use crate::report::{FORMATS, ReportFormat, Sink};

/// What `--report` names.
#[derive(Debug, Clone)]
pub(crate) struct ReportFile {
    format: ReportFormat,
    path: PathBuf,
}

impl ReportFile {
    pub(crate) fn parse(text: &str) -> Result<ReportFile, String> {
        ReportFile::of(text, &FORMATS)
    }

    fn of(text: &str, formats: &[ReportFormat]) -> Result<ReportFile, String> {
        let example = formats.first().map_or("", |format| format.name);
        let named = text.split_once('=').filter(|(_, path)| !path.is_empty());
        let (name, path) = named.ok_or_else(|| format!("expected FORMAT=FILE, as {example}=report.{example}"))?;
        let format = formats.iter().find(|format| format.name == name);
        let format = format.ok_or_else(|| {
            let known: Vec<&str> = formats.iter().map(|format| format.name).collect();
            format!("`{name}` is no report (known: {})", known.join(", "))
        })?;
        Ok(ReportFile { format: *format, path: path.into() })
    }

    /// Begins the file anew.
    pub(crate) fn sink(&self) -> Result<Box<dyn Sink>, Failure> {
        let failed = |source| Failure::Write { path: self.path.clone(), source };
        let file = File::create(&self.path).map_err(failed)?;
        Ok((self.format.sink)(Box::new(NamedFile { path: self.path.clone(), file })))
    }
}

/// What the help says of `--report`.
pub(crate) fn help() -> String {
    let formats = FORMATS.map(|format| format!("{}: {}", format.name, format.holds));
    format!("Write a report into a file, too ({}); can be repeated", formats.join("; "))
}

/// A file whose errors name it.
struct NamedFile {
    path: PathBuf,
    file: File,
}

impl NamedFile {
    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("cannot write {}: {error}", self.path.display()))
    }
}

impl Write for NamedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| self.named(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.named(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::toy;

    #[test]
    fn a_row_among_the_formats_is_all_that_the_command_line_needs() {
        let formats = [FORMATS.as_slice(), &[toy::FORMAT]].concat();
        let error = |text: &str| ReportFile::of(text, &formats).unwrap_err();
        assert_eq!(ReportFile::of("toy=a=b", &formats).unwrap().path, PathBuf::from("a=b"));
        assert_eq!(error("toys=x"), "`toys` is no report (known: json, plain, toy)");
        assert_eq!(error("toy"), "expected FORMAT=FILE, as json=report.json");
        assert_eq!(error("toy="), error("toy"));
        assert!(FORMATS.iter().all(|format| help().contains(format.name)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_be_written_is_named() {
        let report = ReportFile::parse("json=/dev/full").unwrap();
        let event = crate::report::samples::run_with_every_outcome().remove(0);
        let error = report.sink().unwrap().event(&event).unwrap_err().to_string();
        assert!(error.starts_with("cannot write /dev/full: "), "{error}");
        assert!(matches!(ReportFile::parse("json=/nowhere/x").unwrap().sink(), Err(Failure::Write { .. })));
    }
}
