//! Mistakes in a recipe that a failed step shows by what its tools print: nothing is missing there, but something was
//! done in a place, or in a way, that a build does not have. For hints only, as all of `hint`.

use super::noise::repeats;
use super::patterns::first_quoted;

/// What was done wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) rule: &'static str,
    /// What to do instead, in a sentence.
    pub(crate) message: String,
}

/// The tools by which a script becomes root.
const BECOMES_ROOT: [&str; 4] = ["sudo", "doas", "pkexec", "su"];

/// Folders of the container's own system.
const SYSTEM: [&str; 10] = ["/usr/", "/etc/", "/opt/", "/var/", "/lib", "/bin/", "/sbin/", "/srv/", "/boot/", "/root/"];

/// Of the lines that tell something, how many from the end are looked at.
const NEAR_THE_END: usize = 4;

/// The mistake that a step's last lines show, the clearest first.
pub(crate) fn mistake(lines: &[String]) -> Option<Mistake> {
    let telling: Vec<&str> =
        lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !repeats(line)).collect();
    // What a tool went on after has not ended it.
    let last = &telling[telling.len().saturating_sub(NEAR_THE_END)..];
    let find = |look: fn(&str) -> Option<Mistake>| last.iter().rev().find_map(|line| look(line));
    find(root)
        .or_else(|| lines.iter().find_map(|line| usr_local(line.trim())))
        .or_else(|| find(outside))
        .or_else(|| find(line_ends))
        .or_else(|| find(start))
}

/// What the first quotes of a line hold.
fn between_quotes(text: &str) -> Option<&str> {
    let start = text.find(['\'', '`', '"', '\u{2018}'])?;
    first_quoted(&text[start..])
}

/// The relative path of a file that a tool did not find: `cp: cannot stat 'data/x': No such file or directory`, `No rule to
/// make target 'x'`.
pub(crate) fn file_not_found(line: &str) -> Option<&str> {
    let name = if let Some(before) = line.trim_end().strip_suffix(": No such file or directory") {
        between_quotes(before).or_else(|| before.rsplit(": ").next())?
    } else {
        between_quotes(line.split_once("No rule to make target ")?.1)?
    };
    let name = name.strip_prefix("./").unwrap_or(name);
    let is_plain = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
    let plain = !name.is_empty() && name.len() < 256 && std::path::Path::new(name).components().all(is_plain);
    plain.then_some(name)
}

/// Whether a command is one that a build never needs.
pub(crate) fn becomes_root(command: &str) -> bool {
    BECOMES_ROOT.contains(&command)
}

fn root(line: &str) -> Option<Mistake> {
    let tool = BECOMES_ROOT.iter().find(|tool| {
        let of_shell = [": not found", ": command not found"].iter().find_map(|end| line.strip_suffix(end));
        // dash: `sh: 3: sudo: not found`; bash: `bash: line 3: sudo: command not found`
        let asked = of_shell.and_then(|before| before.rsplit(": ").next()).is_some_and(|command| command == **tool);
        let refused =
            ["a terminal is required", "a password is required", "no new privileges", "effective uid is not 0"];
        asked || (line.starts_with(&format!("{tool}: ")) && refused.iter().any(|words| line.contains(words)))
    })?;
    let message = format!(
        "a build never is root, and needs not be: leave `{tool}` out, and install below \"$DESTDIR\", which the build may write to"
    );
    Some(Mistake { rule: "build-as-root", message })
}

/// debhelper: `dh_usrlocal: error: debian/hello/usr/local/bin/hello is not a directory`
fn usr_local(line: &str) -> Option<Mistake> {
    if !line.starts_with("dh_usrlocal: ") || !line.contains("/usr/local") {
        return None;
    }
    let path = line.split(' ').find_map(|word| Some(&word[word.find("/usr/local")?..])).unwrap_or("/usr/local");
    let message = format!(
        "{path} is the administrator's, and no package may have it: install below /usr, which $PREFIX says (`make install \
         PREFIX=\"$PREFIX\"`, `./configure --prefix=\"$PREFIX\"`, `cmake -DCMAKE_INSTALL_PREFIX=\"$PREFIX\"`)"
    );
    Some(Mistake { rule: "usr-local", message })
}

/// `install: cannot create regular file '/usr/bin/hello': Permission denied`, and whoever says it in these words.
fn outside(line: &str) -> Option<Mistake> {
    // What `install -d` of an ordinary user makes of it.
    let of_install = line.starts_with("install: cannot change ") && line.contains("No such file or directory");
    if !of_install && !line.contains("ermission denied") && !line.contains("Read-only file system") {
        return None;
    }
    let begins = |at: usize| at == 0 || line[..at].ends_with([' ', '\'', '"', '`', '\u{2018}', ':', '(']);
    let mut starts: Vec<usize> = SYSTEM
        .iter()
        .flat_map(|folder| line.match_indices(folder))
        .map(|(at, _)| at)
        .filter(|at| begins(*at))
        .collect();
    starts.sort_unstable();
    // Of a copy, the second is where it goes.
    let path = &line[*starts.last()?..];
    let end = path.find(['\'', '"', '`', '\u{2019}', ':', ' ', ')']).unwrap_or(path.len());
    let message = format!(
        "{} is the build container's own: what is to be packaged goes below \"$DESTDIR\" (`make install \
         DESTDIR=\"$DESTDIR\"`, `DESTDIR=\"$DESTDIR\" cmake --install`, `meson install --destdir \"$DESTDIR\"`, `pip install \
         --root \"$DESTDIR\"`)",
        path[..end].trim_end_matches('.')
    );
    Some(Mistake { rule: "outside-destdir", message })
}

/// env: `env: 'python3\r': No such file or directory`; bash: `./x: /bin/sh^M: bad interpreter: …`
fn line_ends(line: &str) -> Option<Mistake> {
    let shows = (line.contains("\\r'") || line.contains("^M:") || line.contains("\\x0d"))
        && (line.contains("No such file or directory")
            || line.contains("bad interpreter")
            || line.contains("not found"));
    shows.then(|| Mistake {
        rule: "script-with-carriage-return",
        message: "a script's first line ends in a carriage return, which is taken for a part of its interpreter's name: store it \
                  with Unix line ends, or take them away before it is run (`sed -i 's/\\r$//' FILE`)"
            .to_owned(),
    })
}

/// dash: `sh: 3: ./configure: not found`; bash: `./configure: cannot execute: required file not found`. Of a file that is
/// there, this is what the shell says when its interpreter is not.
fn start(line: &str) -> Option<Mistake> {
    let before = line
        .strip_suffix(": cannot execute: required file not found")
        .or_else(|| line.strip_suffix(": not found").filter(|before| before.contains(": ")))?;
    let file = before.rsplit(": ").next()?;
    if !file.contains('/') || file.contains(' ') {
        return None;
    }
    let message = format!(
        "if {file} is there, its first line names an interpreter that is not: the line may end in a carriage return (`sed -i \
         's/\\r$//' {file}` takes it away), or the interpreter has to be added to [build] requires"
    );
    Some(Mistake { rule: "script-not-started", message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(&'static str, String)> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        mistake(&lines).map(|mistake| (mistake.rule, mistake.message))
    }

    /// Lines as the tools of Debian and of RPM distributions print them.
    #[test]
    fn mistakes_are_known_by_the_words_of_tools() {
        for (text, rule, says) in [
            ("/build/traced/install: 1: sudo: not found", "build-as-root", "leave `sudo` out"),
            ("/build/traced/install: line 1: sudo: command not found", "build-as-root", "leave `sudo` out"),
            (
                "sudo: The \"no new privileges\" flag is set, which prevents sudo from running as root.",
                "build-as-root",
                "sudo",
            ),
            ("sudo: a terminal is required to read the password; either use the -S option", "build-as-root", "DESTDIR"),
            (
                "install: cannot create regular file '/usr/bin/tiny': Permission denied",
                "outside-destdir",
                "/usr/bin/tiny is",
            ),
            (
                "install: cannot change permissions of \u{2018}/usr/share/tiny\u{2019}: No such file or directory",
                "outside-destdir",
                "/usr/share/tiny is",
            ),
            (
                "cp: cannot create regular file '/etc/tiny.conf': Permission denied",
                "outside-destdir",
                "/etc/tiny.conf is",
            ),
            (
                "mkdir: cannot create directory \u{2018}/opt/tiny\u{2019}: Permission denied",
                "outside-destdir",
                "/opt/tiny is",
            ),
            (
                "/build/traced/install: 2: cannot create /usr/share/x: Permission denied",
                "outside-destdir",
                "/usr/share/x is",
            ),
            (
                "  file INSTALL cannot copy file \"/build/tiny-1.0/tiny\" to\n  \"/usr/local/bin/tiny\": Permission denied.",
                "outside-destdir",
                "/usr/local/bin/tiny is",
            ),
            (
                "PermissionError: [Errno 13] Permission denied: '/usr/local/lib/python3.11/dist-packages/x'",
                "outside-destdir",
                "/usr/local/lib/python3.11/dist-packages/x is",
            ),
            (
                "ln: failed to create symbolic link '/usr/lib/libx.so': Permission denied",
                "outside-destdir",
                "/usr/lib/libx.so is",
            ),
            (
                "dh_usrlocal: error: debian/tiny/usr/local/bin/tiny is not a directory\nmake: *** [debian/rules:11: binary] Error 25",
                "usr-local",
                "/usr/local/bin/tiny is the administrator's",
            ),
            ("/usr/bin/env: 'python3\\r': No such file or directory", "script-with-carriage-return", "carriage return"),
            (
                "bash: ./run: /bin/sh^M: bad interpreter: No such file or directory",
                "script-with-carriage-return",
                "sed -i",
            ),
            ("/build/traced/build: 1: ./configure: not found", "script-not-started", "if ./configure is there"),
            ("sh: line 1: ./run: cannot execute: required file not found", "script-not-started", "if ./run is there"),
        ] {
            let (found, message) = found(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(found, rule, "{text}");
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_no_mistake() {
        for text in [
            "checking for sudo... not found",
            "cc: error: no input files",
            "sh: 1: gperf: not found",
            "bash: ./x: Permission denied",
            "cat: secret: Permission denied",
            "tests/usr/x: Permission denied",
            "dh_usrlocal",
            "pseudo: not found: x",
            "sh: 1: ./probe: not found\na\nb\nc\na.c:1:2: error: x",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn files_that_were_not_found_are_named() {
        for (line, file) in [
            ("cp: cannot stat 'data/x.dat': No such file or directory", Some("data/x.dat")),
            ("install: cannot stat './tiny.conf': No such file or directory", Some("tiny.conf")),
            ("cat: version.txt: No such file or directory", Some("version.txt")),
            ("a.c:1:10: fatal error: gen/config.h: No such file or directory", Some("gen/config.h")),
            ("make: *** No rule to make target 'gen.c', needed by 'gen.o'.  Stop.", Some("gen.c")),
            ("cat: /etc/x: No such file or directory", None),
            ("cat: ../x: No such file or directory", None),
            ("done", None),
        ] {
            assert_eq!(file_not_found(line), file, "{line}");
        }
    }
}
