//! A checkout is data: whatever its `.git` names, nothing of it runs.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::git::{commit, git, recipe, settled};
use super::*;

/// Every setting of a repository that names a command, beside those that say how objects are to be got.
const SETTINGS: &[&str] = &[
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "core.sshCommand",
    "core.askPass",
    "core.alternateRefsCommand",
    "core.gitProxy",
    "credential.helper",
    "diff.external",
    "diff.evil.textconv",
    "diff.evil.command",
    "merge.evil.driver",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "gpg.program",
    "gpg.openpgp.program",
    "gpg.ssh.program",
    "gpg.ssh.defaultKeyCommand",
    "interactive.diffFilter",
    "pager.log",
    "pager.status",
    "remote.origin.uploadpack",
    "remote.origin.receivepack",
    "remote.origin.vcs",
    "sequence.editor",
    "tar.tar.command",
    "trailer.x.command",
    "uploadpack.packObjectsHook",
    "web.browser",
];
const ALIASES: [&str; 9] =
    ["status", "log", "describe", "rev-parse", "rev-list", "archive", "cat-file", "ls-files", "diff-index"];
const HOOKS: [&str; 8] = [
    "post-index-change",
    "reference-transaction",
    "post-checkout",
    "pre-auto-gc",
    "fsmonitor-watchman",
    "proc-receive",
    "pre-receive",
    "sendemail-validate",
];

/// A command that leaves a trace.
fn trap(place: &Scratch) -> String {
    let path = place.temp.path().join("trap");
    let trace = place.temp.path().join("trace");
    fs::write(&path, format!("#!/bin/sh\necho \"$0 $*\" >>{}\ncat\nexit 1\n", trace.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn traces(place: &Scratch) -> String {
    fs::read_to_string(place.temp.path().join("trace")).unwrap_or_default()
}

/// Plants all that a repository can be told to run.
fn plant(place: &Scratch, git_dir: &Path, settings: &Path) {
    let trap = trap(place);
    let set = |key: &str, value: &str| {
        git(&place.root(), &["config", "--file", settings.to_str().unwrap(), key, value]);
    };
    for key in SETTINGS {
        set(key, &trap);
    }
    for name in ALIASES {
        set(&format!("alias.{name}"), &format!("!{trap}"));
    }
    let included = git_dir.join("included");
    fs::write(&included, format!("[core]\n\tfsmonitor = {trap}\n[filter \"evil\"]\n\tclean = {trap}\n")).unwrap();
    set("include.path", included.to_str().unwrap());
    set("includeIf.gitdir:/.path", included.to_str().unwrap());
    set("core.hooksPath", git_dir.join("hooks").to_str().unwrap());
    set("log.showSignature", "true");
    set("remote.origin.url", &format!("ext::{trap}"));
    set("remote.origin.promisor", "true");
    set("core.repositoryFormatVersion", "1");
    set("extensions.partialClone", "origin");
    fs::create_dir_all(git_dir.join("hooks")).unwrap();
    for hook in HOOKS {
        fs::copy(place.temp.path().join("trap"), git_dir.join("hooks").join(hook)).unwrap();
    }
    fs::create_dir_all(git_dir.join("info")).unwrap();
    fs::write(git_dir.join("info/attributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
}

/// A project at a tag with a changed file, in which one object is missing.
fn project(place: &Scratch) -> (PathBuf, String) {
    place.write("project/.gitattributes", b"* filter=evil diff=evil merge=evil\nsubst export-subst\n");
    place.write("project/subst", b"$Format:%H %G? %GS$\n");
    place.write("project/a", b"one");
    let folder = place.root().join("project");
    git(&folder, &["init", "--quiet"]);
    commit(&folder, "first");
    git(&folder, &["tag", "v1.0"]);
    place.write("project/a", b"two");
    let id = commit(&folder, "second");
    (folder, id)
}

async fn ask_everything(place: &Scratch, folder: &str) -> Vec<String> {
    let mut heard = Vec::new();
    let all = "version = { from = 'git' }\nchangelog = { from = 'git' }\ndate = { from = 'git' }";
    for (lines, snapshot) in [(all, false), ("version = '1'", true), ("version = '1'", false)] {
        let recipe = recipe(place, lines, &format!("path = '{folder}'"));
        let found = settled(place, &recipe, snapshot).await;
        heard.push(format!(
            "{:?}",
            found.map(|found| (found.package.version, found.package.changelog, found.package.date))
        ));
        heard.push(format!("{:?}", fingerprint(&place.root(), recipe.sources()).map(|_| ())));
        let _ = place.prepare(recipe.sources()).await;
    }
    heard
}

#[tokio::test]
async fn nothing_that_a_checkout_names_is_run() {
    let place = Scratch::new();
    let (folder, id) = project(&place);
    plant(&place, &folder.join(".git"), &folder.join(".git/config"));
    place.write("project/a", b"six");
    // That the traps work: git itself falls into them.
    let _ = Command::new("git").arg("status").current_dir(&folder).output();
    assert!(traces(&place).contains("trap"), "the traps do not work, and the test means nothing");
    fs::remove_file(place.temp.path().join("trace")).unwrap();

    let heard = ask_everything(&place, "project").await;
    assert_eq!(traces(&place), "", "{heard:?}");
    assert!(heard[0].contains(".dirty") && heard[0].contains("second"), "{heard:?}");

    // As a source by its commit, of a folder and of an address, with its submodules, and with an object missing.
    for (url, submodules) in [("./project".to_owned(), false), (format!("file://{}", folder.display()), true)] {
        let at = source(Origin::Git { url: url.into(), commit: id.clone(), submodules }, 0);
        let prepared = place.prepare(std::slice::from_ref(&at)).await.unwrap();
        assert_eq!(read_file(&prepared, "a", 10).unwrap().unwrap(), b"two");
        fs::remove_dir_all(place.temp.path().join("cache")).unwrap();
        assert_eq!(traces(&place), "");
    }
    let blob = git(&folder, &["-c", "core.fsmonitor=false", "rev-parse", "HEAD:a"]);
    fs::remove_file(folder.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let _ = fs::remove_file(place.temp.path().join("trace"));
    let at = source(Origin::Git { url: "./project".into(), commit: id, submodules: false }, 0);
    let error = place.prepare(&[at]).await.unwrap_err();
    assert!(matches!(error, SourceError::Git(_)), "{error}");
    ask_everything(&place, "project").await;
    assert_eq!(traces(&place), "");
}

#[tokio::test]
async fn worktrees_and_submodules_are_data_too() {
    let place = Scratch::new();
    let (folder, id) = project(&place);
    let inner = place.root().join("inner");
    place.write("inner/b", b"b");
    git(&inner, &["init", "--quiet"]);
    let inner_id = commit(&inner, "inner");
    // A submodule as git checks it out: its git folder lies in that of the project.
    let module = folder.join(".git/modules/sub");
    fs::create_dir_all(module.parent().unwrap()).unwrap();
    git(&folder, &["clone", "--quiet", "--separate-git-dir", module.to_str().unwrap(), inner.to_str().unwrap(), "sub"]);
    git(&folder, &["update-index", "--add", "--cacheinfo", &format!("160000,{inner_id},sub")]);
    git(&folder, &["commit", "--quiet", "-m", "third"]);
    let worktree = place.root().join("worktree");
    git(&folder, &["worktree", "add", "--quiet", worktree.to_str().unwrap(), &id]);
    plant(&place, &folder.join(".git"), &folder.join(".git/config"));
    plant(&place, &module, &module.join("config"));
    let _ = Command::new("git").arg("status").current_dir(&folder).output();
    let _ = fs::remove_file(place.temp.path().join("trace"));

    let clean = ask_everything(&place, "project").await;
    assert!(!clean[0].contains("dirty"), "{clean:?}");
    place.write("project/sub/b", b"c");
    let heard = ask_everything(&place, "project").await;
    assert!(heard[0].contains("dirty"), "a submodule's files are the project's: {heard:?}");
    let heard = ask_everything(&place, "worktree").await;
    assert!(heard[0].contains("1.0+git1") && !heard[0].contains("dirty"), "{heard:?}");
    place.write("worktree/a", b"ten");
    assert!(ask_everything(&place, "worktree").await[0].contains("dirty"));
    assert_eq!(traces(&place), "");
}

#[tokio::test]
async fn what_the_index_has_is_part_of_a_project_whatever_is_ignored() {
    for version in ["2", "3", "4", "split"] {
        let place = Scratch::new();
        place.write("project/.gitignore", b"*.o\nbuilt*/\nconfigure\n");
        for name in ["configure", "a.c", "b.o", "built/x", "built/y", "deep/built-too/z", "deep/b.o"] {
            place.write(&format!("project/{name}"), name.as_bytes());
        }
        let folder = place.root().join("project");
        symlink("a.c", folder.join("link.o")).unwrap();
        git(&folder, &["init", "--quiet"]);
        git(&folder, &["add", "--force", ".gitignore", "a.c", "configure", "built/x", "deep/built-too/z", "link.o"]);
        match version {
            "3" => drop(git(&folder, &["add", "--force", "--intent-to-add", "deep/b.o"])),
            "4" => drop(git(&folder, &["update-index", "--index-version", "4"])),
            "split" => drop(git(&folder, &["update-index", "--split-index"])),
            _ => {}
        }
        let names = async |source: Source| -> Vec<String> {
            let tree = tree_of(&place.prepare(&[source]).await.unwrap());
            tree.iter()
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .filter(|name| !name.ends_with('/'))
                .collect()
        };
        let mut expected = vec![".gitignore", "a.c", "built/x", "configure", "deep/built-too/z", "link.o"];
        if version == "3" {
            expected.insert(4, "deep/b.o");
        }
        assert_eq!(names(path("project")).await, expected, "index version {version}");
        let below = names(path("project/deep")).await;
        assert!(below.contains(&"built-too/z".to_owned()), "index version {version}: {below:?}");
        // What is in the index and behind a link now is not where the index says.
        fs::remove_dir_all(folder.join("built")).unwrap();
        symlink("/etc", folder.join("built")).unwrap();
        git(
            &folder,
            &[
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("100644,{},built/passwd", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            ],
        );
        assert!(!names(path("project")).await.iter().any(|name| name.contains("passwd")));
        // Without the rules of the files, all is taken; dist/ and the like are not.
        let all = names(Source { gitignore: false, ..path("project") }).await;
        assert!(all.contains(&"b.o".to_owned()) && !all.iter().any(|name| name.starts_with(".git/")), "{all:?}");
    }
}
