//! Debian's Apache with WebDAV and a password.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;

use super::*;
use crate::types::testing::have_with;

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
        if !have_with(&["apache2"], "-v") {
            return None;
        }
        let temp = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let root = temp.path().display();
        // htpasswd(1): a plain SHA-1 sum is one of the forms.
        let sum = base64::engine::general_purpose::STANDARD.encode(<sha1::Sha1 as sha1::Digest>::digest(SECRET));
        std::fs::write(temp.path().join("users"), format!("{KEY}:{{SHA}}{sum}\n")).unwrap();
        let modules = [
            ("mpm_event", "mpm_event"),
            ("authz_core", "authz_core"),
            ("authz_user", "authz_user"),
            ("authn_core", "authn_core"),
            ("authn_file", "authn_file"),
            ("auth_basic", "auth_basic"),
            ("dav", "dav"),
            ("dav_fs", "dav_fs"),
        ];
        let modules: String = modules
            .map(|(name, file)| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{file}.so\n"))
            .concat();
        let config = format!(
            "ServerRoot {root}\nServerName localhost\nPidFile {root}/pid\nErrorLog {root}/errors\nListen 127.0.0.1:{port}\n\
             {modules}User www-data\nGroup www-data\nDocumentRoot {root}/www\nDavLockDB {root}/www-locks/db\n\
             <Directory {root}/www>\nDav On\nAuthType Basic\nAuthName x\nAuthUserFile {root}/users\n\
             <LimitExcept GET HEAD>\nRequire valid-user\n</LimitExcept>\n</Directory>\n"
        );
        std::fs::write(temp.path().join("config"), config).unwrap();
        for folder in ["", "www", "www-locks"] {
            let folder = temp.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        }
        // `-X`: one process, which is all that has to be ended.
        let mut apache = Command::new("apache2");
        apache.args(["-X", "-f"]).arg(temp.path().join("config")).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server { child: apache.spawn().unwrap(), temp, port };
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let errors = std::fs::read_to_string(server.temp.path().join("errors")).unwrap_or_default();
            assert!(std::time::Instant::now() < deadline, "apache2 does not answer: {errors}");
            std::thread::yield_now();
        }
        Some(server)
    }

    pub(super) fn stored(&self) -> PathBuf {
        self.temp.path().join("www/a/repo")
    }

    pub(super) fn request(&self, root: &Path) -> Request {
        let address = format!("http://127.0.0.1:{}/a/repo/", self.port);
        Request { environment: login(SECRET), ..request(root, &address) }
    }
}

pub(super) fn login(password: &str) -> Environment {
    let variables = [("FARM_PUBLISH_USER", KEY), ("FARM_PUBLISH_PASSWORD", password)];
    Environment::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

#[test]
fn a_web_server_gets_what_it_lacks_and_one_publisher_at_a_time() {
    let Some(server) = Server::start() else { return };
    let world = World::new();
    let request = server.request(&world.root());
    let sent = run(request.clone()).unwrap();
    assert!(sent.notes.is_empty(), "it compares: {:?}", sent.notes);
    assert_eq!(sent.sent.len(), count_files(&world.root()));
    assert_eq!(check(&server.stored(), world.signer.certificate().as_bytes()), []);
    assert_eq!(run(request.clone()).unwrap().sent, []);
    std::fs::remove_file(server.stored().join("dists/bookworm/InRelease")).unwrap();
    let path = "pool/bookworm/main/l/large/large_1.0~rc1+b1%_all.deb";
    std::fs::create_dir_all(world.at(path).parent().unwrap()).unwrap();
    std::fs::write(world.at(path), vec![7; 5 << 20]).unwrap();
    assert_eq!(run(request.clone()).unwrap().sent.len(), 2);
    assert!(std::fs::read(server.stored().join(path)).unwrap() == vec![7; 5 << 20]);
    let refused = run(Request { environment: login("another"), is_dry: false, ..request.clone() });
    assert_eq!(refused.unwrap().sent, [], "reading needs no password");
    std::fs::remove_file(world.at(path)).unwrap();
    let refused = run(Request { environment: login("another"), ..request.clone() }).unwrap_err().to_string();
    assert!(refused.contains("~/.netrc") && !refused.contains("another"), "{refused}");
    let gone = run(Request { grace: Duration::ZERO, ..request.clone() }).unwrap();
    assert_eq!(gone.removed, [path]);
    a_second_publisher_is_told(&world, &request);
}

#[test]
fn a_publisher_to_a_web_server_is_killed_at_any_moment() {
    let Some(server) = Server::start() else { return };
    let world = killed::world();
    let request = Request { grace: killed::GRACE, ..server.request(&world.root()) };
    killed::is_killed_at_any_moment(&world, &request, &server.stored(), (4, 80));
}
