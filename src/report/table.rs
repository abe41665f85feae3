//! Columns of text for people: `farm plan`, `farm distros`, `farm images`. No borders: lines stay easy to copy and to cut.

use super::style::{Style, Tone, pad, width};

/// A table whose last column is cut to the width there is.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Table {
        Table { head: head.to_vec(), rows: Vec::new() }
    }

    /// # Panics
    /// When the row has another number of cells than the head.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.head.len(), "a row has one cell per column");
        self.rows.push(cells);
    }

    /// One line per row, each ended.
    pub(crate) fn render(&self, style: &Style) -> String {
        let columns: Vec<usize> = (0..self.head.len())
            .map(|column| self.rows.iter().map(|row| width(&row[column])).chain([self.head[column].len()]).max())
            .map(Option::unwrap_or_default)
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded: Vec<String> = cells.zip(&columns).map(|(cell, columns)| pad(cell, *columns)).collect();
            style.cut(padded.join("  ").trim_end(), style.width).into_owned()
        };
        let mut text = style.paint(Tone::Quiet, &line(&mut self.head.iter().copied()));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&line(&mut row.iter().map(String::as_str)));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_the_last_one_gives_way() {
        let mut table = Table::new(&["TARGET", "ACTION", "BECAUSE"]);
        table.row(vec!["hello@debian-12/amd64".into(), "up to date".into(), String::new()]);
        table.row(vec!["hello@debian-13/amd64".into(), "build".into(), "recipe.build.env changed".into()]);
        insta::assert_snapshot!(table.render(&Style { width: 50, ..Style::PLAIN }), @"
        TARGET                 ACTION      BECAUSE
        hello@debian-12/amd64  up to date
        hello@debian-13/amd64  build       recipe.build.e…
        ");
        assert!(table.render(&Style { cuts: false, ..Style::PLAIN }).contains("recipe.build.env changed\n"));
    }
}
