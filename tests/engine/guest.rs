//! A root file system small enough for tests: this host's own shell and basic programs with the libraries they need.
//! It makes the suite independent of registries and of any image that happens to be in the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

const PROGRAMS: [&str; 29] = [
    "sh",
    "cat",
    "chmod",
    "chown",
    "chroot",
    "cp",
    "dd",
    "env",
    "grep",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "nproc",
    "od",
    "rm",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "stty",
    "tail",
    "tar",
    "timeout",
    "touch",
    "tr",
    "true",
    "wc",
];

const FOLDERS: [&str; 12] = ["bin", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sys", "tmp", "usr", "var"];

/// Guest path -> host file.
#[derive(Debug, Clone)]
pub(crate) struct RootFileSystem(BTreeMap<PathBuf, PathBuf>);

impl RootFileSystem {
    /// # Panics
    /// Where a program or `ldd` is missing.
    pub(crate) fn of_this_host() -> RootFileSystem {
        let mut files = BTreeMap::new();
        for program in PROGRAMS {
            let host = ["/usr/bin", "/bin", "/usr/sbin"]
                .iter()
                .map(|folder| Path::new(folder).join(program))
                .find(|path| path.exists());
            let host = host.unwrap_or_else(|| panic!("{program} is not on this host"));
            for library in libraries(&host) {
                files.insert(library.clone(), library);
            }
            files.insert(Path::new("/bin").join(program), host);
        }
        RootFileSystem(files)
    }

    /// Changes with the host's programs.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (guest, host) in &self.0 {
            hash.update(guest.to_string_lossy().as_bytes());
            hash.update(std::fs::read(host).unwrap());
        }
        format!("sha256:{}", hex::encode(hash.finalize()))
    }

    pub(crate) fn write(&self, tar: &mut tar::Builder<&mut dyn Write>) -> io::Result<()> {
        let mut folders: BTreeSet<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
        for guest in self.0.keys() {
            let parents = guest.strip_prefix("/").unwrap().ancestors().skip(1);
            folders.extend(parents.filter(|path| path.file_name().is_some()).map(Path::to_owned));
        }
        for folder in &folders {
            let mode = if folder == Path::new("tmp") { 0o1777 } else { 0o755 };
            tar.append_data(&mut header(tar::EntryType::Directory, mode, 0), folder, io::empty())?;
        }
        for (guest, host) in &self.0 {
            let data = std::fs::read(host)?;
            let mut header = header(tar::EntryType::Regular, 0o755, data.len());
            tar.append_data(&mut header, guest.strip_prefix("/").unwrap(), data.as_slice())?;
        }
        let users = "root:x:0:0:root:/root:/bin/sh\nbuild:x:1000:1000::/tmp:/bin/sh\n";
        let names = "hosts: files dns\n";
        for (path, text) in [("etc/passwd", users), ("etc/nsswitch.conf", names)] {
            tar.append_data(&mut header(tar::EntryType::Regular, 0o644, text.len()), path, text.as_bytes())?;
        }
        Ok(())
    }
}

fn header(kind: tar::EntryType, mode: u32, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_mtime(1);
    header
}

fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("ldd is needed to make a guest");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}
