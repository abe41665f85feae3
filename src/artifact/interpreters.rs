//! Whether the programs of a package can be started: a script has to say by what, in words that the kernel understands,
//! and that must be something that comes with the package. What brings it is known where packages are installed:
//! [`Wanted`] is asked for there.

use serde::{Deserialize, Serialize};

use super::contents::Start;
use crate::formats::folders::why_outside;
use crate::types::{Format, printable};

/// Where commands are; what is there has to start.
const COMMANDS: &[&str] = &["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/games/"];
/// Executable files here are shown to people, not run.
const SHOWN: &[&str] = &["/usr/share/doc/", "/usr/src/", "/usr/lib/debug/"];
/// Interpreters that every system has, of which no package says that it needs them.
const EVERYWHERE: &[&str] = &["awk", "bash", "env", "false", "sed", "sh", "true"];
/// The same of Debian's essential packages (Policy 3.5).
const ESSENTIAL: &[&str] = &["dash", "mawk", "perl", "rbash"];

/// An interpreter that has to be there when a package is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wanted {
    pub(crate) package: String,
    /// An absolute path, or the name of a command that `env` looks for.
    pub(crate) interpreter: String,
    /// A file that wants it.
    pub(crate) path: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It cannot work anywhere.
    Broken,
    /// A command that does not start; something to look at where the project knows better: in a packaging of its own.
    Command,
    /// Of a file that is no command, and may be run in another way.
    Unclear,
}

/// Something wrong with how a file is run: severity, rule, message.
pub(super) type Problem = (Fault, &'static str, String);

/// Looks at an executable file. Returns what it wants, or what is wrong with it.
pub(super) fn check(path: &str, start: &Start) -> Result<Option<String>, Problem> {
    if SHOWN.iter().any(|folder| path.starts_with(folder)) {
        return Ok(None);
    }
    let is_command = is_command(path);
    let fault = if is_command { Fault::Command } else { Fault::Unclear };
    let line = match start {
        Start::Script(line) => line,
        Start::Text if is_command => {
            let message =
                format!("{path} is a command, and neither a program nor does it begin with `#!` and an interpreter");
            return Err((Fault::Command, "program-without-interpreter", message));
        }
        Start::Text | Start::Other => return Ok(None),
    };
    let line = String::from_utf8_lossy(line).into_owned();
    let shown = printable(line.trim());
    if line.ends_with('\r') {
        let line = printable(line.trim());
        let message = format!(
            "{path} begins with `#!{line}` and a carriage return, which the system takes for a part of the name: \
             store it with Unix line ends (`sed -i 's/\\r$//'` in `[build]`)"
        );
        return Err((if is_command { Fault::Broken } else { Fault::Unclear }, "script-with-carriage-return", message));
    }
    let words = line.trim_matches([' ', '\t']);
    let (interpreter, argument) = words.split_once([' ', '\t']).unwrap_or((words, ""));
    let argument = argument.trim_matches([' ', '\t']);
    if interpreter.is_empty() {
        return Err((
            fault,
            "program-without-interpreter",
            format!("{path} begins with `#!` and names no interpreter"),
        ));
    }
    let name = match is_env(interpreter) {
        true => command_of_env(argument)
            .map_err(|why| (fault, "interpreter-not-found", format!("{path} begins with `#!{shown}`: {why}")))?,
        false => interpreter.to_owned(),
    };
    let in_build_tree = |name: &str| name == "/build" || name.starts_with("/build/");
    if in_build_tree(&name) || in_build_tree(interpreter) {
        let message = format!("{path} begins with `#!{shown}`, which is where it was built and nowhere else");
        return Err((Fault::Broken, "build-path-in-script", message));
    }
    if name.starts_with('/') {
        let why =
            if name.split('/').any(|part| part == "..") { Some("which is no plain path") } else { why_outside(&name) };
        if let Some(why) = why {
            let message = format!("{path} is run by {}, {why}", printable(&name));
            return Err((fault, "interpreter-outside-standard", message));
        }
    } else if name.contains('/') || !is_env(interpreter) {
        let message =
            format!("{path} begins with `#!{shown}`: that is looked for in the folder that it is called from");
        return Err((fault, "interpreter-not-found", message));
    }
    if printable(&name) != name || name.contains([' ', '\t']) {
        return Err((fault, "interpreter-not-found", format!("{path} begins with `#!{shown}`, which names no file")));
    }
    Ok(Some(name))
}

/// Whether a system without a package's dependencies has it.
pub(super) fn is_essential(interpreter: &str, format: Format) -> bool {
    let name = interpreter.rsplit('/').next().unwrap_or_default();
    let folder = &interpreter[..interpreter.len() - name.len()];
    let is_known = EVERYWHERE.contains(&name) || (format == Format::Deb && ESSENTIAL.contains(&name));
    is_known && matches!(folder, "" | "/bin/" | "/usr/bin/")
}

pub(super) fn is_command(path: &str) -> bool {
    COMMANDS.iter().any(|folder| path.strip_prefix(folder).is_some_and(|name| !name.contains('/')))
}

fn is_env(interpreter: &str) -> bool {
    matches!(interpreter, "/usr/bin/env" | "/bin/env")
}

/// The command that `env` is told to run. The kernel gives it all that follows as one argument; `-S` takes that apart.
fn command_of_env(argument: &str) -> Result<String, String> {
    let split = ["-S", "--split-string=", "--split-string ", "-vS"];
    let rest = split.iter().find_map(|option| argument.strip_prefix(option));
    let words: Vec<&str> = match rest {
        Some(rest) => rest.split_ascii_whitespace().collect(),
        None if argument.starts_with('-') => return Err("env is given an option and no command".to_owned()),
        None if argument.contains([' ', '\t']) => {
            return Err(format!(
                "env looks for one command of the name `{}`: `env -S` takes words apart",
                printable(argument)
            ));
        }
        None => vec![argument],
    };
    let is_assignment = |word: &&&str| word.contains('=') || word.starts_with('-');
    match words.iter().find(|word| !is_assignment(word)) {
        Some(word) if !word.is_empty() => Ok((*word).to_owned()),
        _ => Err("env is given no command".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(line: &str) -> Result<Option<String>, (Fault, &'static str)> {
        check("/usr/bin/x", &Start::Script(line.as_bytes().to_vec())).map_err(|(fault, rule, _)| (fault, rule))
    }

    #[test]
    fn interpreters_are_named_in_many_ways() {
        for (line, interpreter) in [
            ("/bin/sh", "/bin/sh"),
            (" /bin/sh -e", "/bin/sh"),
            ("\t/usr/bin/perl\t-w", "/usr/bin/perl"),
            ("/usr/bin/env python3", "python3"),
            ("/usr/bin/env -S python3 -u", "python3"),
            ("/usr/bin/env -S LANG=C ruby", "ruby"),
            ("/bin/env node", "node"),
            ("/usr/bin/make -f", "/usr/bin/make"),
            ("/opt/x/bin/python", "/opt/x/bin/python"),
        ] {
            assert_eq!(script(line), Ok(Some(interpreter.to_owned())), "{line}");
        }
    }

    #[test]
    fn lines_that_start_nothing_are_told() {
        use Fault::{Broken, Command};
        for (line, fault, rule) in [
            ("/bin/sh\r", Broken, "script-with-carriage-return"),
            ("/usr/bin/env python3\r", Broken, "script-with-carriage-return"),
            ("/usr/bin/perl -w\r", Broken, "script-with-carriage-return"),
            ("", Command, "program-without-interpreter"),
            ("   ", Command, "program-without-interpreter"),
            ("sh", Command, "interpreter-not-found"),
            ("bin/sh", Command, "interpreter-not-found"),
            ("./python", Command, "interpreter-not-found"),
            ("/usr/bin/env", Command, "interpreter-not-found"),
            ("/usr/bin/env python3 -u", Command, "interpreter-not-found"),
            ("/usr/bin/env -i", Command, "interpreter-not-found"),
            ("/usr/bin/env bin/x", Command, "interpreter-not-found"),
            ("/build/x-1.0/venv/bin/python", Broken, "build-path-in-script"),
            ("/build/rpmbuild/BUILDROOT/x/usr/bin/lua", Broken, "build-path-in-script"),
            ("/usr/bin/env /build/x/node", Broken, "build-path-in-script"),
            ("/usr/local/bin/perl", Command, "interpreter-outside-standard"),
            ("/home/me/.pyenv/bin/python", Command, "interpreter-outside-standard"),
            ("/tmp/x", Command, "interpreter-outside-standard"),
            ("/nix/store/x/bin/sh", Command, "interpreter-outside-standard"),
            ("/usr/../build/x", Command, "interpreter-outside-standard"),
        ] {
            assert_eq!(script(line), Err((fault, rule)), "{line}");
        }
    }

    #[test]
    fn what_is_no_command_may_be_run_otherwise() {
        let text = |path| check(path, &Start::Text).map_err(|(_, rule, _)| rule);
        for path in ["/usr/bin/x", "/sbin/x", "/usr/games/x"] {
            assert_eq!(text(path), Err("program-without-interpreter"), "{path}");
        }
        for path in ["/usr/bin/x/data", "/usr/lib/x/helper", "/usr/share/x/x.txt"] {
            assert_eq!(text(path), Ok(None), "{path}");
        }
        let old = Start::Script(b"/usr/local/bin/perl".to_vec());
        assert_eq!(check("/usr/share/doc/x/examples/a.pl", &old), Ok(None));
        assert!(matches!(check("/usr/share/x/a.pl", &old), Err((Fault::Unclear, _, _))));
        assert_eq!(check("/usr/bin/x.exe", &Start::Other), Ok(None));
    }

    #[test]
    fn essential_interpreters_are_those_of_the_system() {
        for known in ["/bin/sh", "/usr/bin/perl", "sh", "awk", "/usr/bin/env"] {
            assert!(is_essential(known, Format::Deb), "{known}");
        }
        for other in ["python3", "/usr/bin/python3", "/opt/sh", "/usr/lib/x/perl", "ruby", ""] {
            assert!(!is_essential(other, Format::Deb), "{other}");
        }
        assert!(is_essential("/bin/sh", Format::Rpm) && !is_essential("/usr/bin/perl", Format::Rpm));
    }
}
