use super::super::deb::tests::{TarMember, tarball};
use super::*;

fn deb(name: &str, more: &[(&str, &str)], data: &[(&str, TarMember<'_>)]) -> (Package, Deb) {
    let package = Package::for_test(name, "1");
    let control = format!("Package: {name}\nVersion: 1\nArchitecture: amd64\nDescription: a\n b\n");
    let mut control = BTreeMap::from([("control".to_owned(), control.into_bytes())]);
    for (name, content) in more {
        control.insert((*name).to_owned(), content.as_bytes().to_vec());
    }
    let mut spool = tempfile::SpooledTempFile::new(1 << 20);
    spool.write_all(&tarball(data)).unwrap();
    spool.seek(SeekFrom::Start(0)).unwrap();
    (package, Deb { control, data: spool })
}

/// Path -> (link target, content) of a layer of these packages, base-files first.
fn layer(mut debs: Vec<(Package, Deb)>) -> Result<BTreeMap<String, (String, String)>, LayerError> {
    let mut out = Vec::new();
    {
        let mut layer = Layer::new(&mut out);
        layer.merge_usr(Arch::Amd64, &mut debs[0].1)?;
        for (package, deb) in &mut debs {
            layer.package(package, deb)?;
        }
        layer.finish_system(Arch::Amd64)?;
    }
    let mut seen = BTreeMap::new();
    for entry in tar::Archive::new(&out[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let link = entry.link_name().unwrap().map(|link| link.display().to_string()).unwrap_or_default();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        assert!(seen.insert(path.clone(), (link, content)).is_none(), "{path} is there twice");
    }
    Ok(seen)
}

fn refusal(data: &[(&str, TarMember<'_>)]) -> String {
    match layer(vec![deb("evil", &[], data)]) {
        Err(LayerError::Refused { package, reason }) => format!("{package}: {reason}"),
        Err(LayerError::Io(error)) => panic!("{error}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn packages_land_behind_the_links_of_merged_usr() {
    let base = deb(
        "base-files",
        &[],
        &[("./", TarMember::Directory), ("./bin/", TarMember::Directory), ("./etc/", TarMember::Directory)],
    );
    let dash = deb(
        "dash",
        &[
            ("postinst", "#!/bin/sh\n"),
            ("conffiles", "remove-on-upgrade /etc/old\n/etc/dash.conf\n/etc/none\n"),
            ("triggers", "interest-noawait ldconfig\ninterest /usr/lib\nactivate x\n"),
        ],
        &[
            ("./bin/", TarMember::Directory),
            ("./bin/dash", TarMember::File(b"ELF")),
            ("./bin/sh", TarMember::Symlink("dash")),
            ("./usr/bin/dash", TarMember::Symlink("/bin/dash")),
            ("./bin/also", TarMember::Hardlink("./bin/dash")),
            ("./etc/dash.conf", TarMember::File(b"x")),
        ],
    );
    let seen = layer(vec![base, dash]).unwrap();
    assert_eq!(seen["bin"].0, "usr/bin");
    assert_eq!(seen["usr/bin/dash"].1, "ELF", "the link to itself is left out");
    assert_eq!(seen["usr/bin/sh"].0, "dash");
    assert_eq!(seen["usr/bin/also"].0, "usr/bin/dash");
    assert!(seen.contains_key("lib64") && !seen.contains_key("bin/dash"));
    assert!(
        seen["var/lib/dpkg/info/dash.list"].1.contains("/.\n")
            || seen["var/lib/dpkg/info/dash.list"].1.starts_with("/bin\n")
    );
    assert_eq!(seen["var/lib/dpkg/triggers/File"].1, "/usr/lib dash\n");
    assert_eq!(seen["var/lib/dpkg/triggers/ldconfig"].1, "dash/noawait\n");
    let status = &seen["var/lib/dpkg/status"].1;
    assert!(status.starts_with("Package: base-files\nStatus: install ok unpacked\n"), "{status}");
    assert!(
        status.contains(
            "Description: a\n b\nConffiles:\n /etc/old newconffile remove-on-upgrade\n \
             /etc/dash.conf 9dd4e461268c8034f5c8564e155c67a6\n\n"
        ),
        "{status}"
    );
}

#[test]
fn links_that_base_files_brings_are_taken_as_they_are() {
    let base = deb(
        "base-files",
        &[],
        &[
            ("./usr/", TarMember::Directory),
            ("./usr/bin/", TarMember::Directory),
            ("./bin", TarMember::Symlink("usr/bin")),
        ],
    );
    let seen = layer(vec![base, deb("a", &[], &[("./bin/a", TarMember::File(b""))])]).unwrap();
    assert!(seen.contains_key("usr/bin/a") && !seen.contains_key("lib64"));
}

#[test]
fn masters_become_passwd_and_group() {
    let seen = layer(vec![deb(
        "base-passwd",
        &[],
        &[("./usr/share/base-passwd/passwd.master", TarMember::File(b"root:*:0:0"))],
    )])
    .unwrap();
    assert_eq!(seen["etc/passwd"].1, "root:*:0:0");
    assert_eq!(seen["usr/share/base-passwd/passwd.master"].1, "root:*:0:0");
}

#[test]
fn nothing_leaves_its_folder_or_takes_what_is_not_its_own() {
    assert!(refusal(&[("./../etc/shadow", TarMember::File(b""))]).contains("leaves its folder"));
    assert!(refusal(&[("/etc/shadow", TarMember::File(b""))]).contains("absolute"));
    assert!(refusal(&[("./a\nb", TarMember::File(b""))]).contains("control character"));
    assert!(refusal(&[("./dev/null", TarMember::Device)]).contains("neither file"));
    assert!(refusal(&[("./shadow", TarMember::Hardlink("etc/shadow"))]).contains("does not hold"));
    assert!(refusal(&[("./shadow", TarMember::Hardlink("../etc/shadow"))]).contains("leaves its folder"));
    assert!(refusal(&[("./usr", TarMember::File(b""))]).contains("directory"));
    assert!(refusal(&[("./a", TarMember::File(b"")), ("./a/b", TarMember::File(b""))]).contains("below a file"));
    assert!(
        refusal(&[("./a", TarMember::Symlink("b")), ("./b", TarMember::Symlink("a")), ("./a/c", TarMember::File(b""))])
            .contains("links")
    );
    let twice =
        layer(vec![deb("a", &[], &[("./x", TarMember::File(b"1"))]), deb("b", &[], &[("./x", TarMember::File(b"2"))])]);
    assert!(matches!(twice, Err(LayerError::Refused { package, .. }) if package == "b"));
}

#[test]
fn a_link_out_of_the_root_stays_inside() {
    let seen = layer(vec![deb(
        "a",
        &[],
        &[
            ("./out", TarMember::Symlink("../../../tmp")),
            ("./out/x", TarMember::File(b"x")),
            ("./abs", TarMember::Symlink("/var/y")),
            ("./abs/z", TarMember::File(b"")),
        ],
    )])
    .unwrap();
    assert!(seen.contains_key("tmp/x") && seen.contains_key("var/y/z"), "{:?}", seen.keys());
}

#[test]
fn a_package_that_is_not_the_one_of_the_index_is_refused() {
    let (mut package, deb) = deb("a", &[], &[]);
    package.version = "2".parse().unwrap();
    assert!(matches!(layer(vec![(package, deb)]), Err(LayerError::Refused { .. })));
}
