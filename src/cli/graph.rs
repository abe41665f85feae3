//! `farm plan --graph`: in which order jobs are built and what they need of each other, for people and for Graphviz.

use super::plan::action;
use crate::plan::Reason;
use crate::plan::set::{self, Need, NeedKind};
use crate::project::Decided;
use crate::report::Style;
use crate::report::table::Table;

/// A table in the order of building. Jobs of one step do not need each other.
pub(crate) fn text(decided: &[Decided<'_>], style: &Style) -> String {
    let steps = set::steps(&edges(decided));
    let mut order: Vec<usize> = (0..decided.len()).collect();
    // Stable: within a step, in the order of the plan.
    order.sort_by_key(|number| steps[*number]);
    let mut table = Table::new(&["STEP", "TARGET", "ACTION", "NEEDS"]);
    for number in order {
        let Decided { job, reason } = &decided[number];
        let needs: Vec<String> = merged(&job.needs)
            .into_iter()
            .map(|(need, kinds)| match kinds.as_slice() {
                [NeedKind::Build] => need.target.recipe.clone(),
                kinds => format!("{} ({})", need.target.recipe, joined(kinds)),
            })
            .collect();
        table.row(vec![
            (steps[number] + 1).to_string(),
            job.target.to_string(),
            action(reason).trim_end_matches(" if").to_owned(),
            needs.join(", "),
        ]);
    }
    table.render(style)
}

/// A digraph: an arrow goes from what is needed to what needs it, dashed when it is not for the build.
pub(crate) fn dot(decided: &[Decided<'_>]) -> String {
    let mut text = String::from("digraph farm {\n  rankdir=LR;\n  node [shape=box];\n");
    for Decided { job, reason } in decided {
        let style = if *reason == Reason::UpToDate { ", style=dotted" } else { "" };
        text.push_str(&format!("  {} [tooltip={}{style}];\n", id(&job.target.to_string()), id(action(reason))));
    }
    for Decided { job, .. } in decided {
        for (need, kinds) in merged(&job.needs) {
            let style = if kinds.contains(&NeedKind::Build) { "" } else { ", style=dashed" };
            text.push_str(&format!(
                "  {} -> {} [label={}{style}];\n",
                id(&need.target.to_string()),
                id(&job.target.to_string()),
                id(&joined(&kinds))
            ));
        }
    }
    text + "}\n"
}

fn edges(decided: &[Decided<'_>]) -> Vec<Vec<usize>> {
    set::edges(decided.iter().map(|Decided { job, .. }| (&job.target, job.needs.as_slice())))
}

/// One entry per target, with all that it is needed for.
fn merged(needs: &[Need]) -> Vec<(&Need, Vec<NeedKind>)> {
    let mut merged: Vec<(&Need, Vec<NeedKind>)> = Vec::new();
    for need in needs {
        match merged.iter_mut().find(|(known, _)| known.target == need.target) {
            Some((_, kinds)) if kinds.contains(&need.kind) => {}
            Some((_, kinds)) => kinds.push(need.kind),
            None => merged.push((need, vec![need.kind])),
        }
    }
    merged
}

fn joined(kinds: &[NeedKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// A string of Graphviz's language.
fn id(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}
