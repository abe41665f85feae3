//! What dpkg and rpm say of the same packages.

use super::*;
use crate::types::testing::have;

pub(super) fn run(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn dpkg_agrees_about_packages_that_either_makes() {
    if !have(&["dpkg-deb"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let ours = deb(
        temp.path(),
        ("hello", "1:1.0-1", "amd64"),
        "Maintainer: A <a@b>\nDepends: libc6\n",
        &[file("./usr/share/hello/x", b"x")],
    );
    let tree = temp.path().join("tree");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    fs::create_dir_all(tree.join("usr/share/hello")).unwrap();
    fs::write(tree.join("usr/share/hello/x"), "x").unwrap();
    fs::write(
        tree.join("DEBIAN/control"),
        "Package: theirs\nVersion: 2.0~rc1-1\nArchitecture: all\nMaintainer: A <a@b>\nDescription: x\n y\n",
    )
    .unwrap();
    for kind in ["gzip", "xz", "zstd"] {
        let theirs = temp.path().join("theirs_2.0~rc1-1_all.deb");
        run(Command::new("dpkg-deb").args(["--root-owner-group", "--build", "-Z", kind]).arg(&tree).arg(&theirs));
        for path in [&ours, &theirs] {
            let fields = run(Command::new("dpkg-deb")
                .arg("--show")
                .arg("--showformat=${Package} ${Version} ${Architecture}")
                .arg(path));
            let summary = deb::describe(path).unwrap();
            assert_eq!(format!("{} {} {}", summary.name, summary.version, summary.architecture), fields);
        }
        let own = Expectation { closed: false, ..expectation(Format::Deb, &[]) };
        assert_eq!(lines(&inspect(&[theirs], &own).unwrap().findings), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn an_rpm_that_owns_the_root_is_refused() {
    if !have(&["rpmbuild"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let spec = temp.path().join("all.spec");
    fs::write(
        &spec,
        "Name: all\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n\
         %install\nmkdir -p %{buildroot}/usr/share/all\necho x > %{buildroot}/usr/share/all/x\n%files\n/\n",
    )
    .unwrap();
    run(Command::new("rpmbuild")
        .args(["-bb", "--define"])
        .arg(format!("_topdir {}", temp.path().display()))
        .arg(&spec));
    let path = temp.path().join("RPMS/noarch/all-1-1.noarch.rpm");
    let findings = inspect(&[path], &Expectation { closed: false, ..expectation(Format::Rpm, &[]) }).unwrap().findings;
    let owned: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.rule == "owns-shared-directory" && finding.severity == Severity::Error)
        .map(|finding| finding.message.split([' ', ',']).nth(1).unwrap())
        .collect();
    assert_eq!(owned, ["/", "/usr", "/usr/share"]);
}

#[test]
fn rpm_agrees_about_packages_that_either_makes() {
    if !have(&["rpmbuild", "rpm"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let spec = temp.path().join("theirs.spec");
    fs::write(
        &spec,
        "Name: theirs\nEpoch: 2\nVersion: 1.0\nRelease: 3\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n\
         %install\nmkdir -p %{buildroot}/usr/share/theirs\necho x > %{buildroot}/usr/share/theirs/x\n\
         ln %{buildroot}/usr/share/theirs/x %{buildroot}/usr/share/theirs/y\n\
         ln -s x %{buildroot}/usr/share/theirs/z\n%files\n/usr/share/theirs\n",
    )
    .unwrap();
    for payload in ["w9.gzdio", "w3.zstdio", "w6.xzdio", "w9.bzdio", "w.ufdio"] {
        let top = temp.path().join(payload);
        run(Command::new("rpmbuild")
            .args(["-ba", "--define"])
            .arg(format!("_topdir {}", top.display()))
            .args([
                "--define",
                &format!("_binary_payload {payload}"),
                "--define",
                &format!("_source_payload {payload}"),
            ])
            .arg(&spec));
        let binary = top.join("RPMS/noarch/theirs-1.0-3.noarch.rpm");
        let source = top.join("SRPMS/theirs-1.0-3.src.rpm");
        let mut plan = expectation(Format::Rpm, &[("theirs", "2:1.0-3")]);
        plan.packages[0].arch_independent = true;
        let Inspection { artifacts, findings, .. } = inspect(&[binary.clone(), source.clone()], &plan).unwrap();
        assert_eq!(lines(&findings), Vec::<String>::new(), "{payload}");
        assert_eq!([artifacts[0].kind, artifacts[1].kind], [ArtifactKind::Binary, ArtifactKind::Source]);
        assert!(rpm::describe(&source).unwrap().is_source);
        let theirs = run(Command::new("rpm").args(["-qp", "--qf", "%{NAME} %{EVR} %{ARCH}"]).arg(&binary));
        let summary = rpm::describe(&binary).unwrap();
        assert_eq!(format!("{} {} {}", summary.name, summary.version, summary.architecture), theirs);
    }
    let mut builder = rpm_builder("hello", "noarch");
    builder.with_file_contents("x", FileOptions::new("/usr/share/hello/x")).unwrap();
    let ours = write_rpm(temp.path(), &mut builder);
    let theirs = run(Command::new("rpm").args(["-qp", "--nosignature", "--qf", "%{NAME} %{EVR} %{ARCH}"]).arg(&ours));
    let summary = rpm::describe(&ours).unwrap();
    assert_eq!(format!("{} {} {}", summary.name, summary.version, summary.architecture), theirs);
}
