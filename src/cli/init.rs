//! `farm init`: a farm.toml for a project. Here is where the project comes from, who the user is, and what is said; what
//! is in the recipe is the business of `init`.

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::args::{ColorChoice, InitArgs};
use super::config::Config;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use crate::distro::{Catalogue, Distro};
use crate::init::{self, Request, SourceOf, Tree, Written};
use crate::recipe::{Origin, Source};
use crate::report::{Style, Tone};
use crate::source::tracked_files;
use crate::types::{NoProgress, redacted_text};

pub(crate) async fn run(args: &InitArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let output = args.output.clone();
    let is_of_folder = args.url.is_none() && args.from.is_none();
    if is_of_folder && !args.path.exists() {
        return Err(Failure::Usage {
            message: format!("there is no folder {}", args.path.display()),
            help: Some("of a project elsewhere: farm init --url URL, or --from ARCHIVE".to_owned()),
        });
    }
    // Before anything is fetched.
    if output.exists() && !args.force {
        return Err(Failure::Usage {
            message: format!("{} is there already", output.display()),
            help: Some("write another file with -o, or let --force overwrite it".to_owned()),
        });
    }
    let (tree, mut request) = match (&args.url, &args.from) {
        (Some(url), _) => archive(ArchiveAt::Url(url), &output, args).await?,
        (None, Some(file)) => archive(ArchiveAt::File(file), &output, args).await?,
        (None, None) => folder(&args.path, &output).await?,
    };
    request.maintainer = maintainer().await;
    let catalogue = Catalogue::around([output.parent().unwrap_or(Path::new("."))])?;
    request.distros = init::offered(&catalogue, chrono::Utc::now().date_naive());
    let today = chrono::Utc::now().date_naive().to_string();
    let lasts = |distro: &&std::sync::Arc<Distro>| !distro.has_ended(&today);
    request.known = catalogue.iter().filter(lasts).map(std::sync::Arc::clone).collect();
    let mut written = init::recipe(&tree, &request)?;
    if matches!(&request.source, SourceOf::Path(path) if path == ".") && !tree.ignores("dist") {
        written.checks.push("dist/ is not in .gitignore: what was built would be part of the sources".to_owned());
    }
    write(&output, &written.text, args.force)?;
    output::out(&said(&written, &output, &Surroundings::of_this_process().style(color, false)));
    Ok(Exit::Success)
}

async fn folder(path: &Path, output: &Path) -> Result<(Tree, Request), Failure> {
    let read = |source| Failure::Read { path: path.to_owned(), source };
    let full = path.canonicalize().map_err(read)?;
    if !full.is_dir() {
        return Err(Failure::Usage {
            message: format!("{} is no folder", path.display()),
            help: Some(format!("of an archive: farm init --from {}", path.display())),
        });
    }
    let tree = context::blocking({
        let full = full.clone();
        move || Tree::of_folder(&full, &tracked_files(&full))
    })
    .await?;
    let file_name = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let source = SourceOf::Path(relative(&full, output)?);
    Ok((tree, Request { source, strip: None, file_name, distros: Vec::new(), known: Vec::new(), maintainer: None }))
}

enum ArchiveAt<'a> {
    Url(&'a str),
    File(&'a Path),
}

/// An archive's files, by the way that a build takes to them: what cannot be unpacked there is refused here.
async fn archive(at: ArchiveAt<'_>, output: &Path, args: &InitArgs) -> Result<(Tree, Request), Failure> {
    let config = Config::load()?;
    let catalogue = Catalogue::around([Path::new(".")])?;
    let access = context::access(&args.mirrors, false, &config)?;
    let mirrors = access.mirrors(catalogue.iter().map(AsRef::as_ref));
    let mirrors = mirrors.into_iter().map(|(name, mirror)| (name, mirror.url)).collect();
    let sources = access.sources(mirrors);
    let cancel = CancellationToken::new();
    let failed = |name: &str| {
        let of = PathBuf::from(redacted_text(name));
        move |source| Failure::Source { of, source }
    };
    let (name, origin, source) = match at {
        ArchiveAt::Url(url) => {
            let sha256 = sources.first_download(url, &NoProgress, &cancel).await.map_err(failed(url))?;
            let origin = Origin::Urls { urls: vec![url.into()], sha256: sha256.clone() };
            (url.to_owned(), origin, SourceOf::Url { url: url.to_owned(), sha256 })
        }
        ArchiveAt::File(file) => {
            let full = file.canonicalize().map_err(|source| Failure::Read { path: file.to_owned(), source })?;
            let origin = Origin::Path { path: full.to_string_lossy().into_owned() };
            (file.display().to_string(), origin, SourceOf::Path(relative(&full, output)?))
        }
    };
    let whole = Source::whole(origin);
    let prepared =
        sources.prepare(Path::new("."), "project", "0", &[whole], &NoProgress, &cancel).await.map_err(failed(&name))?;
    let tree = context::blocking(move || {
        let file = std::fs::File::open(&prepared.tree)
            .map_err(|error| init::InitError::Archive { reason: error.to_string() })?;
        Tree::of_tar(std::io::BufReader::with_capacity(128 * 1024, file))
    })
    .await?;
    // The default is one folder for addresses, and none for files.
    let folders = u32::from(tree.has_top());
    let default = u32::from(matches!(source, SourceOf::Url { .. }));
    let strip = (folders != default).then_some(folders);
    Ok((tree, Request { source, strip, file_name: name, distros: Vec::new(), known: Vec::new(), maintainer: None }))
}

/// `to`, an absolute path without links, as a recipe at `output` names it.
fn relative(to: &Path, output: &Path) -> Result<String, Failure> {
    let failed = |source| Failure::Read { path: output.to_owned(), source };
    let output = std::path::absolute(output).map_err(failed)?;
    let folder = output.parent().unwrap_or(Path::new("/"));
    // It is made when the recipe is written; what it will be called is known before.
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let rest = folder.strip_prefix(existing).unwrap_or(Path::new(""));
    Ok(between(&existing.canonicalize().map_err(failed)?.join(rest), to))
}

fn between(from: &Path, to: &Path) -> String {
    let parts = |path: &Path| -> Vec<String> {
        path.components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect()
    };
    let (from, to) = (parts(from), parts(to));
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - same);
    let path: Vec<String> = up.chain(to[same..].iter().cloned()).collect();
    if path.is_empty() { ".".to_owned() } else { path.join("/") }
}

/// Who the user is: as Debian's tools are told, else as git is.
async fn maintainer() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    if let Some(address) = set("DEBEMAIL") {
        if address.contains('<') {
            return Some(address);
        }
        if let Some(name) = set("DEBFULLNAME") {
            return Some(format!("{name} <{address}>"));
        }
    }
    let (name, address) = tokio::join!(git("user.name"), git("user.email"));
    Some(format!("{} <{}>", name?, address?))
}

/// A value of the user's git configuration; none without one, or without git. That of the project here is not looked at: it
/// may come from anybody.
async fn git(key: &str) -> Option<String> {
    let mut command = tokio::process::Command::new("git");
    command.args(["config", "--get", key]).stdin(std::process::Stdio::null()).kill_on_drop(true);
    command.env("GIT_DIR", "/dev/null");
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Never half a file, and none that came into being meanwhile is overwritten without being asked.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |source| Failure::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new().prefix(".farm-").tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map(|_| ()).map_err(|error| failed(error.error))
}

fn said(written: &Written, output: &Path, style: &Style) -> String {
    let title = format!("{}: {} {}", output.display(), written.name, written.version);
    let mut text = format!("{}\n", style.paint(Tone::Strong, &crate::types::printable(&title)));
    let wide = written.found.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
    for (what, value) in &written.found {
        let first = format!("  {what:wide$}  ");
        let inner = Style { width: style.width.saturating_sub(first.len()), ..*style };
        let lines = inner.wrap(&crate::types::printable(value), "");
        text.push_str(&format!(
            "{first}{}\n",
            lines.trim_end().replace('\n', &format!("\n{}", " ".repeat(first.len())))
        ));
    }
    for check in &written.checks {
        let inner = Style { width: style.width.saturating_sub(9), ..*style };
        let lines = inner.wrap(&crate::types::printable(check), "");
        let lines = lines.trim_end().replace('\n', "\n         ");
        text.push_str(&format!("  {} {lines}\n", style.paint(Tone::Warning, "check:")));
    }
    let recipe = if output == Path::new("farm.toml") { String::new() } else { format!(" {}", output.display()) };
    text.push_str(&format!("next: look through it, then `farm build{recipe}`\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_as_seen_from_the_recipe() {
        let of = |from: &str, to: &str| between(Path::new(from), Path::new(to));
        assert_eq!(of("/a/b", "/a/b"), ".");
        assert_eq!(of("/a/b", "/a/c/d.tar"), "../c/d.tar");
        assert_eq!(of("/", "/a"), "a");
        assert_eq!(of("/a/b/packaging", "/a/b"), "..");
    }

    #[test]
    fn nothing_is_overwritten_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/farm.toml");
        write(&path, "a", false).unwrap();
        assert!(write(&path, "b", false).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a");
        write(&path, "b", true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "b");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }
}
