//! Archives that want out of their tree, or all memory.

use super::*;

/// An archive of one hostile entry, as no tool writes it: names go into the header unchecked.
fn hostile(name: &str, kind: tar::EntryType, link: &str) -> Vec<u8> {
    let mut header = tree::header(kind, 0, 0o644, 1);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_link_name_literal(link).unwrap();
    header.set_cksum();
    let mut tar = hello_tar();
    tar.truncate(tar.len() - 1024);
    tar.extend_from_slice(header.as_bytes());
    tar.resize(tar.len() + 1024, 0);
    tar
}

#[tokio::test]
async fn hostile_archives_are_refused() {
    use tar::EntryType as T;
    let cases = [
        ("/etc/passwd", T::Regular, "", "absolute name"),
        ("hello-1.0/../../etc/passwd", T::Regular, "", "leads out"),
        ("hello-1.0/a", T::Symlink, "", "leads to a name that no file can have"),
        ("hello-1.0/src", T::Symlink, "/etc", "twice"),
        ("hello-1.0/a", T::Link, "/etc/passwd", "absolute name"),
        ("hello-1.0/a", T::Link, "hello-1.0/nothing", "no file before it"),
        ("hello-1.0/a", T::Link, "hello-1.0/src/link.c", "no file before it"),
        ("hello-1.0/src/link.c/x", T::Regular, "", "no folder"),
        ("hello-1.0/configure", T::Regular, "", "twice"),
        ("hello-1.0/src", T::Regular, "", "twice"),
        ("hello-1.0/null", T::Char, "", "no file, folder or link"),
        ("hello-1.0/pipe", T::Fifo, "", "no file, folder or link"),
    ];
    for (name, kind, link, reason) in cases {
        let place = Scratch::new();
        place.write("bad.tar", &hostile(name, kind, link));
        let error = place.prepare(&[place.url("bad.tar", 1)]).await.unwrap_err().to_string();
        assert!(error.starts_with("bad.tar: ") && error.contains(reason), "{name}: {error}");
        assert!(
            fs::read_dir(place.temp.path().join("cache/sources"))
                .unwrap()
                .all(|entry| { entry.unwrap().path().extension().is_some_and(|extension| extension == "lock") })
        );
    }
}

#[tokio::test]
async fn a_header_that_wants_all_memory_is_refused() {
    let mut header = tree::header(tar::EntryType::GNULongName, 1 << 30, 0o644, 1);
    header.as_mut_bytes()[..13].copy_from_slice(b"././@LongLink");
    header.set_cksum();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(header.as_bytes()).unwrap();
    io_copy_zeros(&mut encoder, 1 << 30);
    let place = Scratch::new();
    place.write("bomb.tar.zst", &encoder.finish().unwrap());
    let error = place.prepare(&[place.url("bomb.tar.zst", 0)]).await.unwrap_err().to_string();
    assert!(error.contains("unreasonably large"), "{error}");
}
