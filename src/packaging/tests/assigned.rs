//! The scripts that look at the staged tree: which package gets what, with which modes, and what is left alone.

use super::*;
use crate::types::testing::have;

/// Runs the real assign.awk, as a builder image would.
fn assign(format: Format, packages: &str, listing: &str) -> (bool, BTreeMap<String, String>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("assign.awk"), staged::ASSIGN).unwrap();
    std::fs::write(folder.path().join("packages"), packages).unwrap();
    std::fs::write(folder.path().join("listing"), listing).unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let output = std::process::Command::new("awk")
        .args(["-v", &format!("format={format}"), "-v", "main=pkg", "-v", "libdir=/usr/lib64", "-v", "out=out/"])
        .args(["-f", "assign.awk", "packages", "listing"])
        .env("LC_ALL", "C")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let lists = std::fs::read_dir(folder.path().join("out"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    (output.status.success(), lists, String::from_utf8_lossy(&output.stderr).into_owned())
}

const LISTING: &str = "d /\nd /etc\nd /etc/pkg\nf /etc/pkg/pkg.conf\nd /usr\nd /usr/bin\nf /usr/bin/pkg\nd /usr/include\n\
                       d /usr/include/a\nf /usr/include/a/b.h\nd /usr/lib64\nl /usr/lib64/libpkg.so\nf /usr/lib64/libpkg.so.1\n\
                       d /usr/share\nd /usr/share/pkg\nf /usr/share/pkg/1[a] %.txt\nd /usr/share/pkg/empty\n\
                       d /usr/share/man\nd /usr/share/man/man1\nf /usr/share/man/man1/pkg.1.gz\n";

#[test]
fn files_are_assigned_by_pattern_and_the_rest_stays() {
    let packages =
        "# comment\npkg-dev files /usr/include/**\npkg-dev files ${libdir}/*.so\npkg config /etc/pkg/pkg.conf\n";
    let (ok, lists, errors) = assign(Format::Deb, packages, LISTING);
    assert!(ok, "{errors}");
    assert_eq!(lists["pkg-dev"], "./usr/include/a/b.h\n./usr/lib64/libpkg.so\n");
    assert_eq!(lists["pkg"], "");

    let (ok, lists, errors) = assign(Format::Rpm, packages, LISTING);
    assert!(ok, "{errors}");
    assert_eq!(lists["pkg-dev"], "/usr/include/a/b.h\n/usr/lib64/libpkg.so\n%dir /usr/include/a\n");
    assert_eq!(
        lists["pkg"],
        "%config(noreplace) /etc/pkg/pkg.conf\n/usr/bin/pkg\n/usr/lib64/libpkg.so.1\n/usr/share/pkg/1[[]a][\u{1f}-!][%%%%].txt\n\
         /usr/share/man/man1/pkg.1.gz\n%dir /etc/pkg\n%dir /usr/share/pkg\n%dir /usr/share/pkg/empty\n"
    );
}

/// What a recipe says of files reaches the lists of an .rpm, and the maintainer script of a .deb, from the inside out.
#[test]
fn attributes_are_those_of_what_matches_as_a_whole() {
    let packages = "pkg-dev files /usr/include/**\npkg attributes 0640 - - - /etc/pkg/pkg.conf\n\
                    pkg attributes - root adm cap_net_raw=ep|cap_chown=i /usr/bin/p*\n\
                    pkg attributes 0750 pkg pkg - /usr/share/pkg\npkg ghost 0600 pkg root /var/log/pkg.log\n";
    let (ok, lists, errors) = assign(Format::Rpm, packages, LISTING);
    assert!(ok, "{errors}");
    for line in [
        "%attr(-, -, -) %config(noreplace) /etc/pkg/pkg.conf\n",
        "%attr(-, root, adm) %caps(cap_net_raw=ep cap_chown=i) /usr/bin/pkg\n",
        "%attr(-, pkg, pkg) %dir /usr/share/pkg\n",
        "\n%dir /usr/share/pkg/empty\n",
        "%ghost %attr(0600, pkg, root) /var/log/pkg.log\n",
    ] {
        assert!(lists["pkg"].contains(line), "{line:?} is missing in\n{}", lists["pkg"]);
    }
    let (ok, lists, errors) = assign(Format::Deb, packages, LISTING);
    assert!(ok, "{errors}");
    assert_eq!(
        lists[".attributes.pkg"],
        "    farm_attribute root:adm 'cap_net_raw=ep cap_chown=i' '/usr/bin/pkg'\n    \
         farm_attribute pkg:pkg '-' '/usr/share/pkg'\n"
    );
    for (line, why) in [
        ("pkg attributes 0640 - - - /usr/bin/none", "no file of package pkg matches /usr/bin/none"),
        ("pkg attributes 0640 - - - /usr/include/a/b.h", "no file of package pkg matches /usr/include/a/b.h"),
        ("pkg attributes 0640 - - - /usr/lib64/libpkg.so", "no file of package pkg matches /usr/lib64/libpkg.so"),
        ("pkg attributes 0640 - - - /usr/bin/*", "/usr/bin/pkg has attributes by /usr/bin/p* and by /usr/bin/*"),
        ("pkg ghost - - - /usr/bin/pkg", "/usr/bin/pkg was installed, and is to be a ghost"),
    ] {
        for format in Format::ALL {
            let (ok, _, errors) = assign(format, &format!("{packages}{line}\n"), LISTING);
            assert!(!ok && errors.contains(why), "{format}, {line}: {errors}");
        }
    }
}

/// Files, globs and folders; what is below /etc is configuration in any case; links never are.
#[test]
fn configuration_files_are_the_same_in_both_formats() {
    let listing = "d /\nd /etc\nd /etc/pkg\nf /etc/pkg/a.conf\nl /etc/pkg/link\nd /opt\nd /opt/pkg\nd /opt/pkg/conf\n\
                   f /opt/pkg/conf/b.conf\nf /opt/pkg/conf/c d.conf\nf /opt/pkg/one.ini\nf /opt/pkg/two.txt\n";
    for pattern in ["/opt/pkg/conf", "/opt/pkg/conf/", "/opt/pkg/conf/*", "/opt/**/*.conf"] {
        let packages = format!("pkg config {pattern}\npkg config /opt/pkg/one.ini\n");
        let (ok, lists, errors) = assign(Format::Rpm, &packages, listing);
        assert!(ok, "{errors}");
        let config: Vec<&str> =
            lists["pkg"].lines().filter_map(|line| line.strip_prefix("%config(noreplace) ")).collect();
        assert_eq!(config.len(), 4, "{pattern}: {config:?}");
        let (ok, lists, errors) = assign(Format::Deb, &packages, listing);
        assert!(ok, "{errors}");
        assert_eq!(lists[".conffiles.pkg"], "/opt/pkg/conf/b.conf\n/opt/pkg/conf/c d.conf\n/opt/pkg/one.ini\n");
    }
    for (pattern, why) in [
        ("/opt/pkg/none/*", "was not installed"),
        ("/etc/pkg/link", "links and empty folders cannot be configuration files"),
        ("/opt/pkg/*.cfg", "was not installed"),
    ] {
        let (ok, _, errors) = assign(Format::Deb, &format!("pkg config {pattern}\n"), listing);
        assert!(!ok && errors.contains(why), "{pattern}: {errors}");
    }
}

/// What manifest.sh finds in a staged tree, run as a builder image would: `prepare` makes the tree.
fn staged_notes(recipe_lines: &str, prepare: &str) -> (bool, BTreeMap<String, String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("manifest.sh", &staged::manifest_script().whole());
    write("staged.awk", staged::STAGED);
    write("packages", recipe_lines);
    let script = format!(
        "set -e; umask 022; mkdir root; (cd root; {prepare})\n\
         FARM_MANIFEST=$PWD/out sh manifest.sh root packages staged.awk /usr/lib64 notes"
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_remove(PHASE_TOKEN)
        .output()
        .unwrap();
    let mut notes = BTreeMap::new();
    for (name, path) in [("modes", "notes/modes"), ("whole", "notes/whole"), ("sums", "out.sums")] {
        let mut lines: Vec<String> =
            std::fs::read_to_string(folder.path().join(path)).unwrap_or_default().lines().map(str::to_owned).collect();
        lines.sort();
        notes.insert(name.to_owned(), lines.join("\n"));
    }
    (output.status.success(), notes, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_staged_tree_keeps_the_modes_that_say_something() {
    let (ok, notes, errors) = staged_notes(
        "",
        "mkdir -p usr/bin etc/x etc/keys 'usr/share/a b' usr/share/doc/x var/games; \
         for f in usr/bin/su usr/bin/plain etc/x/secret 'usr/share/a b/ro ' usr/share/doc/x/README etc/x/open; do echo x >\"$f\"; done; \
         chmod 4755 usr/bin/su; chmod 755 usr/bin/plain; chmod 600 etc/x/secret usr/share/doc/x/README; chmod 666 etc/x/open; \
         chmod 444 'usr/share/a b/ro '; chmod 700 etc/keys; chmod 2775 var/games; chmod 555 'usr/share/a b'",
    );
    assert!(ok, "{errors}");
    assert_eq!(
        notes["modes"],
        "kept 0600 /etc/x/secret\nkept 0700 /etc/keys\nkept 2775 /var/games\nkept 4755 /usr/bin/su\n\
         rest 0444 /usr/share/a b/ro \nrest 0555 /usr/share/a b\nrest 0644 /usr/share/doc/x/README"
    );
    assert_eq!(notes["sums"].lines().count(), 6);
}

#[test]
fn what_no_package_can_have_is_told_before_the_tools_stumble() {
    for (prepare, expected) in [
        ("mkdir -p usr/x; touch \"usr/x/a\tb\"", "/usr/x/a?b has a line feed or another control character"),
        ("mkdir -p usr/x; touch \"usr/x/$(printf 'a\\nb')\"", "/usr/x/a?b has a line feed"),
        ("mkdir -p usr/x; touch usr/x/a; chmod 0 usr/x/a", "/usr/x/a cannot be read"),
        ("mkdir -p usr/x/y; chmod 311 usr/x/y", "/usr/x/y cannot be read"),
        (
            "mkdir -p usr/x; ln -s /build/x-1.0/debian/x/usr/y usr/x/a",
            "/usr/x/a is a link to /build/x-1.0/debian/x/usr/y",
        ),
        ("mkdir -p usr/x; ln -s /build usr/x/a", "/usr/x/a is a link to /build,"),
    ] {
        let (ok, _, errors) = staged_notes("", prepare);
        assert!(!ok && errors.contains(&format!("farm: {expected}")), "{prepare}: {errors}");
    }
}

/// Programs of a real compiler, with and without something behind their image.
#[test]
fn what_carries_something_behind_its_image_is_not_stripped() {
    if !have(&["cc"]) {
        return;
    }
    let prepare = "mkdir -p usr/bin usr/lib; echo 'int main(void) { return 0; }' >../x.c; cc -g -o usr/bin/plain ../x.c; \
        cp usr/bin/plain usr/bin/script; printf 'echo behind' >>usr/bin/script; \
        strip -o 'usr/bin/with blank' usr/bin/plain; printf xyz >>'usr/bin/with blank'; \
        cc -static -o usr/bin/archive ../x.c; head -c 70000 /dev/urandom >>usr/bin/archive; \
        ln usr/bin/archive usr/lib/other-name; \
        cc -shared -fPIC -o usr/lib/libx.so ../x.c; cp usr/bin/script usr/lib/data; chmod 644 usr/lib/data; \
        echo text >usr/bin/text; chmod 755 usr/bin/text";
    let (ok, notes, errors) = staged_notes("pkg whole /usr/lib/*.so\n", prepare);
    assert!(ok, "{errors}");
    assert_eq!(
        notes["whole"],
        "- /usr/lib/libx.so\n11 /usr/bin/script\n3 /usr/bin/with blank\n70000 /usr/bin/archive\n70000 /usr/lib/other-name"
    );
    assert!(errors.contains("farm: note: /usr/bin/script carries 11 bytes behind its ELF image"), "{errors}");
    assert!(!errors.contains("libx.so"), "the recipe names it: {errors}");
    let (_, notes, _) = staged_notes("pkg whole /**\n", prepare);
    assert_eq!(notes["whole"].lines().filter(|line| line.starts_with("- ")).count(), 6, "{notes:?}");
}

#[test]
fn patterns_mean_what_they_say() {
    let takes = |pattern: &str, path: &str| {
        let (ok, lists, _) = assign(Format::Deb, &format!("sub files {pattern}\n"), &format!("f {path}\n"));
        ok && lists["sub"] == format!(".{path}\n")
    };
    assert!(takes("/usr/bin/a*", "/usr/bin/abc"));
    assert!(!takes("/usr/*/abc", "/usr/share/bin/abc"), "* must not cross a slash");
    assert!(takes("/usr/**/abc", "/usr/share/bin/abc"));
    assert!(takes("/usr/**/abc", "/usr/abc"));
    assert!(takes("/usr/bin/?", "/usr/bin/a"));
    assert!(takes("/usr/bin/?", "/usr/bin/é"), "a character of two bytes is one");
    assert!(!takes("/usr/bin/?", "/usr/bin/aé"));
    assert!(!takes("/usr/bin/a.c", "/usr/bin/abc"), "a full stop is no wildcard");
    assert!(takes("/usr/include", "/usr/include/x/y.h"), "a directory takes what is in it");
    assert!(!takes("/usr/include", "/usr/include2/y.h"));
    assert!(takes("/usr/share/a+b(c)|d$^\\e/*", "/usr/share/a+b(c)|d$^\\e/f"));
}

#[test]
fn doubtful_assignments_are_errors_that_name_the_file() {
    for format in [Format::Deb, Format::Rpm] {
        let mistake = |packages: &str, expected: &str| {
            let (ok, _, errors) = assign(format, packages, LISTING);
            assert!(!ok && errors.contains(expected), "{format}: {errors}");
        };
        mistake(
            "a files /usr/bin/*\nb files /usr/**\n",
            "farm: /usr/bin/pkg is in two packages: a takes it by /usr/bin/*, b by /usr/**\n",
        );
        mistake("a files /usr/sbin/*\n", "farm: nothing that was installed matches /usr/sbin/* of package a\n");
        mistake("pkg config /etc/none\n", "farm: configuration file /etc/none of package pkg was not installed\n");
        mistake(
            "a files /etc/**\npkg config /etc/pkg/pkg.conf\n",
            "farm: configuration file /etc/pkg/pkg.conf of package pkg is in package a: change their patterns\n",
        );
        mistake("pkg has /usr/lib/systemd/system/a.service\n", "a.service of package pkg was not installed\n");
        mistake("pkg link /usr/bin/pkg pkg\n", "farm: /usr/bin/pkg was installed, and is the link of an alternative");
        let (ok, _, errors) = assign(format, "", "f /usr/bin/a\u{1}b\u{7f}\n");
        assert!(!ok && errors.contains("/usr/bin/a?b? has a control character"), "{errors}");
        mistake(
            "pkg own /etc/pkg/pkg.conf farm-x\n",
            "farm: /etc/pkg/pkg.conf was installed, and is where farm writes",
        );
    }
}

/// No list of rpm can tell a few names apart: that is no harm while they are files of one kind in one package.
#[test]
fn names_that_rpm_cannot_tell_apart_are_errors_where_it_matters() {
    for (one, other) in [("a}", "a|"), ("[a b", "[a!b"), ("x}%", "x~%")] {
        let listing = format!("f /usr/bin/{one}\nf /usr/bin/{other}\n");
        let (ok, lists, errors) = assign(Format::Rpm, "", &listing);
        assert!(ok && lists["pkg"].lines().count() == 2, "{errors}");
        let (ok, _, errors) = assign(Format::Rpm, &format!("sub files /usr/bin/{other}\n"), &listing);
        assert!(!ok && errors.contains("can tell their names apart"), "{one} {other}: {errors}");
        let (ok, _, errors) = assign(Format::Rpm, &format!("pkg config /usr/bin/{one}\n"), &listing);
        assert!(!ok && errors.contains("can tell their names apart"), "{one} {other}: {errors}");
        let (ok, _, errors) = assign(Format::Deb, &format!("sub files /usr/bin/{other}\n"), &listing);
        assert!(ok, "a .deb has no lists: {errors}");
    }
}

/// With patterns of its own, the main package takes nothing else.
#[test]
fn a_main_package_with_patterns_leaves_no_file_behind() {
    let sub = "pkg-sub files /usr/include\npkg-sub files /usr/lib64/**\npkg-sub files /usr/share/man/man1/pkg.1\n";
    for format in [Format::Deb, Format::Rpm] {
        let (ok, _, errors) = assign(format, &format!("{sub}pkg files /usr/bin/*\n"), LISTING);
        assert!(!ok);
        let paths: Vec<&str> = errors
            .lines()
            .filter_map(|line| line.strip_prefix("farm: ")?.strip_suffix(" is in no package: no pattern takes it"))
            .collect();
        assert_eq!(paths, ["/etc/pkg/pkg.conf", "/usr/share/pkg/1[a] %.txt", "/usr/share/pkg/empty"], "{errors}");
        let all = format!("{sub}pkg files /usr/bin/*\npkg files /etc\npkg files /usr/share/pkg\n");
        let (ok, lists, errors) = assign(format, &all, LISTING);
        assert!(ok && errors.is_empty(), "{errors}");
        assert!(lists["pkg-sub"].contains("/usr/share/man/man1/pkg.1.gz\n"), "{lists:?}");
        // What the recipe declares beside the files is nobody's mistake.
        let own = format!("{all}pkg own /usr/lib/tmpfiles.d/pkg.conf farm-pkg.tmpfiles\npkg link /usr/bin/alt alt\n");
        let (ok, lists, errors) = assign(format, &own, LISTING);
        assert!(ok && errors.is_empty(), "{errors}");
        let listed = lists["pkg"]
            .starts_with("/usr/lib/tmpfiles.d/pkg.conf\n%ghost /usr/bin/alt\n%ghost /etc/alternatives/alt\n");
        assert_eq!(listed, format == Format::Rpm, "{lists:?}");
    }
}

/// One wrong pattern over a large tree does not drown the log.
#[test]
fn many_mistakes_of_one_kind_are_counted() {
    let listing: String = (0..50).map(|n| format!("f /usr/share/pkg/{n}\n")).collect();
    let (ok, _, errors) = assign(Format::Deb, "pkg files /usr/bin/pkg\n", &(listing + "f /usr/bin/pkg\n"));
    assert!(!ok);
    assert_eq!(errors.matches(" is in no package").count(), 20, "{errors}");
    assert!(errors.contains("farm: and 30 more of this kind\n"), "{errors}");
}

/// A .deb gets compressed man pages and compiled Python later, an .rpm before its files are listed.
#[test]
fn patterns_know_files_by_their_other_names() {
    let takes = |pattern: &str, path: &str| {
        let (ok, lists, _) = assign(Format::Deb, &format!("sub files {pattern}\n"), &format!("f {path}\n"));
        ok && lists["sub"] == format!(".{path}\n")
    };
    assert!(takes("/usr/share/man/man1/a.1", "/usr/share/man/man1/a.1.gz"));
    assert!(takes("/usr/share/man/man1/a.1.gz", "/usr/share/man/man1/a.1"));
    assert!(takes("/usr/share/man/man1/a.1.gz", "/usr/share/man/man1/a.1.xz"));
    assert!(!takes("/usr/share/a", "/usr/share/a.gz"));
    let module = "/usr/lib/python3/site-packages/m/a.py";
    assert!(takes(module, "/usr/lib/python3/site-packages/m/__pycache__/a.cpython-311.opt-1.pyc"));
    assert!(!takes(module, "/usr/lib/python3/site-packages/m/__pycache__/b.cpython-311.pyc"));
}

#[test]
fn system_directories_belong_to_no_package() {
    let listing = "d /usr\nd /usr/share\nd /usr/share/locale\nd /usr/share/locale/de\nd /usr/share/locale/de/LC_MESSAGES\n\
                   f /usr/share/locale/de/LC_MESSAGES/pkg.mo\nd /usr/bin\nd /usr/lib/systemd/system\n\
                   f /usr/lib/systemd/system/pkg.service\nf /etc/cron.d/pkg\nf /usr/share/icons/hicolor/48x48/apps/pkg.png\n";
    let (ok, lists, errors) = assign(Format::Rpm, "", listing);
    assert!(ok, "{errors}");
    assert!(!lists["pkg"].contains("%dir"), "{}", lists["pkg"]);
    assert!(lists["pkg"].contains("%lang(de) /usr/share/locale/de/LC_MESSAGES/pkg.mo\n"), "{}", lists["pkg"]);
}
