//! farm's memory does not grow with what it moves: a source and a package of 256 MiB each, through the whole of a build, and a
//! package of 256 MiB that farm makes itself.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::support::{Test, engine, native_engine, noise, peak_of};

const BLOCK: usize = 1 << 20;
const BLOCKS: usize = 256;
const PEAK_LIMIT_KIB: u64 = 64 << 10;

/// The project's own packaging, so that the package is as large as what it holds: nothing is compressed.
const RULES: &str = "#!/usr/bin/make -f\n%:\n\tdh $@\n\
                     override_dh_builddeb:\n\tdh_builddeb -- -Znone\n\
                     override_dh_auto_install:\n\tinstall -d debian/moved/usr/share/moved\n\
                     \tmv data debian/moved/usr/share/moved/data\n";

#[test]
fn a_quarter_of_a_gibibyte_through_a_build_stays_under_64_mib() {
    let Some(engine) = engine("DOCKER_HOST") else { return };
    let test = Test::on("amounts", &engine);
    let _gone = Gone(test.folder());
    let project = test.folder().join("project");
    let debian = project.join("tree/debian");
    fs::create_dir_all(debian.join("source")).unwrap();
    fs::write(debian.join("rules"), RULES).unwrap();
    fs::write(debian.join("source/format"), "3.0 (native)\n").unwrap();
    fs::write(debian.join("copyright"), "Copyright: nobody\nLicense: MIT\n").unwrap();
    fs::write(
        debian.join("changelog"),
        "moved (1.0-1) stable; urgency=medium\n\n  * Moved.\n\n -- T <t@example.org>  Fri, 02 Jan 2026 00:00:00 +0000\n",
    )
    .unwrap();
    fs::write(
        debian.join("control"),
        "Source: moved\nMaintainer: T <t@example.org>\nBuild-Depends: debhelper-compat (= 13)\nRules-Requires-Root: no\n\n\
         Package: moved\nArchitecture: all\nDescription: a large file\n",
    )
    .unwrap();
    let recipe = "[package]\nname = \"moved\"\nversion = \"1.0\"\nsummary = \"A large file\"\nlicense = \"MIT\"\n\
                  homepage = \"https://example.org\"\nmaintainer = \"T <t@example.org>\"\narchitecture = \"all\"\n\n\
                  [[sources]]\npath = \"tree\"\n\n\
                  [packaging]\ndebian = \"debian\"\n\n[matrix]\ndistros = [\"debian-12\"]\n";
    fs::write(project.join("farm.toml"), recipe).unwrap();

    // The base and the builder are made by a first build, of a small file: this is about what is moved.
    fs::write(project.join("tree/data"), "small\n").unwrap();
    test.run_in(&project, &["build", "--matrix", "--no-test"]).exits(0);

    write_large(&project.join("tree/data"));
    let mut command = test.command(&["build", "--matrix", "--no-test"]);
    // A cache of its own: what it keeps of the source goes with the rest.
    command.env("FARM_CACHE", test.folder().join("cache"));
    let peak = peak_of(command.current_dir(&project));
    let package = &test.files("moved/debian-12-amd64", ".deb")[0];
    let moved = fs::metadata(package).unwrap().len();
    assert!(moved > (BLOCK * BLOCKS) as u64, "the package has only {moved} bytes");
    assert_bounded(peak, moved);
}

/// In a shell and nothing else, as an image without packaging tools has: noise, which compresses to itself, and a hole.
const ASSEMBLED: &str = r#"
[package]
name = "large"
version = "1.0"
summary = "A large file"
license = "MIT"
homepage = "https://example.org"
maintainer = "T <t@example.org>"
architecture = "all"

[environment]
distro = "debian-12"
tools = "farm"

[build]
install = """
mkdir -p "$DESTDIR/usr/share/large"
head -c $((NOISE << 20)) /dev/urandom >"$DESTDIR/usr/share/large/noise"
head -c $(((256 - NOISE) << 20)) /dev/zero >"$DESTDIR/usr/share/large/hole"
"""

[matrix]
distros = ["debian-12", "rpm-generic"]

[override.rpm.build]
env = { NOISE = "160" }

# xz takes its time over noise.
[override.deb.build]
env = { NOISE = "16" }
"#;

#[test]
fn packages_that_farm_makes_itself_are_streams_too() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let test = Test::on("amounts-assembled", &native_engine());
    let _gone = Gone(test.folder());
    let project = test.folder().join("project");
    fs::create_dir_all(&project).unwrap();
    // The base is made by a first build.
    fs::write(project.join("farm.toml"), ASSEMBLED.replace("256 - NOISE", "0").replace("NOISE <<", "1 <<")).unwrap();
    test.run_in(&project, &["build", "--matrix", "--no-test"]).exits(0);
    fs::write(project.join("farm.toml"), ASSEMBLED).unwrap();
    for (target, ending, least) in [("debian-12", ".deb", 16), ("rpm-generic", ".rpm", 160)] {
        let mut command = test.command(&["build", "-t", target, "--no-test"]);
        let peak = peak_of(command.current_dir(&project));
        let arch = if ending == ".deb" { "amd64" } else { "x86_64" };
        let package = &test.files(&format!("large/{target}-{arch}"), ending)[0];
        let size = fs::metadata(package).unwrap().len();
        assert!(size > least << 20, "{} has only {size} bytes", package.display());
        if ending == ".rpm" {
            crate::support::tool("rpm", &["-K", package.to_str().unwrap()]).unwrap().exits(0).says("digests OK");
        }
        assert_bounded(peak, size);
    }
}

/// A folder with a lot in it, which goes with this whatever comes of the test: others need the room.
struct Gone<'a>(&'a Path);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0);
    }
}

fn assert_bounded(peak: Option<u64>, moved: u64) {
    if let Some(peak) = peak {
        assert!(peak < PEAK_LIMIT_KIB, "farm's peak was {peak} KiB while it moved {moved} bytes");
    }
}

/// One block of noise, again and again.
fn write_large(path: &Path) {
    let block = noise(BLOCK);
    let mut file = File::create(path).unwrap();
    for _ in 0..BLOCKS {
        file.write_all(&block).unwrap();
    }
}
