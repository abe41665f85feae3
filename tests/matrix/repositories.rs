//! Repositories of a recipe: signed ones, made here of packages that no distribution has, and of some that every one has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ran, Test, native_engine, skip};

const RECIPE: &str = r#"[package]
name = "pond"
version = "1.0"
summary = "Needs what no distribution has"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
architecture = "all"
date = 2026-01-02
requires = ["reed"]

[[repositories]]
url = "file://FOLDER/company"
suite = "${codename}"
key = "company.asc"
packages = ["e?"]

[[repositories]]
baseurl = "file://FOLDER/rpms/${basearch}"
key = "company.asc"
for = ["test"]

[build]
requires = ["/usr/include/willow.h", "bc", "ed"]
build = """
test -e /usr/include/willow.h && test -e /usr/lib/willow
test "$(dpkg-query -W -f '${Version}' ed)" = 99
case $(dpkg-query -W -f '${Version}' bc) in 99*) exit 3 ;; esac
if grep -rs -e FOLDER /etc/apt /var/lib/apt || ls -d /tmp/farm-*; then exit 4; fi
"""
install = "install -D /usr/include/willow.h $DESTDIR/usr/share/pond/willow.h"

[test]
script = "test \"$(reed)\" = rustle && ! test -e /usr/bin/99 && ! test -e /usr/bin/zz"

[matrix]
distros = ["debian-12", "rpm-generic"]
"#;

fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("LC_ALL", "C.UTF-8").env("GNUPGHOME", folder.join("gpg"));
    Ran::of(&mut command).exits(0).stdout
}

/// A key of this name in the folder's GnuPG home; its fingerprint. NAME.asc has its public half.
fn key(folder: &Path, name: &str) -> String {
    let address = format!("{name}@example.org");
    let batch = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
    let make = [&batch[..], &["--quick-generate-key", &address, "ed25519", "sign"]].concat();
    run(folder, "gpg", &make);
    fs::write(folder.join(format!("{name}.asc")), run(folder, "gpg", &["--armor", "--export", &address])).unwrap();
    let listed = run(folder, "gpg", &["--with-colons", "--fingerprint", &address]);
    listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned()
}

/// A .deb for all architectures, with these files.
fn deb(folder: &Path, name: &str, version: &str, depends: &str, files: &[(&str, &str)]) {
    let tree = folder.join("tree").join(format!("{name}-{version}"));
    let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\n{depends}Description: {name}\n"
    );
    for (path, content) in [("DEBIAN/control", control.as_str())].iter().chain(files) {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let mode = if path.components().any(|part| part.as_os_str() == "bin") { "755" } else { "644" };
        run(folder, "chmod", &[mode, path.to_str().unwrap()]);
    }
    let pool = folder.join("company/pool");
    fs::create_dir_all(&pool).unwrap();
    run(folder, "dpkg-deb", &["--root-owner-group", "-b", tree.to_str().unwrap(), pool.to_str().unwrap()]);
}

/// Indexes the folder's .debs anew, and signs that; `fields` are further ones of its Release file.
fn publish(folder: &Path, fields: &str) {
    let company = folder.join("company");
    let dists = company.join("dists/bookworm");
    fs::create_dir_all(dists.join("main/binary-amd64")).unwrap();
    let packages = run(&company, "dpkg-scanpackages", &["--multiversion", "pool"]);
    fs::write(dists.join("main/binary-amd64/Packages"), &packages).unwrap();
    let contents = "usr/include/willow.h libdevel/willow-dev\nusr/bin/bc utils/bc\n";
    fs::write(dists.join("main/Contents-amd64"), contents).unwrap();
    run(&dists, "gzip", &["--keep", "--force", "main/Contents-amd64"]);
    let files = ["main/binary-amd64/Packages", "main/Contents-amd64", "main/Contents-amd64.gz"];
    let sums: String = files
        .map(|file| {
            let sum = run(&dists, "sha256sum", &[file]);
            format!(" {} {} {file}\n", &sum[..64], fs::metadata(dists.join(file)).unwrap().len())
        })
        .concat();
    let now = run(folder, "date", &["-Ru"]);
    let release = format!(
        "Origin: company\nSuite: stable\nCodename: bookworm\nDate: {}\nArchitectures: amd64\nComponents: main\n{fields}SHA256:\n{sums}",
        now.trim()
    );
    fs::write(dists.join("Release"), release).unwrap();
    let (from, to) = (dists.join("Release"), dists.join("InRelease"));
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    run(folder, "gpg", &["--batch", "--yes", "-u", "company@example.org", "--clearsign", "-o", to, from]);
}

fn rpm(folder: &Path, name: &str, lines: &str, files: &str) {
    let spec = format!(
        "Name: {name}\nVersion: 1\nRelease: 1\nSummary: {name}\nLicense: MIT\nBuildArch: noarch\n{lines}%description\n{name}\n\
         %install\nmkdir -p %{{buildroot}}/usr/bin\nprintf '#!/bin/sh\\necho rustle\\n' >%{{buildroot}}/usr/bin/{name}\n\
         chmod 755 %{{buildroot}}/usr/bin/{name}\n%files\n{files}\n"
    );
    let file = folder.join(format!("{name}.spec"));
    fs::write(&file, spec).unwrap();
    let top = format!("_topdir {}", folder.join("rpmbuild").display());
    let rpms = format!("_rpmdir {}", folder.join("rpms/x86_64").display());
    run(folder, "rpmbuild", &["-bb", "--quiet", "--define", &top, "--define", &rpms, file.to_str().unwrap()]);
}

/// Signed repositories of .deb and of .rpm files in a folder of the test.
fn repositories(folder: &Path) -> String {
    let company = key(folder, "company");
    deb(folder, "willow-dev", "1", "libwillow1 (= 1)", &[("usr/include/willow.h", "int willow;\n")]);
    deb(folder, "libwillow1", "1", "libc6", &[("usr/lib/willow", "1\n")]);
    deb(folder, "reed", "2", "rustling-stem", &[("usr/bin/reed", "#!/bin/sh\nexec rustling-stem\n")]);
    deb(folder, "rustling-stem", "2", "", &[("usr/bin/rustling-stem", "#!/bin/sh\necho rustle\n")]);
    deb(folder, "ed", "99", "", &[("usr/share/ed/99", "99\n")]);
    // What every Debian has, and what nobody asks for.
    for name in ["bc", "libc6", "bash", "unwanted"] {
        deb(folder, name, "99", "", &[("usr/bin/99", "99\n")]);
    }
    publish(folder, "");
    rpm(folder, "reed", "Requires: stem-api >= 1\n", "/usr/bin/reed");
    rpm(folder, "rustling-stem", "Provides: stem-api = 2\n", "/usr/bin/rustling-stem");
    rpm(folder, "zz", "Provides: /bin/sh\n", "/usr/bin/zz");
    let rpms = folder.join("rpms/x86_64");
    run(&rpms, "createrepo_c", &["--quiet", "."]);
    sign_repomd(folder, "company");
    company
}

fn sign_repomd(folder: &Path, name: &str) {
    let address = format!("{name}@example.org");
    let repomd = folder.join("rpms/x86_64/repodata/repomd.xml");
    run(folder, "gpg", &["--batch", "--yes", "-u", &address, "--armor", "--detach-sign", repomd.to_str().unwrap()]);
}

#[test]
fn packages_come_from_there_that_the_distribution_does_not_have_and_no_others() {
    if !cfg!(target_os = "linux") {
        return;
    }
    for program in ["gpg", "dpkg-scanpackages", "rpmbuild", "createrepo_c"] {
        if Command::new(program).arg("--version").output().is_err() {
            return skip(&format!("{program} is missing"));
        }
    }
    let test = Test::on("repositories", &native_engine());
    let folder: PathBuf = test.folder().to_owned();
    fs::create_dir(folder.join("gpg")).unwrap();
    run(&folder, "chmod", &["700", "gpg"]);
    let fingerprint = repositories(&folder);
    let recipe = RECIPE.replace("FOLDER", folder.to_str().unwrap());
    test.write("farm.toml", &recipe);
    test.run(&["plan"]).exits(0).says(&fingerprint).says("/company ${codename}");
    test.run(&["build", "--matrix", "--progress", "plain"]).exits(0);
    for (target, ending) in [("pond/debian-12-amd64", ".deb"), ("pond/rpm-generic-x86_64", ".rpm")] {
        assert!(!test.files(target, ending).is_empty(), "{target}");
        let log = fs::read_to_string(test.dist().join(target).join("build.log")).unwrap();
        assert!(log.contains("for the build: ed 99 (") && log.contains("libwillow1 1 ("), "{log}");
        assert!(log.contains("for the test: reed ") && log.contains("rustling-stem "), "{log}");
        assert!(!log.contains("bc 99") && !log.contains("unwanted"), "{log}");
    }
    test.run(&["build", "--matrix"]).exits(0).says("up to date");

    // Another key, in place of the one that signed.
    let stranger = key(&folder, "stranger");
    let other = recipe.replace("key = \"company.asc\"", "key = \"stranger.asc\"");
    let line = 1 + recipe.lines().position(|line| line.starts_with("url = ")).unwrap();
    test.write("farm.toml", &other);
    let refused = test.run(&["build", "-t", "debian-12", "--progress", "plain"]).exits(10);
    refused
        .says("is signed by unknown keys only")
        .says("compare the fingerprints")
        .says(&stranger)
        .says(&format!(":{line}"));
    // And its own key, on what has run out.
    test.write("farm.toml", &recipe);
    publish(&folder, "Valid-Until: Thu, 01 Jan 2026 00:00:00 UTC\n");
    let expired = test.run(&["build", "-t", "debian-12", "--force", "--progress", "plain"]).exits(10);
    expired.says("past its Valid-Until").says("its owner has to sign it anew").says(&format!(":{line}"));
    // A newer package makes another builder of it.
    deb(&folder, "libwillow1", "2", "", &[("usr/lib/willow", "2\n")]);
    deb(&folder, "willow-dev", "2", "libwillow1 (= 2)", &[("usr/include/willow.h", "int willow2;\n")]);
    publish(&folder, "");
    sign_repomd(&folder, "stranger");
    test.run(&["build", "-t", "debian-12", "--force", "--progress", "plain"]).exits(0);
    let log = fs::read_to_string(test.dist().join("pond/debian-12-amd64/build.log")).unwrap();
    assert!(log.contains("willow-dev 2 (") && !log.contains("willow-dev 1 ("), "{log}");
    // The repository of .rpm files is verified, too.
    let refused = test.run(&["build", "-t", "rpm-generic", "--force", "--progress", "plain"]).exits(3);
    refused.says("none of the given keys has signed it").says("rpms/${basearch}");
}
