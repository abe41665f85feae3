//! A pool: one Docker by ssh, another by TCP with certificates. The same packages as from one engine, and nothing lost when
//! one of them is killed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Ran, Test, built_once, engine, repository, temporary};

/// What ends with this, and all that it started.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start(command: &mut Command, log: &Path, port: u16) -> Server {
        let log_file = fs::File::create(log).unwrap();
        let errors = log_file.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(log_file).stderr(errors).spawn().unwrap();
        let mut server = Server(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.0.try_wait().unwrap();
            let said = || fs::read_to_string(log).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < deadline, "{command:?} does not answer: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn shell(script: &str, folder: &Path) {
    let ran = Ran::of(Command::new("sh").args(["-ec", script]).current_dir(folder));
    assert_eq!(ran.code, Some(0), "{script}: {ran}");
}

/// sshd with keys of its own, and what `ssh` needs to be let in.
fn sshd(folder: &Path) -> (Server, String, u16) {
    let port = free_port();
    // sshd wants to be called by its path, and root's to have an empty folder there.
    let _ = fs::create_dir("/run/sshd");
    shell("for key in host user; do ssh-keygen -q -t ed25519 -N '' -f $key; done", folder);
    let root = folder.display();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    fs::write(folder.join("known"), format!("[127.0.0.1]:{port} {}", read("host.pub"))).unwrap();
    fs::write(folder.join("authorized"), read("user.pub")).unwrap();
    let server = format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\nPidFile none\n\
         StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
    );
    fs::write(folder.join("sshd.conf"), server).unwrap();
    let client = format!(
        "Host *\nIdentityFile {root}/user\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {root}/known\n"
    );
    fs::write(folder.join("ssh.conf"), client).unwrap();
    let mut sshd = Command::new("/usr/sbin/sshd");
    sshd.args(["-D", "-e", "-f"]).arg(folder.join("sshd.conf"));
    let server = Server::start(&mut sshd, &folder.join("sshd.log"), port);
    (server, format!("ssh -F {root}/ssh.conf"), port)
}

/// A second dockerd, which lets in who has a certificate. All its processes and mounts are in namespaces that end with it.
struct Daemon {
    server: Server,
    port: u16,
    data: PathBuf,
    cgroup: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.server.0.kill();
        let _ = self.server.0.wait();
        let _ = Command::new("find")
            .args([&format!("/sys/fs/cgroup{}", self.cgroup), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
            .output();
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn dockerd(folder: &Path) -> Daemon {
    let port = free_port();
    let certificates = "\
        openssl req -quiet -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem 2>/dev/null
        issue() {
            openssl req -newkey rsa:2048 -nodes -subj /CN=$1 -keyout $1.key -out $1.csr 2>/dev/null
            printf '%s\\n' \"$2\" > $1.ext
            openssl x509 -req -days 2 -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile $1.ext -out $1.crt 2>/dev/null
        }
        issue server subjectAltName=IP:127.0.0.1
        issue client extendedKeyUsage=clientAuth
        cp client.crt cert.pem; cp client.key key.pem";
    shell(&certificates.replace(" -quiet", ""), folder);
    let data = temporary().join("pool-docker");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data).unwrap();
    let cgroup = format!("/farm-pool-{}", std::process::id());
    fs::write(folder.join("daemon.json"), "{}").unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let mut daemon = Command::new("unshare");
    daemon
        .args(["--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--", "dockerd", "--config-file"])
        .arg(at("daemon.json"))
        .args(["--data-root", data.to_str().unwrap(), "--exec-root", &at("exec"), "--pidfile", &at("pid")])
        .args(["--host", &format!("tcp://127.0.0.1:{port}"), "--tlsverify", "--tlscacert", &at("ca.pem")])
        .args(["--tlscert", &at("server.crt"), "--tlskey", &at("server.key"), "--cgroup-parent", &cgroup])
        // Its containers have the host's network: a second bridge would be in the way of the first daemon's.
        .args(["--bridge=none", "--iptables=false", "--ip-forward=false"]);
    let server = Server::start(&mut daemon, &folder.join("dockerd.log"), port);
    Daemon { server, port, data, cgroup }
}

/// Engines whose names begin the logs of these targets.
fn engines(test: &Test, targets: &[&str]) -> Vec<String> {
    let of = |target: &&str| {
        let log = fs::read_to_string(test.dist().join(target).join("build.log")).unwrap();
        let line = log.lines().find(|line| line.contains(" at ssh://") || line.contains(" at tcp://"));
        line.and_then(|line| line.split(" at ").last()).and_then(|url| url.get(..6)).unwrap_or("none").to_owned()
    };
    targets.iter().map(of).collect()
}

/// Takes its time where it says so.
const SLOW: &str = r#"[package]
name = "NAME"
version = "1.0"
summary = "Takes its time"
description = "A file that is long in coming."
license = "MIT"
homepage = "https://example.org/NAME"
maintainer = "Example Maintainers <farm@example.org>"
architecture = "all"
date = 2026-01-02T03:04:05Z

[build]
build = "echo it is at work; sleep 6"
install = """
mkdir -p $DESTDIR/usr/share/NAME
echo there > $DESTDIR/usr/share/NAME/file
"""

[matrix]
distros = ["debian-12"]
"#;

#[test]
fn two_daemons_build_the_same_and_one_can_be_killed() {
    let Some(docker) = engine("DOCKER_HOST") else { return };
    let Some(built) = built_once() else { return };
    let socket = docker.strip_prefix("unix://").expect("the Docker of the tests is on this machine");
    // Short: the path of a socket ends after 107 bytes.
    let folder = tempfile::tempdir().unwrap();
    let (_sshd, ssh, ssh_port) = sshd(folder.path());
    let mut daemon = dockerd(folder.path());
    let (by_ssh, by_tcp) = (format!("ssh://127.0.0.1:{ssh_port}{socket}"), format!("tcp://127.0.0.1:{}", daemon.port));
    let test = Test::on("pool", &docker)
        .env("FARM_ENGINE", &format!("{by_ssh} {by_tcp}"))
        .env("FARM_SSH", &ssh)
        .env("FARM_NETWORK", "host")
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_CERT_PATH", folder.path().to_str().unwrap())
        .file("slow/one/farm.toml", &SLOW.replace("NAME", "one"))
        .file("slow/two/farm.toml", &SLOW.replace("NAME", "two"));
    let doctor = test.without_output().run(&["doctor"]);
    doctor.says_all(&[&format!("at {by_ssh}"), &format!("at {by_tcp}")]);

    let wanted = ["build", "pass", "xxhash", "-t", "debian-12", "-t", "rpm-generic", "-j1"];
    test.run_in(repository(), &wanted).exits(0).says("4 succeeded");
    let targets =
        ["pass/debian-12-amd64", "pass/rpm-generic-x86_64", "xxhash/debian-12-amd64", "xxhash/rpm-generic-x86_64"];
    let mut used = engines(&test, &targets);
    used.sort();
    used.dedup();
    assert_eq!(used, ["ssh://", "tcp://"]);
    for target in targets {
        test.has_the_packages_of(built, target);
    }
    test.run_in(repository(), &wanted).exits(0).says("4 up to date");

    // Both are at work when one of the two is gone.
    let mut farm =
        test.command(&["build", "slow/one", "slow/two", "--matrix", "-j1", "--progress", "json", "--no-test"]);
    let mut farm = farm.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(farm.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let begun = line.contains("it is at work");
        said.push_str(&line);
        said.push('\n');
        if begun && said.matches("\"it is at work").count() == 2 {
            daemon.server.0.kill().unwrap();
        }
    }
    let ended = farm.wait().unwrap();
    assert!(ended.success(), "{ended}: {said}");
    assert!(said.contains("it is begun anew on another engine"), "{said}");
    assert_eq!(said.matches(r#""outcome":"succeeded""#).count(), 2, "{said}");
    // Of a pool, who does not answer is left out, and that is said.
    test.run_in(repository(), &wanted).exits(0).says("4 up to date").says("is left out of this run");
}
