//! Why packages could not be installed, upgraded or removed, by what package managers print: the script of a package that
//! failed, what a package needs and nobody has, files that another package has. Their closing lines say none of it.

use super::noise::repeats;

/// Lines that are quoted.
const QUOTED: usize = 3;

/// What dpkg and rpm call a script, and what a recipe does.
const SCRIPTS: [(&str, &str); 10] = [
    ("pre-installation", "pre-install"),
    ("post-installation", "post-install"),
    ("pre-removal", "pre-remove"),
    ("post-removal", "post-remove"),
    ("%prein", "pre-install"),
    ("%pre", "pre-install"),
    ("%post", "post-install"),
    ("%preun", "pre-remove"),
    ("%postun", "post-remove"),
    ("%posttrans", "post-transaction"),
];

/// The lines that say why; those that tell least are left out.
pub(crate) fn why(lines: &[String]) -> Vec<String> {
    if let Some((index, (name, package, code))) =
        lines.iter().enumerate().find_map(|(index, line)| Some((index, parts(line)?)))
    {
        // rpm shows which package it is at by its name alone.
        let said = |line: &&str| tells(line) && *line != package;
        let last = lines[..index].iter().map(|line| line.trim()).rfind(said).map(str::to_owned);
        return [told(name, package, code)].into_iter().chain(last).collect();
    }
    // dpkg: ` chain of packages whose triggers are or may be responsible:`, `  a -> b`
    if lines.iter().any(|line| line.trim() == "triggers looping, abandoned") {
        let at = lines.iter().position(|line| line.trim().starts_with("chain of packages whose triggers"));
        let chain = at.and_then(|at| lines.get(at + 1)).map_or("", |line| line.trim());
        return vec![format!(
            "triggers set each other off in a circle ({chain}): the postinst that is called with `triggered` must not call \
             dpkg-trigger, or change files, for what its own package waits for, or another of the circle: take one \
             `interest` out of debian/PACKAGE.triggers"
        )];
    }
    const SAID: [&str; 8] = [
        "trying to overwrite",
        "conflicts with file from package",
        "but it is not installable",
        "but it is not going to be installed",
        " is to be installed",
        "nothing provides ",
        " is needed by ",
        " requires ",
    ];
    let said = |line: &&str| {
        SAID.iter().any(|words| line.contains(words)) || line.contains(" Depends: ") || line.contains(" Breaks: ")
    };
    let mut telling: Vec<String> = Vec::new();
    for line in lines.iter().map(|line| line.trim()).filter(said) {
        if !telling.iter().any(|known| known == line) && telling.len() < QUOTED {
            telling.push(line.to_owned());
        }
    }
    if !telling.is_empty() {
        return telling;
    }
    said_last(lines)
}

/// The script of a package that failed, as a recipe calls it, and the package as the manager does: `hello` of dpkg,
/// `hello-1.0-1.x86_64` of rpm.
pub(crate) fn failed_script(lines: &[String]) -> Option<(String, String)> {
    lines.iter().find_map(|line| parts(line)).map(|(name, package, _)| (name.to_owned(), package.to_owned()))
}

/// What a package requires and nobody has, by the words of rpm, dnf or zypper.
pub(crate) fn unmet(lines: &[String]) -> Option<&str> {
    lines.iter().find_map(|line| {
        // rpm: `\tlibfoo >= 2 is needed by hello-1.0-1.x86_64`
        let of_rpm = line.split_once(" is needed by ").map(|(before, _)| before);
        // dnf: `  - nothing provides libfoo >= 2 needed by hello-1.0-1.x86_64`; zypper quotes it
        let of_dnf = || line.split_once("nothing provides ")?.1.split_once(" needed by ").map(|(name, _)| name);
        of_rpm.or_else(of_dnf).map(|name| name.trim().trim_matches('\''))
    })
}

/// What farm's own scripts have found out about packages, one line each; nothing where the script of a package has failed, which
/// comes before all that.
pub(crate) fn found(lines: &[String]) -> impl Iterator<Item = &str> {
    // Said by the way.
    const NOTES: [&str; 4] = [
        "are needed than there are",
        "for the last good version than there are",
        "is needed by the base and stays",
        "cannot be fetched",
    ];
    let is_of_script = lines.iter().any(|line| parts(line).is_some());
    let own = lines.iter().filter_map(|line| line.strip_prefix("farm: "));
    own.filter(move |line| !is_of_script && !NOTES.iter().any(|note| line.ends_with(note)))
}

/// The last lines that tell something; those of farm's own scripts before all others. What a package manager printed before
/// is passed over where something came after it.
pub(crate) fn said_last(lines: &[String]) -> Vec<String> {
    // What is near to a name is for who puts it in order.
    let own = lines.iter().filter_map(|line| line.strip_prefix("farm: ")).filter(|line| !line.starts_with("near: "));
    let own: Vec<&str> = own.collect();
    let after = lines.iter().rposition(|line| is_progress(line.trim())).map_or(lines, |last| &lines[last + 1..]);
    let lines = if after.iter().any(|line| tells(line.trim())) { after } else { lines };
    let any: Vec<&str> = match own.is_empty() {
        true => lines.iter().map(|line| line.trim()).filter(|line| tells(line)).collect(),
        false => own,
    };
    let all: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let quoted = if any.is_empty() { all } else { any };
    quoted[quoted.len().saturating_sub(QUOTED)..].iter().map(|line| (*line).to_owned()).collect()
}

fn tells(line: &str) -> bool {
    !line.is_empty() && !repeats(line) && !is_progress(line)
}

/// Whether a package manager says by it how far it is.
fn is_progress(line: &str) -> bool {
    const PROGRESS: [&str; 24] = [
        "0 upgraded, ",
        "After this operation, ",
        "Need to get ",
        "Reading state information",
        "The following ",
        "debconf: delaying package configuration",
        "Do you want to continue?",
        "Created symlink ",
        "Setting up ",
        "Preparing to unpack ",
        "Unpacking ",
        "Selecting previously ",
        "Processing triggers ",
        "(Reading database",
        "Removing ",
        "Get:",
        "Fetched ",
        "Preparing...",
        "Preparing packages...",
        "Verifying packages...",
        "Updating / installing",
        "Verifying...",
        "Reading package lists",
        "Building dependency tree",
    ];
    PROGRESS.iter().any(|words| line.starts_with(words))
}

/// Its name as a recipe has it, the package, the exit code.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let known = |name| SCRIPTS.iter().find(|(known, _)| *known == name).map_or(name, |(_, of_recipe)| *of_recipe);
    // dpkg: ` installed hello package post-installation script subprocess returned error exit status 3`
    if let Some((before, code)) = line.split_once(" script subprocess returned error exit status ") {
        let (package, name) = before.trim().rsplit_once(" package ")?;
        return Some((known(name), package.rsplit(' ').next()?, code));
    }
    // rpm: `error: %prein(hello-1.0-1.x86_64) scriptlet failed, exit status 3`, with `warning:` where it goes on
    let (before, code) = line.split_once(" scriptlet failed, exit status ")?;
    let name = &before[before.find('%')?..];
    let (name, package) = name.split_once('(')?;
    Some((known(name), package.trim_end_matches(')'), code))
}

fn told(name: &str, package: &str, code: &str) -> String {
    let mend = match name {
        "pre-remove" | "post-remove" => {
            ", and a package whose script fails there can never be removed: let the script end well whatever it finds \
             (`|| true` behind what may fail)"
        }
        _ => "",
    };
    format!("the {name} script of {package} ended with exit code {}{mend}", code.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why_of(text: &str) -> String {
        why(&text.lines().map(str::to_owned).collect::<Vec<_>>()).join(" / ")
    }

    #[test]
    fn the_name_of_the_package_is_no_reason() {
        for before in ["Preparing packages...\ntiny-1.0-1.noarch", "  tiny-1.0-1.noarch"] {
            let text = format!("{before}\nwarning: %post(tiny-1.0-1.noarch) scriptlet failed, exit status 1");
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            assert_eq!(why(&lines), ["the post-install script of tiny-1.0-1.noarch ended with exit code 1"]);
        }
    }

    /// The output of apt, dpkg, rpm and dnf as they print it.
    #[test]
    fn package_managers_say_why_and_not_only_that() {
        for (text, said) in [
            (
                "dpkg: error processing archive /x/a.deb (--unpack):\n trying to overwrite '/usr/bin/env', which is also in \
                 package coreutils 9.1-1\nErrors were encountered while processing:\n /x/a.deb\nE: Sub-process failed",
                "trying to overwrite '/usr/bin/env', which is also in package coreutils 9.1-1",
            ),
            (
                "Verifying packages...\n\tfile /usr/bin/ls from install of a-1-1 conflicts with file from package coreutils-9-1\n\n",
                "file /usr/bin/ls from install of a-1-1 conflicts with file from package coreutils-9-1",
            ),
            (
                "Setting up tiny (1.0-1) ...\ncp: cannot stat '/etc/nosuch': No such file or directory\ndpkg: error processing \
                 package tiny (--configure):\n installed tiny package post-installation script subprocess returned error \
                 exit status 3\nErrors were encountered while processing:\n tiny\nE: Sub-process /usr/bin/dpkg returned an \
                 error code (1)\n",
                "the post-install script of tiny ended with exit code 3 / cp: cannot stat '/etc/nosuch': No such file or directory",
            ),
            (
                "dpkg: error processing archive /tmp/farm-packages/tiny.deb (--unpack):\n new tiny package pre-installation \
                 script subprocess returned error exit status 1\n",
                "the pre-install script of tiny ended with exit code 1",
            ),
            (
                "Preparing packages...\ntiny-1.0-1.x86_64\nno such user\nerror: %prein(tiny-1.0-1.x86_64) scriptlet failed, exit \
                 status 4\nerror: tiny-1.0-1.x86_64: install failed\n",
                "the pre-install script of tiny-1.0-1.x86_64 ended with exit code 4 / no such user",
            ),
            (
                "Some packages could not be installed. This may mean that you have\nrequested an impossible situation\n\nThe \
                 following packages have unmet dependencies:\n tiny : Depends: nosuch-library but it is not installable\nE: \
                 Unable to correct problems, you have held broken packages.\n",
                "tiny : Depends: nosuch-library but it is not installable",
            ),
            (
                "error: Failed dependencies:\n\tnosuch-library is needed by tiny-1.0-1.x86_64\n",
                "nosuch-library is needed by tiny-1.0-1.x86_64",
            ),
            (
                "Error: \n Problem: conflicting requests\n  - nothing provides nosuch-library needed by tiny-1.0-1.fc43.x86_64\n",
                "- nothing provides nosuch-library needed by tiny-1.0-1.fc43.x86_64",
            ),
            ("a\nfarm: /usr/bin/x is run by y\nb\nfarm: two\nc", "/usr/bin/x is run by y / two"),
            ("one\n\ntwo\nthree\nfour\n", "two / three / four"),
            (
                "E: Sub-process /usr/bin/dpkg returned an error code (1)",
                "E: Sub-process /usr/bin/dpkg returned an error code (1)",
            ),
        ] {
            assert_eq!(why_of(text), said);
        }
    }

    #[test]
    fn what_nobody_has_is_named_in_the_words_of_each_manager() {
        for (line, name) in [
            ("\tnosuch-library >= 2 is needed by tiny-1.0-1.x86_64", "nosuch-library >= 2"),
            ("  - nothing provides nosuch-library >= 2 needed by tiny-1.0-1.fc43.x86_64", "nosuch-library >= 2"),
            (
                "Problem: 1: nothing provides 'nosuch-library' needed by the to be installed tiny-1.0-1.noarch",
                "nosuch-library",
            ),
        ] {
            assert_eq!(unmet(&[line.to_owned()]), Some(name));
        }
        assert_eq!(unmet(&["error: Failed dependencies:".to_owned()]), None);
    }

    #[test]
    fn what_a_test_printed_is_not_mixed_with_its_installation() {
        let said = |text: &str| said_last(&text.lines().map(str::to_owned).collect::<Vec<_>>()).join(" / ");
        let installed = "The following NEW packages will be installed:\n  tiny\n0 upgraded, 1 newly installed\nSetting up tiny (1.0) ...\n";
        assert_eq!(said(&format!("{installed}tiny\n")), "tiny");
        assert_eq!(said(installed), "tiny", "nothing came after it");
        assert_eq!(said("farm: no\nSetting up tiny (1.0) ...\n"), "no");
        assert_eq!(said("farm: unsatisfiable: tyni\nfarm: near: tiny 1.0\n"), "unsatisfiable: tyni");
    }
}
