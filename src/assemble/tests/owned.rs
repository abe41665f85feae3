//! Which libraries are the packages' own is decided twice: by `staged.awk` in containers, and by `private` for packages that farm
//! makes itself. Both give the same answers, by every awk that is installed.

use std::process::Command;

use super::assigned::{AWKS, LIBDIR};
use super::*;

const PROGRAM: &str =
    concat!(include_str!("../../packaging/scripts/patterns.awk"), include_str!("../../packaging/scripts/staged.awk"));
const CONFIGURATION: &str = "# for all\n /opt/all/lib/ \n/opt/old=libc4\nrelative\n/opt/tail # why\n";

/// Libraries, whether they are private by themselves, and whether they are beside those that the recipe names.
const LIBRARIES: [(&str, bool, bool); 14] = [
    ("/lib/liba.so.1", false, false),
    ("/liba.so.1", true, true),
    ("/opt/all/lib/liba.so.1", false, false),
    ("/opt/all/lib/x/liba.so.1", true, true),
    ("/opt/old/liba.so.1", false, false),
    ("/opt/tail/liba.so.1", false, false),
    ("/opt/x/lib/liba.so", true, true),
    ("/usr/lib/greet/plugin.node", true, true),
    ("/usr/lib/named/libb.so", true, true),
    ("/usr/lib/x86_64-linux-gnu/greet/liba.so.1", true, true),
    ("/usr/lib/x86_64-linux-gnu/liba.so.1", false, false),
    ("/usr/lib64/glibc-hwcaps/x86-64-v3/liba.so.1", false, false),
    ("/usr/lib64/libown.so.1", false, true),
    ("/usr/lib64/libowner.so.1", false, false),
];
const NAMED: [&str; 2] = ["${libdir}/libown.so*", "/usr/lib/named/"];

fn by_farm(libraries: PrivateLibraries) -> Vec<String> {
    let named: Vec<String> = LIBRARIES.iter().map(|(path, ..)| format!("staged/root{path}")).collect();
    let mut entries: Vec<(&str, EntryType, &str)> =
        named.iter().map(|path| (path.as_str(), EntryType::Regular, "x")).collect();
    entries.push(("staged/root/etc/ld.so.conf.d/greet.conf", EntryType::Regular, CONFIGURATION));
    let (_spool, tree) = receive(&entries);
    let assembly = Assembly { private_libraries: libraries, ..assembly(Format::Rpm, vec![package("greet", &[])]) };
    let staged = Staged::new(tree.unwrap(), &assembly, LIBDIR).unwrap();
    let paths = LIBRARIES.iter().map(|(path, ..)| (*path).to_owned());
    paths.filter(|path| staged.private.has(path)).collect()
}

fn by_awk(awk: &[&str], packages: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("program", PROGRAM);
    write("packages", packages);
    write("searched", CONFIGURATION);
    write("libraries", &LIBRARIES.map(|(path, ..)| format!("{path}\n")).concat());
    let output = Command::new(awk[0])
        .args(&awk[1..])
        .args(["-v", "what=private", "-v", &format!("libdir={LIBDIR}"), "-f", "program"])
        .args(["packages", "searched", "libraries"])
        .env("LC_ALL", "C")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{awk:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn libraries_that_the_loader_does_not_look_for_are_private_by_every_awk_and_by_farm() {
    let named: Vec<String> = NAMED.iter().map(|pattern| (*pattern).to_owned()).collect();
    let lines: String = named.iter().map(|pattern| format!("greet private {pattern}\n")).collect();
    let by_itself = LIBRARIES.iter().filter(|one| one.1).map(|one| one.0).collect::<Vec<_>>();
    let with_named = LIBRARIES.iter().filter(|one| one.2).map(|one| one.0).collect::<Vec<_>>();
    for (libraries, packages, expected) in [
        (PrivateLibraries::Unsearched, "# nothing is named\n", by_itself),
        (PrivateLibraries::And(named), &lines, with_named),
        (PrivateLibraries::None, "greet public\n", Vec::new()),
    ] {
        assert_eq!(by_farm(libraries), expected, "farm");
        for awk in AWKS.iter().filter(|awk| assigned::is_installed(awk)) {
            assert_eq!(by_awk(awk, packages), expected, "{awk:?}");
        }
    }
}
