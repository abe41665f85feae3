use tar::EntryType;

use super::*;

const ROOM: Room = Room::USUAL;

/// A tar with entries of exactly these names, kinds and modes, which tar's own writer would refuse.
fn tar_of(entries: &[(&str, EntryType, u32, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, mode, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        let is_file = *kind == EntryType::Regular;
        header.set_size(if is_file { content.len() as u64 } else { 0 });
        if !is_file && !content.is_empty() {
            header.set_link_name_literal(content).unwrap();
        }
        header.set_cksum();
        builder.append(&header, if is_file { *content } else { b"" }).unwrap();
    }
    builder.into_inner().unwrap()
}

fn good() -> Vec<u8> {
    tar_of(&[
        ("caches/", EntryType::Directory, 0o755, b""),
        ("caches/ccache/", EntryType::Directory, 0o755, b""),
        ("caches/ccache/object", EntryType::Regular, 0o644, &[7; 3000]),
    ])
}

fn place(folder: &Path) -> Place {
    Place::new(folder, Path::new("/projects/pond"), "pond@debian-12/amd64", "sha256:base")
}

fn unpacked(place: &Place) -> Vec<(String, u32, u64)> {
    let Kept::Whole(packed) = place.open() else { panic!("{:?}", place.open()) };
    let mut tar = tar::Archive::new(zstd::Decoder::new(packed.0).unwrap());
    let entries = tar.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        assert!([EntryType::Directory, EntryType::Regular].contains(&header.entry_type()));
        assert_eq!(header.uid().unwrap(), u64::from(BUILD_UID));
        (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), header.mode().unwrap(), entry.size())
    });
    entries.collect()
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    file.clone()
}

#[test]
fn what_is_kept_is_what_was_left_as_plain_files() {
    let folder = tempfile::tempdir().unwrap();
    let caches = folder.path().join("build-caches");
    let place = place(&caches);
    assert!(matches!(place.open(), Kept::Nothing));
    drop(place.pack(good().as_slice(), ROOM).unwrap());
    assert_eq!(fs::read_dir(&caches).unwrap().count(), 0, "nobody kept it");
    place.pack(good().as_slice(), ROOM).unwrap().keep().unwrap();
    let file = |name: &str, mode, size| (name.to_owned(), mode, size);
    let expected = [
        file("build/", 0o755, 0),
        file("build/caches/", 0o755, 0),
        file("build/caches/ccache/", 0o755, 0),
        file("build/caches/ccache/object", 0o644, 3000),
    ];
    assert_eq!(unpacked(&place), expected);
    // The next one replaces it.
    let empty = tar_of(&[("caches/", EntryType::Directory, 0o755, b"")]);
    place.pack(empty.as_slice(), ROOM).unwrap().keep().unwrap();
    assert_eq!(unpacked(&place), expected[..2]);
    only_file(&caches);
}

#[test]
fn nothing_hostile_gets_into_the_next_container() {
    let hostile: [(&str, EntryType, u32, &[u8]); 12] = [
        ("caches/../../etc/passwd", EntryType::Regular, 0o644, b"x"),
        ("../caches/x", EntryType::Regular, 0o644, b"x"),
        ("/caches/../x", EntryType::Regular, 0o644, b"x"),
        ("stray", EntryType::Regular, 0o644, b"x"),
        ("caches/link", EntryType::Symlink, 0o777, b"/etc/passwd"),
        ("caches/hard", EntryType::Link, 0o644, b"/etc/shadow"),
        ("caches/fifo", EntryType::Fifo, 0o644, b""),
        ("caches/device", EntryType::Char, 0o666, b""),
        ("caches/disk", EntryType::Block, 0o666, b""),
        ("caches/new\nline", EntryType::Regular, 0o644, b"x"),
        ("caches/\u{7f}", EntryType::Regular, 0o644, b"x"),
        ("..", EntryType::Directory, 0o755, b""),
    ];
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let programs = [
        ("caches/ccache/", EntryType::Directory, 0o7777, b"".as_slice()),
        ("caches/ccache/root", EntryType::Regular, 0o6755, b"x"),
        ("caches/ccache/open", EntryType::Regular, 0o1666, b"x"),
    ];
    let all: Vec<_> = hostile.into_iter().chain(programs).collect();
    place.pack(tar_of(&all).as_slice(), ROOM).unwrap().keep().unwrap();
    let kept = unpacked(&place);
    let names: Vec<_> = kept[2..].iter().map(|(name, mode, _)| (name.as_str(), *mode)).collect();
    assert_eq!(
        names,
        [("build/caches/ccache/", 0o755), ("build/caches/ccache/root", 0o755), ("build/caches/ccache/open", 0o644)]
    );
}

#[test]
fn a_cache_has_its_bounds_and_a_broken_stream_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    place.pack(good().as_slice(), ROOM).unwrap().keep().unwrap();
    let too_large = |tar: &[u8], room| matches!(place.pack(tar, room), Err(PackError::TooLarge(_)));
    assert!(too_large(&good(), Room { bytes: 3000, ..ROOM }));
    let many: Vec<_> = (0..40).map(|_| ("caches/a", EntryType::Regular, 0o644, b"".as_slice())).collect();
    assert!(too_large(&tar_of(&many), Room { files: 39, ..ROOM }));
    assert!(too_large(&tar_of(&many), Room { bytes: 39 * 512, ..ROOM }));
    // A header that claims more than there is.
    let whole = good();
    for end in [100, 700, 2000, 3000] {
        assert!(matches!(place.pack(&whole[..end], ROOM), Err(PackError::Stream(_))), "{end}");
    }
    // The old one stays.
    assert_eq!(unpacked(&place).len(), 4);
    only_file(folder.path());
}

#[test]
fn a_damaged_or_truncated_one_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    place.pack(good().as_slice(), ROOM).unwrap().keep().unwrap();
    let path = only_file(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut changed = Vec::new();
    for at in [0, FORMAT.len(), HEAD - 1, HEAD, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        changed.push(bytes);
        changed.push(whole[..at].to_vec());
    }
    changed.push([whole.as_slice(), b"x"].concat());
    for bytes in changed {
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(place.open(), Kept::Damaged(_)), "{} bytes", bytes.len());
        assert!(matches!(place.open(), Kept::Nothing));
    }
}

#[test]
fn each_recipe_and_target_has_one_of_its_own_for_one_environment() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    place.pack(good().as_slice(), ROOM).unwrap().keep().unwrap();
    let other = |recipe: &str, target: &str| Place::new(folder.path(), Path::new(recipe), target, "sha256:base");
    assert!(matches!(other("/projects/fork", "pond@debian-12/amd64").open(), Kept::Nothing));
    assert!(matches!(other("/projects/pond", "pond@debian-12/arm64").open(), Kept::Nothing));
    let newer = Place::new(folder.path(), Path::new("/projects/pond"), "pond@debian-12/amd64", "sha256:newer");
    assert!(matches!(newer.open(), Kept::Outdated));
    // Its next good build takes the place.
    newer.pack(good().as_slice(), ROOM).unwrap().keep().unwrap();
    assert!(matches!(place.open(), Kept::Outdated));
    only_file(folder.path());
}
