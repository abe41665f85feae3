//! A commit with its submodules, each at the commit that it records, as one tar.
//!
//! `.gitmodules` is written by whoever wrote the sources: it may not name a transport that runs commands, an option, or
//! a place on this host, nor a path outside of the tree or inside `.git`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::super::layout::Layout;
use super::super::tree::{TreeWriter, shown};
use super::super::{SourceError, blocking, unpack};
use super::{Depth, Repository, fetch, is_commit_id, write};
use crate::recipe;
use crate::types::{printable, redacted_text};

/// Submodules of submodules, and so on.
const DEEPEST: usize = 8;
/// Of one source altogether: more than the largest projects have.
const MOST: usize = 512;

/// A module and where it belongs.
#[derive(Debug)]
struct Module {
    /// From the top of the source; empty for the source itself.
    path: String,
    url: String,
    commit: String,
    depth: usize,
}

/// As [`super::archive`], with submodules.
pub(super) async fn archive(
    cache: &Path,
    root: &Path,
    (url, commit): (&str, &str),
    top: &str,
    to: &Path,
    cancel: &CancellationToken,
) -> Result<(), SourceError> {
    let folder = to.parent().unwrap_or(root);
    let parts = tempfile::Builder::new()
        .prefix(".modules-")
        .tempdir_in(folder)
        .map_err(|source| SourceError::Io { path: folder.to_owned(), source })?;
    let mut waiting = vec![Module { path: String::new(), url: url.to_owned(), commit: commit.to_owned(), depth: 0 }];
    let mut files = Vec::new();
    while let Some(module) = waiting.pop() {
        let (repository, _lock) = fetch(cache, root, (&module.url, &module.commit), Depth::Commit, cancel)
            .await
            .map_err(|error| within(&module.path, error))?;
        let part = parts.path().join(format!("{}.tar", files.len()));
        let below = format!("{top}/{}", module.path);
        write(&repository, &module.commit, below.trim_end_matches('/'), &part, cancel).await?;
        files.push((module.path.clone(), part));
        waiting.extend(of(&repository, &module, cancel).await?);
        if files.len() + waiting.len() > MOST {
            return Err(SourceError::Git(format!(
                "{} has more than {MOST} submodules",
                printable(&redacted_text(url))
            )));
        }
    }
    // A module stands before those inside it, and the order does not depend on that of `.gitmodules`.
    files.sort();
    let (to, cancel) = (to.to_owned(), cancel.clone());
    blocking(move || {
        let mut tree = TreeWriter::create(&to, &cancel)?;
        for (path, part) in &files {
            let file = File::open(part).map_err(|source| SourceError::Io { path: part.clone(), source })?;
            let origin = if path.is_empty() { "the commit".to_owned() } else { format!("submodule {path}") };
            let mut layout = Layout::as_it_is();
            unpack::add_tar(&mut tree, BufReader::with_capacity(128 * 1024, file), &origin, &mut layout)?;
        }
        drop(parts);
        tree.finish().map(|_| ())
    })
    .await
}

fn within(path: &str, error: SourceError) -> SourceError {
    match error {
        SourceError::Git(reason) if !path.is_empty() => SourceError::Git(format!("submodule {path}: {reason}")),
        error => error,
    }
}

/// The submodules that a module's commit records.
async fn of(repository: &Repository, module: &Module, cancel: &CancellationToken) -> Result<Vec<Module>, SourceError> {
    let commit = &module.commit;
    let file = format!("{commit}:.gitmodules");
    if repository.run(&["cat-file", "-e", &file], cancel).await.is_err() {
        super::stop_if(cancel)?;
        return Ok(Vec::new());
    }
    if module.depth >= DEEPEST {
        return Err(SourceError::Git(format!("{}: submodules lie deeper than {DEEPEST}", module.path)));
    }
    let blob = format!("--blob={file}");
    // Without a match git fails, like grep: a file with no submodule in it.
    let list = ["config", "-z", &blob, "--no-includes", "--get-regexp", r"^submodule\..*\.(path|url)$"];
    let list = match repository.bytes(&list, cancel).await {
        Ok(list) => list,
        Err(SourceError::Git(reason)) if reason.ends_with("no message") => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for (name, path, url) in parse(&list) {
        let refused =
            |reason: String| SourceError::Git(format!("submodule `{}` in .gitmodules {reason}", printable(&name)));
        let path = checked_path(&path).map_err(refused)?;
        let listed = repository.bytes(&["ls-tree", "-z", "--full-tree", commit, path], cancel).await?;
        let Some(recorded) = gitlink(&listed) else { continue };
        let url = resolve(&module.url, &url).map_err(refused)?;
        let path = if module.path.is_empty() { path.to_owned() } else { format!("{}/{path}", module.path) };
        found.push(Module { path, url, commit: recorded, depth: module.depth + 1 });
    }
    Ok(found)
}

/// Name, path and url of each submodule that has both: from `submodule.NAME.KEY\nVALUE\0`.
fn parse(list: &[u8]) -> Vec<(String, String, String)> {
    let mut modules: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    for entry in list.split(|byte| *byte == 0) {
        let entry = String::from_utf8_lossy(entry);
        let Some((key, value)) = entry.split_once('\n') else { continue };
        let Some((name, key)) = key.strip_prefix("submodule.").and_then(|rest| rest.rsplit_once('.')) else { continue };
        let module = modules.entry(name.to_owned()).or_default();
        // The last one counts, as for git.
        match key {
            "path" => module.0 = Some(value.to_owned()),
            "url" => module.1 = Some(value.to_owned()),
            _ => {}
        }
    }
    modules.into_iter().filter_map(|(name, (path, url))| Some((name, path?, url?))).collect()
}

/// The commit in the one line of `git ls-tree -z` for a submodule's path.
fn gitlink(listed: &[u8]) -> Option<String> {
    let listed = String::from_utf8_lossy(listed);
    let commit = listed.strip_prefix("160000 commit ")?.split('\t').next()?;
    is_commit_id(commit).then(|| commit.to_owned())
}

/// A path inside of the tree.
fn checked_path(path: &str) -> Result<&str, String> {
    let path = path.trim_end_matches('/');
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.eq_ignore_ascii_case(".git")
            && !part.contains(|c: char| c.is_control() || c == '\\')
    };
    if !path.starts_with('-') && path.split('/').all(plain) {
        return Ok(path);
    }
    Err(format!("has the path `{}`, which is no folder of the sources", shown(path.as_bytes())))
}

/// Where a submodule comes from. What begins with `./` or `../` is relative to `parent`, as git has it; a place on this
/// host can only be named that way, and only by a repository of this host.
fn resolve(parent: &str, url: &str) -> Result<String, String> {
    let refused = |reason: &str| Err(format!("has the url `{}`, which {reason}", printable(&redacted_text(url))));
    if url.starts_with("./") || url.starts_with("../") {
        // What may not be cut off: scheme and host.
        let fixed = match (parent.find("://"), parent.find(':')) {
            (Some(at), _) => at + 3 + parent[at + 3..].find('/').unwrap_or(parent.len() - at - 3),
            (None, Some(at)) => at + 1,
            (None, None) => 0,
        };
        let (host, path) = parent.split_at(fixed);
        let mut parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        for part in url.trim_end_matches('/').split('/') {
            match part {
                "." | "" => {}
                ".." if parts.last().is_none_or(|part| part.is_empty()) => return refused("leads out of its host"),
                ".." if matches!(parts.last(), Some(&"." | &"..")) => parts.push(".."),
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        return Ok(format!("{host}{}", parts.join("/")));
    }
    if url.starts_with(['/', '.']) || url.starts_with("file:") {
        return refused("is a place on this host");
    }
    match recipe::git_url_reason(url) {
        Some(reason) => refused(&format!("is no repository: {reason}")),
        None => Ok(url.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_relative_to_the_repository_and_stay_on_its_host() {
        for (parent, url, expected) in [
            ("https://a.org/x/y.git", "../z.git", "https://a.org/x/z.git"),
            ("https://a.org/x/y.git/", "./z.git", "https://a.org/x/y.git/z.git"),
            ("git@a.org:x/y.git", "../../z.git", "git@a.org:z.git"),
            ("/srv/y.git", "../z.git", "/srv/z.git"),
            ("../y.git", "../z.git", "../z.git"),
            ("..", "../z.git", "../../z.git"),
            ("https://a.org/x", "https://b.org/y", "https://b.org/y"),
            ("https://a.org/x", "git@b.org:y", "git@b.org:y"),
        ] {
            assert_eq!(resolve(parent, url).as_deref(), Ok(expected), "{parent} {url}");
        }
    }

    #[test]
    fn urls_run_nothing_and_name_no_place_of_this_host() {
        for url in [
            "ext::sh -c touch% /tmp/x",
            "ext::sh",
            "--upload-pack=x",
            "-oProxyCommand=x:y",
            "ssh://-oProxyCommand=x/y",
            "/etc",
            "file:///etc",
            ".",
            "..",
            ".git",
            "../../../../etc",
            "fd::17",
            "",
        ] {
            assert!(resolve("https://a.org/x/y.git", url).is_err(), "{url}");
        }
        assert!(resolve("/srv/y.git", "../../../../etc").is_err());
        assert!(resolve("/srv/y.git", "/etc").is_err());
    }

    #[test]
    fn paths_are_folders_of_the_sources() {
        assert_eq!(checked_path("third party/zlib/"), Ok("third party/zlib"));
        for path in ["", "/etc", "../x", "a/../../x", "-x", ".git/hooks", "a/.GIT", "a//b", "a\\b", "a\nb"] {
            assert!(checked_path(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn names_of_submodules_may_hold_dots() {
        let list = b"submodule.a.b.path\nvendor/a\0submodule.a.b.url\nhttps://x/a\0submodule.c.path\nc\0";
        let expected = ("a.b".to_owned(), "vendor/a".to_owned(), "https://x/a".to_owned());
        assert_eq!(parse(list), [expected]);
        assert_eq!(gitlink(format!("160000 commit {}\tvendor/a\0", "a".repeat(40)).as_bytes()), Some("a".repeat(40)));
        assert_eq!(gitlink(b"040000 tree aaaa\tvendor/a\0"), None);
    }
}
