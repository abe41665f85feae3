//! `farm release`: a folder for a release page.

use super::args::{NamingChoice, ReleaseArgs};
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::list;
use super::output;
use super::sign;
use crate::report::count;
use crate::store::{Naming, Release};
use crate::types::{human_bytes, printable};

pub(crate) async fn run(args: ReleaseArgs) -> Result<Exit, Failure> {
    let work = move || {
        let index = list::chosen(&args.store)?;
        let naming = match args.names {
            NamingChoice::Portable => Naming::Portable,
            NamingChoice::Exact => Naming::Exact,
        };
        let release = Release::of(&index, naming, !args.no_debug)?;
        let signer = sign::signer(&args.key.sign_key)?;
        let unknown = release.write(&args.store.output, &args.folder, signer.as_ref())?;
        if !unknown.is_empty() {
            output::err(&format!(
                "warning: no bill of materials of {}: an earlier farm made them, and did not write down what went in; farm \
                 build --force makes them again\n",
                printable(&unknown.join(", "))
            ));
        }
        let (files, bytes) = release.size();
        let folder = printable(&args.folder.display().to_string());
        output::out(&format!(
            "{folder}: {}, {}, SHA256SUMS{}, RELEASE.md\n",
            count(files, "package", "packages"),
            human_bytes(bytes),
            if signer.is_some() { " and its signature" } else { "" }
        ));
        Ok(Exit::Success)
    };
    context::blocking(work).await
}
