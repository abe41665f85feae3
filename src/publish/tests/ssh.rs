//! Debian's sshd, with keys of its own, whose users may do nothing but SFTP.

use std::process::{Child, Command, Stdio};

use super::*;
use crate::types::testing::{have_with, skip};

const SSHD: &str = "/usr/sbin/sshd";

/// Stops when it is dropped.
pub(super) struct Server {
    temp: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(super) fn start() -> Option<Server> {
        if !have_with(&["ssh", "ssh-keygen"], "-V") {
            return None;
        }
        if !Path::new(SSHD).exists() {
            skip("sshd is not installed");
            return None;
        }
        // sshd wants to be called so, and root's to have an empty folder there.
        let _ = std::fs::create_dir("/run/sshd");
        let temp = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let root = temp.path().display();
        for name in ["host", "ada"] {
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(temp.path().join(name));
            assert!(make.stdin(Stdio::null()).status().unwrap().success());
        }
        let read = |name: &str| std::fs::read_to_string(temp.path().join(name)).unwrap();
        let write = |name: &str, text: String| std::fs::write(temp.path().join(name), text).unwrap();
        write("known", format!("[127.0.0.1]:{port} {}", read("host.pub")));
        write("authorized", read("ada.pub"));
        write(
            "sshd",
            format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\nPidFile none\n\
                 StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 Subsystem sftp internal-sftp\nForceCommand internal-sftp\n"
            ),
        );
        write(
            "ssh",
            format!(
                "Host *\nIdentityFile {root}/ada\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {root}/known\n"
            ),
        );
        let mut sshd = Command::new(SSHD);
        sshd.args(["-D", "-E"]).arg(temp.path().join("log")).arg("-f").arg(temp.path().join("sshd"));
        let child = sshd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Server { temp, port, child };
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = std::fs::read_to_string(server.temp.path().join("log")).unwrap_or_default();
            assert!(std::time::Instant::now() < deadline, "sshd does not answer: {log}");
            std::thread::yield_now();
        }
        Some(server)
    }

    pub(super) fn stored(&self) -> PathBuf {
        self.temp.path().join("srv/repo")
    }

    fn ssh(&self) -> String {
        format!("ssh -F {}", self.temp.path().join("ssh").display())
    }

    pub(super) fn request(&self, root: &Path) -> Request {
        let address = format!("ssh://127.0.0.1:{}{}/", self.port, self.stored().display());
        Request { environment: by(&self.ssh()), ..request(root, &address) }
    }
}

pub(super) fn by(program: &str) -> Environment {
    Environment::new([(crate::network::ssh::PROGRAM.to_owned(), program.to_owned())].into())
}

#[test]
fn a_host_gets_what_it_lacks_over_ssh_and_one_publisher_at_a_time() {
    use std::os::unix::fs::PermissionsExt;
    let Some(server) = Server::start() else { return };
    let world = World::new();
    let request = server.request(&world.root());
    let sent = run(request.clone()).unwrap();
    assert!(sent.notes.is_empty(), "it compares: {:?}", sent.notes);
    assert_eq!(sent.sent.len(), count_files(&world.root()));
    assert_eq!(check(&server.stored(), world.signer.certificate().as_bytes()), []);
    for (path, mode) in [("dists", 0o755), ("dists/bookworm/InRelease", 0o644)] {
        let found = std::fs::metadata(server.stored().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
    assert_eq!(run(request.clone()).unwrap().sent, []);

    // What somebody took away is sent again, and a large file in many pieces.
    std::fs::remove_file(server.stored().join("dists/bookworm/InRelease")).unwrap();
    let path = "pool/bookworm/main/l/large/large_1.0~rc1+b1%_all.deb";
    std::fs::create_dir_all(world.at(path).parent().unwrap()).unwrap();
    let large: Vec<u8> = (0..5_000_017_u32).map(|number| (number % 251) as u8).collect();
    std::fs::write(world.at(path), &large).unwrap();
    assert_eq!(run(request.clone()).unwrap().sent.len(), 2);
    assert!(std::fs::read(server.stored().join(path)).unwrap() == large);
    std::fs::remove_file(world.at(path)).unwrap();
    let gone = run(Request { grace: Duration::ZERO, ..request.clone() }).unwrap();
    assert_eq!(gone.removed, [path]);
    assert!(!server.stored().join("pool/bookworm/main/l").exists(), "folders that have nothing any more");
    assert_eq!(check(&server.stored(), world.signer.certificate().as_bytes()), []);

    // A disk that is full, or whatever it is: the path and the reason of the other end.
    let kept = server.stored().join("key.asc");
    std::fs::remove_file(&kept).unwrap();
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(kept.join("x"), "").unwrap();
    let refused = run(request.clone()).unwrap_err().to_string();
    assert!(refused.contains("key.asc") && refused.contains("ssh://127.0.0.1"), "{refused}");
    std::fs::remove_dir_all(&kept).unwrap();
    a_second_publisher_is_told(&world, &request);
}

#[test]
fn a_host_that_is_not_to_be_had_is_told_with_what_ssh_says() {
    let Some(server) = Server::start() else { return };
    let world = World::new();
    let refused =
        |ssh: &str| run(Request { environment: by(ssh), ..server.request(&world.root()) }).unwrap_err().to_string();
    let ssh = server.ssh();
    std::fs::write(server.temp.path().join("nobody"), "").unwrap();
    let nobody = server.temp.path().join("nobody").display().to_string();
    let said = refused(&format!("{ssh} -o UserKnownHostsFile={nobody} -o StrictHostKeyChecking=yes"));
    assert!(said.contains("Host key verification failed") && said.contains("once by hand"), "{said}");
    std::fs::write(server.temp.path().join("authorized"), "").unwrap();
    let said = refused(&ssh);
    assert!(said.contains("Permission denied (publickey)"), "{said}");
    let said = refused("/nowhere/ssh");
    assert!(said.contains("/nowhere/ssh cannot be started"), "{said}");
    // A shell that greets, as some hosts do.
    let said = refused("echo Welcome to this host. ");
    assert!(said.contains("does not speak SFTP") || said.contains("the connection is gone"), "{said}");
}

#[test]
fn a_publisher_over_ssh_is_killed_at_any_moment() {
    let Some(server) = Server::start() else { return };
    let world = killed::world();
    let request = Request { grace: killed::GRACE, ..server.request(&world.root()) };
    killed::is_killed_at_any_moment(&world, &request, &server.stored(), (6, 20));
}
