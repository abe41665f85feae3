//! How text looks on what it is written to: colours, marks and width. Colour is never the only carrier of a meaning:
//! every mark has its own shape, in Unicode and in ASCII.

use std::borrow::Cow;

/// What the place that text goes to can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub unicode: bool,
    pub color: bool,
    /// Columns.
    pub width: usize,
    /// Whether lines end at the width. Where nobody looks at columns (a pipe, a file), nothing is cut off.
    pub cuts: bool,
}

/// What a piece of text means, as far as colour goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Warning,
    Quiet,
    Strong,
}

impl Style {
    /// No colour, Unicode, 80 columns.
    pub(crate) const PLAIN: Style = Style { unicode: true, color: false, width: 80, cuts: true };

    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let style = console::Style::new().force_styling(true);
        let style = match tone {
            Tone::Good => style.green(),
            Tone::Bad => style.red().bold(),
            Tone::Warning => style.yellow(),
            Tone::Quiet => style.dim(),
            Tone::Strong => style.bold(),
        };
        style.apply_to(text).to_string()
    }

    /// ` · ` between facts of one line.
    pub(crate) fn dot(&self) -> &'static str {
        if self.unicode { " \u{b7} " } else { ", " }
    }

    fn ellipsis(&self) -> &'static str {
        if self.unicode { "\u{2026}" } else { "..." }
    }

    /// `text` in at most `columns` columns; what is cut off is marked. Colours in it are kept whole.
    pub(crate) fn cut<'a>(&self, text: &'a str, columns: usize) -> Cow<'a, str> {
        if !self.cuts || width(text) <= columns {
            return Cow::Borrowed(text);
        }
        if columns <= width(self.ellipsis()) {
            return console::truncate_str(text, columns, "");
        }
        console::truncate_str(text, columns, self.ellipsis())
    }

    /// The id of a target in at most `columns` columns. What goes is the middle: the distribution, at the end, is what tells
    /// the rows of one recipe apart.
    pub(crate) fn shorten(&self, target: &str, columns: usize) -> String {
        if !self.cuts || width(target) <= columns {
            return target.to_owned();
        }
        let mark = self.ellipsis();
        let (recipe, distro) = target.split_at(target.rfind('@').unwrap_or(target.len()));
        let system = distro.split('/').next().unwrap_or(distro);
        let head = |room: usize| recipe.chars().take(room).collect::<String>();
        let tail = |room: usize| target.chars().skip(target.chars().count().saturating_sub(room)).collect::<String>();
        let room = |taken: &str| columns.saturating_sub(width(mark) + width(taken));
        if room(distro) > 0 {
            return format!("{}{mark}{distro}", head(room(distro)));
        }
        if !system.is_empty() && width(mark) + width(system) <= columns {
            return format!("{}{mark}{system}", head(room(system)));
        }
        if columns <= width(mark) {
            return tail(columns);
        }
        format!("{mark}{}", tail(room("")))
    }

    /// `left`, and `right` at the right edge; below it when both do not fit in one line.
    pub(crate) fn edges(&self, left: &str, right: &str) -> String {
        let taken = width(left) + width(right);
        if taken + 2 > self.width {
            return format!("{}\n{}", self.cut(left, self.width), self.cut(right, self.width));
        }
        format!("{left}{}{right}", " ".repeat(self.width - taken))
    }

    /// A line as it is, where it has room or nobody looks at columns; else its words in several, the further ones indented by two
    /// more.
    pub(crate) fn fit(&self, line: &str) -> String {
        if !self.cuts || width(line) <= self.width {
            return line.to_owned();
        }
        let own = " ".repeat(line.len() - line.trim_start().len());
        let narrow = Style { width: self.width.saturating_sub(own.len() + 2), ..*self };
        format!("{own}{}", narrow.wrap(line, "").replace('\n', &format!("\n{own}  ")))
    }

    /// Words in lines of at most `columns`, each after `indent`; a word that is longer stands alone.
    pub(crate) fn wrap(&self, text: &str, indent: &str) -> String {
        let columns = self.width.max(16);
        let mut wrapped = String::new();
        let mut line = indent.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && width(&line) + 1 + width(word) > columns {
                wrapped.push_str(&line);
                wrapped.push('\n');
                line = indent.to_owned();
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        wrapped + &line
    }
}

/// Columns that `text` takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// `text` and blanks up to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Blanks up to `columns`, and `text`.
pub(crate) fn pad_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `1 package`, `3 packages`
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_has_no_room_goes_on_below_itself() {
        let style = Style { width: 20, ..Style::PLAIN };
        assert_eq!(style.fit("error: short"), "error: short");
        assert_eq!(style.fit("  one two three four five"), "  one two three\n    four five");
        assert_eq!(style.fit("error: one two three four"), "error: one two\n  three four");
        let pipe = Style { cuts: false, ..style };
        assert_eq!(pipe.fit("  one two three four five"), "  one two three four five");
    }

    #[test]
    fn text_is_cut_to_columns_not_bytes() {
        assert_eq!(Style::PLAIN.cut("gr\u{fc}\u{df}e", 5), "gr\u{fc}\u{df}e");
        assert_eq!(Style::PLAIN.cut("gr\u{fc}\u{df}e, world", 6), "gr\u{fc}\u{df}e\u{2026}");
        assert_eq!(Style { unicode: false, ..Style::PLAIN }.cut("0123456789", 6), "012...");
        assert_eq!(Style::PLAIN.cut("0123456789", 1), "0");
    }

    #[test]
    fn of_a_target_the_middle_goes_first_and_the_distribution_last() {
        let shorten = |columns| Style::PLAIN.shorten("prometheus-postgres-exporter@debian-12/amd64", columns);
        assert_eq!(shorten(44), "prometheus-postgres-exporter@debian-12/amd64");
        assert_eq!(shorten(30), "prometheus-po\u{2026}@debian-12/amd64");
        assert_eq!(shorten(18), "p\u{2026}@debian-12/amd64");
        assert_eq!(shorten(17), "promet\u{2026}@debian-12");
        assert_eq!(shorten(11), "\u{2026}@debian-12");
        assert_eq!(shorten(10), "\u{2026}-12/amd64");
        assert_eq!(shorten(1), "4");
        for columns in 1..50 {
            assert!(width(&shorten(columns)) <= columns);
        }
        let ascii = Style { unicode: false, ..Style::PLAIN };
        assert_eq!(ascii.shorten("prometheus-postgres-exporter@debian-12/amd64", 24), "prome...@debian-12/amd64");
        assert_eq!(Style { cuts: false, ..Style::PLAIN }.shorten("jq@debian-12/amd64", 4), "jq@debian-12/amd64");
    }

    #[test]
    fn what_does_not_fit_in_one_line_takes_two() {
        let narrow = Style { width: 12, ..Style::PLAIN };
        assert_eq!(narrow.edges("left", "right"), "left   right");
        assert_eq!(narrow.edges("left side", "right"), "left side\nright");
    }

    #[test]
    fn long_sentences_wrap_under_their_indent() {
        let narrow = Style { width: 20, ..Style::PLAIN };
        assert_eq!(narrow.wrap("one two three four five", "  "), "  one two three four\n  five");
    }

    #[test]
    fn without_colour_there_is_no_escape() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "failed"), "failed");
        assert!(Style { color: true, ..Style::PLAIN }.paint(Tone::Bad, "failed").contains('\u{1b}'));
    }
}
