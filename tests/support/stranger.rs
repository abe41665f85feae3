//! An ordinary user who has no rights on this machine: one that exists only in the mount namespace of a child, whose
//! `/etc` has a line more in a few files. Nothing of the machine changes.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{have, is_root};

pub(crate) const NAME: &str = "farmtest";
pub(crate) const ID: u32 = 47_110;
const SUBORDINATE: &str = "farmtest:300000:65536\n";

/// Its arguments: a folder over `/etc`, names of programs that there are to be none of, `--`, and what to run.
const BECOME: &str = r#"
set -e
mount -t overlay -o "lowerdir=$1:/etc" farm-test /etc
shift
while [ "$1" != -- ]; do
    for folder in /usr/bin /usr/sbin /bin /sbin; do
        if [ -f "$folder/$1" ]; then mount --bind /dev/null "$folder/$1"; fi
    done
    shift
done
shift
exec setpriv --reuid=47110 --regid=47110 --clear-groups --inh-caps=-all -- "$@"
"#;

/// The user, with a folder for copies of programs that he may run, and a home.
pub(crate) struct Stranger {
    folder: tempfile::TempDir,
    /// Programs that he does not find.
    pub(crate) hidden: Vec<&'static str>,
}

impl Stranger {
    /// `None` where this is not root, who alone can become somebody else, or where a tool for it is missing.
    pub(crate) fn new() -> Option<Stranger> {
        if !is_root() || !have(&["newuidmap", "newgidmap", "setpriv", "unshare"]) {
            return None;
        }
        // Not in the checkout: others may not be allowed to read it. Not a file system of memory: 2 GiB are moved.
        let folder = tempfile::Builder::new().prefix("farm-user-").tempdir_in("/var/tmp").unwrap();
        let stranger = Stranger { folder, hidden: Vec::new() };
        std::fs::set_permissions(stranger.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(stranger.home()).unwrap();
        chown(stranger.home(), Some(ID), Some(ID)).unwrap();
        let etc = stranger.folder.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        let home = stranger.home();
        let lines = [
            ("passwd", format!("{NAME}:x:{ID}:{ID}::{}:/bin/sh\n", home.display())),
            ("group", format!("{NAME}:x:{ID}:\n")),
            ("subuid", SUBORDINATE.to_owned()),
            ("subgid", SUBORDINATE.to_owned()),
        ];
        for (name, line) in lines {
            let before = std::fs::read_to_string(Path::new("/etc").join(name)).unwrap_or_default();
            std::fs::write(etc.join(name), before + &line).unwrap();
        }
        Some(stranger)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.home().join("store")
    }

    /// Takes his line out of `/etc/subuid` or `/etc/subgid`, or puts another one there.
    pub(crate) fn subordinate(&self, file: &str, line: &str) {
        std::fs::write(self.folder.path().join("etc").join(file), line).unwrap();
    }

    /// A copy of a program that he may run.
    pub(crate) fn copy(&self, program: &Path) -> PathBuf {
        let copy = self.folder.path().join(program.file_name().unwrap());
        if !copy.exists() {
            copy_program(program, &copy);
            std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        copy
    }

    pub(crate) fn farm(&self) -> PathBuf {
        let farm = self.copy(Path::new(env!("CARGO_BIN_EXE_farm")));
        // His own, as in his home: what runs in his containers as root has his rights out here.
        chown(&farm, Some(ID), Some(ID)).unwrap();
        farm
    }

    /// A command that he runs, in his home, with an environment of his own.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--", "sh", "-c", BECOME, "sh"]);
        command.arg(self.folder.path().join("etc")).args(&self.hidden).arg("--").arg(program);
        command.current_dir(self.home()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.home()).env("PATH", "/usr/local/bin:/usr/bin:/bin").env("RUST_BACKTRACE", "0");
        command
    }
}

/// Copies a program that is to be run. Another process does it: a thread that starts one while the copy is open for
/// writing here hands that on, and until it runs its own program, starting the copy is refused ("text file busy").
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "cp {} {}", from.display(), to.display());
}
