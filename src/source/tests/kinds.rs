//! What kinds of files sources may be, and what happens when two of them meet.

use super::*;

/// A zip archive of names with their Unix modes and contents.
pub(super) fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut zip = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, mode, content) in entries {
        let options = ::zip::write::SimpleFileOptions::default()
            .compression_method(::zip::CompressionMethod::Deflated)
            .last_modified_time(::zip::DateTime::from_date_and_time(2020, 1, 2, 3, 4, 6).unwrap());
        match mode & 0o170_000 {
            0o120_000 => zip.add_symlink(*name, String::from_utf8_lossy(content), options).unwrap(),
            _ => {
                zip.start_file(*name, options.unix_permissions(*mode)).unwrap();
                zip.write_all(content).unwrap();
            }
        }
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn zip_archives_are_unpacked_like_others() {
    let place = Scratch::new();
    let archive = zip_of(&[
        ("hello-1.0/run", 0o755, b"#!/bin/sh\n"),
        ("hello-1.0/src/a.c", 0o644, &[b'a'; 5000]),
        ("hello-1.0/link", 0o120_777, b"src/a.c"),
    ]);
    place.write("hello.zip", &archive);
    let prepared = place.prepare(&[place.url("hello.zip", 1)]).await.unwrap();
    assert_eq!(tree_of(&prepared), ["run 755 10 0", "src/ 755 0 0", "src/a.c 644 5000 0", "link -> src/a.c"]);
    assert_eq!(prepared.newest, 1_577_934_246);

    let packed = Source { unpack: false, into: "data".to_owned(), ..place.url("hello.zip", 0) };
    let prepared = place.prepare(&[packed]).await.unwrap();
    assert_eq!(tree_of(&prepared), ["data/ 755 0 0", &format!("data/hello.zip 644 {} 0", archive.len())]);
}

#[tokio::test]
async fn a_source_that_stands_in_the_recipe_is_a_file_of_its_name() {
    let place = Scratch::new();
    let text = |file: &str, text: &str, executable: bool| {
        source(Origin::Text { file: file.to_owned(), text: text.to_owned(), executable }, 0)
    };
    let unit = Source { into: "units".to_owned(), ..text("greetd.service", "[Unit]\n", false) };
    let prepared = place.prepare(&[text("greet", "#!/bin/sh\n", true), unit, text("empty", "", false)]).await.unwrap();
    let tree = ["greet 755 10 0", "units/ 755 0 0", "units/greetd.service 644 7 0", "empty 644 0 0"];
    assert_eq!(tree_of(&prepared), tree);
    assert_eq!(prepared.newest, EARLIEST, "it has no date of its own");
    let originals: Vec<&str> = prepared.originals.iter().map(|original| original.name.as_str()).collect();
    assert_eq!(originals, ["greet", "greetd.service", "empty"]);
    assert_eq!(fs::read(&prepared.originals[1].path).unwrap(), b"[Unit]\n");

    let again = Source { into: "b".to_owned(), ..text("greet", "", false) };
    let error = place.prepare(&[text("greet", "", false), again]).await.unwrap_err();
    assert_eq!(error.to_string(), "greet: is the file name of two sources");
}

#[tokio::test]
async fn hostile_zip_archives_are_refused() {
    let place = Scratch::new();
    let mut damaged = zip_of(&[("a", 0o644, &[b'a'; 5000])]);
    // In the middle of the packed content.
    damaged[40] ^= 0xff;
    let cut = zip_of(&[("a", 0o644, b"x")]);
    for (archive, expected) in [
        (zip_of(&[("../x", 0o644, b"x")]), "leads out of the tree"),
        (zip_of(&[("/etc/x", 0o644, b"x")]), "absolute name"),
        (zip_of(&[("link", 0o120_777, b"/etc"), ("link/x", 0o644, b"x")]), "is no folder"),
        (zip_of(&[("a", 0o644, b"x"), ("a/b", 0o644, b"x")]), "is no folder"),
        (damaged, ""),
        (cut[..cut.len() - 10].to_vec(), "damaged or unusual zip archive"),
    ] {
        place.write("bad.zip", &archive);
        let error = place.prepare(&[place.url("bad.zip", 0)]).await.unwrap_err();
        assert!(matches!(&error, SourceError::Archive { .. }) && error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_file_of_two_sources_names_both() {
    let place = Scratch::new();
    place.write("one.tar", &hello_tar());
    place.write("two/README", b"x");
    let one = place.url("one.tar", 1);
    let file = tree_of(&place.prepare(std::slice::from_ref(&one)).await.unwrap())
        .into_iter()
        .find_map(|line| line.split(' ').next().filter(|name| !name.ends_with('/')).map(str::to_owned))
        .unwrap();
    place.write(&format!("two/{file}"), b"x");
    let error = place.prepare(&[one.clone(), path("two")]).await.unwrap_err().to_string();
    assert_eq!(error, format!("two: {file} is in the tree already, from one.tar: give one of them another `into`"));
    let apart = Source { into: "two".to_owned(), ..path("two") };
    place.prepare(&[one, apart]).await.unwrap();
}

#[tokio::test]
async fn files_that_only_point_into_git_lfs_are_told_of() {
    let place = Scratch::new();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n";
    place.write("art/logo.png", pointer);
    place.write("art/more.png", pointer);
    place.write("art/text", b"version https://example.org\n");
    let prepared = place.prepare(&[path("art")]).await.unwrap();
    let [(rule, sentence)] = prepared.warnings.as_slice() else { panic!("{:?}", prepared.warnings) };
    assert_eq!(rule, "lfs-pointer");
    assert!(
        sentence.starts_with("logo.png and one more file are Git LFS pointers, which farm does not follow"),
        "{sentence}"
    );
    assert!(sentence.contains("`git lfs pull`"), "{sentence}");
    assert_eq!(prepared, place.prepare(&[path("art")]).await.unwrap(), "also when it comes from the cache");
}
