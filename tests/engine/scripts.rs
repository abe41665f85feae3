//! What the cases run, as scripts for real engines, and the same told to the fake.

use bytes::Bytes;
use farm::engine::fake::{FakeEngine, FakeFile, Guest, Reply};

pub(crate) const EXIT_7: &str = "exit 7";
pub(crate) const BYTES: &str = r"printf 'out\377\000\n'; printf 'err\376' >&2";
pub(crate) const MUCH: &str = "head -c 10000000 /dev/zero | tr '\\000' x; exit 3";
pub(crate) const MUCH_BYTES: usize = 10_000_000;
pub(crate) const WHO: &str = r#"echo "$COLOUR|$(id -u):$(id -g)|$PWD""#;
pub(crate) const READY_THEN_SLEEP: &str = "echo ready; sleep 1000";
pub(crate) const SHOW_FILES: &str = "cat /tmp/before /tmp/after";
pub(crate) const STAT: &str = "stat -c '%u:%g %a' /tmp/tree /tmp/tree/tool /tmp/tree/set-uid";
pub(crate) const WRITE_KEPT: &str = "echo kept >/var/kept";
pub(crate) const READ_KEPT: &str = "cat /var/kept";

pub(crate) fn fake() -> FakeEngine {
    let engine = FakeEngine::new();
    engine.on_exec(|guest| match guest.exec.argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["sh", "-c", script] => shell(script, guest),
        _ => None,
    });
    engine
}

fn shell(script: &str, guest: &mut Guest<'_>) -> Option<Reply> {
    let cat = |paths: &[&str]| {
        let mut text = Vec::new();
        for path in paths {
            match guest.files.get(*path) {
                Some(file) => text.extend_from_slice(&file.data),
                None => return Reply::exit(1).stderr(format!("cat: {path}: No such file or directory\n")),
            }
        }
        Reply::exit(0).stdout(text)
    };
    let reply = match script {
        EXIT_7 => Reply::exit(7),
        BYTES => Reply::exit(0).stdout(&b"out\xff\x00\n"[..]).stderr(&b"err\xfe"[..]),
        MUCH => (0..MUCH_BYTES / 100_000).fold(Reply::exit(3), |reply, _| reply.stdout(vec![b'x'; 100_000])),
        WHO => {
            let colour = guest.exec.env.iter().find(|(name, _)| name == "COLOUR").map_or("", |(_, value)| value);
            Reply::exit(0).stdout(format!("{colour}|{}|{}\n", guest.exec.user, guest.exec.workdir))
        }
        READY_THEN_SLEEP => Reply::hang().stdout("ready\n"),
        SHOW_FILES => cat(&["/tmp/before", "/tmp/after"]),
        STAT => ["/tmp/tree", "/tmp/tree/tool", "/tmp/tree/set-uid"].iter().fold(Reply::exit(0), |reply, path| {
            let file = &guest.files[*path];
            reply.stdout(format!("{}:{} {:o}\n", file.uid, file.gid, file.mode))
        }),
        READ_KEPT => cat(&["/var/kept"]),
        WRITE_KEPT => write(guest, "/var/kept", "kept\n"),
        _ => return None,
    };
    Some(reply)
}

fn write(guest: &mut Guest<'_>, path: &str, text: &'static str) -> Reply {
    guest.files.insert(path.to_owned(), FakeFile::regular(Bytes::from_static(text.as_bytes())));
    Reply::exit(0)
}
