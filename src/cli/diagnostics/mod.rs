//! Renders what is wrong with recipes, distributions and matrices: what, where in the file with a caret, what is meant
//! by it, what to do next. One page per problem; nothing in the file can steer the terminal.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::path::Path;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents, ThemeCharacters, ThemeStyles,
};

use crate::cli::config::ConfigError;
use crate::distro::DistroError;
use crate::matrix::MatrixError;
use crate::plan::PlanError;
use crate::project::{Circle, ProjectError};
use crate::recipe::{Problem, RecipeError, RecipeText};
use crate::report::style::count;
use crate::report::{Style, Tone};
use crate::types::{nearest, printable, starred_text};

/// A line longer than this is not shown: no person wrote it.
const MAX_LINE: usize = 400;

/// Targets that are named for one problem.
const MAX_TARGETS: usize = 3;

/// What is wrong with a project; none where a line says as much as a page.
pub(crate) fn project(error: &ProjectError, style: &Style) -> Option<String> {
    Some(match error {
        ProjectError::Recipes(errors) => errors.iter().map(|error| recipe(error, style)).collect(),
        ProjectError::Distro(error) => distro(error, style),
        ProjectError::Matrix(error) => matrix(error, style),
        ProjectError::Plan(error) => plan(error, style),
        ProjectError::Circle(found) => circle(found, style),
        _ => return None,
    })
}

pub(crate) fn recipe(error: &RecipeError, style: &Style) -> String {
    match error {
        RecipeError::Read { path, reason } => headline(&format!("cannot read {}: {reason}", path.display()), style),
        RecipeError::Invalid { path, text, problems } => recipe_problems(path, text, problems, style),
    }
}

pub(crate) fn config(error: &ConfigError, style: &Style) -> String {
    match error {
        ConfigError::Read { path, reason } => headline(&format!("cannot read {}: {reason}", path.display()), style),
        ConfigError::Invalid { path, text, problems } => problems_in(path, text, problems, style),
    }
}

pub(crate) fn distro(error: &DistroError, style: &Style) -> String {
    match error {
        DistroError::Read { path, reason } => headline(&format!("cannot read {}: {reason}", path.display()), style),
        DistroError::Invalid { path, text, span, message, help } => {
            let problem =
                Problem { message: message.clone(), span: span.clone(), label: "here".to_owned(), help: help.clone() };
            problems_in(path, text, &[problem], style)
        }
    }
}

fn matrix(error: &MatrixError, style: &Style) -> String {
    match error {
        MatrixError::Invalid { path, text, problems } => recipe_problems(path, text, problems, style),
        MatrixError::UnknownMatrix { path, name, known } => {
            let message = if known.is_empty() {
                format!("{} has no [matrix]", path.display())
            } else {
                format!("{} has no matrix `{name}`", path.display())
            };
            let near = nearest(name, known.iter().map(String::as_str));
            let advice = if known.is_empty() {
                "say in [matrix] distros for which distributions it is built, for example distros = [\"debian-*\"]"
                    .to_owned()
            } else if let Some(near) = near {
                format!("did you mean `{near}`?")
            } else if name == "default" {
                format!("its matrices are {}: choose one with --matrix, or write a [matrix]", known.join(", "))
            } else {
                format!("its matrices are {}", known.join(", "))
            };
            headline(&message, style) + &help(&advice, style)
        }
    }
}

fn plan(error: &PlanError, style: &Style) -> String {
    // What is wrong with a recipe is mostly wrong for many of its targets: said once.
    let mut told: Vec<(&str, Vec<String>)> = Vec::new();
    for (target, message) in &error.problems {
        match told.iter_mut().find(|(known, _)| known == message) {
            Some((_, targets)) => targets.push(target.to_string()),
            None => told.push((message, vec![target.to_string()])),
        }
    }
    let mut text = String::new();
    for (message, targets) in told {
        let more = targets.len().saturating_sub(MAX_TARGETS);
        let mut named = targets[..targets.len() - more].join(", ");
        if more > 0 {
            named.push_str(&format!(" and {more} more"));
        }
        text.push_str(&headline(message, style));
        text.push_str(&style.wrap(&format!("for {named}"), "  "));
        text.push('\n');
    }
    text
}

/// Each requirement that is part of a circle, at its place.
fn circle(circle: &Circle, style: &Style) -> String {
    let mut page = headline(&circle.to_string(), style);
    for link in &circle.links {
        let place = link.text.place(&link.span);
        let problem = Problem {
            message: String::new(),
            span: place.span,
            label: format!("{} needs {} for this", link.from, link.to),
            help: None,
        };
        page.push_str(&shown(&printable(&place.path.to_string_lossy()), &harmless(place.text), &problem, style));
    }
    let advice = "one of them has to do without the other: move what is needed of it into a recipe of its own, or make a \
                  requirement that is none a wish (recommends)";
    page + &help(advice, style)
}

/// Problems of a recipe and of the files that it extends, each in its own file.
fn recipe_problems(path: &Path, text: &RecipeText, problems: &[Problem], style: &Style) -> String {
    let one = |problem: &Problem| {
        let place = text.place(&problem.span);
        let problem = Problem { span: place.span, ..problem.clone() };
        one_problem(&printable(&place.path.to_string_lossy()), &harmless(place.text), &problem, style)
    };
    pages(path, problems.iter().map(one).collect())
}

fn problems_in(path: &Path, text: &str, problems: &[Problem], style: &Style) -> String {
    let (shown, text) = (printable(&path.to_string_lossy()), harmless(text));
    pages(path, problems.iter().map(|problem| one_problem(&shown, &text, problem, style)).collect())
}

/// All that is wrong with a file.
fn pages(path: &Path, mut page: Vec<String>) -> String {
    if page.len() > 1 {
        let path = printable(&path.to_string_lossy());
        page.push(format!("{} in {path}\n", count(page.len(), "problem", "problems")));
    }
    page.join("\n")
}

fn one_problem(path: &str, text: &str, problem: &Problem, style: &Style) -> String {
    let mut page = headline(&problem.message, style);
    page.push_str(&shown(path, text, problem, style));
    if let Some(advice) = &problem.help {
        page.push_str(&help(advice, style));
    }
    page
}

/// Where a problem is, as a line with a caret or, where there is no such line, in words.
fn shown(path: &str, text: &str, problem: &Problem, style: &Style) -> String {
    snippet(path, text, problem, style).unwrap_or_else(|| {
        style.wrap(&format!("{}: {}", place(path, text, problem.span.start), problem.label), "  ") + "\n"
    })
}

fn headline(message: &str, style: &Style) -> String {
    let mut lines = style.wrap(&format!("error: {}", printable(message)), "").replace('\n', "\n  ");
    if let Some(rest) = lines.strip_prefix("error:") {
        lines = format!("{}{rest}", style.paint(Tone::Bad, "error:"));
    }
    lines + "\n"
}

fn help(advice: &str, style: &Style) -> String {
    let narrower = Style { width: style.width.saturating_sub(6), ..*style };
    let lines = narrower.wrap(&format!("help: {}", printable(advice)), "  ").replace('\n', "\n      ");
    lines.replacen("help:", &style.paint(Tone::Strong, "help:"), 1) + "\n"
}

/// `recipes/jq/farm.toml:24:1`
fn place(path: &str, text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{path}:{line}:{column}")
}

/// The line with the caret; none where there is no line to show.
fn snippet(path: &str, text: &str, problem: &Problem, style: &Style) -> Option<String> {
    let start = problem.span.start.min(text.len());
    let line_start = text[..floor(text, start)].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[floor(text, start)..].find('\n').map_or(text.len(), |at| floor(text, start) + at);
    if line_start == line_end || line_end - line_start > MAX_LINE {
        return None;
    }
    // Of what spans several lines, the first says where it is; at a line's end there is nothing to point at but what
    // stands before.
    let start = floor(text, if start >= line_end { line_end - 1 } else { start });
    let end = floor(text, problem.span.end.clamp(start, line_end));
    let page = Page {
        source: OneLine { path, text, line: line_start..line_end },
        span: start..end.max(start),
        label: printable(&problem.label),
    };
    let theme = GraphicalTheme {
        characters: if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_context_lines(1)
        .with_links(false)
        .with_width(style.width.max(20));
    let mut drawn = String::new();
    handler.render_report(&mut drawn, &page).ok()?;
    // miette draws the message first; ours stands above already.
    let (_, lines) = drawn.split_once('\n')?;
    Some(lines.lines().map(|line| format!("{}\n", line.trim_end())).collect())
}

/// The nearest start of a character at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The text with every character that could steer a terminal replaced by a harmless one of the same length in bytes,
/// so that places stay what they are.
fn harmless(text: &str) -> String {
    // Passwords and tokens in addresses are nobody's business, and logs are read by many.
    starred_text(text)
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if printable(c.encode_utf8(&mut [0; 4])).chars().eq([c]) => c,
            c => match c.len_utf8() {
                1 => '?',
                2 => '\u{bf}',
                _ => '\u{fffd}',
            },
        })
        .collect()
}

/// The text, of which miette is to show one line, and that whole.
#[derive(Debug)]
struct OneLine<'a> {
    path: &'a str,
    text: &'a str,
    line: Range<usize>,
}

impl SourceCode for OneLine<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_before: usize,
        context_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Without context it asks where the span is; with it, for what to show.
        let (shown, context) =
            if context_before == 0 { (*span, context_after) } else { (SourceSpan::from(self.line.clone()), 0) };
        let contents = self.text.read_span(&shown, 0, context)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.path.to_owned(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

/// One problem as miette wants it.
#[derive(Debug)]
struct Page<'a> {
    source: OneLine<'a>,
    span: Range<usize>,
    label: String,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Page<'_> {}

impl miette::Diagnostic for Page<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = Some(self.label.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new(label, self.span.start, self.span.len()))))
    }
}
