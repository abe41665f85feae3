//! What a recipe's maintainer scripts find on the user's machine, in both formats and in the packages that farm makes itself:
//! one argument, the environment below, nothing to read, `set -e`. docs/recipe.md promises it, so the packaged script
//! brings it along: nothing of it is there only while farm tests.

use super::script_variables;
use super::text::{body, quote};
use crate::distro::Distro;
use crate::recipe::{MaintainerScripts, Recipe};

/// Where programs are looked for: dpkg hands on what it was started with, rpm has a path of its own.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// When a script runs, and so what its argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    PreInstall,
    PreUpgrade,
    PostInstall,
    PostUpgrade,
    PreRemove,
    PostRemove,
    /// Of dpkg alone.
    Purge,
    /// Of rpm alone.
    PostTransaction,
}

/// The recipe's scripts that are parts of dpkg's script of that name, in the order in which they run. A recipe for a .deb
/// with a script for the end of a transaction has been refused.
pub(super) fn in_deb<'a>(scripts: &'a MaintainerScripts, name: &str) -> Vec<(Moment, &'a str)> {
    let parts = match name {
        "preinst" => vec![(Moment::PreInstall, &scripts.pre_install), (Moment::PreUpgrade, &scripts.pre_upgrade)],
        "postinst" => vec![(Moment::PostInstall, &scripts.post_install), (Moment::PostUpgrade, &scripts.post_upgrade)],
        "prerm" => vec![(Moment::PreRemove, &scripts.pre_remove)],
        _ => vec![(Moment::PostRemove, &scripts.post_remove), (Moment::Purge, &scripts.purge)],
    };
    parts.into_iter().filter_map(|(moment, script)| Some((moment, script.as_deref()?))).collect()
}

/// The lines that set the environment, for all scripts of a build.
pub(super) fn environment(recipe: &Recipe, distro: &Distro) -> String {
    let mut text = format!("export PATH={PATH}\n");
    for (name, value) in script_variables(recipe, distro) {
        text.push_str(&format!("export {name}={}\n", quote(&value)));
    }
    text
}

/// For dpkg: a case for its reasons to run the script (Debian Policy 6.5). What was removed and not purged counts as
/// still there, as dpkg tells `postinst` no difference.
pub(super) fn deb(script: &str, moment: Moment, environment: &str) -> String {
    let either = "if [ -n \"$2\" ]; then set -- upgrade; else set -- install; fi\n";
    let upgrade = "[ -n \"$2\" ] || exit 0\nexport FARM_OLD_VERSION=\"$2\"\nset -- upgrade\n";
    let (when, argument) = match moment {
        Moment::PreInstall => ("install | upgrade", either),
        Moment::PreUpgrade => ("install | upgrade", upgrade),
        Moment::PostInstall => ("configure", either),
        Moment::PostUpgrade => ("configure", upgrade),
        Moment::PreRemove | Moment::PostRemove => ("remove", "set -- remove\n"),
        Moment::Purge => ("purge", "set -- purge\n"),
        Moment::PostTransaction => return String::new(),
    };
    format!(
        "case \"$1\" in\n{when})\n    (\nset -e\n{argument}{environment}{}) </dev/null\n    ;;\nesac\n",
        body(script)
    )
}

/// For rpm, which says how many versions there will be when it is done, but not which one was there, and at the end of a
/// transaction nothing of use. `escape` is for the recipe's part of the text.
pub(super) fn rpm(script: &str, moment: Moment, environment: &str, escape: impl Fn(&str) -> String) -> String {
    let script = escape(&format!("{environment}{}", body(script)));
    match moment {
        Moment::PreRemove | Moment::PostRemove => {
            format!("if [ \"$1\" -eq 0 ]; then (\nset -e\nset -- remove\n{script}) </dev/null\nfi\n")
        }
        Moment::PreInstall | Moment::PostInstall => format!(
            "(\nset -e\nif [ \"$1\" -gt 1 ]; then set -- upgrade; else set -- install; fi\n{script}) </dev/null\n"
        ),
        Moment::PreUpgrade | Moment::PostUpgrade => format!(
            "if [ \"$1\" -gt 1 ]; then (\nset -e\nexport FARM_OLD_VERSION=\nset -- upgrade\n{script}) </dev/null\nfi\n"
        ),
        Moment::PostTransaction => format!("(\nset -e\nset -- transaction\n{script}) </dev/null\n"),
        Moment::Purge => String::new(),
    }
}

/// A script for one of debhelper's templates, in which `#WORD#` stands for something (dh_installdeb(1)). Where a script has
/// such a word, all its number signs are put in by the shell.
pub(super) fn for_debhelper(script: &str) -> String {
    let is_token = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+'))
    };
    let has_token = |line: &str| line.split('#').skip(1).any(is_token) && line.matches('#').count() > 1;
    if !script.lines().any(has_token) {
        return script.to_owned();
    }
    let escaped = script.replace('\\', "\\\\").replace('$', "\\$").replace('`', "\\`").replace('#', "${farm_sign}");
    let lines: String = escaped.lines().map(|line| format!("|{line}\n")).collect();
    format!(
        "farm_sign=$(printf '\\043')\nfarm_script=\n\
         while IFS= read -r farm_line; do farm_script=\"$farm_script${{farm_line#|}}\n\"; done <<FARM_SCRIPT\n\
         {lines}FARM_SCRIPT\neval \"$farm_script\"\n"
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn run(script: &str, arguments: &[&str]) -> String {
        let output = Command::new("sh").args(["-c", script, "script"]).args(arguments).output().expect("sh runs");
        assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Both formats' tools make the same call for the same event.
    #[test]
    fn both_formats_call_a_script_alike() {
        let tell = "echo \"$# $1 $FARM_NAME $PATH\"; read -r x || echo nothing";
        let environment = format!("export PATH={PATH}\nexport FARM_NAME='it'\\''s'\n");
        let moments: [(Moment, &[&str], &[&str], &str); 8] = [
            (Moment::PreInstall, &["install"], &["1"], "install"),
            (Moment::PreInstall, &["upgrade", "1.0-1", "2.0-1"], &["2"], "upgrade"),
            (Moment::PostInstall, &["configure", ""], &["1"], "install"),
            (Moment::PostInstall, &["configure", "1.0-1"], &["2"], "upgrade"),
            (Moment::PreUpgrade, &["upgrade", "1.0-1", "2.0-1"], &["2"], "upgrade"),
            (Moment::PostUpgrade, &["configure", "1.0-1"], &["2"], "upgrade"),
            (Moment::PreRemove, &["remove"], &["0"], "remove"),
            (Moment::PostRemove, &["remove"], &["0"], "remove"),
        ];
        for (moment, of_dpkg, of_rpm, expected) in moments {
            let expected = format!("1 {expected} it's {PATH}\nnothing\n");
            assert_eq!(run(&deb(tell, moment, &environment), of_dpkg), expected, "dpkg, {moment:?}");
            assert_eq!(run(&rpm(tell, moment, &environment, str::to_owned), of_rpm), expected, "rpm, {moment:?}");
        }
    }

    /// What only one of the formats has, or can tell.
    #[test]
    fn a_format_tells_what_it_knows() {
        let tell = "echo \"$# $1\"";
        assert_eq!(run(&deb(tell, Moment::Purge, ""), &["purge"]), "1 purge\n");
        for count in ["0", "1", "2"] {
            assert_eq!(run(&rpm(tell, Moment::PostTransaction, "", str::to_owned), &[count]), "1 transaction\n");
        }
        let old = "set -u; echo \"old: $FARM_OLD_VERSION\"";
        assert_eq!(run(&deb(old, Moment::PreUpgrade, ""), &["upgrade", "1:1.0-1", "2"]), "old: 1:1.0-1\n");
        assert_eq!(run(&deb(old, Moment::PostUpgrade, ""), &["configure", "1.0-1"]), "old: 1.0-1\n");
        assert_eq!(run(&rpm(old, Moment::PostUpgrade, "", str::to_owned), &["2"]), "old: \n");
    }

    #[test]
    fn nothing_runs_when_a_tool_calls_for_other_reasons() {
        let silent: [(Moment, &[&str], &[&str]); 10] = [
            (Moment::PreInstall, &["abort-upgrade", "1"], &[]),
            (Moment::PostInstall, &["triggered", "x"], &[]),
            (Moment::PreUpgrade, &["install"], &["1"]),
            (Moment::PreUpgrade, &["abort-upgrade", "1"], &[]),
            (Moment::PostUpgrade, &["configure", ""], &["1"]),
            (Moment::PostUpgrade, &["configure"], &[]),
            (Moment::PreRemove, &["upgrade", "2"], &["1"]),
            (Moment::PostRemove, &["purge"], &["1"]),
            (Moment::Purge, &["remove"], &[]),
            (Moment::Purge, &["upgrade", "2"], &[]),
        ];
        for (moment, of_dpkg, of_rpm) in silent {
            assert_eq!(run(&deb("echo ran", moment, ""), of_dpkg), "", "{moment:?}");
            if !of_rpm.is_empty() {
                assert_eq!(run(&rpm("echo ran", moment, "", str::to_owned), of_rpm), "", "{moment:?}");
            }
        }
    }

    #[test]
    fn a_script_that_fails_fails_the_package() {
        let fails = "false\ntrue";
        for (script, arguments) in [
            (deb(fails, Moment::PreInstall, ""), ["install", ""]),
            (deb(fails, Moment::PostUpgrade, ""), ["configure", "1"]),
            (rpm(fails, Moment::PreInstall, "", str::to_owned), ["1", ""]),
            (rpm(fails, Moment::PreUpgrade, "", str::to_owned), ["2", ""]),
        ] {
            let output =
                Command::new("sh").args(["-e", "-c", &script, "script"]).args(arguments).output().expect("sh runs");
            assert_eq!(output.status.code(), Some(1), "{script}");
        }
    }

    #[test]
    fn no_word_of_a_script_is_one_of_debhelpers() {
        for script in [
            "echo '#DEBHELPER#'\n",
            "cat <<'X'\n#PACKAGE# \\ $HOME `id`\n  #ENV.HOME# #\nX\n",
            "# a comment\nx='a#DEB_HOST_ARCH#b'; echo \"$x\" '\\\\' \\\n  again\n",
        ] {
            let written = for_debhelper(script);
            let outside = written.lines().any(|line| {
                line.split('#').nth(1).is_some_and(|word| {
                    word.len() > 2 && word.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
                }) && line.matches('#').count() > 1
            });
            assert!(!outside, "{written}");
            assert_eq!(run(&written, &[]), run(script, &[]), "{written}");
        }
        assert_eq!(for_debhelper("echo # plain\n"), "echo # plain\n");
    }
}
