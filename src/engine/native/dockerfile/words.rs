//! Words of an instruction, and what stands for something else in them: quotes, escapes and variables, by the rules of the
//! Dockerfile reference ("Environment replacement").

use std::iter::Peekable;
use std::str::Chars;

/// Variables in the words of others' defaults, in each other: more is no Dockerfile.
const DEEPEST: usize = 32;
/// What a word may become. Variables that hold others' values grow as their product.
const LONGEST: usize = 1 << 20;

/// Splits at white space outside of quotes; words stay as they are written.
pub(super) fn split(text: &str, escape: char) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        word.push(c);
        if c == escape && quote != Some('\'') {
            word.extend(chars.next());
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '"' | '\'') {
            quote = Some(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Reads one word: quotes and escapes are resolved, variables replaced by what `value` says; one that it does not know is
/// empty.
///
/// # Errors
/// In words, where the word is none.
pub(in crate::engine::native) fn expand(
    word: &str,
    escape: char,
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    Reader { chars: word.chars().peekable(), escape, value, depth: 0 }.until(None)
}

/// The same in a here-document, where quotes are nothing special.
pub(in crate::engine::native) fn expand_document(
    text: &str,
    escape: char,
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut reader = Reader { chars: text.chars().peekable(), escape, value, depth: 0 };
    let mut result = String::new();
    while let Some(c) = reader.chars.next() {
        match c {
            '$' => result.push_str(&reader.variable()?),
            c if c == escape => match reader.chars.peek() {
                Some(&next) if next == '$' || next == escape => {
                    result.push(next);
                    reader.chars.next();
                }
                _ => result.push(c),
            },
            c => result.push(c),
        }
        bounded(&result)?;
    }
    Ok(result)
}

fn bounded(text: &str) -> Result<(), String> {
    if text.len() > LONGEST { Err(format!("it becomes longer than {LONGEST} bytes")) } else { Ok(()) }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    escape: char,
    value: &'a dyn Fn(&str) -> Option<String>,
    depth: usize,
}

impl Reader<'_> {
    /// Up to an unquoted character, which is taken, or to the end.
    fn until(&mut self, stop: Option<char>) -> Result<String, String> {
        let mut result = String::new();
        loop {
            let Some(c) = self.chars.next() else {
                return match stop {
                    Some(stop) => Err(format!("`{stop}` is missing")),
                    None => Ok(result),
                };
            };
            match c {
                c if Some(c) == stop => return Ok(result),
                '\'' => self.single_quoted(&mut result)?,
                '"' => self.double_quoted(&mut result)?,
                '$' => result.push_str(&self.variable()?),
                c if c == self.escape => result.extend(self.chars.next()),
                c => result.push(c),
            }
            bounded(&result)?;
        }
    }

    fn single_quoted(&mut self, result: &mut String) -> Result<(), String> {
        loop {
            match self.chars.next() {
                None => return Err("a quote `'` is not closed".to_owned()),
                Some('\'') => return Ok(()),
                Some(c) => result.push(c),
            }
        }
    }

    fn double_quoted(&mut self, result: &mut String) -> Result<(), String> {
        loop {
            match self.chars.next() {
                None => return Err("a quote `\"` is not closed".to_owned()),
                Some('"') => return Ok(()),
                Some('$') => result.push_str(&self.variable()?),
                Some(c) if c == self.escape => match self.chars.peek() {
                    Some(&next) if matches!(next, '"' | '$') || next == self.escape => {
                        result.push(next);
                        self.chars.next();
                    }
                    _ => result.push(c),
                },
                Some(c) => result.push(c),
            }
            bounded(result)?;
        }
    }

    /// After `$`.
    fn variable(&mut self) -> Result<String, String> {
        match self.chars.peek() {
            Some('{') => {
                self.chars.next();
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err("variables are nested too deep".to_owned());
                }
                let result = self.braced();
                self.depth -= 1;
                result
            }
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                let name = self.name();
                Ok((self.value)(&name).unwrap_or_default())
            }
            // Arguments of a shell, of which there are none here.
            Some(c) if c.is_ascii_digit() || matches!(c, '@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                self.chars.next();
                Ok(String::new())
            }
            _ => Ok("$".to_owned()),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        name
    }

    /// After `${`.
    fn braced(&mut self) -> Result<String, String> {
        let name = self.name();
        if name.is_empty() {
            return Err("`${` is followed by no name of a variable".to_owned());
        }
        let found = (self.value)(&name);
        let Some(mut operator) = self.chars.next() else { return Err(format!("`}}` is missing after `${{{name}`")) };
        if operator == '}' {
            return Ok(found.unwrap_or_default());
        }
        // With a colon, an empty variable counts as none.
        let set = match operator {
            ':' => {
                operator = self.chars.next().unwrap_or('}');
                found.as_ref().is_some_and(|found| !found.is_empty())
            }
            _ => found.is_some(),
        };
        if !matches!(operator, '-' | '+' | '?') {
            return Err(format!(
                "of `${{{name}…}}`, `:-`, `:+` and `:?` are understood here: set a variable in a RUN step"
            ));
        }
        let word = self.until(Some('}')).map_err(|problem| format!("in `${{{name}…}}`: {problem}"))?;
        match operator {
            '-' => Ok(if set { found.unwrap_or_default() } else { word }),
            '+' => Ok(if set { word } else { String::new() }),
            _ if set => Ok(found.unwrap_or_default()),
            _ => Err(format!("variable `{name}` is not set: {word}")),
        }
    }
}
