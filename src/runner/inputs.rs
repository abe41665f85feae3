//! What goes into a job's packages, written down while it is known: for bills of materials, by `attest`.

use super::container::run_captured_up_to;
use super::outcome::JobError;
use super::prepare::Ready;
use super::work::Work;
use crate::attest::{self, BuildInputs, INPUTS_SCHEMA, Installed, PatchInput, SourceInput};
use crate::engine::Container;
use crate::recipe::{Origin, Source};
use crate::source::PreparedFile;

/// What is installed in a started container in which nothing of the recipe has run yet; none where it cannot tell.
pub(crate) async fn installed(work: &Work<'_>, container: &dyn Container) -> Result<Option<Installed>, JobError> {
    let (code, output) = run_captured_up_to(work, container, attest::SCRIPT, attest::LARGEST_ANSWER).await?;
    let text = String::from_utf8_lossy(&output.bytes);
    Ok((code == 0).then(|| Installed::parse(&text)).flatten())
}

/// All that is known of what a job was given.
pub(crate) fn of_job(work: &Work<'_>, ready: &Ready, installed: Option<Installed>) -> BuildInputs {
    let (recipe, sources) = (&work.job.recipe, &ready.sources);
    let info = &work.shared.engine_info;
    BuildInputs {
        schema: INPUTS_SCHEMA,
        farm: env!("CARGO_PKG_VERSION").to_owned(),
        engine: format!("{} {}", info.name, info.version),
        source_date_epoch: work.job.date(sources.newest),
        license: recipe.package.license.clone(),
        // One file for each source, in the order of the recipe.
        sources: recipe.sources.iter().zip(&sources.originals).map(source).collect(),
        patches: sources
            .patches
            .iter()
            .map(|patch| PatchInput { name: patch.name.clone(), sha256: patch.sha256.clone() })
            .collect(),
        network: recipe.build.network,
        installed,
    }
}

fn source((source, file): (&Source, &PreparedFile)) -> SourceInput {
    let (urls, commit) = match &source.origin {
        Origin::Urls { urls, .. } => (urls.iter().map(ToString::to_string).collect(), None),
        Origin::Git { url, commit, .. } => (vec![url.to_string()], Some(commit.to_ascii_lowercase())),
        // Where it lies on this host is nobody's business.
        Origin::Path { .. } | Origin::Text { .. } => (Vec::new(), None),
    };
    SourceInput { name: file.name.clone(), sha256: file.sha256.clone(), urls, commit }
}
