//! `farm merge`: the stores of several machines as one.

use super::args::MergeArgs;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::report::count;
use crate::store::Store;
use crate::types::printable;

pub(crate) async fn run(args: MergeArgs) -> Result<Exit, Failure> {
    let work = move || {
        for folder in &args.stores {
            std::fs::read_dir(folder).map_err(|error| Failure::Usage {
                message: format!("cannot read {}: {error}", printable(&folder.display().to_string())),
                help: Some("name the dist/ of each machine, one folder each".to_owned()),
            })?;
        }
        let store = Store::open(&args.output)?;
        let _lock = store.lock()?;
        let merged = store.merge(&args.stores)?;
        output::out(&format!(
            "{}: packages of {} from {}{}\n",
            printable(&args.output.display().to_string()),
            count(merged.taken.len(), "target", "targets"),
            count(args.stores.len(), "store", "stores"),
            match merged.same.len() {
                0 => String::new(),
                same => format!(", {same} as before"),
            }
        ));
        if !merged.not_good.is_empty() {
            let targets: Vec<String> = merged.not_good.iter().map(|target| printable(target)).collect();
            output::err(&format!("not good: {}\n", targets.join(", ")));
        }
        Ok(Exit::Success)
    };
    context::blocking(work).await
}
