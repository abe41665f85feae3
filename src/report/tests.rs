//! What a new kind of report takes: a sink, as `toy` is one, and its row among the formats.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::{FORMATS, ReportFormat, samples, toy};

/// A file that can be read while it is written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_and_its_row_are_a_report() {
    let formats = [FORMATS.as_slice(), &[toy::FORMAT]].concat();
    let written = |format: &ReportFormat| {
        let page = Page::default();
        let mut sink = (format.sink)(Box::new(page.clone()));
        for event in samples::run_with_every_outcome() {
            sink.event(&event).unwrap();
        }
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    };
    for format in &formats {
        assert!(written(format).ends_with('\n'), "{} writes whole lines", format.name);
        assert!(!format.holds.is_empty());
    }
    assert_eq!(written(formats.last().unwrap()), "18 jobs have ended\n");
    let names: std::collections::BTreeSet<&str> = formats.iter().map(|format| format.name).collect();
    assert_eq!(names.len(), formats.len(), "two formats have one name");
}
