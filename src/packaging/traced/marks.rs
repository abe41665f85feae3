//! Where marks may stand in a script: as much of the shell's language is read as that needs.

/// Where marks may stand: at the first word of lines that begin a command which is no part of another one than of a loop, a
/// condition or a group. None where the script cannot be read for certain or would notice them.
pub(super) fn marks(script: &str) -> Option<Vec<usize>> {
    if would_notice(script) {
        return None;
    }
    let mut reader = Reader { text: script.as_bytes(), at: 0, here: Vec::new(), marks: Vec::new(), depth: 0 };
    reader.list()?;
    (reader.at == script.len() && reader.here.is_empty()).then_some(reader.marks)
}

/// Traces of its own would have the marks among them, and with `set -a` what they set would be in the environment.
fn would_notice(script: &str) -> bool {
    let options = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "set").skip(1);
        words.any(|word| {
            let short = word.starts_with(['-', '+']) && word.contains(['x', 'a', 'v']);
            short || ["xtrace", "allexport", "verbose"].contains(&word)
        })
    };
    ["farm_", "$_", "${_}", "BASH_COMMAND"].iter().any(|word| script.contains(word))
        || (script.contains("trap") && script.contains("DEBUG"))
        || script.split([';', '\n', '&', '|', '(', '{']).any(options)
}

/// What a word may stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Group,
    Function,
    Parens,
    Case,
}

/// Reads shell as far as is needed to know where lines begin commands. Every function is None where it does not know.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Here-documents that begin after this line: what ends them, and whether tabs before it are left out.
    here: Vec<(Vec<u8>, bool)>,
    marks: Vec<usize>,
    /// Command substitutions around.
    depth: usize,
}

/// No script nests deeper.
const DEEPEST: usize = 40;

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn begins(&self, what: &str) -> bool {
        self.text[self.at..].starts_with(what.as_bytes())
    }

    /// Commands, to the end of the text or, within a substitution, to its parenthesis, which is left.
    fn list(&mut self) -> Option<()> {
        let mut open: Vec<Open> = Vec::new();
        // Whether a command may begin here, a line has just begun, and an operator or a function's name asks for more.
        let (mut command, mut fresh, mut more, mut function) = (true, true, false, false);
        let (mut target, mut pattern_comes) = (false, false);
        while let Some(byte) = self.peek(0) {
            let may_mark = fresh
                && command
                && !more
                && !function
                && !target
                && self.depth == 0
                && open.iter().all(|one| *one == Open::Group);
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.skip_here()?;
                    // What follows a redirection is on its line.
                    if target {
                        return None;
                    }
                    fresh = true;
                    command |= !pattern_comes;
                    continue;
                }
                b' ' | b'\t' => {
                    self.at += 1;
                    continue;
                }
                b'\\' if self.peek(1) == Some(b'\n') => {
                    self.at += 2;
                    continue;
                }
                b'#' => {
                    while self.peek(0).is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                    continue;
                }
                b'&' | b'|' | b';' => {
                    more = self.begins("&&") || (byte == b'|' && open.last() != Some(&Open::Case));
                    self.at += 1 + usize::from(self.peek(1) == Some(byte));
                    command = true;
                }
                b'(' if self.begins("((") && command => {
                    if may_mark {
                        self.marks.push(self.at);
                    }
                    self.at += 2;
                    self.arithmetic()?;
                    command = false;
                }
                b'(' => {
                    let empty = self.text[self.at + 1..].iter().find(|byte| !matches!(byte, b' ' | b'\t'));
                    if may_mark {
                        self.marks.push(self.at);
                    }
                    self.at += 1;
                    if empty == Some(&b')') && !command {
                        while self.peek(0) != Some(b')') {
                            self.at += 1;
                        }
                        self.at += 1;
                        function = true;
                    } else {
                        // A function whose body is a subshell.
                        function = false;
                        open.push(Open::Parens);
                    }
                    (command, more) = (true, false);
                }
                b')' => {
                    match open.last() {
                        Some(Open::Parens) => {
                            open.pop();
                            // Patterns may stand in parentheses.
                            command = open.last() == Some(&Open::Case);
                        }
                        Some(Open::Case) => command = true,
                        None if self.depth > 0 => return Some(()),
                        _ => return None,
                    }
                    (more, target) = (false, false);
                    self.at += 1;
                }
                b'<' | b'>' => {
                    if may_mark {
                        self.marks.push(self.at);
                    }
                    more = false;
                    if self.begins("<<<") {
                        self.at += 3;
                        target = true;
                    } else if self.begins("<<") {
                        self.at += 2;
                        self.here_word()?;
                    } else if self.peek(1) == Some(b'(') {
                        self.at += 2;
                        self.substitution()?;
                    } else {
                        self.at += 1;
                        while matches!(self.peek(0), Some(b'&' | b'>' | b'|')) {
                            self.at += 1;
                        }
                        target = true;
                    }
                }
                _ => {
                    let start = self.at;
                    let plain = self.word()?;
                    let word = if plain { std::str::from_utf8(&self.text[start..self.at]).ok()? } else { "" };
                    let closes = ["then", "else", "elif", "fi", "do", "done", "esac", "}", "in"].contains(&word);
                    if may_mark && !closes {
                        self.marks.push(start);
                    }
                    more = false;
                    if std::mem::take(&mut target) {
                        fresh = false;
                        continue;
                    }
                    if function && word != "{" {
                        return None;
                    }
                    if !command {
                        if pattern_comes && word == "in" {
                            (pattern_comes, command) = (false, true);
                        }
                        fresh = false;
                        continue;
                    }
                    match word {
                        "if" | "then" | "else" | "elif" | "while" | "until" | "do" | "!" | "time" => {}
                        "{" => open.push(if std::mem::take(&mut function) { Open::Function } else { Open::Group }),
                        "}" => {
                            if !matches!(open.pop(), Some(Open::Group | Open::Function)) {
                                return None;
                            }
                            command = false;
                        }
                        "case" => {
                            open.push(Open::Case);
                            (command, pattern_comes) = (false, true);
                        }
                        "esac" => {
                            if open.pop() != Some(Open::Case) {
                                return None;
                            }
                            command = false;
                        }
                        "function" | "select" | "coproc" => return None,
                        _ => command = false,
                    }
                }
            }
            fresh = false;
        }
        (open.is_empty() && self.depth == 0 && !function).then_some(())
    }

    /// A word; whether it has nothing but plain characters.
    fn word(&mut self) -> Option<bool> {
        let mut plain = true;
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'&' | b'|' | b';' | b'<' | b'>' | b'(' | b')' => break,
                _ => plain &= self.piece(byte)?,
            }
        }
        Some(plain)
    }

    /// A piece of a word outside of double quotes.
    fn piece(&mut self, byte: u8) -> Option<bool> {
        match byte {
            b'\\' => {
                self.at += 2;
                (self.at <= self.text.len()).then_some(false)
            }
            b'\'' => self.past(b'\'', 1),
            b'"' => {
                self.at += 1;
                loop {
                    match self.peek(0)? {
                        b'"' => break,
                        b'\\' => self.at += 2,
                        b'`' => drop(self.past(b'`', 1)?),
                        b'$' => self.dollar(true)?,
                        _ => self.at += 1,
                    }
                }
                self.at += 1;
                Some(false)
            }
            b'`' => self.past(b'`', 1),
            // bash: $'...' has escapes of its own.
            b'$' if self.peek(1) == Some(b'\'') => None,
            b'$' => {
                self.dollar(false)?;
                Some(false)
            }
            _ => {
                self.at += 1;
                Some(true)
            }
        }
    }

    /// Past the next `end`, which a backslash hides within back quotes.
    fn past(&mut self, end: u8, from: usize) -> Option<bool> {
        self.at += from;
        while self.peek(0)? != end {
            self.at += if end == b'`' && self.peek(0) == Some(b'\\') { 2 } else { 1 };
        }
        self.at += 1;
        Some(false)
    }

    fn dollar(&mut self, quoted: bool) -> Option<()> {
        if self.begins("$((") {
            self.at += 3;
            return self.arithmetic();
        }
        if self.begins("$(") {
            self.at += 2;
            return self.substitution();
        }
        if !self.begins("${") {
            self.at += 1;
            return Some(());
        }
        self.at += 2;
        loop {
            match self.peek(0)? {
                b'}' => break,
                b'\\' => self.at += 2,
                // Whether it quotes is another question in each shell.
                b'\'' | b'"' if quoted => return None,
                b'$' => self.dollar(quoted)?,
                byte @ (b'\'' | b'"' | b'`') => drop(self.piece(byte)?),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }

    /// The rest of `$(`, with its end.
    fn substitution(&mut self) -> Option<()> {
        if self.depth >= DEEPEST {
            return None;
        }
        self.depth += 1;
        self.list()?;
        self.depth -= 1;
        if self.peek(0)? != b')' {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// The rest of `((`, with its end.
    fn arithmetic(&mut self) -> Option<()> {
        let mut open = 2;
        while open > 0 {
            match self.peek(0)? {
                b'(' => open += 1,
                b')' => open -= 1,
                // A command after all, or nothing that is often written.
                b'\n' | b'#' | b'\'' | b'"' | b'`' | b'\\' => return None,
                _ => {}
            }
            self.at += 1;
        }
        // `$( (a) )` is written with a blank, `$((a) )` is not arithmetic.
        (self.text[..self.at].ends_with(b"))")).then_some(())
    }

    /// The word behind `<<`.
    fn here_word(&mut self) -> Option<()> {
        let dash = self.peek(0) == Some(b'-');
        self.at += usize::from(dash);
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let start = self.at;
        self.word()?;
        let mut word = Vec::new();
        for byte in &self.text[start..self.at] {
            match byte {
                b'\'' | b'"' | b'\\' => {}
                b'$' | b'`' | b'\n' => return None,
                byte => word.push(*byte),
            }
        }
        if word.is_empty() {
            return None;
        }
        self.here.push((word, dash));
        Some(())
    }

    /// Past the here-documents that begin here.
    fn skip_here(&mut self) -> Option<()> {
        for (word, dash) in std::mem::take(&mut self.here) {
            loop {
                let rest = &self.text[self.at..];
                if rest.is_empty() {
                    return None;
                }
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                let mut line = &rest[..end];
                while dash && line.first() == Some(&b'\t') {
                    line = &line[1..];
                }
                self.at += (end + 1).min(rest.len());
                if line == word {
                    break;
                }
            }
        }
        Some(())
    }
}
