//! Trees of other programs: what apt-ftparchive and createrepo_c make of a folder.

use super::*;
use crate::repo::tree::others;

/// A folder with two suites, of which one is below the other and has a component more, and an rpm-md repository.
fn tree_of_others(world: &World) -> PathBuf {
    let root = world.temp.path().join("old");
    for (folder, name, arch) in
        [("main/h", "heron", "all"), ("contrib/o", "otter", "amd64"), ("main/s", "stork", "all")]
    {
        let pool = root.join("pool").join(folder);
        fs::create_dir_all(&pool).unwrap();
        let made = deb(world.temp.path(), name, "1.0", arch);
        fs::rename(&made, pool.join(made.file_name().unwrap())).unwrap();
    }
    // What was never published.
    fs::copy(world.deb("unwanted", "1.0"), root.join("pool/main/h/unwanted_1.0_all.deb")).unwrap();
    let script = r#"
        index() {
            mkdir -p "dists/$1/$2/binary-amd64"
            apt-ftparchive packages "pool/$2/$3" >all
            awk 'BEGIN { RS = ""; ORS = "\n\n" } !/^Package: unwanted/' all >"dists/$1/$2/binary-amd64/Packages"
            gzip -k "dists/$1/$2/binary-amd64/Packages"
        }
        release() {
            apt-ftparchive -o APT::FTPArchive::Release::Origin=Heronry -o APT::FTPArchive::Release::Label=All release "dists/$1" >all
            mv all "dists/$1/Release"
        }
        index bookworm main h
        index bookworm contrib o
        mkdir -p dists/bookworm/main/debian-installer/binary-amd64
        touch dists/bookworm/main/debian-installer/binary-amd64/Packages
        release bookworm
        index bookworm/updates main s
        release bookworm/updates
        printf 'Archive: stable\n' >dists/bookworm/main/binary-amd64/Release
        ln -s bookworm dists/stable
    "#;
    let output = Command::new("sh").args(["-euc", script]).current_dir(&root).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let rpms = root.join("el9/x86_64");
    fs::create_dir_all(&rpms).unwrap();
    rpm(&rpms, "hello", "3.0");
    let output = Command::new("createrepo_c").args(["--quiet", "."]).current_dir(&rpms).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    root
}

#[test]
fn what_others_published_is_taken_over() {
    if !have(&["apt-ftparchive", "createrepo_c"]) {
        return;
    }
    let world = World::new();
    let old = tree_of_others(&world);
    let found = others(&old, None).unwrap().unwrap();
    assert_eq!((found.origin.as_deref(), found.label.as_deref()), (Some("Heronry"), Some("All")));
    let names = |found: &super::super::Others| -> Vec<String> {
        let name = |one: &Incoming| format!("{} {}", one.place, one.path.strip_prefix(&old).unwrap().display());
        found.incoming.iter().map(name).collect()
    };
    assert_eq!(
        names(&found),
        [
            "dists/bookworm pool/contrib/o/otter_1.0_amd64.deb",
            "dists/bookworm pool/main/h/heron_1.0_all.deb",
            "dists/bookworm-updates pool/main/s/stork_1.0_all.deb",
            "rpm/el9 el9/x86_64/hello-3.0-1.noarch.rpm",
        ]
    );
    let changes = add(&world.root(), &found.incoming, &Wishes::default(), Some(&world.signer), now()).unwrap();
    let added: Vec<String> = changes.iter().map(|one| format!("{} {}", one.place, one.added)).collect();
    assert_eq!(added, ["dists/bookworm 2", "dists/bookworm-updates 1", "rpm/el9 1", "rpm/fedora-44 0"]);
    assert_eq!(world.check().problems, []);
    assert!(
        clients::Apt::told(&world, &fs::read_to_string(world.at("setup/bookworm.sources")).unwrap()).takes().is_ok()
    );
    // Below a suite is another one, if one asks there.
    let below = others(&old.join("dists"), Some("x"));
    assert!(below.unwrap().is_none());

    for (path, change) in [
        ("dists/bookworm/main/binary-amd64/Packages", "a line more"),
        ("dists/bookworm/Release", ""),
        ("el9/x86_64/repodata/repomd.xml", "no XML"),
    ] {
        let path = old.join(path);
        let good = fs::read(&path).unwrap();
        fs::write(&path, change).unwrap();
        assert!(matches!(others(&old, None), Err(RepoError::Foreign { .. })), "{}", path.display());
        fs::write(&path, good).unwrap();
    }
    flip(&old.join("pool/main/h/heron_1.0_all.deb"));
    let other = world.temp.path().join("other");
    let refused = add(&other, &others(&old, None).unwrap().unwrap().incoming, &Wishes::default(), None, now());
    assert!(refused.unwrap_err().to_string().contains("not what its folder's index"), "a package that is another one");
}

#[test]
fn repositories_are_called_as_their_folders_are() {
    if !have(&["createrepo_c"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (path, name) in [
        ("el9/x86_64", "el9"),
        ("rpm/fedora-44", "fedora-44"),
        ("leap/15.6/aarch64", "leap-15.6"),
        ("x86_64", "x86_64"),
    ] {
        let root = folder.path().join(name);
        let rpms = root.join(path);
        fs::create_dir_all(&rpms).unwrap();
        rpm(&rpms, "hello", "3.0");
        assert!(others(&root, None).unwrap().is_none());
        assert!(Command::new("createrepo_c").args(["--quiet", "."]).current_dir(&rpms).status().unwrap().success());
        assert_eq!(others(&root, None).unwrap().unwrap().incoming[0].place.name, name);
        assert_eq!(others(&rpms, Some("chosen")).unwrap().unwrap().incoming[0].place.name, "chosen");
        assert!(others(&rpms, None).unwrap_err().to_string().contains("--suite"));
    }
}
