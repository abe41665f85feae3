//! Programs that sign: GnuPG, or whatever the user names. Data goes in on stdin, a signature comes out on stdout; of farm's
//! arguments and secrets they are told nothing but the fingerprint of the key that GnuPG is to use.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use super::model::SignError;
use crate::types::printable;

/// A clear-signed Release of Debian has 150 kB.
const LARGEST: u64 = 16 << 20;
/// Of what a program says on stderr.
const LARGEST_COMPLAINT: u64 = 4096;
/// What tells a sign-command what to make.
const VARIABLE: &str = "FARM_SIGN";

#[derive(Debug, Clone)]
pub(super) enum Program {
    Gpg { fingerprint: String },
    Command(Vec<String>),
}

/// What a signature is to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Detached,
    Cleartext,
}

impl Program {
    fn name(&self) -> String {
        match self {
            Program::Gpg { .. } => "gpg".to_owned(),
            Program::Command(words) => printable(words.first().map_or("", String::as_str)),
        }
    }

    fn command(&self, shape: Shape) -> Command {
        match self {
            Program::Gpg { fingerprint } => {
                let mut gpg = Command::new("gpg");
                gpg.args(["--batch", "--no-tty", "--armor", "--digest-algo", "SHA512", "--output", "-"]);
                gpg.args(["--local-user", fingerprint]);
                gpg.arg(match shape {
                    Shape::Detached => "--detach-sign",
                    Shape::Cleartext => "--clear-sign",
                });
                gpg
            }
            Program::Command(words) => {
                let mut command = Command::new(words.first().map_or("", String::as_str));
                command.args(words.iter().skip(1)).env(
                    VARIABLE,
                    match shape {
                        Shape::Detached => "detached",
                        Shape::Cleartext => "cleartext",
                    },
                );
                command
            }
        }
    }

    /// What the program writes for `data`.
    pub(super) fn sign(&self, shape: Shape, data: &mut (dyn Read + Send)) -> Result<Vec<u8>, SignError> {
        run(&self.name(), self.command(shape), data)
    }
}

/// The public key that GnuPG has by this fingerprint.
pub(super) fn export(fingerprint: &str) -> Result<Vec<u8>, SignError> {
    let mut gpg = Command::new("gpg");
    gpg.args(["--batch", "--no-tty", "--export-options", "export-minimal", "--export", fingerprint]);
    run("gpg", gpg, &mut io::empty())
}

fn run(name: &str, mut command: Command, data: &mut (dyn Read + Send)) -> Result<Vec<u8>, SignError> {
    let failed = |reason: String| SignError::Program { program: name.to_owned(), reason: printable(reason.trim()) };
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| failed(format!("it cannot be started: {error}")))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (fed, written, complaint) = std::thread::scope(|scope| {
        let fed = scope.spawn(move || {
            let Some(mut stdin) = stdin else { return Ok(()) };
            match io::copy(data, &mut stdin).and_then(|_| stdin.flush()) {
                // It says itself why it wants no more.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                done => done,
            }
        });
        let complaint = scope.spawn(move || collect(stderr, LARGEST_COMPLAINT));
        let written = collect(stdout, LARGEST);
        (fed.join(), written, complaint.join())
    });
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    let complaint = String::from_utf8_lossy(&complaint.unwrap_or_default()).into_owned();
    if !status.success() {
        return Err(failed(format!("it ended with {status}: {complaint}")));
    }
    match fed {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => return Err(failed("it could not be given the data".to_owned())),
    }
    if written.is_empty() {
        return Err(failed(format!("it wrote nothing to stdout: {complaint}")));
    }
    Ok(written)
}

/// The first `most` bytes; the rest is read, and dropped, so that the writer does not wait.
fn collect(pipe: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.by_ref().take(most).read_to_end(&mut kept);
        let _ = io::copy(&mut pipe, &mut io::sink());
    }
    kept
}
