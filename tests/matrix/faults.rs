//! Faults of upgrades and removals, planted: each is found in both formats where it applies, with words that say what to
//! write in the recipe.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Test, have, native_engine};

const MATRIX: &str = "[matrix]\ndistros = [\"debian-12\", \"rpm-generic\"]\n";
const BOTH: [&str; 2] = ["lively@debian-12/amd64", "lively@rpm-generic/x86_64"];

/// A version of the packages: what is in `[package]`, in its scripts, what is installed beside, and further tables.
fn project(test: &Test, version: &str, package: &str, scripts: &str, install: &str, tables: &str) -> PathBuf {
    let folder = test.folder().join(version);
    fs::create_dir_all(&folder).unwrap();
    let recipe = format!(
        "[package]\nname = \"lively\"\nversion = \"{version}\"\nsummary = \"Goes through a life\"\nlicense = \"MIT\"\n\
         maintainer = \"Farm Tests <tests@example.org>\"\ndate = 2026-01-02\n{package}\n[package.scripts]\n{scripts}\n\
         [build]\ninstall = '''\nd=$DESTDIR/usr/share/lively; u=$DESTDIR/usr/lib/systemd/system\n\
         install -d $d $u $DESTDIR/etc $DESTDIR$LIBDIR\n\
         echo {version} >$DESTDIR/etc/lively.conf; echo {version} >$d/settings; echo {version} >$d/moves\n\
         library() {{ echo 'int pond(void) {{ return 1; }}' >pond.c\n\
         cc -shared -g -fPIC -Wl,-soname,$1 -o $DESTDIR$LIBDIR/$1 pond.c; }}\n{install}\n'''\n{tables}{MATRIX}"
    );
    fs::write(folder.join("farm.toml"), recipe).unwrap();
    folder
}

/// What the log of a target has.
fn log(test: &Test, target: &str) -> String {
    fs::read_to_string(test.dist().join("lively").join(target).join("broken").join("build.log"))
        .or_else(|_| fs::read_to_string(test.dist().join("lively").join(target).join("build.log")))
        .unwrap()
}

const UNIT: &str = "printf '[Service]\\nExecStart=/bin/true\\n' >$u/lively.service\n";
const ENABLE: &str = "mkdir -p /etc/systemd/system/multi-user.target.wants /var/lib/lively\n\
                      ln -sf /usr/lib/systemd/system/lively.service /etc/systemd/system/multi-user.target.wants/lively.service\n";
const DISABLE: &str = "rm -f /etc/systemd/system/multi-user.target.wants/lively.service\n";
const GOOD: &str = "epoch = 1\nconfig-files = [\"/usr/share/lively/settings\"]\n";
const PARTS: &str = "[packages.more]\nfiles = [\"/usr/share/lively/of-more*\"]\n[packages.libpond]\nname = \"libpond\"\nfiles = [\"${libdir}/libpond*\"]\n";

fn scripts(all: &[(&str, &str)]) -> String {
    all.iter().map(|(name, text)| format!("{name} = '''\n{text}'''\n")).collect()
}

#[test]
fn faults_of_upgrades_and_removals_are_found_in_both_formats() {
    let test = Test::on("faults", &native_engine());
    let install = format!("echo x >$d/of-more\nlibrary libpond.so.1\n{UNIT}");
    let good = scripts(&[("post-install", ENABLE), ("pre-remove", DISABLE)]);
    let first = project(&test, "1.0", GOOD, &good, &install, PARTS);
    test.run_in(&first, &["build", "--matrix"]).exits(0).says("2 succeeded");

    // What the packages themselves say.
    let parts = PARTS.replace("of-more*\"", "of-more*\", \"/usr/share/lively/moves\"");
    let install_by_then = install.replace("libpond.so.1", "libpond.so.2");
    let second = project(&test, "1.1", "epoch = 1\n", &good, &install_by_then, &parts);
    let run = test.run_in(&second, &["build", "--matrix"]).exits(11);
    run.says_all(&[
        "/usr/share/lively/settings was a configuration file in 1:1.0-1",
        "write config-files = [\"/usr/share/lively/settings\"] for lively [config-file-lost]",
        "/usr/share/lively/moves came from lively 1:1.0-1",
        "write replaces = [\"lively (<< 1:1.1)\"] for lively-more [file-moved]",
    ]);
    for target in ["debian-12-amd64", "rpm-generic-x86_64"] {
        let log = log(&test, target);
        for rule in ["[config-file-lost]", "[file-moved]", "[soname-changed]"] {
            assert!(log.contains(rule), "{target}: {rule} is missing in:\n{log}");
        }
        assert!(log.contains("libpond.so.1 of 1:1.0-1") && log.contains("[packages.libpond2]"), "{log}");
    }
    // Who says it, or means it, is not told.
    let parts = parts.replace("[packages.libpond]", "replaces = [\"lively (<< 1:1.1)\"]\n[packages.libpond]");
    let meant = "[waivers.soname-changed]\nreason = \"nobody is linked with it\"\n[waivers.config-file-lost]\n\
                 paths = [\"/usr/share/lively\"]\nreason = \"nobody has changed it\"\n";
    let third = project(&test, "1.2", "epoch = 1\n", &good, &install_by_then, &format!("{parts}{meant}"));
    let run = test.run_in(&third, &["build", "--matrix"]).exits(0).says("2 succeeded");
    assert!(!run.text().contains("[file-moved]") && run.text().contains("nobody is linked with it"), "{}", run.text());

    let back = project(&test, "9.0", "", &good, &install_by_then, &parts);
    let run = test.run_in(&back, &["build", "--matrix"]).exits(11).says("2 rejected");
    run.says_all(&["[epoch-goes-back]", "write epoch = 1 in [package]"]);

    // What only an installed system shows: a removal.
    let delete = "rm -rf /home/*/.config/lively /var/lib/lively\n";
    let user = format!(
        "{ENABLE}id lively-user >/dev/null 2>&1 || useradd lively-user\nid lively-d >/dev/null 2>&1 || useradd --system lively-d\n"
    );
    let bad = scripts(&[("post-install", &user), ("post-remove", delete)]);
    let parts = format!("{parts}{meant}");
    let fourth = project(&test, "1.3", "epoch = 1\n", &bad, &install_by_then, &parts);
    let run = test.run_in(&fourth, &["build", "--matrix"]).exits(11).says("2 rejected");
    run.says_all(&[
        "/var/lib/lively: what a user has written there is deleted by the removal",
        "a .deb may do it in purge",
        "/home/farm-user/.config/lively: what a user has written there is deleted by the removal",
        "the user lively-user (1000) is left behind by the removal",
        "name it in users",
        "multi-user.target.wants/lively.service is left behind by the removal",
        "the unit stays enabled: name it in services, or disable it in pre-remove",
    ]);
    assert!(!run.text().contains("farm: the user lively-d "), "a user of the system stays: {}", run.text());

    let bad = scripts(&[("post-install", ENABLE), ("pre-remove", "echo no way out; exit 7\n")]);
    let fifth = project(&test, "1.4", "epoch = 1\n", &bad, &install_by_then, &parts);
    let run = test.run_in(&fifth, &["build", "--matrix"]).exits(11).says("2 rejected");
    run.says_all(&[
        "`echo no way out; exit 7` (",
        "of the pre-remove script of lively",
        "ended with exit code 7",
        "`|| true` behind what may fail",
    ]);

    // To rpm a warning, and so no less.
    let bad = scripts(&[("post-install", "echo not so; exit 6\n")]);
    let late = project(&test, "1.4.1", "epoch = 1\n", &bad, &install_by_then, &parts);
    let run = test.run_in(&late, &["build", "--matrix"]).exits(11).says("2 rejected");
    run.says_all(&["`echo not so; exit 6` (", "of the post-install script of lively", "ended with exit code 6"]);

    // And an upgrade: the unit is gone, and was enabled by the earlier version.
    let bad = scripts(&[("post-upgrade", "rm -rf /var/lib/lively; echo mine >/etc/lively.conf\n")]);
    let install = install_by_then.replace(UNIT, "");
    let sixth = project(&test, "1.5", "epoch = 1\n", &bad, &install, &parts);
    let run = test.run_in(&sixth, &["build", "--matrix"]).exits(11).says("2 rejected");
    run.says_all(&[
        "/var/lib/lively: what a user has written there is deleted by the upgrade",
        "the unit stays enabled, and is no more: let post-upgrade take the link away",
        "/etc/lively.conf: what an administrator had changed in it is lost by the upgrade: no script",
    ]);
    for target in BOTH {
        assert!(run.text().contains(target), "{}", run.text());
    }
}

/// `farm test`: packages that a build has made, and such as dpkg-deb makes of a folder.
#[test]
fn packages_that_farm_did_not_build_are_tested_alike() {
    let test = Test::on("faults-given", &native_engine());
    let recipe = project(&test, "1.0", "architecture = \"all\"\n", "", "", "");
    test.run_in(&recipe, &["build", "--matrix"]).exits(0).says("2 succeeded");
    let built = test.folder().join("built");
    fs::rename(test.dist().join("lively"), &built).unwrap();
    let folders = ["debian-12-amd64", "rpm-generic-x86_64"].map(|target| built.join(target).display().to_string());
    let run = |arguments: &[&str]| test.run(&[&["test"], arguments].concat());
    run(&[&folders[0], &folders[1]]).exits(0).says("2 succeeded");

    // The next version, by somebody else: its postinst sets off what it waits for itself.
    let tree = test.folder().join("tree");
    let control = tree.join("DEBIAN");
    fs::create_dir_all(&control).unwrap();
    fs::create_dir_all(tree.join("usr/share/lively")).unwrap();
    let package = |name: &str, version: &str, more: &str| {
        let text = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\n{more}Description: x\n y\n"
        );
        fs::write(control.join("control"), text).unwrap();
        let file = test.folder().join(format!("{name}_{version}_all.deb")).display().to_string();
        let made =
            Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree).arg(&file).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        file
    };
    fs::write(tree.join("usr/share/lively/moves"), "x").unwrap();
    let taker = package("livelier", "2.0", "");
    fs::rename(tree.join("usr/share/lively/moves"), tree.join("usr/share/lively/stays")).unwrap();
    let next = package("lively", "2.0", "");
    let words = run(&[&taker, &next, "--upgrade-from", &folders[0]]).exits(11).words();
    for part in [
        "/usr/share/lively/moves came from lively 1.0-1~deb12, and livelier has no Breaks and Replaces for it",
        "write replaces = [\"lively (<< 2.0)\"] for livelier",
    ] {
        assert!(words.contains(part), "{part:?} is missing in:\n{words}");
    }
    // A warning of packages that are refused is in their log.
    let log = log(&test, "debian-12-amd64");
    assert!(log.contains("/etc/lively.conf, a configuration file of 1.0-1~deb12, is in no package any more"), "{log}");

    fs::write(control.join("triggers"), "interest-noawait /usr/share/lively\n").unwrap();
    let script = "#!/bin/sh\n[ \"$1\" != triggered ] || dpkg-trigger --no-await /usr/share/lively\n";
    fs::write(control.join("postinst"), script).unwrap();
    fs::set_permissions(control.join("postinst"), fs::Permissions::from_mode(0o755)).unwrap();
    let looping = package("lively", "2.1", "");
    let words = run(&[&looping, "--upgrade-from", &folders[0]]).exits(11).words();
    for part in ["triggers set each other off in a circle (lively -> lively)", "take one `interest` out of"] {
        assert!(words.contains(part), "{words}");
    }

    run(&["nothing-here"]).exits(2).says("nothing-here cannot be read");
    run(&[&folders[0], &next]).exits(2).says("are both packages of the name lively");
    run(&[&folders[0], "-t", "rpm-generic"]).exits(2).says("rpm-generic installs .rpm packages, and none is named");
}

/// What only a second installation of one version shows: a script that takes what it finds for a reason to fail, and one that changes
/// what was right.
#[test]
fn faults_of_a_second_installation_are_found_in_both_formats() {
    let test = Test::on("faults-again", &native_engine());
    let all = "architecture = \"all\"\nconfig-files = [\"/etc/lively.conf\"]\n";
    let tell = "[ \"$1\" != upgrade ] || [ -n \"${FARM_OLD_VERSION:-}\" ] || echo \"life: again $FARM_VERSION\"\n";
    let good = scripts(&[("post-install", tell), ("post-remove", "echo life: gone\n")]);
    let first = project(&test, "1.0", all, &good, "", "");
    test.run_in(&first, &["build", "--matrix"]).exits(0).says("2 succeeded");
    for target in ["debian-12-amd64", "rpm-generic-x86_64"] {
        let log = log(&test, target);
        assert!(log.contains("life: again 1.0"), "{target}: post-install is not called once more:\n{log}");
        assert_eq!(log.matches("life: gone").count(), 1, "a reinstallation is no removal: {log}");
    }

    let done = "m=/var/lib/lively-$FARM_VERSION\nif [ -e $m ]; then echo migrated before; exit 4; fi\ntouch $m\n";
    let bad = scripts(&[("post-install", done), ("post-remove", "rm -f /var/lib/lively-*\n")]);
    let second = project(&test, "1.1", all, &bad, "", "");
    let run = test.run_in(&second, &["build", "--matrix"]).exits(11).says("2 rejected");
    run.says_all(&[
        "cannot be installed once more in the same version",
        "the post-install script of lively",
        "ended with exit code 4 / migrated before; post-install and post-upgrade are called then, too",
        "let them take what is right already for done (mkdir -p, ln -sfn)",
    ]);

    // A change that an upgrade does not make.
    let once = "[ ! -e /var/lib/lively-seen ] || {\nchmod 600 /usr/share/lively/settings; rm /usr/share/lively/moves\n\
                echo mine >/etc/lively.conf; }\n: >/var/lib/lively-seen\n";
    let bad = scripts(&[("post-upgrade", once), ("post-remove", "rm -f /var/lib/lively-seen\n")]);
    let third = project(&test, "1.2", all, &bad, "", "");
    let run = test.run_in(&third, &["build", "--matrix"]).exits(11).says("2 rejected");
    run.says_all(&[
        "/usr/share/lively/moves is gone after a reinstallation of the same version: post-install and post-upgrade",
    ]);
    for target in ["debian-12-amd64", "rpm-generic-x86_64"] {
        let log = log(&test, target);
        for words in [
            "/usr/share/lively/settings was a regular file with mode and owner 644 root:root and is a regular file with mode and owner 600",
            "/usr/share/lively/moves is gone after a reinstallation",
            "/etc/lively.conf: what an administrator had changed in it is lost by a reinstallation of the same version",
        ] {
            assert!(log.contains(words), "{target}: {words:?} is missing in:\n{log}");
        }
    }
}

/// Packages of somebody else, made by dpkg-deb and rpmbuild: the script for removals of the second version fails where an earlier
/// version comes. Without that fault going back is no matter, and where the package manager refuses it none either.
#[test]
fn a_script_that_breaks_on_the_way_back_is_found_in_both_formats() {
    if !have(&["rpmbuild", "dpkg-deb"]) {
        return;
    }
    let test = Test::on("faults-back", &native_engine());
    let one = [deb(&test, "1.0", "", ""), rpm(&test, "1.0", "", "")];
    let run = |packages: &[String; 2]| {
        test.run(&["test", &packages[0], &packages[1], "--upgrade-from", test.folder().join("1.0").to_str().unwrap()])
    };
    fs::create_dir_all(test.folder().join("1.0")).unwrap();
    for file in &one {
        let name = file.rsplit('/').next().unwrap();
        fs::copy(file, test.folder().join("1.0").join(name)).unwrap();
    }
    let of_deb = "[ \"$1\" != upgrade ] || dpkg --compare-versions \"$2\" ge 1.1 || { echo no way back; exit 5; }";
    // rpm does not say which version comes; its files are there by then.
    let of_rpm = "[ \"$1\" -ne 1 ] || [ ! -e /usr/share/lively/1.0 ] || { echo no way back; exit 5; }";
    let broken = [deb(&test, "1.1", "", of_deb), rpm(&test, "1.1", "", of_rpm)];
    run(&broken).exits(11).says("2 rejected").says_all(&[
        "cannot make room for the earlier version again",
        "the pre-remove script of lively",
        "ended with exit code 5",
        "what dpkg calls as `prerm upgrade` and `postrm upgrade` with an earlier version, and rpm as %preun and %postun with 1",
        "what is for a removal alone belongs into pre-remove and post-remove",
    ]);
    let good = [deb(&test, "1.2", "", ""), rpm(&test, "1.2", "", "")];
    run(&good).exits(0).says("2 succeeded");
    for target in ["debian-12-amd64", "rpm-generic-x86_64"] {
        let log = fs::read_to_string(test.dist().join("lively").join(target).join("build.log")).unwrap();
        assert!(!log.contains("refuses to go back") && !log.contains("no-downgrade"), "{log}");
    }
    // What is broken by the earlier version's own scripts is told: it is out, and cannot be mended.
    let late = "[ \"$1\" != configure ] || [ -z \"$2\" ] || dpkg --compare-versions \"$2\" le 1.0 || { echo from the future; exit 6; }";
    let late_rpm = "[ \"$1\" -lt 2 ] || [ ! -e /usr/share/lively/1.3 ] || { echo from the future; exit 6; }";
    let old = [deb(&test, "1.0", late, ""), rpm(&test, "1.0", late_rpm, "")];
    for file in &old {
        let name = file.rsplit('/').next().unwrap();
        fs::copy(file, test.folder().join("1.0").join(name)).unwrap();
    }
    let good = [deb(&test, "1.3", "", ""), rpm(&test, "1.3", "", "")];
    let run = run(&good).exits(0).says("2 succeeded");
    run.says_all(&[
        "nobody can go back to 1.0",
        "the post-install script of lively",
        "ended with exit code 6 / from the future",
    ]);
}

/// A package `lively` with a file of its version's name, and these as its postinst and prerm.
fn deb(test: &Test, version: &str, postinst: &str, prerm: &str) -> String {
    let tree = test.folder().join("tree");
    let _ = fs::remove_dir_all(&tree);
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    fs::create_dir_all(tree.join("usr/share/lively")).unwrap();
    fs::write(tree.join("usr/share/lively").join(version), "x").unwrap();
    let control = format!(
        "Package: lively\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n y\n"
    );
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    for (name, script) in [("postinst", postinst), ("prerm", prerm)] {
        let path = tree.join("DEBIAN").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let file = test.folder().join(format!("lively_{version}_all.deb")).display().to_string();
    ran(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree).arg(&file));
    file
}

/// As [`deb`], with %post and %preun.
fn rpm(test: &Test, version: &str, post: &str, preun: &str) -> String {
    let top = test.folder().join("rpmbuild");
    fs::create_dir_all(&top).unwrap();
    let spec = top.join("lively.spec");
    let text = format!(
        "Name: lively\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n\
         %install\nmkdir -p %{{buildroot}}/usr/share/lively\necho x >%{{buildroot}}/usr/share/lively/{version}\n\
         %post\n{post}\n:\n%preun\n{preun}\n:\n%files\n/usr/share/lively\n"
    );
    fs::write(&spec, text).unwrap();
    let define = format!("_topdir {}", top.display());
    ran(Command::new("rpmbuild").args(["-bb", "--quiet", "--define", &define]).arg(&spec));
    top.join(format!("RPMS/noarch/lively-{version}-1.noarch.rpm")).display().to_string()
}

fn ran(command: &mut Command) {
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
