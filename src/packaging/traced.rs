//! The recipe's scripts as they run in a container: each in a file of its own, which says at its end which command failed.
//! What is generated for the format's tools has the scripts as the recipe has them, and reads these files in their place
//! where [`TRACED`] names a folder of them.
//!
//! No tracing of the shell's is used: dash writes a trace to where a script's errors go, which scripts may read, and a
//! trace holds what variables hold. In place of that, `farm_at LINE` stands before commands at the beginning of a line. It keeps
//! `$?`, prints nothing and is no reason for `set -e`. Functions, subshells and `case` are one command: what is marked
//! is what is run last, so the last mark is the command that failed. A script that sets traps keeps them: it runs in a
//! subshell. One that this file cannot read for certain, or that looks at what a mark would change, has no marks.

mod marks;

use marks::marks;

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

#[cfg(test)]
mod tests;
