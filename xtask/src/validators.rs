//! What reads the documents of `farm attest` in the tests: validators from Python's package index, in the versions and with
//! the sums of `tests/matrix/validators/requirements.txt`, in a folder of their own below target.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;
use crate::command::{self, Failure};

/// Makes sure that the validators are there; the Python that has them. From which index they come is what pip of this
/// machine is configured to use.
pub(crate) fn ensure() -> Result<PathBuf, Failure> {
    let folder = command::target().join("validators");
    let python = folder.join("bin/python");
    let ours = command::root().join("tests/matrix/validators");
    let (wanted, installed) = (ours.join("requirements.txt"), folder.join("requirements.txt"));
    let read = |path: &Path| fs::read(path).map_err(|error| Failure::io("read", path, &error));
    // Without a document, it says whether all that it imports is there.
    let answers = || command::output(Command::new(&python).arg(ours.join("validate.py"))).map(drop);
    if read(&installed).is_ok_and(|text| read(&wanted).is_ok_and(|wanted| wanted == text)) && answers().is_ok() {
        return Ok(python);
    }
    let mut of_system = "python3";
    if command::is_installed("apt-get") {
        apt::install(&["python3-venv"])?;
        of_system = "/usr/bin/python3";
    }
    command::run(Command::new(of_system).args(["-m", "venv", "--clear"]).arg(&folder))?;
    println!("xtask: installing validators of bills of materials");
    // Nothing of a package is run before it is one with a known sum: no sdist is built.
    let pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "install"];
    let chosen = ["--require-hashes", "--only-binary", ":all:", "--requirement"];
    command::run(Command::new(&python).args(pip).args(chosen).arg(&wanted))?;
    answers()?;
    fs::copy(&wanted, &installed).map_err(|error| Failure::io("write", &installed, &error))?;
    Ok(python)
}
