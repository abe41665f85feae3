//! The real clients read the tree: apt with a root of its own, dnf and createrepo_c where they are installed.

use super::*;
use crate::formats::repodata;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// apt with a root of its own, and the tree as its only source.
pub(super) struct Apt<'a> {
    world: &'a World,
    root: PathBuf,
}

impl Apt<'_> {
    fn new(world: &World) -> Apt<'_> {
        Apt::told(world, &fs::read_to_string(world.at("setup/bookworm.sources")).unwrap())
    }

    /// With this file of sources, which its user has pasted.
    pub(super) fn told<'a>(world: &'a World, sources: &str) -> Apt<'a> {
        let root = world.temp.path().join("apt");
        for folder in ["etc/sources.list.d", "lists/partial", "cache/archives/partial", "dpkg"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("dpkg/status"), "").unwrap();
        fs::write(root.join("etc/sources.list.d/farm.sources"), sources).unwrap();
        Apt { world, root }
    }

    fn run(&self, args: &[&str]) -> Output {
        let at = |path: &str| self.root.join(path).display().to_string();
        let mut apt = Command::new("apt-get");
        for (option, value) in [
            ("Dir::Etc::sourcelist", "/dev/null".to_owned()),
            ("Dir::Etc::sourceparts", at("etc/sources.list.d")),
            ("Dir::State::lists", at("lists")),
            ("Dir::State::status", at("dpkg/status")),
            ("Dir::Cache", at("cache")),
            ("APT::Architecture", "amd64".to_owned()),
            ("APT::Architectures", "amd64".to_owned()),
            ("APT::Sandbox::User", "root".to_owned()),
            ("APT::Get::Assume-Yes", "true".to_owned()),
            ("Debug::NoLocking", "true".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
            // Whatever the configuration of this machine says.
            ("Acquire::Check-Valid-Until", "true".to_owned()),
            ("Acquire::Check-Date", "true".to_owned()),
            ("Acquire::By-Hash", "yes".to_owned()),
        ] {
            apt.arg("-o").arg(format!("{option}={value}"));
        }
        apt.args(args).env("LC_ALL", "C").stdin(Stdio::null()).current_dir(&self.root).output().unwrap()
    }

    fn update(&self) -> Result<(), String> {
        let output = self.run(&["update", "--error-on=any"]);
        if output.status.success() { Ok(()) } else { Err(text(&output)) }
    }

    fn download(&self, package: &str) -> Result<(), String> {
        let _ = fs::remove_dir_all(self.root.join("cache/archives"));
        fs::create_dir_all(self.root.join("cache/archives/partial")).unwrap();
        for name in fs::read_dir(&self.root).unwrap().map(|entry| entry.unwrap().path()) {
            if name.extension().is_some_and(|extension| extension == "deb") {
                fs::remove_file(name).unwrap();
            }
        }
        // From a file: URI apt takes files where they are, unless it is to download them.
        let output = self.run(&["download", package]);
        match output.status.success() {
            true => Ok(()),
            false => Err(text(&output)),
        }
    }

    /// As a client that has never been here.
    fn forget(&self) {
        fs::remove_dir_all(self.root.join("lists")).unwrap();
        fs::create_dir_all(self.root.join("lists/partial")).unwrap();
    }

    /// Whether it takes all of the tree.
    pub(super) fn takes(&self) -> Result<(), String> {
        self.forget();
        self.update()?;
        self.download("hello")
    }

    fn refuses(&self, why: &str, what: &Path) {
        let Err(said) = self.takes() else { panic!("apt takes {}", what.display()) };
        assert!(said.contains(why), "{why}: {said}");
        assert!(!self.world.check().problems.is_empty(), "farm repo check finds nothing, and apt says {said}");
    }
}

/// dnf with a system of its own, and the tree as its only repository.
pub(super) struct Dnf {
    system: PathBuf,
}

impl Dnf {
    /// With this .repo file, which its user has pasted; `name`: of its folder.
    pub(super) fn told(world: &World, name: &str, repo: &str) -> Dnf {
        let dnf = Dnf { system: world.temp.path().join(name) };
        for folder in ["etc/yum.repos.d", "log"] {
            fs::create_dir_all(dnf.system.join(folder)).unwrap();
        }
        fs::write(dnf.system.join("etc/yum.repos.d/farm.repo"), repo).unwrap();
        dnf
    }

    fn run(&self, args: &[&str]) -> Output {
        let at = |path: &str| self.system.join(path).display().to_string();
        let _ = fs::remove_dir_all(at("cache"));
        let mut dnf = Command::new("dnf");
        dnf.args(["--assumeyes", "--quiet", "--releasever=44", "--forcearch=x86_64"]);
        dnf.arg(format!("--installroot={}", self.system.display()));
        for (option, path) in [("reposdir", "etc/yum.repos.d"), ("cachedir", "cache"), ("logdir", "log")] {
            dnf.arg(format!("--setopt={option}={}", at(path)));
        }
        dnf.args(args).env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap()
    }

    /// Whether it installs a package, and what it says.
    pub(super) fn installs(&self, name: &str) -> (bool, String) {
        let output = self.run(&["install", name]);
        let is_there = self.system.join("usr/share").join(name).is_dir();
        (output.status.success() && is_there, text(&output))
    }
}

#[test]
fn apt_reads_verifies_and_downloads() {
    if !have(&["apt-get", "gpgv"]) {
        return;
    }
    let world = World::new();
    let apt = Apt::new(&world);
    assert_eq!(apt.takes(), Ok(()));

    // A new state while the client has the last one.
    world.add(&[world.deb("world", "1.0")]);
    assert_eq!(apt.update(), Ok(()));
    assert_eq!(apt.download("world"), Ok(()));

    // Indexes of several pieces.
    let paragraph: String =
        (0..200).map(|line| format!(" Line {line} of a long description, which says little.\n")).collect();
    let many: Vec<PathBuf> =
        (0..60).map(|n| deb_saying(world.temp.path(), &format!("many-{n}"), "1", "all", &paragraph)).collect();
    world.add(&many);
    let pieces = fs::read_dir(world.at(".farm/pieces/deb-bookworm")).unwrap().count();
    for package in ["hello", "many-7", "world"] {
        assert_eq!(apt.update().and_then(|()| apt.download(package)), Ok(()), "{package}");
    }
    world.add(&[deb(world.temp.path(), "many-7a", "1", "all")]);
    assert_eq!(apt.update().and_then(|()| apt.download("many-7a")), Ok(()));
    let kept = fs::read_dir(world.at(".farm/pieces/deb-bookworm")).unwrap().count();
    assert!(pieces > 8 && kept.abs_diff(pieces) < 4, "{pieces}, {kept}");

    for (path, why) in [
        ("dists/bookworm/InRelease", ""),
        ("dists/bookworm/main/binary-amd64/by-hash", ""),
        ("pool/bookworm/main/h/hello/hello_1.0_all.deb", "Hash Sum mismatch"),
    ] {
        let path = match path.ends_with("by-hash") {
            // What apt fetches first; it goes on to the others.
            true => world.at("dists/bookworm/main/binary-amd64/Packages.xz"),
            false => world.at(path),
        };
        let good = fs::read(&path).unwrap();
        // An index has two names, and is one file.
        flip(&path);
        if path.ends_with("Packages.xz") {
            flip(&world.at("dists/bookworm/main/binary-amd64/Packages.gz"));
        }
        apt.refuses(why, &path);
        fs::write(&path, good).unwrap();
        if path.ends_with("Packages.xz") {
            flip(&world.at("dists/bookworm/main/binary-amd64/Packages.gz"));
        }
        assert_eq!(apt.takes(), Ok(()), "{}", path.display());
    }

    let releases = ["InRelease", "Release.gpg"].map(|name| world.at(&format!("dists/bookworm/{name}")));
    let kept = releases.each_ref().map(|path| fs::read(path).unwrap());
    releases.iter().for_each(|path| fs::remove_file(path).unwrap());
    apt.refuses("is not signed", &releases[0]);
    fs::write(&releases[1], &kept[1]).unwrap();
    assert_eq!(apt.takes(), Ok(()), "by Release and Release.gpg alone");
    fs::write(&releases[0], &kept[0]).unwrap();

    let past = now() - Duration::days(30);
    let expired = World { temp: tempfile::tempdir().unwrap(), signer: signer() };
    expired.add_with(&[expired.deb("hello", "1.0")], &Wishes { valid_days: Some(10), ..Wishes::default() }, past);
    Apt::new(&expired).refuses("is expired", &expired.root());
}

#[test]
fn createrepo_and_dnf_read_what_farm_writes() {
    if !have(&["dnf", "rpmkeys"]) {
        return;
    }
    for zstd in [false, true] {
        let world = World::new();
        world.add_with(&[world.rpm("world", "2.0")], &Wishes { zstd: Some(zstd), ..Wishes::default() }, now());
        let dnf = Dnf::told(&world, "system", &fs::read_to_string(world.at("setup/fedora-44.repo")).unwrap());
        let installs = |name: &str| dnf.installs(name);
        let (done, said) = installs("hello");
        assert!(done, "{said}");
        let list = text(&dnf.run(&["repoquery", "--available", "--queryformat=%{name}-%{evr}"]));
        assert!(list.contains("world-2.0-1"), "{list}");
        let repodata = "rpm/fedora-44/repodata";
        let primary = if zstd { "-primary.xml.zst" } else { "-primary.xml.gz" };
        let listed = repodata::listed(&fs::read(world.at(&format!("{repodata}/repomd.xml"))).unwrap()).unwrap();
        assert!(listed.href.ends_with(primary), "{}", listed.href);
        for path in [
            format!("{repodata}/repomd.xml"),
            format!("{repodata}/repomd.xml.asc"),
            format!("rpm/fedora-44/{}", listed.href),
            "rpm/fedora-44/Packages/w/world-2.0-1.noarch.rpm".to_owned(),
        ] {
            let path = world.at(&path);
            let good = fs::read(&path).unwrap();
            flip(&path);
            let (done, said) = installs("world");
            assert!(!done, "{}: {said}", path.display());
            assert!(!world.check().problems.is_empty(), "{}: {said}", path.display());
            if path.ends_with("repomd.xml.asc") {
                fs::remove_file(&path).unwrap();
                assert!(!installs("world").0, "without a signature");
            }
            fs::write(&path, good).unwrap();
        }
        let (done, said) = installs("world");
        assert!(done, "{said}");
    }
}
