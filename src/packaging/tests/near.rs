//! What package managers of .rpm packages are asked when there is no package of a name.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::types::testing::have;

const NEAR: &str = include_str!("../scripts/rpm-near.sh");
const WANTED: &str = "zlib-dev 'pkgconfig(zlibb) >= 1' maek 'make >= 9' /usr/bin/frog frog";
const TOLD: &str = "farm: unsatisfiable: zlib-dev\n\
                    farm: near: zlib-devel 1.2-1\n\
                    farm: unsatisfiable: pkgconfig(zlibb) >= 1\n\
                    farm: near: pkgconfig(zlib) 1.2\n\
                    farm: unsatisfiable: maek\n\
                    farm: near: make 4.3-1\n\
                    farm: unsatisfiable: make >= 9\n\
                    farm: near: make 4.3-1\n\
                    farm: unsatisfiable: /usr/bin/frog\n\
                    farm: unsatisfiable: frog\n";

/// What a package manager's script says of what is wanted, and how it ends.
fn explained(folder: &Path, library: &str, manager: &str, before: &str) -> (Option<i32>, String) {
    let script = format!("set -eu\n{NEAR}\n{library}\n{before}\n{manager}_explain {WANTED}\n");
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder).env("LC_ALL", "C").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
}

fn rpm(folder: &Path, name: &str, version: &str, more: &str) {
    let spec = folder.join(format!("{name}.spec"));
    let head = format!("Name: {name}\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n");
    fs::write(&spec, format!("{head}{more}%description\nx\n%files\n")).unwrap();
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.args(["-bb", "--quiet", "--define", &format!("_topdir {}", folder.join("rpm").display())]);
    let output = rpmbuild.args(["--define", "_binary_payload w6.gzdio"]).arg(&spec).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn dnf_is_asked_for_names_and_capabilities_that_are_near() {
    if !have(&["dnf", "rpmbuild", "createrepo_c"]) {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    rpm(folder, "zlib-devel", "1.2", "Provides: pkgconfig(zlib) = 1.2\n");
    rpm(folder, "openssl-devel", "3.0", "Provides: pkgconfig(libssl)\n");
    rpm(folder, "make", "4.3", "");
    let packages = folder.join("rpm/RPMS/noarch");
    assert!(Command::new("createrepo_c").arg("-q").arg(&packages).status().unwrap().success());
    for name in ["repos", "log"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let repository = format!("[near]\nname=near\nbaseurl=file://{}\ngpgcheck=0\n", packages.display());
    fs::write(folder.join("repos/near.repo"), repository).unwrap();
    let before = "dnf_home=$PWD\n: >install.log\nrpm() { return 1; }\n\
                  dnf_options=\"--installroot=$PWD/root --releasever=44 --setopt=reposdir=$PWD/repos\"\n\
                  dnf_options=\"$dnf_options --setopt=cachedir=$PWD/cache --setopt=logdir=$PWD/log\"";
    let told = explained(folder, include_str!("../scripts/dnf.sh"), "dnf", before);
    assert_eq!(told, (Some(11), TOLD.to_owned()));
}

/// A stand-in, with what zypper 1.14 prints of such packages.
#[test]
fn zypper_is_asked_likewise() {
    let names = "\nS | Name          | Type    | Version | Arch   | Repository\n\
                 --+---------------+---------+---------+--------+-----------\n  \
                 | make          | package | 4.3-1   | noarch | near\n  \
                 | openssl-devel | package | 3.0-1   | noarch | near\n\
                 i | zlib-devel    | package | 1.2-1   | noarch | near\n";
    let provides = "\nS | Name          | Type    | Version | Arch   | Repository\n\
                    --+---------------+---------+---------+--------+-----------\n  \
                    | openssl-devel | package | 3.0-1   | noarch | near\n    provides: pkgconfig(libssl)\n  \
                    | zlib-devel    | package | 1.2-1   | noarch | near\n    provides: pkgconfig(zlib) = 1.2\n";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("names"), names).unwrap();
    fs::write(folder.path().join("provides"), provides).unwrap();
    let before = "zypper_home=$PWD zypper_repositories=$PWD\n\
                  zypper() {\n    case \"$*\" in *' search -s -t package') cat names ;; *\" search -v --provides pkgconfig(*\") cat provides ;;\n    \
                  *) return 104 ;; esac\n}";
    let told = explained(folder.path(), include_str!("../scripts/zypper.sh"), "zypper", before);
    assert_eq!(told, (Some(11), TOLD.to_owned()));
}
