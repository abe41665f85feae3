//! `farm completions` and `farm man`: what packages of farm bring beside the program, made of the program's own help.

use clap::CommandFactory as _;

use super::args::{Arguments, CompletionsArgs, ManArgs};
use super::examples;
use super::exit::Exit;
use super::failure::Failure;
use super::output;

pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "farm", &mut script);
    output::out(&String::from_utf8_lossy(&script));
    Exit::Success
}

pub(crate) fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let write = |source| Failure::Write { path: args.folder.clone(), source };
    std::fs::create_dir_all(&args.folder).map_err(write)?;
    clap_mangen::generate_to(examples::command(), &args.folder).map_err(write)?;
    Ok(Exit::Success)
}
