//! Real libraries with debug data, in packages that dpkg-deb makes, and what abipkgdiff has to say of them.

use super::*;

const V1: &str = "struct point { int x; int y; };\nint area(struct point *p) { return p->x * p->y; }\nint same(int a) { return a; }\n";

fn sh(folder: &Path, script: &str) {
    let output = Command::new("sh").args(["-ec", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A .deb with a library made of this, and one with its debug data.
fn library(folder: &Path, version: &str, source: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("b.c"), source).unwrap();
    let script = r#"mkdir -p p/usr/lib p/DEBIAN d/DEBIAN
gcc -g -shared -fPIC -Wl,-soname,libb.so.1 -Wl,--build-id -o p/usr/lib/libb.so.1 b.c
id=$(readelf -n p/usr/lib/libb.so.1 | sed -n 's/.*Build ID: //p')
rest=${id#??}; at=d/usr/lib/debug/.build-id/${id%$rest}; mkdir -p $at
objcopy --only-keep-debug p/usr/lib/libb.so.1 $at/$rest.debug
strip --strip-unneeded p/usr/lib/libb.so.1
for of in p:libb1 d:libb1-dbgsym; do
    printf 'Package: %s\nVersion: VERSION\nArchitecture: amd64\nMaintainer: A <a@example.org>\nDescription: x\n' ${of#*:} >${of%:*}/DEBIAN/control
    dpkg-deb --root-owner-group -b ${of%:*} ${of#*:}_VERSION_amd64.deb
done
rm -r p d b.c"#;
    sh(folder, &script.replace("VERSION", version));
}

#[test]
fn a_type_that_changed_is_told_with_how_and_what_cannot_be_told_is_said() {
    if !have(&["gcc", "dpkg-deb", "abipkgdiff", "readelf"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let (old, new) = (temp.path().join("old"), temp.path().join("new"));
    library(&old, "1.0", V1);
    library(&new, "1.1", &V1.replace("int x;", "long x;"));
    let mut targets = of_paths(&old, &new).unwrap();
    assert_eq!(add_abi(&mut targets, &old, &new), Vec::<String>::new());
    let package = targets[0].packages.iter().find(|package| package.name == "libb1").unwrap();
    let [abi] = &package.changes.iter().filter(|change| change.aspect == Aspect::Abi).collect::<Vec<_>>()[..] else {
        panic!("{:#?}", package.changes)
    };
    assert_eq!(abi.subject, "libb.so.1: function int area(point*)");
    let how = abi.after.as_deref().unwrap();
    assert!(how.contains("type of 'int x' changed: type name changed from 'int' to 'long int'; type size"), "{how}");
    let lines = lines(package, 20, "--all shows them").join("\n");
    assert!(lines.contains("        ~ libb.so.1: function int area(point*): "), "{lines}");

    // Another body, the same types.
    let alike = temp.path().join("alike");
    library(&alike, "1.1", &V1.replace("p->x * p->y", "p->y * p->x + 1"));
    let mut targets = of_paths(&old, &alike).unwrap();
    assert_eq!(add_abi(&mut targets, &old, &alike), Vec::<String>::new());
    assert!(targets[0].packages.iter().flat_map(|package| &package.changes).all(|change| change.aspect != Aspect::Abi));

    // The packages alone, by their paths, with their debug data beside them; then without.
    let file = |folder: &Path, version: &str| folder.join(format!("libb1_{version}_amd64.deb"));
    let (one, other) = (file(&old, "1.0"), file(&new, "1.1"));
    let mut targets = of_paths(&one, &other).unwrap();
    assert_eq!(add_abi(&mut targets, &one, &other), Vec::<String>::new());
    assert!(targets[0].packages[0].changes.iter().any(|change| change.aspect == Aspect::Abi));
    fs::remove_file(old.join("libb1-dbgsym_1.0_amd64.deb")).unwrap();
    let mut targets = of_paths(&one, &other).unwrap();
    let expected = "libb1: types of its libraries are not compared: the package with the debug data of libb1_1.0_amd64.deb is not beside it";
    assert_eq!(add_abi(&mut targets, &one, &other), [expected]);
}
