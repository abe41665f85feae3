//! The date of packages whose recipe says none.

use super::git::{commit, git, recipe, recipe_at, settled};
use super::*;

const COMMIT: i64 = 1_577_934_245;

#[tokio::test]
async fn a_recipe_without_a_date_has_that_of_the_last_commit_that_changed_it() {
    let place = Scratch::new();
    place.write("project/x", b"x");
    place.write("other/y", b"y");
    place.write("farm.toml", b"");
    let without = |source: &str| recipe(&place, "version = '1'", source);
    // Not in git: the day on which the recipe was written.
    let day = settled(&place, &without("path = 'project'"), false).await.unwrap().package.date.unwrap();
    let now = chrono::Utc::now().timestamp();
    assert!(day % 86_400 == 0 && (now - 2 * 86_400..=now).contains(&day), "{day}");

    git(&place.root(), &["init", "--quiet"]);
    commit(&place.root(), "first");
    let date = async |source: &str| settled(&place, &without(source), false).await.unwrap().package.date;
    assert_eq!(date("path = 'project'").await, Some(COMMIT));
    // Archives and commits have times, single files perhaps.
    let archive = format!("url = 'https://example.org/x-1.tar.gz'\nsha256 = '{}'", "0".repeat(64));
    let found = settled(&place, &without(&archive), false).await.unwrap().package;
    assert_eq!((found.date, found.fallback_date), (None, None));
    let script = format!("url = 'https://example.org/x.sh'\nsha256 = '{}'", "0".repeat(64));
    let found = settled(&place, &without(&script), false).await.unwrap().package;
    assert_eq!((found.date, found.fallback_date), (None, Some(COMMIT)));
    let written = recipe(&place, "version = '1'\ndate = 2026-01-02", "path = 'project'");
    assert_eq!(settled(&place, &written, false).await.unwrap().package.date, Some(1_767_312_000));
}

#[tokio::test]
async fn only_commits_of_the_recipe_and_its_sources_count() {
    let place = Scratch::new();
    let at = |seconds: i64, message: &str| {
        let date = format!("@{seconds} +0000");
        for args in [&["add", "--all"][..], &["commit", "--quiet", "-m", message]] {
            let output = Command::new("git")
                .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
                .args(args)
                .current_dir(place.temp.path())
                .env("GIT_COMMITTER_DATE", &date)
                .env("GIT_AUTHOR_DATE", &date)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
        }
    };
    // The recipe is in a folder of the repository, a source of it in another.
    git(place.temp.path(), &["init", "--quiet"]);
    place.write("farm.toml", b"");
    place.write("../src/x", b"x");
    at(1_600_000_000, "recipe and source");
    place.write("../elsewhere", b"x");
    at(1_600_000_100, "something else");
    let date = async |source: &str| {
        settled(&place, &recipe(&place, "version = '1'", source), false).await.unwrap().package.date
    };
    assert_eq!(date("path = '../src'").await, Some(1_600_000_000));
    place.write("../src/x", b"y");
    at(1_600_000_200, "source");
    assert_eq!(date("path = '../src'").await, Some(1_600_000_200));
    assert_eq!(date("path = '.'").await, Some(1_600_000_000));
    // A clone says the same, although its files are younger.
    let clone = place.temp.path().join("clone");
    git(place.temp.path(), &["clone", "--quiet", ".", "clone"]);
    let cloned = recipe_at(&clone.join("recipe"), "version = '1'", "path = '../src'");
    assert_eq!(settled(&place, &cloned, false).await.unwrap().package.date, Some(1_600_000_200));
}

#[test]
fn a_recipe_may_not_say_a_date_before_1990() {
    use crate::recipe::{RecipeError, RecipeFile};
    for date in ["1989-12-31", "1980-01-01", "0", "1970-01-01T00:00:00Z"] {
        let text = format!(
            "[package]\nname = 'xyz'\nversion = '1'\nsummary = 's'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\ndate = {date}\n[build]\ninstall = 'x'\n"
        );
        let error = RecipeFile::parse(Path::new("farm.toml"), text.as_bytes()).unwrap_err();
        let RecipeError::Invalid { problems, .. } = error else { panic!("{error}") };
        assert_eq!(problems[0].message, "`date` is too long ago", "{date}");
    }
}

#[tokio::test]
async fn times_that_are_none_are_passed_over() {
    // As npm packs, as tar -mtime=0 does, and from the future.
    for time in [499_162_500, 0, 32_503_680_000, 631_000_000] {
        let place = Scratch::new();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tree::header(tar::EntryType::Regular, 1, 0o644, time);
        tar.append_data(&mut header, "package/x", &b"x"[..]).unwrap();
        place.write("x.tar", &tar.into_inner().unwrap());
        assert_eq!(place.prepare(&[place.url("x.tar", 1)]).await.unwrap().newest, tree::EARLIEST, "{time}");
    }
}
