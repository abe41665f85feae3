//! Reports in files, beside what the terminal shows.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::failure::Failure;
use super::stdout::Stdout;
use crate::report::{FORMATS, LINES, PAGE, ReportFormat, Sink};

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

    /// Whether it shows lines that builds print.
    pub(crate) fn has_lines(&self) -> bool {
        self.format.name == LINES
    }

    /// The page of a run that the store itself keeps.
    pub(crate) fn page(path: PathBuf) -> ReportFile {
        ReportFile { format: PAGE, path }
    }

    /// Begins the file anew; one that is written at the end of the run takes the place of what is there now only then.
    pub(crate) fn sink(&self) -> Result<Box<dyn Sink>, Failure> {
        // As the lines beside it go: opened anew it would have an end of its own where it is a file.
        if self.path == Path::new("/dev/stdout") {
            return Ok((self.format.sink)(Box::new(Stdout)));
        }
        // Not with the name of the file beside it.
        let plain = |error: io::Error| error.raw_os_error().map_or(error, io::Error::from_raw_os_error);
        let failed = |source| Failure::Report { path: self.path.clone(), source: plain(source) };
        let is_file = std::fs::metadata(&self.path).map_or(true, |found| found.is_file());
        let (path, file) = match self.format.is_whole && is_file {
            true => {
                let folder =
                    self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let mut builder = tempfile::Builder::new();
                // For all who may read other files of this user.
                let builder = builder.prefix(".farm-report-").permissions(Permissions::from_mode(0o666));
                (self.path.clone(), OpenFile::Aside(Some(builder.tempfile_in(folder).map_err(failed)?)))
            }
            false => (self.path.clone(), OpenFile::There(File::create(&self.path).map_err(failed)?)),
        };
        Ok((self.format.sink)(Box::new(NamedFile { path, file })))
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
    file: OpenFile,
}

enum OpenFile {
    There(File),
    /// Beside its place, until it is whole.
    Aside(Option<NamedTempFile>),
}

impl NamedFile {
    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("cannot write {}: {error}", self.path.display()))
    }
}

impl Write for NamedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            OpenFile::There(file) => file.write(bytes),
            OpenFile::Aside(Some(file)) => file.write(bytes),
            OpenFile::Aside(None) => Err(io::Error::other("it is written already")),
        };
        written.map_err(|error| self.named(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.file {
            OpenFile::There(file) => file.flush(),
            OpenFile::Aside(file) => match file.take() {
                Some(file) => file.persist(&self.path).map(drop).map_err(|error| error.error),
                None => Ok(()),
            },
        };
        flushed.map_err(|error| self.named(error))
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
        assert_eq!(
            error("toys=x"),
            "`toys` is no report (known: json, plain, html, junit, sarif, markdown, github, gitlab, prometheus, toy)"
        );
        assert_eq!(error("toy"), "expected FORMAT=FILE, as json=report.json");
        assert_eq!(error("toy="), error("toy"));
        assert!(FORMATS.iter().all(|format| help().contains(format.name)));
    }

    #[test]
    fn a_whole_report_takes_its_place_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        std::fs::write(&path, "of the last run").unwrap();
        let report = ReportFile::parse(&format!("junit={}", path.display())).unwrap();
        let events = crate::report::samples::run_with_every_outcome();
        let (last, others) = events.split_last().unwrap();
        drop(report.sink().unwrap());
        let mut sink = report.sink().unwrap();
        others.iter().for_each(|event| sink.event(event).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "of the last run");
        sink.event(last).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("</testsuites>\n"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_be_written_is_named() {
        let report = ReportFile::parse("json=/dev/full").unwrap();
        let event = crate::report::samples::run_with_every_outcome().remove(0);
        let error = report.sink().unwrap().event(&event).unwrap_err().to_string();
        assert!(error.starts_with("cannot write /dev/full: "), "{error}");
        assert!(matches!(ReportFile::parse("json=/nowhere/x").unwrap().sink(), Err(Failure::Report { .. })));
    }
}
