//! A registry of ours, Debian's docker-registry, for the tests: farm's own engine has to pull what it serves. On a
//! loopback port, behind a password.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::apt;
use crate::command::Failure;
use crate::service::{self, Service};

/// The user `farm` with the password `loopback`, as htpasswd(1) writes it with bcrypt.
const USERS: &str = "farm:$2y$05$farmfarmfarmfarmfarmfuS8txxEF.FtaUP3jyCX5eA.ZHYcQmAd2\n";

/// As the tests get them, beside the address.
const CREDENTIALS: &str = "farm:loopback";

fn ours() -> Service {
    Service::new("registry")
}

/// Starts the registry, empty; where it answers.
pub(crate) fn start() -> Result<SocketAddr, Failure> {
    apt::install(&["docker-registry"])?;
    let service = ours();
    // One that an interrupted run left has a port that nobody knows any more.
    service.stop()?;
    service.clean()?;
    service.prepare()?;
    let address = free_address().map_err(|error| Failure::new(format!("no port is free: {error}")))?;
    let (users, configuration) = (service.run.join("htpasswd"), service.run.join("config.yml"));
    let text = format!(
        "version: 0.1\nlog:\n  accesslog:\n    disabled: true\nhttp:\n  addr: {address}\n\
         storage:\n  filesystem:\n    rootdirectory: {}\nauth:\n  htpasswd:\n    realm: farm\n    path: {}\n",
        service.data.display(),
        users.display()
    );
    for (path, text) in [(&users, USERS), (&configuration, &text)] {
        std::fs::write(path, text).map_err(|error| Failure::io("write", path, &error))?;
    }
    service.start_until(Command::new("docker-registry").arg("serve").arg(&configuration), || answers(address))?;
    Ok(address)
}

/// For the tests.
pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{CREDENTIALS}@{address}")
}

/// It may be taken until the registry has it; then the registry ends and says so.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        service::status(stream, "/v2/")
    };
    ask().is_ok_and(|status| status.contains(" 401 "))
}

/// Stops the registry if it is the one that xtask started, and removes what was pushed to it.
pub(crate) fn stop() -> Result<(), Failure> {
    ours().stop()?;
    ours().clean()
}
