//! Packages that are pre-installed on a base before its script runs.

use super::*;

const STATUS: &str = "Package: base-files\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n\
                      Package: apt\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n";
const FILES: &str = "d/\0\0d/usr\0\0d/usr/bin\0\0l/bin\0usr/bin\0f/usr/bin/apt\0\0d/etc\0\0";

/// A system with what a base has, and a script that says which of the tool's files it saw.
#[derive(Clone)]
struct System {
    probe: Reply,
    survey: String,
    /// Whether the script fails where the tool is unpacked.
    chokes: bool,
    seen: Arc<Mutex<Vec<String>>>,
}

impl System {
    fn new() -> System {
        let database = "diversions\0/bin/sh\n/bin/sh.distrib\ndash\n\0triggers/ldconfig\0libc-bin/noawait\n\0\0";
        System {
            probe: Reply::exit(0).stdout(STATUS),
            survey: format!("{database}{FILES}"),
            chokes: false,
            seen: Arc::default(),
        }
    }

    fn reply(&self, guest: &mut Guest<'_>) -> Reply {
        if says(guest, "cat /var/lib/dpkg/status") {
            return self.probe.clone();
        }
        if says(guest, "find / -xdev") {
            let preinst = guest.files.get("/tmp/farm-preinst/tool.preinst").map(|file| file.mode & 0o777);
            assert_eq!(
                (preinst, says(guest, "\"./$script\" install")),
                (Some(0o755), true),
                "it runs before unpacking"
            );
            return Reply::exit(0).stdout(self.survey.clone());
        }
        if !says(guest, "the script") {
            return Reply::exit(0);
        }
        let text = |path: &str| {
            guest.files.get(path).map_or(String::new(), |file| String::from_utf8_lossy(&file.data).into_owned())
        };
        let unpacked = text("/usr/bin/tool") == "ELF";
        self.seen.lock().unwrap().push(match unpacked {
            true => {
                let status = text("/var/lib/dpkg/status");
                assert!(status.starts_with("Package: base-files\nStatus: install ok installed\n"), "{status}");
                assert!(status.contains("\n\nPackage: tool\nStatus: install ok unpacked\n"), "{status}");
                assert_eq!(text("/var/lib/dpkg/triggers/Unincorp"), "ldconfig -\n");
                assert_eq!(text("/var/lib/dpkg/info/tool.list"), "/bin/tool\n");
                "unpacked".to_owned()
            }
            false if guest.files.get("/tmp/offered/tool_1_amd64.deb").is_some() => "offered".to_owned(),
            false => "plain".to_owned(),
        });
        Reply::exit(if self.chokes && unpacked { 1 } else { 0 })
    }
}

/// What the script saw, each time that it ran, and what was printed.
async fn install(system: System, file: &str, relations: &[&str]) -> Option<(Vec<String>, String)> {
    install_as(system, file, relations, |_| ()).await
}

async fn install_as(
    system: System,
    file: &str,
    relations: &[&str],
    change: impl FnOnce(&mut Install),
) -> Option<(Vec<String>, String)> {
    let control = "Package: tool\nVersion: 1\nArchitecture: amd64\n";
    let control = tarball(&[
        ("./control", TarMember::File(control.as_bytes())),
        ("./preinst", TarMember::File(b"#!/bin/sh\n")),
        ("./triggers", TarMember::File(b"activate-noawait ldconfig\n")),
    ]);
    let data = tarball(&[(file, TarMember::File(b"ELF"))]);
    let tool = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", &data)]);
    let mut lab = Lab::holding(&[("tool", "Depends: apt\n", tool)])?;
    let engine = FakeEngine::new();
    let scripted = system.clone();
    engine.on_exec(move |guest| Some(scripted.reply(guest)));
    lab.engine = engine;
    let images = lab.images();
    let relations = relations.iter().map(ToString::to_string).collect();
    let mut install = Install::new(Arc::new(lab.distro.clone()), Arch::Amd64, relations, "/tmp/offered");
    change(&mut install);
    let (cancel, next) = (CancellationToken::new(), Some(&mut install));
    let base = images.base(&lab.distro, Arch::Amd64, next, &mut Nowhere, &NoProgress, &|_| (), &cancel).await.unwrap();
    // It was fetched while the base was made.
    std::fs::remove_dir_all(lab.archive.folder.path().join("pool")).unwrap();
    let mut log = Log::default();
    let made = images.derive(&base, &derivation("the script"), Some(install), &mut log, &NoProgress, &cancel).await;
    assert!(lab.engine.containers().is_empty());
    if let Err(error) = made {
        assert!(matches!(error, ImageError::Script { exit_code: 11, .. }), "{error}");
    }
    let seen = system.seen.lock().unwrap().clone();
    Some((seen, String::from_utf8(log.0).unwrap()))
}

#[derive(Default)]
struct Log(Vec<u8>);

#[async_trait]
impl OutputSink for Log {
    async fn write(&mut self, _stream: OutputStream, chunk: Bytes) -> std::io::Result<()> {
        self.0.extend_from_slice(&chunk);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_there_when_the_script_runs() {
    let Some((seen, log)) = install(System::new(), "./bin/tool", &["tool (>= 1)", "apt"]).await else {
        return skipped();
    };
    assert_eq!((seen.concat().as_str(), log.as_str()), ("unpacked", "farm: unpacking 1 package, 0.0 MB\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_is_not_plain_is_left_to_apt() {
    let pins = System { probe: Reply::exit(3).stderr("it pins\n"), ..System::new() };
    let Some((seen, log)) = install(pins, "./bin/tool", &["tool"]).await else { return skipped() };
    assert_eq!((seen.concat().as_str(), log.as_str()), ("plain", "farm: apt unpacks all by itself: it pins\n"));

    let half = STATUS.replace("ok installed", "ok half-configured");
    let older = STATUS.replace("Version: 1", "Version: 0");
    for (status, relation) in [(half.as_str(), "tool"), (STATUS, "tool <!nocheck>"), ("", "tool")] {
        let system = System { probe: Reply::exit(0).stdout(status.to_owned()), ..System::new() };
        let (seen, log) = install(system, "./bin/tool", &[relation]).await.unwrap();
        assert_eq!(seen, ["plain"], "{relation}: {log}");
        assert!(log.starts_with("farm: apt unpacks all by itself: "), "{log}");
        assert!(!log.contains("once more"), "{log}");
    }
    let system = System { probe: Reply::exit(0).stdout(older), ..System::new() };
    let (seen, log) = install(system, "./bin/tool", &["tool"]).await.unwrap();
    assert_eq!(seen, ["unpacked"], "what was chosen for another system is chosen anew: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_archive_does_not_have_needs_no_container() {
    for (relation, named) in [("unheard-of", "unheard-of"), ("tool (>= 2)", "tool (>= 2)"), ("tool, x | y", "x | y")] {
        let Some((seen, log)) = install(System::new(), "./bin/tool", &[relation]).await else { return skipped() };
        assert_eq!((seen.len(), log), (0, format!("farm: the archive has none of these: {named}\n")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_archive_has_is_asked_once() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    let images = lab.images();
    let base = lab.base(&images).await.unwrap();
    let asked = |relations: &'static [&'static str]| {
        let (images, distro, base) = (images.clone(), lab.distro.clone(), base.clone());
        async move {
            let relations = relations.iter().map(ToString::to_string).collect();
            let cancel = CancellationToken::new();
            images.unknown_to_archive(&base, &distro, Arch::Amd64, relations, &NoProgress, &cancel).await.unwrap()
        }
    };
    assert_eq!(asked(&["apt", "nosuch", "apt (>= 99)", "nosuch | base-files"]).await, ["nosuch", "apt (>= 99)"]);
    assert_eq!(asked(&["apt", "base-files"]).await, [""; 0]);
    // What it does not have it may have later; what it had once is not read for again.
    let images = lab.images();
    lab.archive = Archive::new().unwrap();
    let cancel = CancellationToken::new();
    let known = ["apt", "base-files"].map(str::to_owned).to_vec();
    let again = images.unknown_to_archive(&base, &lab.distro, Arch::Amd64, known, &NoProgress, &cancel);
    assert_eq!(again.await.unwrap(), [""; 0]);
    let (of_another, engine) = (Base { image: "of a registry".to_owned(), ..base }, &lab.engine);
    engine.add_image("of a registry", Default::default());
    let nosuch = vec!["nosuch".to_owned()];
    let unknown = images.unknown_to_archive(&of_another, &lab.distro, Arch::Amd64, nosuch, &NoProgress, &cancel);
    assert_eq!(unknown.await.unwrap(), [""; 0], "that image may have other archives");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dpkg_has_rules_for_is_begun_again_by_apt() {
    for (file, survey, reason) in [
        ("./bin/apt", System::new().survey, "package tool holds ./bin/apt: the system has it, too"),
        ("./bin/sh", System::new().survey, "package tool holds ./bin/sh, which is diverted or overridden"),
        ("./bin/tool", "nonsense\0".to_owned(), "its files cannot be listed"),
        ("./bin/tool", format!("statoverride\0root root 4755 /bin/tool\n\0\0{FILES}"), "diverted or overridden"),
    ] {
        let system = System { survey, ..System::new() };
        let Some((seen, log)) = install(system, file, &["tool"]).await else { return skipped() };
        assert_eq!(seen, ["offered"], "{log}");
        assert!(log.contains("farm: once more, apt unpacks all by itself: ") && log.contains(reason), "{log}");
    }
    let system = System { chokes: true, ..System::new() };
    let (seen, log) = install(system, "./bin/tool", &["tool"]).await.unwrap();
    assert_eq!(seen, ["unpacked", "offered"], "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_to_apt_finds_copies_of_verified_packages() {
    for (relations, expected) in [
        (&["tool"][..], "offered"),
        (&["tool (>= 1)", "of-the-set"], "offered"),
        (&["of-the-set"], "plain"),
        (&["apt"], "plain"),
    ] {
        let left = install_as(System::new(), "./bin/tool", relations, Install::leave_to_apt).await;
        let Some((seen, log)) = left else { return skipped() };
        assert_eq!((seen.concat().as_str(), log.as_str()), (expected, ""), "{relations:?}");
    }
}

#[test]
fn files_are_offered_under_the_names_that_apt_gives_them() {
    for (name, version, expected) in [
        ("tool", "1", "tool_1_amd64.deb"),
        ("libx_y", "2:1.0-3~deb12+u1", "libx%5fy_2%3a1.0-3~deb12+u1_amd64.deb"),
        ("g++", "4:12.2.0-3", "g++_4%3a12.2.0-3_amd64.deb"),
    ] {
        assert_eq!(super::super::install::apt_name(&crate::archive::Package::for_test(name, version)), expected);
    }
}
