//! Packages that dpkg, rpm, apt and tar do not read alike, or that say something else of themselves than they have: byte
//! by byte, as no tool would make them. What the real tools make of some of them shows why.

use super::super::fixtures::{RpmFile, RpmMaker, ar, compress, member, tarball};
use super::tools::run;
use super::*;
use crate::types::testing::have;

const CONTROL: &str = "Package: hello\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b>\nDescription: x\n y\n";
const OTHER: &str = "Package: evil\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b>\nDescription: x\n y\n";

/// Why a file is refused; panics when it is not.
fn refused(extension: &str, bytes: &[u8]) -> String {
    let temp = tempfile::tempdir().unwrap();
    match read(temp.path(), extension, bytes) {
        Err(ArtifactError::Malformed { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

fn control_tar(members: &[Member<'_>]) -> Vec<u8> {
    tarball(members)
}

fn good_control() -> Vec<u8> {
    control_tar(&[file("./control", CONTROL.as_bytes())])
}

fn good_data() -> Vec<u8> {
    tarball(&[file("./usr/share/hello/x", b"x")])
}

fn deb_with(control: Vec<u8>, data: Vec<u8>) -> Vec<u8> {
    ar(&[("debian-binary", b"2.0\n".to_vec()), ("control.tar", control), ("data.tar", data)])
}

/// With the members of a data.tar as they stand.
fn deb_of_data(members: Vec<Vec<u8>>) -> Vec<u8> {
    deb_with(good_control(), [members.concat(), vec![0; 1024]].concat())
}

#[test]
fn the_plain_package_is_read() {
    let temp = tempfile::tempdir().unwrap();
    read(temp.path(), "deb", &deb_with(good_control(), good_data())).unwrap();
    read(temp.path(), "deb", &deb_of_data(vec![member(file("./usr/share/hello/x", b"x"), |_| {})])).unwrap();
    let signed = ar(&[
        ("debian-binary", b"2.0\n".to_vec()),
        ("_extra", b"odd".to_vec()),
        ("control.tar", good_control()),
        ("data.tar", good_data()),
        ("_gpgorigin", b"x".to_vec()),
    ]);
    read(temp.path(), "deb", &signed).unwrap();
}

#[test]
fn the_members_of_a_deb_are_there_once_and_in_order() {
    let version = || ("debian-binary", b"2.0\n".to_vec());
    let control = || ("control.tar", good_control());
    let data = || ("data.tar", good_data());
    let evil = || ("control.tar.gz", compress("gz", &control_tar(&[file("./control", OTHER.as_bytes())])));
    let whole = deb_with(good_control(), good_data());
    for (members, reason) in [
        (vec![version(), control(), evil(), data()], "two control.tar"),
        (vec![version(), control(), control(), data()], "two control.tar"),
        (vec![version(), control(), data(), data()], "two data.tar"),
        (vec![version(), control(), data(), ("data.tar.gz", compress("gz", &good_data()))], "two data.tar"),
        (vec![version(), control(), data(), evil()], "goes on with control.tar.gz"),
        (vec![version(), data(), control()], "data.tar is not where"),
        (vec![control(), version(), data()], "first member is not debian-binary"),
        (vec![version(), ("control.txt", b"x".to_vec()), control(), data()], "control.txt is not where"),
        (vec![version(), control(), ("md5sums", b"x".to_vec()), data()], "md5sums is not where"),
        (vec![version(), control(), data(), ("extra", b"x".to_vec())], "goes on with extra"),
        (vec![version(), ("_x", b"1".to_vec()), ("_x", b"2".to_vec()), control(), data()], "two members _x"),
        (vec![version(), control()], "no data.tar"),
        (vec![version(), data()], "data.tar is not where"),
        (vec![("debian-binary", b"2.1\nx\n".to_vec()), control(), data()], "does not say `2.0`"),
        (vec![version(), control(), ("data.tarball", good_data())], "compressed with"),
        (vec![version(), control(), ("#1/8", [b"data.tar".to_vec(), good_data()].concat())], "damaged ar header"),
    ] {
        let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        let found = refused("deb", &ar(&members));
        assert!(found.contains(reason), "{names:?}: {found}");
    }
    for (behind, reason) in
        [(&b"x"[..], "follow"), (b"\n\n\n", "follow"), (&[0; 60], "damaged ar header"), (&whole, "damaged ar header")]
    {
        let found = refused("deb", &[&whole, behind].concat());
        assert!(found.contains(reason), "{reason}: {found}");
    }
    let mut padded = ar(&[version(), ("_odd", b"odd".to_vec()), control(), data()]);
    let at = padded.windows(3).position(|bytes| bytes == b"odd").unwrap() + 63 + 60;
    let at = padded[at..].iter().position(|byte| *byte == b'\n').map_or(at, |offset| at + offset);
    assert_eq!(padded[at], b'\n');
    let at = padded.windows(4).rposition(|bytes| bytes == b"odd\n").unwrap() + 3;
    padded[at] = b'x';
    assert!(refused("deb", &padded).contains("between"));
}

#[test]
fn a_control_archive_has_flat_files_once() {
    for (members, reason) in [
        (vec![file("./control", CONTROL.as_bytes()), file("./control", OTHER.as_bytes())], "two files control"),
        (vec![file("control", CONTROL.as_bytes()), file("./control", OTHER.as_bytes())], "two files control"),
        (vec![file("./control", CONTROL.as_bytes()), file("/control", OTHER.as_bytes())], "two files control"),
        (
            vec![file("./control", CONTROL.as_bytes()), file("./postinst", b"a"), file("./postinst", b"b")],
            "two files postinst",
        ),
        (vec![("./control", T::Symlink, 0o777, 0, &b"/etc/passwd"[..])], "no file at its top"),
        (vec![file("./control", CONTROL.as_bytes()), ("./x", T::Link, 0o644, 0, b"control")], "no file at its top"),
        (vec![file("./sub/control", CONTROL.as_bytes())], "no file at its top"),
        (vec![file("./md5sums", b"")], "no control file"),
        (vec![file("./control", format!("{CONTROL}package: evil\n").as_bytes())], "the field package twice"),
        (vec![file("./control", format!("{CONTROL}\n{OTHER}").as_bytes())], "not one paragraph"),
        (vec![file("./control", CONTROL.as_bytes()), file("./conffiles", b"/etc/x\n")], "conffile /etc/x is not in it"),
        (
            vec![
                file("./control", CONTROL.as_bytes()),
                file("./conffiles", b"/usr/share/hello/x\n/usr/share/hello/x\n"),
            ],
            "there twice",
        ),
        (vec![file("./control", CONTROL.as_bytes()), file("./conffiles", b"usr/share/hello/x\n")], "no path"),
        (
            vec![
                file("./control", CONTROL.as_bytes()),
                file("./md5sums", b"00000000000000000000000000000000  usr/share/hello/x\n"),
            ],
            "another sum",
        ),
        (
            vec![
                file("./control", CONTROL.as_bytes()),
                file("./md5sums", b"9dd4e461268c8034f5c8564e155c67a6  usr/share/hello/y\n"),
            ],
            "md5sums has /usr/share/hello/y, which is not in it",
        ),
        (vec![file("./control", CONTROL.as_bytes()), file("./md5sums", b"nonsense\n")], "no sum of a file"),
    ] {
        let names: Vec<&str> = members.iter().map(|member| member.0).collect();
        let found = refused("deb", &deb_with(control_tar(&members), good_data()));
        assert!(found.contains(reason), "{names:?}: {found}");
    }
    let right = b"9dd4e461268c8034f5c8564e155c67a6  usr/share/hello/x\n";
    let members =
        [file("./control", CONTROL.as_bytes()), file("./md5sums", right), file("./conffiles", b"/usr/share/hello/x\n")];
    let temp = tempfile::tempdir().unwrap();
    read(temp.path(), "deb", &deb_with(control_tar(&members), good_data())).unwrap();
}

#[test]
fn archives_end_where_they_end() {
    for kind in ["", "gz", "xz", "zst"] {
        let extension = if kind.is_empty() { String::new() } else { format!(".{kind}") };
        let make = |control: Vec<u8>, data: Vec<u8>| {
            let (control_name, data_name) = (format!("control.tar{extension}"), format!("data.tar{extension}"));
            ar(&[("debian-binary", b"2.0\n".to_vec()), (&control_name, control), (&data_name, data)])
        };
        let (control, data) = (compress(kind, &good_control()), compress(kind, &good_data()));
        let temp = tempfile::tempdir().unwrap();
        read(temp.path(), "deb", &make(control.clone(), data.clone())).unwrap();
        let behind = |good: &[u8]| compress(kind, &[good, good].concat());
        let found = refused("deb", &make(behind(&good_control()), data.clone()));
        assert!(found.contains("control.tar goes on after its end"), "{kind}: {found}");
        let found = refused("deb", &make(control.clone(), behind(&good_data())));
        assert!(found.contains("data.tar goes on after its end"), "{kind}: {found}");
        let found = refused("deb", &make(control.clone(), [data, b"x".repeat(700)].concat()));
        assert!(found.contains("its data.tar"), "{kind}: {found}");
    }
}

#[test]
fn members_of_a_data_archive_are_what_dpkg_takes_them_for() {
    let good = || member(file("./usr/share/hello/x", b"x"), |_| {});
    let of = |entry: Member<'_>, edit: &dyn Fn(&mut tar::Header)| vec![good(), member(entry, |header| edit(header))];
    let pax = b"30 path=./usr/share/hello/evil\n";
    let link = ("./usr/share/hello/l", T::Link, 0o644, 0, &b"./usr/share/hello/x"[..]);
    for (members, reason) in [
        (of(("x", T::XHeader, 0o644, 0, pax), &|_| {}), "PAX header"),
        (of(("x", T::XGlobalHeader, 0o644, 0, pax), &|_| {}), "PAX header"),
        (of(("./usr/share/hello/s", T::GNUSparse, 0o644, 0, b"x"), &|_| {}), "type `S`"),
        (of(("./usr/share/hello/c", T::Continuous, 0o644, 0, b"x"), &|_| {}), "type `7`"),
        (of(("./usr/share/hello/v", T::new(b'V'), 0o644, 0, b""), &|_| {}), "type `V`"),
        (of(file("./usr/share/hello/d/", b"x"), &|_| {}), "directory by its name"),
        (of(("./usr/share/hello/d/", T::Directory, 0o755, 0, b"x"), &|_| {}), "content for"),
        (of(("./usr/share/hello/l", T::Symlink, 0o777, 0, b"x"), &|header| header.set_size(512)), "content for"),
        (
            of(file("./usr/share/hello/u", b"x"), &|header| header.set_username("games").unwrap()),
            "user 0 by number and to `games` by name",
        ),
        (of(file("./usr/share/hello/u", b"x"), &|header| header.set_groupname("shadow").unwrap()), "group 0 by number"),
        (
            of(("./usr/share/hello/u", T::Regular, 0o644, 1000, b"x"), &|header| header.set_username("root").unwrap()),
            "user 1000 by number and to `root` by name",
        ),
        (of(("./usr/share/hello/l", T::Link, 0o644, 0, b"./usr/share/hello/y"), &|_| {}), "is no file before it"),
        (of(("./usr/share/hello/l", T::Link, 0o644, 0, b"/etc/passwd"), &|_| {}), "is no file before it"),
        (of(("./usr/share/hello/l", T::Link, 0o644, 0, b"../../../etc/shadow"), &|_| {}), "is no file before it"),
        (of(link, &|header| header.set_mode(0o4755)), "another mode or owner"),
        (of(link, &|header| header.set_uid(33)), "another mode or owner"),
        (
            vec![
                member(("./usr/l", T::Symlink, 0o777, 0, b"x"), |_| {}),
                member(("./usr/m", T::Link, 0o777, 0, b"./usr/l"), |_| {}),
            ],
            "no file before it",
        ),
        (of(("././@LongLink", T::GNULongName, 0o644, 0, b"./usr/share/hello/y\0"), &|_| {}), "ends after a long name"),
        (
            of(("././@LongLink", T::GNULongName, 0o644, 0, b"./usr/share\0hello/y\0"), &|_| {}),
            "a long name that is none",
        ),
        (of(("././@LongLink", T::GNULongName, 0o644, 0, b"./usr/share/hello"), &|_| {}), "a long name that is none"),
        (
            vec![
                member(("././@LongLink", T::GNULongName, 0o644, 0, b"./usr/a\0"), |_| {}),
                member(("././@LongLink", T::GNULongName, 0o644, 0, b"./usr/b\0"), |_| {}),
                good(),
            ],
            "two long names",
        ),
    ] {
        let found = refused("deb", &deb_of_data(members));
        assert!(found.contains(reason), "{reason}: {found}");
    }
}

#[test]
fn a_file_is_known_by_its_name_however_that_is_spelled() {
    let temp = tempfile::tempdir().unwrap();
    for spelled in ["./usr/share/hello/x", "usr/share/hello/x", "/usr/share/hello/x", "././usr/share/hello/x"] {
        let path = temp.path().join("hello_1_all.deb");
        let long = [spelled.as_bytes(), b"\0"].concat();
        for members in [
            vec![member(file(spelled, b"x"), |_| {})],
            vec![
                member(("././@LongLink", T::GNULongName, 0o644, 0, &long), |_| {}),
                member(file("./cut", b"x"), |_| {}),
            ],
        ] {
            fs::write(&path, deb_of_data(members)).unwrap();
            let mut paths = Vec::new();
            super::super::deb::read(&path, crate::formats::elf::Depth::Needs, &mut |entry| {
                paths.push(String::from_utf8(entry.path).unwrap())
            })
            .unwrap();
            assert_eq!(paths, ["/usr/share/hello/x"], "{spelled}");
        }
    }
}

/// What dpkg itself does with some of these, in a system of its own.
#[test]
fn dpkg_reads_refused_packages_otherwise_or_not_at_all() {
    if !have(&["dpkg-deb", "dpkg"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("hello_1_all.deb");
    // It takes the last control file, where a reader that looks for the first finds another.
    let two = control_tar(&[file("./control", CONTROL.as_bytes()), file("./control", OTHER.as_bytes())]);
    fs::write(&path, deb_with(two, good_data())).unwrap();
    assert_eq!(run(Command::new("dpkg-deb").arg("-f").arg(&path).arg("Package")).trim(), "evil");
    // It does not look at what follows.
    let whole = deb_with(good_control(), good_data());
    let extra = ar(&[("data.tar", tarball(&[file("./usr/bin/evil", b"x")]))]);
    fs::write(&path, [whole.as_slice(), &extra[8..]].concat()).unwrap();
    let listed = run(Command::new("dpkg-deb").arg("-c").arg(&path));
    assert!(listed.contains("hello/x") && !listed.contains("evil"), "{listed}");
    // tar lists what dpkg does not install.
    let root = temp.path().join("root");
    for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    let pax = b"30 path=./usr/share/hello/evil\n";
    let unpack = |members: Vec<Vec<u8>>| {
        let folders = ["./", "./usr/", "./usr/share/", "./usr/share/hello/"];
        let folders = folders.map(|name| member((name, T::Directory, 0o755, 0, b""), |_| {}));
        fs::write(&path, deb_of_data(folders.into_iter().chain(members).collect())).unwrap();
        let output = Command::new("dpkg")
            .args(["--force-not-root", "--force-script-chrootless", "--force-unsafe-io", "--log=/dev/null"])
            .arg(format!("--root={}", root.display()))
            .arg("--unpack")
            .arg(&path)
            .env("LC_ALL", "C")
            .env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let good = || member(file("./usr/share/hello/x", b"x"), |_| {});
    let (is_good, said) = unpack(vec![good()]);
    assert!(is_good, "{said}");
    let (is_good, said) = unpack(vec![member(("x", T::XHeader, 0o644, 0, pax), |_| {}), good()]);
    assert!(!is_good, "dpkg reads PAX headers: {said}");
    let (is_good, said) = unpack(vec![good(), member(("./usr/share/hello/s", T::GNUSparse, 0o644, 0, b""), |_| {})]);
    assert!(!is_good, "dpkg reads sparse files: {said}");
}

const FILE: u16 = 0o100_644;
const FOLDER: u16 = 0o040_755;
const LINK: u16 = 0o120_777;

fn rpm_files<'a>() -> Vec<RpmFile<'a>> {
    vec![
        RpmFile::new("/usr/share/hello", FOLDER, b""),
        RpmFile::new("/usr/share/hello/x", FILE, b"text"),
        RpmFile::new("/usr/share/hello/y", LINK, b"x"),
    ]
}

#[test]
fn an_rpm_made_by_hand_is_one() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("hello-1.0-1.noarch.rpm");
    let bytes = RpmMaker { files: rpm_files(), ..RpmMaker::default() }.bytes(|_| {});
    fs::write(&path, &bytes).unwrap();
    let mut plan = expectation(Format::Rpm, &[("hello", "1.0-1")]);
    plan.packages[0].arch_independent = true;
    assert_eq!(lines(&inspect(std::slice::from_ref(&path), &plan).unwrap().findings), Vec::<String>::new());
    if have(&["rpm"]) {
        run(Command::new("rpm").args(["-K", "--nosignature"]).arg(&path));
        let listed = run(Command::new("rpm").args(["-qpl", "--nosignature"]).arg(&path));
        assert_eq!(listed.lines().count(), 3, "{listed}");
    }
}

/// Why an RPM with these files is refused.
fn rpm_refused(edit: impl FnOnce(&mut RpmMaker<'static>)) -> String {
    let mut maker = RpmMaker { files: rpm_files(), ..RpmMaker::default() };
    edit(&mut maker);
    refused("rpm", &maker.bytes(|_| {}))
}

#[test]
fn header_and_payload_of_an_rpm_say_the_same() {
    let cases: Vec<(String, &str)> = vec![
        (
            rpm_refused(|rpm| rpm.files[1].cpio_name = "./usr/share/hello/z".to_owned()),
            "z, which its header does not list",
        ),
        (
            rpm_refused(|rpm| rpm.files[1].cpio_name = "./usr/share/hello//x".to_owned()),
            "x, which its header does not list",
        ),
        (
            rpm_refused(|rpm| rpm.files[1].cpio_name = "../etc/passwd".to_owned()),
            "passwd, which its header does not list",
        ),
        (rpm_refused(|rpm| rpm.files[1].cpio_mode = 0o104_755), "mode 104755 in its payload, and 100644"),
        (rpm_refused(|rpm| rpm.files[0].cpio_mode = 0o040_777), "mode 040777"),
        (rpm_refused(|rpm| rpm.files[1].cpio_mode = 0o120_644), "mode 120644"),
        (rpm_refused(|rpm| rpm.files[1].cpio_content = b"evil!".to_vec()), "5 bytes in its payload, and 4"),
        (rpm_refused(|rpm| rpm.files[1].cpio_content = b"evil".to_vec()), "not what the digest"),
        (rpm_refused(|rpm| rpm.files[2].cpio_content = b"z".to_vec()), "a link to z in its payload, and to x"),
        (rpm_refused(|rpm| rpm.files[0].cpio_content = b"zzzz".to_vec()), "4 bytes in its payload, and 0"),
        (
            rpm_refused(|rpm| {
                let again = rpm.files[1].clone();
                rpm.files.push(RpmFile { name: "w", inode: 99, ..again });
            }),
            "twice",
        ),
        (rpm_refused(|rpm| rpm.files[1].flags = 64), "says is not in it"),
        (rpm_refused(|rpm| rpm.behind = vec![b'x'; 5]), "goes on after its end"),
        (rpm_refused(|rpm| rpm.behind = b"070701".to_vec()), "goes on after its end"),
        (rpm_refused(|rpm| rpm.behind = vec![0; 1 << 17]), "goes on after its end"),
        (rpm_refused(|rpm| rpm.files[1].folder = "usr/share/hello/"), "no name of a file in a folder"),
        (rpm_refused(|rpm| rpm.files[1].folder = "/usr/share/hello"), "no name of a file in a folder"),
        (rpm_refused(|rpm| (rpm.files[1].folder, rpm.files[1].name) = ("/usr/share/", "hello/x")), "no name of a file"),
    ];
    for (found, reason) in cases {
        assert!(found.contains(reason), "{reason}: {found}");
    }
}

#[test]
fn hard_links_of_an_rpm_are_one_file() {
    let pair = |edit: &dyn Fn(&mut RpmFile<'static>)| {
        let mut first = RpmFile::new("/usr/share/hello/a", FILE, b"text");
        let mut second = RpmFile::new("/usr/share/hello/b", FILE, b"text");
        (first.inode, second.inode) = (5, 5);
        first.cpio_content.clear();
        edit(&mut first);
        RpmMaker { files: vec![first, second], ..RpmMaker::default() }.bytes(|_| {})
    };
    let temp = tempfile::tempdir().unwrap();
    read(temp.path(), "rpm", &pair(&|_| {})).unwrap();
    for (bytes, reason) in [
        (pair(&|file| (file.mode, file.cpio_mode) = (0o104_755, 0o104_755)), "different modes"),
        (pair(&|file| (file.mode, file.cpio_mode) = (0o100_600, 0o100_600)), "different modes"),
        (pair(&|file| file.cpio_content = b"text".to_vec()), "4 bytes in its payload, and 0"),
    ] {
        let found = refused("rpm", &bytes);
        assert!(found.contains(reason), "{reason}: {found}");
    }
}

#[test]
fn a_header_says_each_thing_once() {
    let text = |text: &str| [text.as_bytes(), b"\0"].concat();
    for (tag, reason) in [
        ((1000, 6, 1, text("evil")), "the tag 1000 twice"),
        ((1044, 6, 1, text("hello-1.0-1.src.rpm")), "the tag 1044 twice"),
        ((1106, 4, 1, vec![0, 0, 0, 1]), "a source package and that it is none"),
        ((1027, 8, 1, text("/usr/bin/evil")), "in two ways"),
        ((5008, 5, 3, vec![0; 24]), "in two ways"),
    ] {
        let found = rpm_refused(|rpm| rpm.tags.push(tag.clone()));
        assert!(found.contains(reason), "{reason}: {found}");
    }
    let good = RpmMaker { files: rpm_files(), ..RpmMaker::default() }.bytes(|_| {});
    let mut source = good.clone();
    source[7] = 1;
    assert!(refused("rpm", &source).contains("a source package and that it is none"));
    // As old versions of rpm write them, and not even so.
    let named = |name, folder| {
        let files = vec![RpmFile { folder, cpio_name: name, ..RpmFile::new("/hello.spec", FILE, b"Name: hello") }];
        RpmMaker { files, is_source: true, ..RpmMaker::default() }.bytes(|_| {})
    };
    let temp = tempfile::tempdir().unwrap();
    read(temp.path(), "rpm", &named("hello.spec".to_owned(), "")).unwrap();
    assert!(refused("rpm", &named("./hello.spec".to_owned(), "/")).contains("a source package and that it is none"));
    let mut changed = good.clone();
    let at = changed.windows(6).position(|bytes| bytes == b"hello\0").unwrap();
    changed[at] = b'j';
    assert!(refused("rpm", &changed).contains("SHA256"), "{}", refused("rpm", &changed));
    let mut changed = good.clone();
    let at = changed.windows(4).rposition(|bytes| bytes == b"text").unwrap();
    changed[at] = b'n';
    assert!(refused("rpm", &changed).contains("not what the digest"));
    assert!(refused("rpm", &[good.as_slice(), b"more"].concat()).contains("goes on after"));
}

/// Bytes after each kind of compressed payload, which no tool reads, and which digests that are made anew would cover.
#[test]
fn nothing_follows_the_payload_of_an_rpm() {
    for kind in [CompressionType::None, CompressionType::Gzip, CompressionType::Zstd] {
        let mut builder = rpm_builder("hello", "noarch");
        builder.using_config(BuildConfig::v4().compression(kind));
        builder.with_file_contents("x", FileOptions::new("/usr/share/hello/x")).unwrap();
        let mut bytes = Vec::new();
        builder.build().unwrap().write(&mut bytes).unwrap();
        for behind in [&b"x"[..], b"\0\0\0\0\x01", &bytes.clone()] {
            refused("rpm", &[bytes.as_slice(), behind].concat());
        }
    }
}
