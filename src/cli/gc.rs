//! `farm gc`: the store of farm's own engine, tidied up and looked over.

use super::args::GcArgs;
use super::config::Config;
use super::context::{self, Connected};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::report::count;
use crate::types::{human_bytes, printable};

pub(crate) async fn run(args: &GcArgs) -> Result<Exit, Failure> {
    let Connected { engine, info } = context::connect(&args.engine.engine, &Config::load()?).await?;
    let problems = if args.verify { engine.verify().await? } else { None };
    let Some(freed) = engine.collect_garbage().await? else {
        output::out(&not_ours(&info.name));
        return Ok(Exit::Success);
    };
    if let Some(problems) = &problems {
        output::out(&verdict(problems));
    }
    output::out(&said(freed));
    let whole = problems.is_none_or(|problems| problems.is_empty());
    Ok(if whole { Exit::Success } else { Exit::JobFailed })
}

fn not_ours(engine: &str) -> String {
    format!("{engine} looks after its own store: `farm images prune` removes what farm keeps in it\n")
}

fn said(freed: u64) -> String {
    match freed {
        0 => "nothing to remove\n".to_owned(),
        some => format!("freed {}\n", human_bytes(some)),
    }
}

fn verdict(problems: &[String]) -> String {
    if problems.is_empty() {
        return "the store is whole\n".to_owned();
    }
    let mut text: String = problems.iter().map(|problem| format!("{}\n", printable(problem))).collect();
    text.push_str(&format!(
        "{} in the store: images that have one are removed, and builds make them again\n",
        count(problems.len(), "problem", "problems")
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_a_line() {
        assert_eq!(said(0), "nothing to remove\n");
        assert_eq!(said(38_000_000), "freed 38 MB\n");
        assert!(not_ours("docker").contains("farm images prune"));
    }

    #[test]
    fn problems_come_with_what_mends_them() {
        assert_eq!(verdict(&[]), "the store is whole\n");
        insta::assert_snapshot!(verdict(&["image farm/base:x has no layer 12".to_owned()]), @"
        image farm/base:x has no layer 12
        1 problem in the store: images that have one are removed, and builds make them again
        ");
    }
}
