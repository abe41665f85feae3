//! Repositories of 5,000 packages, against the tools of the distributions: all at once, one more, and nothing new. Names,
//! versions, relations and descriptions are those of the packages that the host's apt knows; their files are made up.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use nix::sys::resource::{UsageWho, getrusage};

const PACKAGES: usize = 5000;
const CONFIGURATION: &str = r#"
Dir { ArchiveDir "."; CacheDir "."; };
Default { Packages::Compress "gzip xz"; Contents::Compress "gzip"; };
BinDirectory "pool" { Packages "Packages"; Contents "Contents"; BinCacheDB "cache.db"; };
"#;

/// What one command took.
struct Cost {
    wall: Duration,
    processors: Duration,
    peak_kib: u64,
}

pub(super) fn measure() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| place.path().join(name);
    let stanzas = stanzas(PACKAGES + 1);
    for folder in ["debs", "rpms", "more-debs", "more-rpms", "apt/pool", "createrepo_c", "reprepro/conf"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for (number, stanza) in stanzas.iter().enumerate() {
        let before = if number < PACKAGES { "" } else { "more-" };
        deb(&at(&format!("{before}debs")), number, stanza);
        rpm(&at(&format!("{before}rpms")), number, stanza);
    }
    let farm = |folder: &str, packages: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farm"));
        command.args(["repo", folder, packages, "--suite", "test", "--unsigned"]);
        run(command.current_dir(place.path()).env("FARM_CACHE", at("cache")))
    };
    let script = |text: &str| run(Command::new("sh").args(["-ec", text]).current_dir(place.path()));

    let link = |from: &str, to: &str| script(&format!("cp -al {from}/. {to}/"));
    link("debs", "apt/pool");
    link("rpms", "createrepo_c");
    let signs = "Codename: test\nArchitectures: amd64\nComponents: main\nContents:\n";
    fs::write(at("reprepro/conf/distributions"), signs).unwrap();
    fs::write(at("apt/apt.conf"), CONFIGURATION).unwrap();
    let ftparchive = "cd apt; apt-ftparchive generate apt.conf >/dev/null 2>&1; apt-ftparchive release . >Release.new";
    let reprepro =
        |folder: &str| format!("cd reprepro; reprepro --silent includedeb test ../{folder}/*.deb >/dev/null 2>&1");

    let ours = farm("apt-farm", "debs");
    compare("apt, all packages", &ours, "apt-ftparchive", &script(ftparchive));
    let has_reprepro = Command::new("reprepro").arg("--version").output().is_ok();
    if has_reprepro {
        compare("apt, all packages", &ours, "reprepro", &script(&reprepro("debs")));
    }
    let more = farm("apt-farm", "more-debs");
    part("apt, one package more", &more, &ours);
    link("more-debs", "apt/pool");
    compare("apt, one package more", &more, "apt-ftparchive", &script(ftparchive));
    if has_reprepro {
        compare("apt, one package more", &more, "reprepro", &script(&reprepro("more-debs")));
    }
    nothing("apt", &farm("apt-farm", "debs"));

    let ours = farm("rpm-farm", "rpms");
    let createrepo = "createrepo_c --quiet --update --general-compress-type=gz createrepo_c";
    compare("rpm-md, all packages", &ours, "createrepo_c", &script(createrepo));
    let more = farm("rpm-farm", "more-rpms");
    part("rpm-md, one package more", &more, &ours);
    link("more-rpms", "createrepo_c");
    compare("rpm-md, one package more", &more, "createrepo_c --update", &script(createrepo));
    nothing("rpm-md", &farm("rpm-farm", "rpms"));
}

fn compare(what: &str, ours: &Cost, peer: &str, theirs: &Cost) {
    println!(
        "{what}: {:.2}x the time, {:.2}x the processor time, {:.2}x the memory of {peer} ({:.0} ms against {:.0} ms, {:.0} MiB \
         against {:.0} MiB)",
        ours.wall.as_secs_f64() / theirs.wall.as_secs_f64(),
        ours.processors.as_secs_f64() / theirs.processors.as_secs_f64(),
        ours.peak_kib as f64 / theirs.peak_kib as f64,
        crate::milliseconds(ours.wall),
        crate::milliseconds(theirs.wall),
        ours.peak_kib as f64 / 1024.0,
        theirs.peak_kib as f64 / 1024.0,
    );
}

fn part(what: &str, one: &Cost, all: &Cost) {
    println!(
        "{what}: {:.1} % of the processor time of all ({:.0} ms of {:.0} ms)",
        one.processors.as_secs_f64() / all.processors.as_secs_f64() * 100.0,
        crate::milliseconds(one.processors),
        crate::milliseconds(all.processors),
    );
}

fn nothing(what: &str, cost: &Cost) {
    println!("{what}, nothing new: {:.0} ms", crate::milliseconds(cost.wall));
}

/// The paragraphs of so many packages of this architecture that the host's apt knows.
fn stanzas(count: usize) -> Vec<String> {
    let mut apt = Command::new("apt-cache").arg("dumpavail").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(apt.stdout.take().unwrap()).split(b'\n');
    let mut stanzas = Vec::new();
    let mut names = BTreeSet::new();
    while stanzas.len() < count {
        let stanza: Vec<String> = lines
            .by_ref()
            .map(|line| String::from_utf8_lossy(&line.unwrap()).into_owned())
            .take_while(|line| !line.is_empty())
            .collect();
        assert!(!stanza.is_empty(), "apt knows fewer packages than {count}: run `apt-get update`");
        let of_the_index = |line: &&String| {
            !["Filename:", "Size:", "MD5sum:", "SHA256:", "Description-md5:"]
                .iter()
                .any(|field| line.starts_with(field))
        };
        let name = field(&stanza.join("\n"), "Package").to_owned();
        if names.insert(name) {
            stanzas.push(stanza.iter().filter(of_the_index).fold(String::new(), |text, line| text + line + "\n"));
        }
    }
    apt.kill().unwrap();
    apt.wait().unwrap();
    stanzas
}

fn field<'a>(stanza: &'a str, name: &str) -> &'a str {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// Paths of a package: some have three files, some hundreds, as in life.
fn paths(number: usize, name: &str) -> impl Iterator<Item = String> {
    let count = if number.is_multiple_of(50) { 400 } else { 3 + number % 40 };
    let name = name.to_owned();
    (0..count).map(move |file| format!("usr/share/{name}/part-{}/file-{file}.data", file % 7))
}

fn deb(folder: &Path, number: usize, stanza: &str) {
    let name = field(stanza, "Package");
    let version = field(stanza, "Version");
    let plain = version.split_once(':').map_or(version, |(_, rest)| rest);
    let path = folder.join(format!("{name}_{plain}_{}.deb", field(stanza, "Architecture")));
    let control = tarball([("./control".to_owned(), stanza.to_owned())].into_iter());
    let data = tarball(paths(number, name).map(|path| (format!("./{path}"), path)));
    let mut file = io::BufWriter::new(File::create(path).unwrap());
    file.write_all(b"!<arch>\n").unwrap();
    for (member, content) in [("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", &control), ("data.tar.gz", &data)] {
        writeln!(file, "{member:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len()).unwrap();
        file.write_all(content).unwrap();
        if content.len() % 2 == 1 {
            file.write_all(b"\n").unwrap();
        }
    }
    file.flush().unwrap();
}

fn tarball(files: impl Iterator<Item = (String, String)>) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn rpm(folder: &Path, number: usize, stanza: &str) {
    let name = field(stanza, "Package");
    let version: String = field(stanza, "Version").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    let summary = field(stanza, "Description");
    let mut package = rpm::PackageBuilder::new(name, &version, "MIT", "x86_64", summary);
    package.using_config(rpm::BuildConfig::v4().compression(rpm::CompressionType::None)).release("1");
    for dependency in field(stanza, "Depends").split(", ").filter_map(|one| one.split([' ', ':']).next()) {
        if !dependency.is_empty() {
            package.requires(rpm::Dependency::any(dependency));
        }
    }
    for path in paths(number, name) {
        package.with_file_contents(path.clone(), rpm::FileOptions::new(format!("/{path}"))).unwrap();
    }
    let mut target = String::new();
    write!(target, "{name}-{version}-1.x86_64.rpm").unwrap();
    package.build().unwrap().write_file(folder.join(target)).unwrap();
}

/// Runs a command, and looks at how much memory it has had at most.
fn run(command: &mut Command) -> Cost {
    let used = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let time = |value: nix::sys::time::TimeVal| {
            Duration::from_micros((value.tv_sec() * 1_000_000 + value.tv_usec()).unsigned_abs())
        };
        time(usage.user_time()) + time(usage.system_time())
    };
    let (before, start) = (used(), Instant::now());
    let output = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-output");
    let log = File::create(&output).unwrap();
    let mut child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let mut peak_kib = 0;
    let status = loop {
        // A shell's only child does the work.
        for id in tree(child.id()) {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
            peak_kib = peak_kib.max(kib);
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let wall = start.elapsed();
    assert!(status.success(), "{command:?}:\n{}", fs::read_to_string(&output).unwrap_or_default());
    Cost { wall, processors: used() - before, peak_kib: peak_kib.max(1) }
}

/// A process and its children.
fn tree(id: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let below = children.split_whitespace().filter_map(|child| child.parse().ok()).flat_map(tree);
    std::iter::once(id).chain(below).collect()
}
