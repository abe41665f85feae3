//! Build contexts: what is in them, and that the stream is what the digest says.

use super::*;
use crate::recipe::Dockerfile;

fn dockerfile(path: &str, context: &str) -> Dockerfile {
    Dockerfile { path: path.to_owned(), context: context.to_owned(), target: None, args: BTreeMap::new() }
}

fn context(place: &Scratch, path: &str, folder: &str) -> Result<Context, String> {
    Context::of(&place.root(), &dockerfile(path, folder)).map_err(|error| error.to_string())
}

fn digest(place: &Scratch) -> String {
    context(place, "Dockerfile", ".").unwrap().digest().unwrap()
}

/// Name, mode and content (or target) of each entry, folders with a slash.
async fn entries(stream: ByteStream) -> Result<Vec<(String, u32, String)>, String> {
    let read = move || {
        let mut archive = tar::Archive::new(into_reader(stream));
        let mut found = Vec::new();
        for entry in archive.entries().map_err(|error| error.to_string())? {
            let mut entry = entry.map_err(|error| error.to_string())?;
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.mtime().unwrap(), tree::FIXED_TIME.unsigned_abs());
            let (name, mode) = (String::from_utf8_lossy(&entry.path_bytes()).into_owned(), header.mode().unwrap());
            let mut content = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
            if content.is_none() {
                let mut text = String::new();
                entry.read_to_string(&mut text).map_err(|error| error.to_string())?;
                content = Some(text);
            }
            found.push((name, mode, content.unwrap_or_default()));
        }
        Ok(found)
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

async fn names(context: Context) -> Vec<String> {
    let digest = context.digest().unwrap();
    entries(context.stream(digest)).await.unwrap().into_iter().map(|(name, ..)| name).collect()
}

#[cfg(unix)]
#[tokio::test]
async fn a_context_is_one_deterministic_stream() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Scratch::new();
    place.write("packaging/Dockerfile", b"FROM scratch\n");
    place.write("src/run.sh", b"#!/bin/sh\n");
    fs::set_permissions(place.root().join("src/run.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("run.sh", place.root().join("src/alias")).unwrap();
    symlink("/etc/os-release", place.root().join("release")).unwrap();
    let context = context(&place, "packaging/Dockerfile", ".").unwrap();
    assert_eq!(context.dockerfile(), "packaging/Dockerfile");
    let digest = context.digest().unwrap();
    let found = entries(context.stream(digest)).await.unwrap();
    let found: Vec<_> = found.iter().map(|(name, mode, content)| (name.as_str(), *mode, content.as_str())).collect();
    assert_eq!(
        found,
        [
            ("packaging/", 0o755, ""),
            ("packaging/Dockerfile", 0o644, "FROM scratch\n"),
            ("release", 0o777, "/etc/os-release"),
            ("src/", 0o755, ""),
            ("src/alias", 0o777, "run.sh"),
            ("src/run.sh", 0o755, "#!/bin/sh\n"),
        ]
    );
}

#[tokio::test]
async fn ignored_files_are_no_part_and_the_dockerfile_always_is() {
    let place = Scratch::new();
    for name in ["Dockerfile", "src/a.c", "src/a.o", "web/node_modules/x/y", "dist/farm.deb", ".git/HEAD", "notes.md"] {
        place.write(name, name.as_bytes());
    }
    place.write("dist/.gitignore", b"*\n");
    place.write(".gitignore", b"*.o\n");
    place.write(".dockerignore", b"**/node_modules\n*.md\nDockerfile\n");
    let of = |path| context(&place, path, ".").unwrap();
    assert_eq!(names(of("Dockerfile")).await, [".gitignore", "Dockerfile", "src/", "src/a.c"]);
    // One that is named after the Dockerfile stands for the other.
    place.write("Dockerfile.dockerignore", b"*\n!src\n");
    assert_eq!(names(of("Dockerfile")).await, ["Dockerfile", "src/", "src/a.c"]);
    // Beside a folder as context, files above it are out of reach.
    assert_eq!(names(context(&place, "src/a.c", "src").unwrap()).await, ["a.c"]);
}

#[test]
fn the_digest_is_of_what_the_dockerfile_can_see() {
    let place = Scratch::new();
    place.write("Dockerfile", b"FROM scratch\n");
    place.write("a", b"1");
    place.write(".dockerignore", b"ignored\n");
    let first = digest(&place);
    place.write("ignored", b"1");
    assert_eq!(digest(&place), first);
    place.write(".dockerignore", b"# a word more\nignored\n");
    assert_eq!(digest(&place), first, "only what it leaves out matters");
    place.write("b", b"1");
    let more = digest(&place);
    assert_ne!(more, first);
    place.write("b", b"2");
    assert_ne!(digest(&place), more);
    fs::remove_file(place.root().join("b")).unwrap();
    assert_eq!(digest(&place), first);
    place.write("Other", b"FROM scratch\n");
    let of = |path| context(&place, path, ".").unwrap().digest().unwrap();
    assert_ne!(of("Dockerfile"), of("Other"), "the same files with another of them built");
}

#[tokio::test]
async fn a_context_that_changes_breaks_off() {
    let place = Scratch::new();
    place.write("Dockerfile", b"FROM scratch\n");
    let of = || context(&place, "Dockerfile", ".").unwrap();
    let digest = of().digest().unwrap();
    place.write("Dockerfile", b"FROM scracth\n");
    let error = entries(of().stream(digest)).await.unwrap_err();
    assert!(error.contains("the build context changed while it was read"), "{error}");
    let (before, digest) = (of(), of().digest().unwrap());
    place.write("Dockerfile", b"FROM\n");
    let error = entries(before.stream(digest)).await.unwrap_err();
    assert!(error.contains("Dockerfile changed while it was read"), "{error}");
}

#[test]
fn a_recipe_in_a_folder_of_the_project_takes_the_project_as_context() {
    let place = Scratch::new();
    place.write("Dockerfile", b"FROM scratch\n");
    let of = |path, folder| context(&place, path, folder).map(|context| context.dockerfile().to_owned());
    assert_eq!(of("Dockerfile", "..").unwrap(), "recipe/Dockerfile");
    place.write("packaging/Dockerfile", b"FROM scratch\n");
    assert_eq!(of("packaging/../packaging/Dockerfile", "packaging").unwrap(), "Dockerfile");
    assert_eq!(of("Dockerfile", "packaging").unwrap_err(), "Dockerfile: is not in its context, packaging");
    assert_eq!(of("packaging", ".").unwrap_err(), "packaging: is no file");
    assert!(of("Dockerfile.missing", ".").unwrap_err().ends_with("recipe/Dockerfile.missing"));
    assert_eq!(of("Dockerfile", "Dockerfile").unwrap_err(), "build context Dockerfile: is no folder");
}

#[cfg(unix)]
#[tokio::test]
async fn links_cannot_lead_out_of_a_context() {
    use std::os::unix::fs::symlink;
    let place = Scratch::new();
    fs::write(place.temp.path().join("secret"), "x").unwrap();
    place.write("packaging/real", b"FROM scratch\n");
    symlink("packaging/real", place.root().join("Dockerfile")).unwrap();
    let of = |path: &str| context(&place, path, ".");
    let context = of("Dockerfile").unwrap();
    let digest = context.digest().unwrap();
    let found = entries(context.stream(digest)).await.unwrap();
    assert_eq!(found[0], ("Dockerfile".to_owned(), 0o644, "FROM scratch\n".to_owned()), "the file behind the link");
    symlink("../secret", place.root().join("out")).unwrap();
    let reason = of("Dockerfile").unwrap_err();
    assert!(reason.contains("build context .: link out leads out of it, to ../secret"), "{reason}");
    assert_eq!(of("out").unwrap_err(), "out: is not in its context, .");
    place.write(".dockerignore", b"out\n");
    of("Dockerfile").unwrap();
    fifo(&place.root().join("pipe"));
    assert!(of("Dockerfile").unwrap_err().contains("is no file, folder or link"));
    place.write(".dockerignore", b"out\npipe\n");
    of("Dockerfile").unwrap();
}

#[cfg(unix)]
fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_wrong_ignore_file_is_named_with_its_line() {
    let place = Scratch::new();
    place.write("Dockerfile", b"FROM scratch\n");
    place.write(".dockerignore", b"a\n[b\n");
    let reason = context(&place, "Dockerfile", ".").unwrap_err();
    assert!(reason.ends_with("/.dockerignore: line 2: [b is no pattern"), "{reason}");
}
