//! The recipe's scripts as they run in a container: each in a file of its own, which says at its end which command failed.
//! What is generated for the format's tools has the scripts as the recipe has them, and reads these files in their place
//! where [`TRACED`] names a folder of them.
//!
//! No tracing of the shell's is used: dash writes a trace to where a script's errors go, which scripts may read, and a
//! trace holds what variables hold. In place of that, `farm_at LINE` stands before commands at the beginning of a line. It keeps
//! `$?`, prints nothing and is no reason for `set -e`. Functions, subshells and `case` are one command: what is marked
//! is what is run last, so the last mark is the command that failed. A script that sets traps keeps them: it runs in a
//! subshell. One that this file cannot read for certain, or that looks at what a mark would change, has no marks.

use super::contract;
use super::members::members;
use crate::distro::Distro;
use crate::recipe::Recipe;
use crate::types::Format;

/// The environment variable that names the folder of these files.
pub(crate) const TRACED: &str = "FARM_TRACED";
/// That folder, in a container that builds.
pub(crate) const TRACED_FOLDER: &str = "/build/traced";
/// In it, and where a test leaves it: `NAME LINE STATUS`, of the script that failed; or `NAME syntax` and what the shell says.
const FAILED: &str = "failed";
/// The file of a test, which runs in a container of its own.
const TEST_FAILED: &str = "/tmp/farm-failed";

/// A script of the recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TracedScript {
    /// `build`, `check`, `install`, `test`.
    pub(crate) name: &'static str,
    /// The key of the recipe: `build.install`.
    pub(crate) key: String,
    /// As the recipe has it.
    pub(crate) text: String,
}

/// What the shell runs in place of a recipe's script, where farm builds: the rest of the script is not reached then.
pub(super) fn instead(name: &str) -> String {
    format!(
        "# Where farm builds, it reads the same commands from a file, to say which of them failed.\n\
         if [ -n \"${{{TRACED}:-}}\" ]; then . \"${TRACED}/{name}\"; exit; fi\n"
    )
}

/// The scripts of a recipe that run while its packages are built; none of a project's own packaging.
pub(crate) fn build_scripts(recipe: &Recipe) -> Vec<TracedScript> {
    let build = &recipe.build;
    let scripts = [
        ("build", "build.build", &build.build),
        ("check", "build.check", &build.check),
        ("install", "build.install", &build.install),
    ];
    let script = |(name, key, text): (_, &str, &Option<String>)| {
        Some(TracedScript { name, key: key.to_owned(), text: text.clone()? })
    };
    scripts.into_iter().filter_map(script).collect()
}

pub(crate) fn test_script(recipe: &Recipe) -> Option<TracedScript> {
    let text = recipe.test.as_ref()?.script.clone()?;
    Some(TracedScript { name: "test", key: "test.script".to_owned(), text })
}

/// The recipe's scripts that a package manager has run as `script` (`post-install`) of `package` at this moment (`install`, `upgrade`,
/// `remove`), in their order; for packages that farm has the packaging of. rpm names a package with its version and architecture.
pub(crate) fn maintainer_scripts(
    recipe: &Recipe,
    format: Format,
    script: &str,
    package: &str,
    moment: &str,
) -> Vec<TracedScript> {
    // rpm: NAME-VERSION-RELEASE.ARCH
    let name = if format == Format::Rpm { package.rsplitn(3, '-').last().unwrap_or(package) } else { package };
    let members = members(recipe, format);
    let keys = std::iter::once("package".to_owned()).chain(recipe.packages.keys().map(|key| format!("packages.{key}")));
    let Some((member, table)) = members.iter().zip(keys).find(|(member, _)| member.name == name) else {
        return Vec::new();
    };
    let scripts = member.scripts;
    let all = [
        ("pre-install", "pre-install", &scripts.pre_install),
        ("pre-install", "pre-upgrade", &scripts.pre_upgrade),
        ("post-install", "post-install", &scripts.post_install),
        ("post-install", "post-upgrade", &scripts.post_upgrade),
        ("pre-remove", "pre-remove", &scripts.pre_remove),
        ("post-remove", "post-remove", &scripts.post_remove),
        ("post-transaction", "post-transaction", &scripts.post_transaction),
    ];
    let ran =
        all.into_iter().filter(|(of, name, _)| *of == script && (moment == "upgrade" || !name.ends_with("-upgrade")));
    let traced = |(_, name, text): (_, &'static str, &Option<String>)| {
        Some(TracedScript { name, key: format!("{table}.scripts.{name}"), text: text.clone()? })
    };
    ran.filter_map(traced).collect()
}

impl TracedScript {
    /// The files for the container, below [`TRACED_FOLDER`].
    pub(crate) fn files(&self) -> [(String, String); 3] {
        let failed = format!("{TRACED_FOLDER}/{FAILED}");
        [
            (format!("{TRACED_FOLDER}/{}", self.name), format!("{}{}", self.if_shown(), self.marked(&failed))),
            (format!("{TRACED_FOLDER}/shown/{}", self.name), self.shown(&failed)),
            (format!("{TRACED_FOLDER}/plain/{}", self.name), format!("{}\n", self.text)),
        ]
    }

    /// The whole script of a test, and the command that says afterwards where it failed.
    pub(crate) fn of_test(&self) -> (String, String) {
        (format!("set -eu\n{}", self.marked(TEST_FAILED)), format!("cat {TEST_FAILED}"))
    }

    /// The same of a package's script, as that runs it.
    pub(crate) fn of_package(&self, recipe: &Recipe, distro: &Distro, moment: &str) -> (String, String) {
        let environment = contract::environment(recipe, distro);
        let script = format!("rm -f {TEST_FAILED}\nset -e\nset -- {moment}\n{environment}export FARM_OLD_VERSION=\n");
        (format!("exec </dev/null\n{script}{}", self.marked(TEST_FAILED)), format!("cat {TEST_FAILED}"))
    }

    /// rpm runs its sections with `set -x`, which would show the marks: bash goes on to show the commands, and other shells
    /// do not.
    fn if_shown(&self) -> String {
        let name = self.name;
        format!(
            "case \"$- ${{BASH_VERSION:+bash}}\" in *x*bash) . {TRACED_FOLDER}/shown/{name}; exit ;; \
             *x*) {{ set +x; }} 2>/dev/null ;; esac; "
        )
    }

    /// The script for a bash that shows its commands: that says itself in which line one failed.
    fn shown(&self, failed: &str) -> String {
        format!("trap 'echo {} \"$LINENO\" \"$?\" >{failed}' ERR; {}\n", self.name, self.text)
    }

    /// The script, line by line as it is, with the marks before its commands.
    fn marked(&self, failed: &str) -> String {
        let Some(marks) = marks(&self.text) else { return format!("{}\n", self.text) };
        let own_trap = self.text.contains("trap");
        let mut text = if own_trap { beside_own_trap(self.name, failed) } else { before_all(self.name, failed) };
        let mut done = 0;
        let mut line = 1;
        for mark in marks {
            line += self.text[done..mark].matches('\n').count();
            text.push_str(&self.text[done..mark]);
            text.push_str(&format!("farm_at {line} \"$?\" && :; "));
            done = mark;
        }
        text.push_str(&self.text[done..]);
        text.push_str(if own_trap { "\n)\n" } else { "\n" });
        text
    }

    /// A line of the script, as people are told of it.
    pub(crate) fn line(&self, number: usize) -> Option<String> {
        let line = self.text.lines().nth(number.checked_sub(1)?)?.trim();
        Some(match line.strip_suffix('\\') {
            Some(first) => format!("{} ...", first.trim_end()),
            None => line.to_owned(),
        })
    }
}

/// What a mark does, and what says at the end which was the last.
fn before_all(name: &str, failed: &str) -> String {
    format!(
        "farm_at() {{ farm_line=$1; return \"$2\"; }}; farm_line=0; trap 'farm_status=$?; [ \"$farm_status\" -eq 0 ] || \
         {{ echo {name} \"$farm_line\" \"$farm_status\" >{failed}; }} 2>/dev/null || :' EXIT; "
    )
}

/// The same for a script with traps of its own: it is a subshell, which notes its marks in a file.
fn beside_own_trap(name: &str, failed: &str) -> String {
    format!(
        "farm_at() {{ {{ echo \"$1\" >{failed}.line; }} 2>/dev/null; return \"$2\"; }}; trap 'farm_status=$?; \
         {{ [ \"$farm_status\" -eq 0 ] || echo {name} \"$(cat {failed}.line)\" \"$farm_status\" >{failed}; rm -f {failed}.line; }} \
         2>/dev/null || :' EXIT; ( "
    )
}

/// Shell: reads all scripts before the first of them runs. A mistake in one ends the build; one with marks that cannot be
/// read goes without.
pub(crate) fn read_first() -> String {
    format!(
        "for farm_script in build check install; do\n\
         \x20   [ -f {TRACED_FOLDER}/plain/$farm_script ] || continue\n\
         \x20   farm_said=$(sh -n {TRACED_FOLDER}/plain/$farm_script 2>&1) || {{\n\
         \x20       printf '%s\\n' \"$farm_said\"\n\
         \x20       printf '%s syntax %s\\n' $farm_script \"$farm_said\" >{TRACED_FOLDER}/{FAILED}\n\
         \x20       exit 2\n\
         \x20   }}\n\
         \x20   sh -n {TRACED_FOLDER}/$farm_script 2>/dev/null || \
         cp {TRACED_FOLDER}/plain/$farm_script {TRACED_FOLDER}/$farm_script\n\
         done\n"
    )
}

/// The command that says afterwards what failed in a build.
pub(crate) fn ask() -> String {
    format!("cat {TRACED_FOLDER}/{FAILED}")
}

/// What a failed script says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    /// What the command ended with; none where the shell cannot even read the script.
    pub(crate) status: Option<i32>,
}

/// What such a file says. Whatever runs in the container can write it.
pub(crate) fn answer(text: &str) -> Option<Failed<'_>> {
    let (name, rest) = text.lines().next()?.split_once(' ')?;
    match rest.strip_prefix("syntax ") {
        None => {
            let (line, status) = rest.split_once(' ')?;
            Some(Failed { name, line: line.parse().ok()?, status: Some(status.trim().parse().ok()?) })
        }
        // dash: `FILE: 8: Syntax error: ...`; bash and busybox: `FILE: line 8: syntax error ...`
        Some(said) => {
            let (_, after) = said.split_once(&format!("plain/{name}: "))?;
            let number = after.strip_prefix("line ").unwrap_or(after);
            let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
            Some(Failed { name, line: number[..end].parse().ok()?, status: None })
        }
    }
}

/// Where marks may stand: at the first word of lines that begin a command which is no part of another one than of a loop, a
/// condition or a group. None where the script cannot be read for certain or would notice them.
fn marks(script: &str) -> Option<Vec<usize>> {
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

#[cfg(test)]
mod tests;
