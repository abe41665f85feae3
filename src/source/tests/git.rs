//! Sources from git, with repositories that the tests make.

use super::*;
use crate::recipe::{MergedRecipe, Recipe, RecipeFile, Selection};

pub(in crate::source) fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(folder)
        .env("GIT_COMMITTER_DATE", "2020-01-02T03:04:05Z")
        .env("GIT_AUTHOR_DATE", "2020-01-02T03:04:05Z")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn commits_are_fetched_shallow_or_whole_and_missing_ones_named() {
    let place = Scratch::new();
    let upstream = place.root().join("upstream");
    fs::create_dir(&upstream).unwrap();
    git(&upstream, &["init", "--quiet"]);
    let mut commits = Vec::new();
    for content in ["one", "two", "three"] {
        place.write("upstream/src/file", content.as_bytes());
        git(&upstream, &["add", "."]);
        git(&upstream, &["commit", "--quiet", "-m", content]);
        commits.push(git(&upstream, &["rev-parse", "HEAD"]));
    }
    let at =
        |commit: &str| source(Origin::Git { url: "upstream".into(), commit: commit.to_owned(), submodules: false }, 0);
    // The tip first: after that, the history behind it is cut off, and the oldest must still be found.
    for (commit, content) in [(&commits[2], "three"), (&commits[0], "one"), (&commits[1], "two")] {
        let prepared = place.prepare(&[at(commit)]).await.unwrap();
        assert_eq!(tree_of(&prepared), ["src/ 755 0 0", &format!("src/file 644 {} 0", content.len())]);
        assert_eq!(read_file(&prepared, "src/file", 10).unwrap().unwrap(), content.as_bytes());
        assert_eq!(prepared.newest, 1_577_934_245);
        assert_eq!(prepared.originals[0].name, "hello-1.0.tar");
        let original = listing(File::open(&prepared.originals[0].path).unwrap());
        assert!(original.iter().any(|line| line.starts_with("hello-1.0/src/file ")), "{original:?}");
    }
    let error = place.prepare(&[at(&"0".repeat(40))]).await.unwrap_err();
    assert!(matches!(&error, SourceError::Git(_)), "{error}");
    let error = place.prepare(&[at("main")]).await.unwrap_err().to_string();
    assert!(error.contains("full commit id"), "{error}");
    let nowhere = source(Origin::Git { url: "./nowhere".into(), commit: commits[0].clone(), submodules: false }, 0);
    fs::remove_dir_all(place.temp.path().join("cache")).unwrap();
    let error = place.prepare(&[nowhere]).await.unwrap_err().to_string();
    assert_eq!(error, "git: ./nowhere is no git repository");
}

/// Commits everything below `folder`, a repository, and returns the commit's id.
pub(in crate::source) fn commit(folder: &Path, message: &str) -> String {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "-m", message]);
    git(folder, &["rev-parse", "HEAD"])
}

/// A repository at `place/name` with one file.
fn repository(place: &Scratch, name: &str, content: &str) -> (PathBuf, String) {
    place.write(&format!("{name}/{name}.txt"), content.as_bytes());
    let folder = place.root().join(name);
    git(&folder, &["init", "--quiet"]);
    let id = commit(&folder, "first");
    (folder, id)
}

/// Records `id` as a submodule at `path`, whatever `url` says.
fn submodule(folder: &Path, (path, url): (&str, &str), id: &str) {
    git(folder, &["config", "--file", ".gitmodules", &format!("submodule.{path}.path"), path]);
    git(folder, &["config", "--file", ".gitmodules", &format!("submodule.{path}.url"), url]);
    git(folder, &["update-index", "--add", "--cacheinfo", &format!("160000,{id},{path}")]);
    git(folder, &["add", ".gitmodules"]);
    git(folder, &["commit", "--quiet", "-m", "submodule"]);
}

fn with_submodules(url: &str, commit: &str) -> Source {
    source(Origin::Git { url: url.into(), commit: commit.to_owned(), submodules: true }, 0)
}

#[tokio::test]
async fn submodules_come_at_the_commits_that_are_recorded() {
    let place = Scratch::new();
    let (inner, inner_id) = repository(&place, "inner", "in");
    let (middle, _) = repository(&place, "middle", "mid");
    submodule(&middle, ("deep/inner", "../inner"), &inner_id);
    let middle_id = git(&middle, &["rev-parse", "HEAD"]);
    // What came later is not what is recorded.
    place.write("inner/inner.txt", b"later");
    commit(&inner, "later");
    let (top, _) = repository(&place, "top", "top");
    submodule(&top, ("vendor/middle", "./../middle"), &middle_id);
    let id = git(&top, &["rev-parse", "HEAD"]);

    let prepared = place.prepare(&[with_submodules("./top", &id)]).await.unwrap();
    let content = |path: &str| read_file(&prepared, path, 100).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(content("top.txt").as_deref(), Some("top"));
    assert_eq!(content("vendor/middle/middle.txt").as_deref(), Some("mid"));
    assert_eq!(content("vendor/middle/deep/inner/inner.txt").as_deref(), Some("in"));
    let original = listing(File::open(&prepared.originals[0].path).unwrap());
    assert!(
        original.iter().any(|line| line.starts_with("hello-1.0/vendor/middle/deep/inner/inner.txt ")),
        "{original:?}"
    );
    let digest = prepared.digest.clone();
    fs::remove_dir_all(place.temp.path().join("cache")).unwrap();
    assert_eq!(place.prepare(&[with_submodules("./top", &id)]).await.unwrap().digest, digest);

    let Origin::Git { url, commit, .. } = with_submodules("./top", &id).origin else { unreachable!() };
    let without = place.prepare(&[source(Origin::Git { url, commit, submodules: false }, 0)]).await.unwrap();
    assert_eq!(read_file(&without, "vendor/middle/middle.txt", 100).unwrap(), None);
}

#[tokio::test]
async fn hostile_submodules_are_refused_before_git_sees_them() {
    let place = Scratch::new();
    let (_, inner) = repository(&place, "inner", "in");
    let witness = place.root().join("witness");
    let run = format!("ext::sh -c touch% {}", witness.display());
    for (number, (path, url, expected)) in [
        ("a", run.as_str(), "which is no repository"),
        ("b", "--upload-pack=touch witness", "which is no repository"),
        ("c", "/etc", "which is a place on this host"),
        ("d", "file:///etc", "which is a place on this host"),
        ("e", "../../../../../../../../../../../../etc", "which leads out of its host"),
    ]
    .into_iter()
    .enumerate()
    {
        let (top, _) = repository(&place, &format!("top{number}"), "top");
        submodule(&top, (path, url), &inner);
        let id = git(&top, &["rev-parse", "HEAD"]);
        let at = with_submodules(&top.display().to_string(), &id);
        let error = place.prepare(&[at]).await.unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(&format!("`{path}`")), "{error}");
    }
    assert!(!witness.exists());
}

/// `[package]` with these lines, and a source that is the folder `project`.
pub(super) fn recipe(place: &Scratch, lines: &str, source: &str) -> MergedRecipe {
    recipe_at(&place.root(), lines, source)
}

pub(super) fn recipe_at(root: &Path, lines: &str, source: &str) -> MergedRecipe {
    let text = format!(
        "[package]\nname = 'greeter'\nsummary = 'greets'\nlicense = 'MIT'\nmaintainer = 'A <a@example.org>'\n{lines}\n\
         [[sources]]\n{source}\n[build]\ninstall = 'x'\n"
    );
    let file = RecipeFile::parse(&root.join("farm.toml"), text.as_bytes()).unwrap_or_else(|e| panic!("{e:#?}"));
    let selection = Selection {
        format: "deb".into(),
        manager: "apt".into(),
        distro: "debian".into(),
        distro_version: "debian-12".into(),
        arch: "amd64".into(),
        variant: None,
    };
    MergedRecipe::clone(&file.merged(&selection, &BTreeMap::new()).unwrap())
}

pub(super) async fn settled(place: &Scratch, recipe: &MergedRecipe, snapshot: bool) -> Result<Recipe, MetadataError> {
    let file = place.root().join("farm.toml");
    let cache = place.temp.path().join("cache");
    Ok(recipe
        .complete(metadata(&cache, &file, recipe, (snapshot, &Default::default()), &CancellationToken::new()).await?))
}

async fn version(place: &Scratch, lines: &str, snapshot: bool) -> String {
    settled(place, &recipe(place, lines, "path = 'project'"), snapshot).await.unwrap().package.version
}

#[tokio::test]
async fn version_changelog_and_date_come_from_the_project() {
    let place = Scratch::new();
    let (project, first) = repository(&place, "project", "one");
    let from_git = "version = { from = 'git' }";
    let error = settled(&place, &recipe(&place, from_git, "path = 'project'"), false).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no tag to take a version from");
    assert_eq!(version(&place, "version = '0.1.0'", true).await, format!("0.1.0~git1.{}", &first[..7]));

    git(&project, &["tag", "v1.4.0"]);
    git(&project, &["tag", "nightly-7", "-m", "7"]);
    assert_eq!(version(&place, "version = { from = 'git', tags = 'v*' }", false).await, "1.4.0");
    commit(&project, "Greet in forty languages");
    let second = commit(&project, "Mend a leak");
    let after = format!("1.4.0+git2.{}", &second[..7]);
    let tags = "version = { from = 'git', tags = 'v*', suffix = '+minimal' }";
    assert_eq!(version(&place, tags, false).await, format!("{after}+minimal"));
    git(&project, &["tag", "--delete", "nightly-7"]);
    assert_eq!(version(&place, from_git, false).await, after);
    assert_eq!(version(&place, "version = '1.4.1'", true).await, after, "the tag is the last release");

    place.write("project/farm.toml", b"# a recipe that `farm init` wrote");
    assert_eq!(version(&place, from_git, false).await, after, "the project is what it was");
    place.write("project/new file", b"x");
    assert_eq!(version(&place, from_git, false).await, format!("{after}.dirty"));
    std::fs::remove_file(project.join("farm.toml")).unwrap();
    place.write("project/.gitignore", b"new file\n");
    commit(&project, "Ignore");
    assert!(!version(&place, from_git, false).await.contains("dirty"));
    place.write("project/project.txt", b"changed");
    assert!(version(&place, "version = '1'", true).await.ends_with(".dirty"));

    let all = format!("{from_git}\nchangelog = {{ from = 'git' }}\ndate = {{ from = 'git' }}");
    let found = settled(&place, &recipe(&place, &all, "path = 'project'"), false).await.unwrap().package;
    assert_eq!(found.changelog, ["Ignore", "Mend a leak", "Greet in forty languages"]);
    assert_eq!(found.date, Some(1_577_934_245));

    // The same of a commit that is not here yet, and of files in it.
    place.write("project/VERSION", b"3.0\n");
    place.write("project/NEWS", b"3.0\n- Third\n");
    let third = commit(&project, "Third");
    let at = format!("git = './project'\ncommit = '{third}'");
    let found = settled(&place, &recipe(&place, from_git, &at), false).await.unwrap().package;
    assert_eq!(found.version, format!("1.4.0+git4.{}", &third[..7]));
    let by_file = "version = { from = 'file' }\nchangelog = { from = 'file' }";
    let found = settled(&place, &recipe(&place, by_file, &at), false).await.unwrap().package;
    assert_eq!((found.version.as_str(), found.changelog.as_slice()), ("3.0", &["Third".to_owned()][..]));
}

#[tokio::test]
async fn what_the_project_does_not_say_is_a_problem_of_the_recipe() {
    let place = Scratch::new();
    place.write("project/CMakeLists.txt", b"project(x VERSION ${V})");
    for (lines, expected) in [
        ("version = { from = 'file' }", "no file of the project says its version"),
        ("version = { from = 'file', file = 'CMakeLists.txt' }", "the file holds no version"),
        ("version = { from = 'file', file = 'no' }", "the project has no version to read"),
        ("version = { from = 'git' }", "the project is in no git repository that can be read"),
        ("version = '1'\nchangelog = { from = 'file' }", "the project has no changelog to read"),
    ] {
        let error = settled(&place, &recipe(&place, lines, "path = 'project'"), false).await.unwrap_err();
        let MetadataError::Problem(problem) = error else { panic!("{error}") };
        assert_eq!(problem.message, expected, "{lines}");
        assert_ne!(problem.span, 0..0, "{lines}");
    }
    let (_, id) = repository(&place, "odd", "x");
    git(&place.root().join("odd"), &["tag", "v1-ü2"]);
    let odd = recipe(&place, "version = { from = 'git' }", &format!("git = './odd'\ncommit = '{id}'"));
    assert_eq!(settled(&place, &odd, false).await.unwrap_err().to_string(), "a tag gives no version");
    let download = format!("url = 'https://example.org/x.tar'\nsha256 = '{}'", "0".repeat(64));
    let asked = recipe(&place, "version = { from = 'git' }", &download);
    assert_eq!(settled(&place, &asked, true).await.unwrap_err().to_string(), "no source is in git");
    let kept = settled(&place, &recipe(&place, "version = '1'", &download), true).await.unwrap();
    assert_eq!(kept.package.version, "1", "a snapshot is of trees, not of downloads");
}

#[tokio::test]
async fn a_series_becomes_patches_before_the_others() {
    let place = Scratch::new();
    place.write("patches/series", b"one.patch\ntwo.patch -p0\n");
    let source = "path = 'project'\nseries = 'patches/series'\npatches = ['last.patch']\nfuzz = 1";
    let unread = recipe(&place, "version = '1'", source);
    assert!(unread.without_project().is_none());
    let found = settled(&place, &unread, false).await.unwrap();
    let found: Vec<(&str, u32)> = found.sources[0].patches.iter().map(|p| (p.path.as_str(), p.strip)).collect();
    assert_eq!(found, [("patches/one.patch", 1), ("patches/two.patch", 0), ("last.patch", 1)]);
    place.write("patches/series", b"one.patch\n../x\n");
    let MetadataError::Problem(problem) = settled(&place, &unread, false).await.unwrap_err() else { panic!() };
    assert_eq!(problem.label, "line 2: ../x: is no patch beside the series");
}
