//! The attack of a package's maintainer script on the builders of other projects: it runs as root while the package is
//! installed for a recipe of its set, and puts a file of the right name and size wherever packages may be kept for others.

use std::fs;
use std::path::Path;

use crate::support::{Test, native_engine};

/// As root, in the builder of another recipe of its set. Replaces `bc`, which that one requires, by a package of the same
/// name, version and size with another content, in each place that a package manager or farm could look in.
const POISON: &str = r##"
find / -xdev -type f \( -name '*.deb' -o -path '*farm*' \) 2>/dev/null | while read -r deb; do
    [ "$(dpkg-deb -f "$deb" Package 2>/dev/null)" = bc ] || continue
    usual="bc_$(dpkg-deb -f "$deb" Version)_$(dpkg-deb -f "$deb" Architecture).deb"
    work=$(mktemp -d)
    mkdir -p "$work/p/DEBIAN" "$work/p/usr/share/poisoned"
    {
        for field in Package Version Architecture; do echo "$field: $(dpkg-deb -f "$deb" $field)"; done
        printf 'Maintainer: Nobody <nobody@example.org>\nDescription: none\n'
    } >"$work/p/DEBIAN/control"
    dpkg-deb -Zgzip -b "$work/p" "$work/evil.deb" >/dev/null
    pad=$(($(stat -c %s "$deb") - $(stat -c %s "$work/evil.deb") - 60))
    { printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' _pad 0 0 0 100644 $pad; head -c $pad /dev/zero; } >>"$work/evil.deb"
    [ "$(stat -c %s "$deb")" -eq "$(stat -c %s "$work/evil.deb")" ]
    for place in $(while read -r _ place _; do echo "$place"; done </proc/self/mounts) /var/cache/farm /tmp/farm-offered; do
        for folder in "$place" "$place/packages"; do
            for name in "$(basename "$deb")" "$usual"; do
                [ -d "$folder" ] && cp "$work/evil.deb" "$folder/$name" || true
            done
        done
    done 2>/dev/null
    echo "farm-test: poisoned"
done
"##;

fn head(name: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0\"\nsummary = \"A recipe of a test\"\nlicense = \"MIT\"\n\
         homepage = \"https://example.org/x\"\nmaintainer = \"Farm Tests <tests@example.org>\"\narchitecture = \"all\"\n\
         date = 2026-01-02\n\n"
    )
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const MATRIX: &str = "\n[matrix]\ndistros = [\"debian-12\"]\n";

/// The attacker: a package with the script, and a recipe that requires it and `bc`.
fn attacker(folder: &Path) {
    let install = |name: &str| {
        format!(
            "install = '''\ninstall -d \"$DESTDIR/usr/share/{name}\"\necho x >\"$DESTDIR/usr/share/{name}/x\"\n'''\n"
        )
    };
    let evil = format!(
        "{}[package.scripts]\npost-install = '''{POISON}'''\n\n[build]\n{}{MATRIX}",
        head("evil"),
        install("evil")
    );
    write(&folder.join("recipes/evil/farm.toml"), &evil);
    let user = format!("{}[build]\nrequires = [\"bc\", \"evil\"]\n{}{MATRIX}", head("pawn"), install("pawn"));
    write(&folder.join("recipes/pawn/farm.toml"), &user);
}

/// Another project, whose own packaging asks apt for `bc`, and which looks at what it got.
fn victim(folder: &Path) {
    let text = format!("{}[[sources]]\npath = \"src\"\n\n[packaging]\ndebian = \"debian\"\n{MATRIX}", head("victim"));
    write(&folder.join("farm.toml"), &text);
    let control = "Source: victim\nSection: misc\nPriority: optional\nMaintainer: Farm Tests <tests@example.org>\n\
                   Build-Depends: debhelper-compat (= 13), bc\nStandards-Version: 4.6.2\n\nPackage: victim\n\
                   Architecture: all\nDepends: ${misc:Depends}\nDescription: looks at what it got\n It looks.\n";
    let rules = "#!/usr/bin/make -f\n%:\n\tdh $@\noverride_dh_auto_install:\n\
                 \ttest ! -e /usr/share/poisoned\n\ttest \"$$(echo 6*7 | bc)\" = 42\n\
                 \tinstall -d debian/victim/usr/share/victim\n\techo x >debian/victim/usr/share/victim/x\n";
    let changelog = "victim (1.0-1) unstable; urgency=medium\n\n  * Made.\n\n \
                     -- Farm Tests <tests@example.org>  Fri, 02 Jan 2026 00:00:00 +0000\n";
    for (name, content) in [("control", control), ("rules", rules), ("changelog", changelog)] {
        write(&folder.join("src/debian").join(name), content);
    }
    write(&folder.join("src/debian/source/format"), "3.0 (quilt)\n");
}

#[test]
fn a_maintainer_script_cannot_reach_the_builder_of_another_project() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("caches", &native_engine());
    let (first, second) = (test.folder().join("attacker"), test.folder().join("victim"));
    attacker(&first);
    victim(&second);
    // What runs there depends on nothing that a former run of this test has left.
    let stamp = format!("Made at {}", std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    let recipe = first.join("recipes/evil/farm.toml");
    write(&recipe, &fs::read_to_string(&recipe).unwrap().replace("A recipe of a test", &stamp));
    let control = second.join("src/debian/control");
    write(&control, &fs::read_to_string(&control).unwrap().replace("It looks.", &stamp));

    test.run_in(&first, &["build", "--no-test", "-j", "2"]).exits(0);
    let log = fs::read_to_string(test.dist().join("pawn/debian-12-amd64/build.log")).unwrap();
    assert!(log.contains("farm-test: poisoned"), "the script found the package and all that it needs:\n{log}");
    test.run_in(&second, &["build", "--no-test"]).exits(0);
    let log = fs::read_to_string(test.dist().join("victim/debian-12-amd64/build.log")).unwrap();
    assert!(log.contains("bc"), "it asked for the package:\n{log}");
}
