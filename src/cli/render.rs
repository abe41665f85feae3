//! `farm render`: the packaging files and scripts of one target, for people to read.

use std::path::Path;
use std::sync::Arc;

use super::args::{ColorChoice, RenderArgs};
use super::config::Config;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use crate::matrix::Target;
use crate::packaging::{BuilderSetup, FormerLinks, GuestFile};
use crate::plan::{Job, JobEnvironment};
use crate::project::{Limits, Selection};
use crate::recipe::PackagingTools;
use crate::report::{Style, Tone};
use crate::types::SharedText;

pub(crate) async fn run(args: &RenderArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let project = context::project(&args.recipes, &args.parameters)?;
    let selection = Selection { targets: vec![args.target.clone()], ..Selection::default() };
    let selected = project.select(&selection, context::default_arch(&[]))?;
    let targets = selected.targets();
    if targets.len() > 1 {
        let some: Vec<String> = targets.iter().take(3).map(Target::to_string).collect();
        return Err(Failure::Usage {
            message: format!("{} targets match {}", targets.len(), args.target),
            help: Some(format!(
                "name one of them: {}{}",
                some.join(", "),
                if targets.len() > 3 { ", ..." } else { "" }
            )),
        });
    }
    let access = context::access(&args.archive.mirrors, args.archive.stale_contents, &Config::load()?)?;
    let resolved = selected.resolve(&access, args.snapshot).await?;
    context::tell(resolved.notes());
    context::tell_unread(resolved.unread(), &Surroundings::of_this_process().style(color, true));
    let plan = resolved.plan(Vec::new(), Limits { jobs: Some(1), test: true, lint: false }).await?.plan;
    for job in plan.jobs.iter().filter(|job| !job.only_needed) {
        let files = files(job);
        match &args.output {
            Some(folder) => write(folder, &files)?,
            None => output::out(&listing(&files, &Surroundings::of_this_process().style(color, false))),
        }
    }
    Ok(Exit::Success)
}

/// All that a job uploads or runs, in order. Scripts are numbered in the order they run in.
fn files(job: &Job) -> Vec<GuestFile> {
    let environment = job.environment.as_deref();
    // What farm makes itself has no packaging files.
    let by_farm = environment.is_some_and(|environment| environment.tools == PackagingTools::Farm);
    let packaging =
        if by_farm { Arc::new(job.assembly_at(0, &FormerLinks::new()).0) } else { Arc::clone(&job.packaging) };
    let mut files = packaging.files.clone();
    let mut number = 0;
    let mut script = |name: &str, content: SharedText| {
        number += 1;
        files.push(GuestFile { path: format!("scripts/{number:02}-{name}.sh"), content, executable: true });
    };
    if environment.is_none_or(JobEnvironment::has_builder) {
        script("builder", job.builder.script.clone());
    }
    for step in &packaging.steps {
        script(step.kind.as_str(), step.script.clone().into());
    }
    if let Some(test) = &job.test {
        if let Some(BuilderSetup { script: tester, .. }) = &test.tester {
            script("tester", tester.clone());
        }
        script("test-install", test.install.clone());
        if let Some(test) = &test.test {
            script("test", test.clone().into());
        }
        script("test-remove", test.remove.clone());
    }
    files
}

fn listing(files: &[GuestFile], style: &Style) -> String {
    let mut text = String::new();
    for file in files {
        let content = file.content.whole();
        let newline = if content.ends_with('\n') { "" } else { "\n" };
        text.push_str(&style.paint(Tone::Strong, &format!("==> {} <==", file.path)));
        text.push_str(&format!("\n{content}{newline}\n"));
    }
    text
}

fn write(folder: &Path, files: &[GuestFile]) -> Result<(), Failure> {
    for file in files {
        let path = folder.join(&file.path);
        let failed = |source| Failure::Write { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::write(&path, file.content.whole().as_bytes()).map_err(failed)?;
        #[cfg(unix)]
        if file.executable {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
        }
    }
    output::err(&format!("{} files in {}\n", files.len(), folder.display()));
    Ok(())
}
