//! The version that a project's own packaging says, where its recipe says none, another one, or the same.

use super::git::{commit, git, recipe, settled};
use super::*;
use crate::recipe::{OwnVersion, Recipe};
use crate::source::MetadataError;

const LOG: &str =
    "greeter (1:1.4-2) unstable; urgency=low\n\n  * One\n\n -- A <a@b.c>  Thu, 02 Jan 2020 00:00:00 +0000\n";
const OWN: &str = "path = 'project'\n[packaging]\ndebian = 'debian'";

fn project(changelog: &str) -> Scratch {
    let place = Scratch::new();
    place.write("project/debian/changelog", changelog.as_bytes());
    place
}

async fn found(place: &Scratch, lines: &str, source: &str) -> Result<Recipe, String> {
    settled(place, &recipe(place, lines, source), false).await.map_err(told)
}

/// Message, label and help.
fn told(error: MetadataError) -> String {
    match error {
        MetadataError::Problem(problem) => {
            format!("{}: {}; {}", problem.message, problem.label, problem.help.unwrap_or_default())
        }
        MetadataError::Source(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_version_that_the_recipe_leaves_out_is_that_of_the_packaging() {
    let place = project(LOG);
    let recipe = found(&place, "", OWN).await.unwrap();
    assert_eq!(recipe.package.version, "1.4");
    let read = OwnVersion { written: "1:1.4-2".to_owned(), upstream: "1.4".to_owned() };
    assert_eq!((recipe.packaging.version, recipe.packaging.replaces_version), (Some(read), false));
    // A folder of the packaging alone, and a commit.
    place.write("debian/changelog", LOG.replace("1.4", "1.5").as_bytes());
    let beside = "path = 'project'\n[[sources]]\npath = 'debian'\ninto = 'debian'\n[packaging]\ndebian = 'debian'";
    assert_eq!(found(&place, "", beside).await.unwrap().package.version, "1.5", "what comes later lies above");
    let folder = place.root().join("project");
    git(&folder, &["init", "--quiet"]);
    let id = commit(&folder, "Begin");
    let from_commit = format!("git = './project'\ncommit = '{id}'\n[packaging]\ndebian = 'debian'");
    assert_eq!(found(&place, "", &from_commit).await.unwrap().package.version, "1.4");
    for source in [
        "path = 'project'\n[packaging]\ndebian = 'other'",
        "path = 'project'\ninto = 'sub'\n[packaging]\ndebian = 'debian'",
    ] {
        for lines in ["", "version = '1.4'"] {
            let error = found(&place, lines, source).await.unwrap_err();
            let expected = "the sources have no such packaging: no source has ";
            assert!(error.starts_with(expected) && error.ends_with("; there is debian"), "{error}");
        }
    }
    // What a script or a download may bring is not missed before there is a reason to.
    let made = "path = 'project'\n[packaging]\ndebian = 'other'\nprepare = 'make other'";
    assert!(found(&place, "version = '1.4'", made).await.is_ok());
    let error = found(&place, "", made).await.unwrap_err();
    assert!(error.contains("no source with `path` or `git` has other/changelog; it is read"), "{error}");
    let place = project("nothing here\n");
    let error = found(&place, "", OWN).await.unwrap_err();
    assert!(error.contains("debian/changelog: it does not begin with `NAME (VERSION)"), "{error}");
    assert_eq!(found(&place, "version = '1'", OWN).await.unwrap().packaging.version, None, "the build will tell");
}

#[tokio::test]
async fn a_version_that_the_packaging_does_not_say_is_told_before_a_build() {
    let place = project(LOG);
    assert_eq!(found(&place, "version = '1.4'", OWN).await.unwrap().package.version, "1.4");
    let error = found(&place, "version = '1.5'", OWN).await.unwrap_err();
    let expected = "the version is not that of the project's packaging: debian/changelog says 1:1.4-2, which is of \
                    version 1.4; without `version` in [package] it is what the packaging says";
    assert_eq!(error, expected);
    let merged = recipe(&place, "version = '1.5'", OWN);
    let Err(MetadataError::Problem(problem)) = settled(&place, &merged, false).await else { panic!("no problem") };
    let text = "[package]\nname = 'greeter'\nsummary = 'greets'\nlicense = 'MIT'\nmaintainer = 'A <a@example.org>'\n\
                version = '1.5'";
    assert!(text[problem.span.clone()].contains("1.5"), "{:?}", problem.span);
    // More behind it is the packaging's business, less is not.
    let dfsg = project(&LOG.replace("1.4", "1.4+dfsg"));
    assert!(found(&dfsg, "version = '1.4'", OWN).await.is_ok());
    assert!(found(&dfsg, "version = '1.4.1'", OWN).await.is_err());
    assert!(found(&dfsg, "version = '1'", OWN).await.is_err());
    // A script or patch may change it.
    let changed = format!("{OWN}\nprepare = 'true'");
    assert!(found(&place, "version = '1.5'", &changed).await.is_ok());
    place.write("a.patch", b"");
    let patched = OWN.replace("[packaging]", "patches = ['a.patch']\n[packaging]");
    assert!(found(&place, "version = '1.5'", &patched).await.is_ok());
    // What dpkg makes of a dash.
    let dashed = project(&LOG.replace("1:1.4-2", "2.3.1-SNAPSHOT"));
    assert_eq!(found(&dashed, "version = '2.3.1'", OWN).await.unwrap().package.version, "2.3.1");
    let error = found(&dashed, "version = '2.3.1~SNAPSHOT'", OWN).await.unwrap_err();
    assert!(error.contains("says 2.3.1-SNAPSHOT, which is of version 2.3.1;"), "{error}");
    assert!(error.contains("a pre-release is written 2.3.1~SNAPSHOT"), "{error}");
}

#[tokio::test]
async fn a_snapshot_has_another_version_than_its_packaging() {
    let place = project(LOG);
    let folder = place.root().join("project");
    git(&folder, &["init", "--quiet"]);
    let id = commit(&folder, "Begin");
    for lines in ["", "version = '1.4'"] {
        let recipe = settled(&place, &recipe(&place, lines, OWN), true).await.unwrap();
        assert_eq!(recipe.package.version, format!("1.4~git1.{}", &id[..7]));
        assert!(recipe.packaging.replaces_version);
        assert_eq!(recipe.packaging.version.unwrap().written, "1:1.4-2");
    }
    git(&folder, &["tag", "v1.4"]);
    let released = settled(&place, &recipe(&place, "", OWN), true).await.unwrap();
    assert_eq!((released.package.version.as_str(), released.packaging.replaces_version), ("1.4", false));
}
