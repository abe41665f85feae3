//! Texts about the command line beside clap's own: exit codes, environment; and `docs/cli.md`, made of all of them.

use super::exit::Exit;

/// Below `farm --help`.
pub(crate) fn exit_codes() -> String {
    let mut text = String::from("Exit codes, the worst first; of several, the worst is the command's:\n");
    for exit in Exit::WORST_FIRST {
        text.push_str(&format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    }
    text.push_str("`farm explain CODE` says what to do.\n");
    text
}

#[cfg(test)]
mod tests {
    use crate::cli::examples::command;

    const ENVIRONMENT: [(&str, &str); 14] = [
        (
            "`FARM_ENGINE`",
            "The engine when `--engine` does not say: `docker`, `podman`, `native` or a URL; several with spaces between them are a pool.",
        ),
        ("`FARM_SSH`", "The program and its first arguments that connect to `ssh://` engines and targets; else `ssh`."),
        (
            "`DOCKER_HOST`, `DOCKER_CONTEXT`",
            "As for the `docker` command: which engine, when neither `FARM_ENGINE` nor the configuration names one.",
        ),
        (
            "`FARM_MIRROR_<NAME>`",
            "Mirror of an archive, `FARM_MIRROR_DEBIAN_SECURITY` for `debian-security`; `--mirror` goes before it.",
        ),
        ("`FARM_NETWORK`", "The network of containers when `--network` does not say: `default` or `host`."),
        ("`FARM_STALE_CONTENTS`", "As `--stale-contents`, unless it is empty, `0`, `no` or `false`."),
        ("`FARM_CACHE`", "Folder for downloads and prepared sources; else `$XDG_CACHE_HOME/farm` or `~/.cache/farm`."),
        (
            "`FARM_CONFIG`",
            "The configuration file, see [config.md](config.md); else `$XDG_CONFIG_HOME/farm/config.toml` or `~/.config/farm/config.toml`.",
        ),
        (
            "`FARM_DATA`",
            "Folder for the images of farm's own engine; else `$XDG_DATA_HOME/farm` or `~/.local/share/farm`.",
        ),
        (
            "`FARM_LOG`",
            "What farm says on stderr of its own doings, by module: `debug`, `farm::image=debug,farm::fetch=info`; goes before `-v`.",
        ),
        (
            "`BROWSER`",
            "What `farm report --open` opens the page with: commands with `:` between them, `%s` is the file.",
        ),
        ("`NO_COLOR`, `CLICOLOR_FORCE`", "No colour; colour even without a terminal. `--color` goes before both."),
        ("`CI`, `TERM=dumb`", "Plain lines even on a terminal."),
        ("`COLUMNS`", "Width of what farm prints; else the terminal's, else 80."),
    ];

    fn document() -> String {
        let mut text = String::from(
            "# The command line\n\nMade from the program's own help by `FARM_UPDATE_DOCS=1 cargo test --lib cli::docs`; a test compares.\n",
        );
        let mut root = command().term_width(100);
        root.build();
        section(&mut root, "farm", &mut text);
        text.push_str("\n## Environment\n\n| variable | effect |\n|---|---|\n");
        for (name, effect) in ENVIRONMENT {
            text.push_str(&format!("| {name} | {effect} |\n"));
        }
        text
    }

    fn section(command: &mut clap::Command, path: &str, text: &mut String) {
        let help = command.render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        text.push_str(&format!("\n## `{path}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
        // `help` says of each what stands here already.
        for child in command.get_subcommands_mut().filter(|child| child.get_name() != "help") {
            let path = format!("{path} {}", child.get_name());
            section(child, &path, text);
        }
    }

    #[test]
    fn the_page_about_the_command_line_is_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
        let wanted = document();
        if std::env::var_os("FARM_UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "docs/cli.md is not what the program says: run FARM_UPDATE_DOCS=1 cargo test --lib cli::docs"
        );
    }
}
