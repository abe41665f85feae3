//! Examples at the end of each command's help: lines to copy, each read by the command line's own definition in a test.

use clap::CommandFactory as _;

use super::args::Arguments;

/// For each command its lines, with what they do.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "build",
        &[
            ("farm build --matrix", "all targets of all recipes here"),
            ("farm build hello -t debian-12", "one recipe for one distribution"),
            ("farm build --distro debian-13,fedora-44", "whatever the matrix says"),
            ("farm build --failed --keep-failed", "what went wrong last time, to look into"),
            ("farm build --matrix --report html=run.html", "with a page for others"),
        ],
    ),
    (
        "test",
        &[
            ("farm test hello_2.10-1_amd64.deb", "on the distribution that it is for"),
            ("farm test new/ --upgrade-from old/ -t debian-12", "as an upgrade, too"),
        ],
    ),
    ("source", &[("farm source hello -t debian-12", "for a PPA, Copr or mentors")]),
    (
        "plan",
        &[
            ("farm plan --matrix", "what a build would do, and why"),
            ("farm plan --matrix --explain", "with what has changed"),
            ("farm plan --matrix --ci github", "as the jobs of a CI"),
        ],
    ),
    (
        "requires",
        &[
            ("farm requires --matrix", "what each capability is called where"),
            ("farm requires hello -t debian-12 --unused", "what no step of the build uses"),
        ],
    ),
    ("fetch", &[("farm fetch", "all that a build without a network needs of this host")]),
    ("init", &[("farm init", "for the project in this folder"), ("farm init ../jq", "for another one")]),
    ("render", &[("farm render hello@debian-12", "debian/ or the .spec as farm makes it")]),
    ("schema", &[("farm schema", "for an editor: docs/recipe.md says how")]),
    ("distros", &[("farm distros", "all of them"), ("farm distros --json", "for scripts")]),
    ("distros show", &[("farm distros show debian-12", "with its archive and its toolchains")]),
    ("images", &[("farm images", "what farm keeps in the engine"), ("farm images --json", "for scripts")]),
    ("images prune", &[("farm images prune --older-than 30", "what was made more than a month ago")]),
    ("images import", &[("farm images import rocky-9 rocky.tar.xz", "builds for rocky-9 begin with it")]),
    ("images pull", &[("farm images pull fedora-44", "as its registry has it today")]),
    ("images update", &[("farm images update", "security fixes for all bases")]),
    ("images bootstrap", &[("farm images bootstrap debian-12", "from Debian's archive")]),
    ("reap", &[("farm reap", "after an engine was cut off")]),
    ("gc", &[("farm gc --keep 5G --dry-run", "what would go"), ("farm gc --keep 5G", "and off it goes")]),
    ("list", &[("farm list", "each target and its last build"), ("farm list --kept", "containers of failed builds")]),
    ("clean", &[("farm clean -t debian-11 --dry-run", "what would go"), ("farm clean", "all of dist/")]),
    ("cache", &[("farm cache", "how much of what"), ("farm cache --json", "each entry, for scripts")]),
    ("config", &[("farm config", "where each setting comes from")]),
    ("lock", &[("farm lock", "after a good build"), ("farm lock --check", "in CI")]),
    ("logs", &[("farm logs hello@debian-12 --step build", "one step"), ("farm logs debian-12 --follow", "as it goes")]),
    ("explain", &[("farm explain dep-wait", "an outcome"), ("farm explain 11", "an exit code")]),
    ("report", &[("farm report --open", "the last run in a browser")]),
    ("merge", &[("farm merge job-1/dist job-2/dist", "into one dist/")]),
    ("shell", &[("farm shell hello@debian-12", "in the container of the build that failed")]),
    ("exec", &[("farm exec hello@debian-12 -- make check", "there, and nothing else")]),
    ("release", &[("farm release page", "packages, sums and notes for a release page")]),
    ("attest", &[("farm attest statements", "SPDX, CycloneDX and SLSA of all packages")]),
    ("attest verify", &[("farm attest verify hello_2.10-1_amd64.deb", "with the statements beside it")]),
    (
        "verify",
        &[
            ("farm verify hello -t debian-12", "is it the same once more?"),
            ("farm verify hello_2.10-3_amd64.buildinfo", "what Debian has built"),
        ],
    ),
    ("diff", &[("farm diff old.deb new.deb", "two packages"), ("farm diff dist-1 dist-2 --json", "two stores")]),
    ("sign", &[("farm sign page/SHA256SUMS", "by the key of the configuration")]),
    ("verify-signature", &[("farm verify-signature --key key.asc page/SHA256SUMS", "with SHA256SUMS.asc beside it")]),
    (
        "repo",
        &[
            ("farm repo www", "what dist/ has, in signed repositories"),
            ("farm repo www dist-1 dist-2 --keep 3", "of two stores, three versions each"),
        ],
    ),
    ("repo check", &[("farm repo check www", "as apt and dnf read it")]),
    ("repo remove", &[("farm repo remove www hello=2.9-1", "one version")]),
    ("repo promote", &[("farm repo promote www testing stable hello", "the same files, for all")]),
    ("repo snapshot", &[("farm repo snapshot www before-5.0", "to come back to")]),
    ("repo rollback", &[("farm repo rollback www before-5.0", "all of it as it was")]),
    (
        "repo publish",
        &[
            ("farm repo publish www s3://packages/stable", "to a store"),
            ("farm repo publish www ssh://me@www.example.org/srv/www", "to a host"),
        ],
    ),
    ("doctor", &[("farm doctor", "can farm build here?")]),
    ("completions", &[("farm completions bash", "the script, for a file: see above")]),
    ("man", &[("farm man man1", "a page for each command")]),
];

/// The command line as it is told to people: with examples.
pub(super) fn command() -> clap::Command {
    let mut root = Arguments::command();
    for (path, lines) in EXAMPLES {
        let words: Vec<&str> = path.split(' ').collect();
        root = with(root, &words, &text(lines));
    }
    root
}

fn with(command: clap::Command, path: &[&str], text: &str) -> clap::Command {
    match path {
        [] => command.after_help(text.to_owned()),
        [name, rest @ ..] => command.mut_subcommand(name, |child| with(child, rest, text)),
    }
}

/// What each does stands below it where a line of 80 characters has no room for both.
fn text(lines: &[(&str, &str)]) -> String {
    let widest = lines.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
    let mut text = String::from("Examples:");
    for (line, does) in lines {
        match widest + does.len() + 4 <= 80 {
            true => text.push_str(&format!("\n  {line:widest$}  {does}")),
            false => text.push_str(&format!("\n  {line}\n      {does}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// Those that do something, by path; `help` is clap's own, and `list` and `show` beside a default say no more than that.
    fn paths(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
            let path = format!("{path} {}", child.get_name()).trim().to_owned();
            paths(child, &path, found);
            if !["distros list", "images list", "config show"].contains(&path.as_str()) {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_command_has_examples_and_each_is_read() {
        let mut all = Vec::new();
        paths(&Arguments::command(), "", &mut all);
        let mut told: Vec<&str> = EXAMPLES.iter().map(|(path, _)| *path).collect();
        all.sort();
        told.sort_unstable();
        assert_eq!(all, told);
        for (path, lines) in EXAMPLES {
            for (line, _) in *lines {
                assert!(line.starts_with(&format!("farm {path}")), "{line}");
                if let Err(error) = Arguments::try_parse_from(line.split(' ')) {
                    panic!("{line}: {error}");
                }
            }
        }
        let mut build = command().find_subcommand("build").unwrap().clone();
        assert!(build.render_help().to_string().contains("Examples:\n  farm build --matrix"));
        command().debug_assert();
    }
}
