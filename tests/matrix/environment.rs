//! Environments of a recipe's own, on farm's own engine: an image with a shell and nothing else, and another distribution.
//! What farm makes of the installed tree is read by dpkg, rpm, lintian and rpmlint.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use farm::engine::{ImportSpec, NativeOptions};
use farm::stream;
use farm::types::Arch;

use crate::packages::{errors_of_lintian, errors_of_rpmlint};
use crate::support::{Ran, Test, copy, native_engine, repository, skip, tool};

/// Busybox, linked statically: all that the image has.
const BUSYBOX: &str = "/bin/busybox";

/// The recipe with what a compiler made of its sources, and the image that it names; none where something is missing
/// here, said aloud.
pub(crate) fn project(test: &Test) -> Option<PathBuf> {
    if !Path::new(BUSYBOX).is_file() {
        skip(&format!("there is no {BUSYBOX}: install busybox-static"));
        return None;
    }
    let project = test.folder().join("project");
    copy(&repository().join("tests/recipes/payload"), &project);
    let prebuilt = project.join("src/prebuilt");
    fs::create_dir(&prebuilt).unwrap();
    let compile = |arguments: &str| {
        let flags = "-O2 -s -Wl,-z,relro,-z,now -Wl,--hash-style=both";
        let mut cc = Command::new("cc");
        cc.args(flags.split(' ')).args(arguments.split(' ')).current_dir(project.join("src"));
        Ran::of(&mut cc).exits(0);
    };
    compile("-shared -fPIC -Wl,-soname,libgreet.so.1 -o prebuilt/libgreet.so.1.0 library.c");
    compile("-fPIE -pie -o prebuilt/greet greet.c prebuilt/libgreet.so.1.0");
    tokio::runtime::Runtime::new().unwrap().block_on(import_bare_image());
    Some(project)
}

async fn import_bare_image() {
    let folder = PathBuf::from(native_engine().strip_prefix("native://").unwrap());
    let options = NativeOptions { store: folder, program: PathBuf::from(env!("CARGO_BIN_EXE_farm")) };
    let engine = farm::engine::connect_native(options).await.unwrap();
    let spec = ImportSpec {
        tag: "farm-test/bare:1".to_owned(),
        arch: Arch::Amd64,
        labels: Default::default(),
        env: Vec::new(),
    };
    let layer = stream::from_tar(|tar| {
        let header = |kind, mode, size| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_size(size);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header
        };
        for (folder, mode) in [("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("proc", 0o755), ("tmp", 0o1777)] {
            tar.append_data(&mut header(tar::EntryType::Directory, mode, 0), format!("{folder}/"), std::io::empty())?;
        }
        let busybox = fs::read(BUSYBOX)?;
        let mut file = header(tar::EntryType::Regular, 0o755, busybox.len() as u64);
        tar.append_data(&mut file, "bin/busybox", busybox.as_slice())?;
        for tool in ["cp", "ln", "mkdir", "rm", "sh", "test"] {
            tar.append_link(&mut header(tar::EntryType::Symlink, 0o777, 0), format!("bin/{tool}"), "busybox")?;
        }
        Ok(())
    });
    engine.import(&spec, layer).await.unwrap();
}

#[test]
fn an_image_with_nothing_but_a_shell_gives_good_packages() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let test = Test::on("environment", &native_engine());
    let Some(project) = project(&test) else { return };
    let run = test.run_in(&project, &["build", "--matrix"]).exits(0).says("3 succeeded");
    run.says("farm itself made the packages").says("rpmbuild [made-by-farm]");

    let debs = test.files("payload/debian-12-amd64", ".deb");
    let names: Vec<&str> = debs.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        ["libgreet-dev_1.2-1~deb12_all.deb", "libgreet1_1.2-1~deb12_amd64.deb", "payload_1.2-1~deb12_amd64.deb"]
    );
    let main = debs[2].to_str().unwrap();
    let control = tool("dpkg", &["-I", main]).unwrap().exits(0);
    control
        .says(" Depends: libc6 (>= 2.36), libgreet1 (= 1.2-1~deb12)\n")
        .says(" Section: utils\n")
        .says("conffiles")
        .says("postinst");
    let listing = tool("dpkg", &["-c", main]).unwrap().exits(0);
    for line in [
        "-rwxr-xr-x root/root",
        "./usr/bin/hello-greet link to ./usr/bin/greet\n",
        "./usr/bin/salute -> greet\n",
        "-rw-r--r-- root/root        13 2026-11-22 00:00 ./etc/greet.conf\n",
        "./usr/share/man/man1/greet.1.gz\n",
        "./usr/share/doc/payload/changelog.Debian.gz\n",
    ] {
        assert!(listing.text().contains(line), "{line:?} is missing in\n{}", listing.text());
    }
    tool("dpkg", &["-I", debs[1].to_str().unwrap(), "shlibs", "triggers"])
        .unwrap()
        .exits(0)
        .says("libgreet 1 libgreet1 (>= 1.2-1~deb12)")
        .says("activate-noawait ldconfig");
    for distro in ["debian-12", "debian-13"] {
        let debs = test.files(&format!("payload/{distro}-amd64"), ".deb");
        assert_eq!(errors_of_lintian(&debs), Vec::<String>::new(), "{distro}");
    }

    let rpms = test.files("payload/rpm-generic-x86_64", ".rpm");
    assert_eq!(rpms.len(), 3);
    let of = |name: &str| rpms.iter().find(|path| path.to_str().unwrap().contains(name)).unwrap().to_str().unwrap();
    let main = of("/payload-1.2-1.");
    tool("rpm", &["-K", main]).unwrap().exits(0).says("digests OK");
    tool("rpm", &["-qip", main]).unwrap().exits(0).says("License     : MIT").says("Build Host  : localhost");
    tool("rpm", &["-qlvp", main]).unwrap().exits(0).says("/usr/bin/salute -> greet").says("    2 root     root  ");
    tool("rpm", &["-qcp", main]).unwrap().exits(0).says("/etc/greet.conf");
    tool("rpm", &["-qRp", main])
        .unwrap()
        .exits(0)
        .says("libgreet.so.1()(64bit)\n")
        .says("libc.so.6(GLIBC_2.34)(64bit)\n");
    tool("rpm", &["-qp", "--provides", of("/libgreet1-")]).unwrap().exits(0).says("libgreet.so.1()(64bit)\n");
    assert_eq!(errors_of_rpmlint(&rpms), Vec::<String>::new());

    // The same bytes again.
    let again = Test::on("environment-again", &native_engine());
    again.run_in(&project, &["build", "--matrix", "--no-test"]).exits(0);
    for (target, ending) in [("payload/debian-13-amd64", ".deb"), ("payload/rpm-generic-x86_64", ".rpm")] {
        let (one, two) = (test.files(target, ending), again.files(target, ending));
        assert_eq!((one.len(), two.len()), (3, 3), "{target}");
        for (one, two) in one.iter().zip(&two) {
            assert!(fs::read(one).unwrap() == fs::read(two).unwrap(), "{} differs", one.display());
        }
    }
}

/// Another distribution's base, with its own tools for a target of its kind, and farm's for others.
#[test]
fn a_distribution_can_be_the_environment_of_another() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let test = Test::on("environment-distro", &native_engine());
    let project = test.folder().join("project");
    copy(&repository().join("tests/recipes/payload"), &project);
    let recipe = fs::read_to_string(project.join("farm.toml")).unwrap();
    let (package, _) = recipe.split_once("[environment]").unwrap();
    let (package, _) = package.split_once("config-files").unwrap();
    let rest = r#"
[[sources]]
path = "src"

[environment]
distro = "debian-12"

[build]
build = "cc $CPPFLAGS ${CFLAGS:--g -O2} $LDFLAGS -o greet greet.c library.c"
install = "install -D greet $DESTDIR$PREFIX/bin/greet"

[test]
script = "greet"

[matrix]
distros = ["debian-12", "debian-13", "rpm-generic"]
"#;
    fs::write(project.join("farm.toml"), format!("{package}{rest}")).unwrap();
    let run = test.run_in(&project, &["build", "--matrix"]).exits(0).says("3 succeeded");
    // debhelper of Debian 12 makes a .changes; farm makes the .rpm, of which it strips the symbols.
    for (distro, changes) in [("debian-12", 1), ("debian-13", 1)] {
        assert_eq!(test.files(&format!("payload/{distro}-amd64"), ".changes").len(), changes, "{distro}");
    }
    run.says("farm itself made the packages");
    let rpms = test.files("payload/rpm-generic-x86_64", ".rpm");
    assert_eq!(rpms.len(), 1);
    assert_eq!(errors_of_rpmlint(&rpms), Vec::<String>::new());
    test.run_in(&project, &["build", "--matrix"]).exits(0).says("3 up to date");
}

/// The daemon of `split`, with all that it asks of the system: its own test passes, whoever makes the packages.
#[test]
fn what_packages_ask_of_the_system_is_done_when_farm_makes_them() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let test = Test::on("environment-system", &native_engine());
    let project = test.folder().join("project");
    copy(&repository().join("tests/recipes/greetd"), &project);
    let recipe = fs::read_to_string(project.join("farm.toml")).unwrap();
    // rpmlint asks for both kinds of hashes; the flags are the environment's.
    let environment = "[environment]\ndistro = \"debian-12\"\ntools = \"farm\"\n\n\
                       [build]\nenv = { LDFLAGS = \"-Wl,--hash-style=both -Wl,-z,relro,-z,now\" }\n";
    fs::write(project.join("farm.toml"), recipe.replace("[build]\n", environment)).unwrap();
    test.run_in(&project, &["build", "--matrix"]).exits(0).says("3 succeeded");

    for (distro, units) in [("debian-12", "./lib/systemd/system"), ("debian-13", "./usr/lib/systemd/system")] {
        let debs = test.files(&format!("greetd/{distro}-amd64"), ".deb");
        let main = debs.iter().find(|deb| deb.to_str().unwrap().contains("/greetd_")).unwrap().to_str().unwrap();
        tool("dpkg", &["-c", main]).unwrap().exits(0).says(&format!(" {units}/greetd.service\n"));
        let scripts = tool("dpkg", &["-I", main, "postinst", "prerm", "postrm"]).unwrap().exits(0);
        scripts
            .says("systemd-sysusers ${DPKG_ROOT:+--root=\"$DPKG_ROOT\"} greetd.conf")
            .says("deb-systemd-helper enable 'greetd.service'")
            .says("deb-systemd-helper debian-installed 'greetd-tidy.timer'")
            .says("deb-systemd-invoke stop 'greetd.service'")
            .says("deb-systemd-helper purge 'greetd-tidy.timer' 'greetd.service'");
        let development = debs.iter().find(|deb| deb.to_str().unwrap().contains("/libgreet-dev_")).unwrap();
        let depends = tool("dpkg", &["-f", development.to_str().unwrap(), "Depends"]).unwrap().exits(0);
        assert!(depends.text().starts_with("libgreet1 (= 1.2-1~deb"), "{}", depends.text());
        assert_eq!(errors_of_lintian(&debs), Vec::<String>::new(), "{distro}");
    }

    let rpms = test.files("greetd/rpm-generic-x86_64", ".rpm");
    let main = rpms.iter().find(|rpm| rpm.to_str().unwrap().contains("/greetd-1.2")).unwrap().to_str().unwrap();
    let format = "[%{FILEFLAGS:fflags} %{FILENAMES} %{FILELINKTOS}\n]";
    tool("rpm", &["-qp", "--nosignature", "--qf", format, main])
        .unwrap()
        .exits(0)
        .says("cn /etc/greetd.conf \n")
        .says("g /usr/bin/greet /etc/alternatives/greet\n")
        .says("g /etc/alternatives/greet /usr/bin/greet-plain\n")
        .says(" /usr/lib/systemd/system-preset/50-greetd.preset \n");
    tool("rpm", &["-qp", "--nosignature", "--scripts", main])
        .unwrap()
        .exits(0)
        .says("useradd -r -g greetd -d /var/lib/greetd")
        .says("update-alternatives --install /usr/bin/greet greet /usr/bin/greet-plain 40")
        .says("systemctl --no-reload preset greetd-tidy.service greetd-tidy.timer greetd.service");
    tool("rpm", &["-qRp", "--nosignature", main]).unwrap().exits(0).says("/usr/sbin/useradd\n");
    let development = rpms.iter().find(|rpm| rpm.to_str().unwrap().contains("/libgreet-devel-")).unwrap();
    tool("rpm", &["-qRp", "--nosignature", development.to_str().unwrap()])
        .unwrap()
        .exits(0)
        .says("libgreet1 = 1.2-1\n")
        .says("pkgconfig(zlib) >= 1.2\n");
    assert_eq!(errors_of_rpmlint(&rpms), Vec::<String>::new());
}
