//! `farm report`: where the page of the last run is, and a browser that shows it.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::args::ReportArgs;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::list;
use super::output;
use crate::store;
use crate::types::printable;

/// What systems have to open a file with the program that is for it.
const OPENERS: [&str; 2] = if cfg!(target_os = "macos") { ["open", "xdg-open"] } else { ["xdg-open", "open"] };
/// Who still runs after it is a browser, or hands on to one.
const SOON: Duration = Duration::from_secs(3);

pub(crate) async fn run(args: ReportArgs) -> Result<Exit, Failure> {
    let work = move || {
        let page = find(&args.output)?;
        output::out(&format!("{}\n", printable(&page.display().to_string())));
        if args.open {
            let browser = std::env::var("BROWSER").unwrap_or_default();
            open(&page, &browser).map_err(|reason| Failure::Opener { reason })?;
        }
        Ok(Exit::Success)
    };
    context::blocking(work).await
}

fn find(folder: &Path) -> Result<PathBuf, Failure> {
    let shown = printable(&folder.display().to_string());
    let missing = |message: String, help: &str| Failure::NothingMatched { message, help: Some(help.to_owned()) };
    list::is_there(folder)?;
    let page = store::page(folder);
    match page.is_file() {
        true => Ok(page),
        false => Err(missing(
            format!("no run has left its page in {shown}"),
            "farm build leaves one; `farm list` says what is there, `farm logs TARGET` shows a log",
        )),
    }
}

/// Tries what `BROWSER` names, `a:b %s`, and then what the system has.
///
/// # Errors
/// What was tried, in words.
fn open(page: &Path, browser: &str) -> Result<(), String> {
    // A browser may run in another folder.
    let page = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    let named: Vec<&str> = browser.split(':').map(str::trim).filter(|command| !command.is_empty()).collect();
    let openers: &[&str] = if named.is_empty() { &OPENERS } else { &[] };
    let mut tried = Vec::new();
    for command in named.iter().chain(openers) {
        match start(command, &page).and_then(wait) {
            Ok(()) => return Ok(()),
            Err(error) => {
                let name = command.split_whitespace().next().unwrap_or(command);
                let why =
                    if error.kind() == io::ErrorKind::NotFound { "not found".to_owned() } else { error.to_string() };
                tried.push(format!("{}: {why}", printable(name)));
            }
        }
    }
    Err(tried.join("; "))
}

/// Starts a command that outlives farm: the words of `command`, with the page in place of `%s`, or behind them.
fn start(command: &str, page: &Path) -> io::Result<Child> {
    let mut words = command.split_whitespace();
    let mut process = Command::new(words.next().unwrap_or_default());
    let mut named = false;
    for word in words {
        match word.split_once("%s") {
            Some((before, after)) => {
                named = true;
                let mut word = std::ffi::OsString::from(before);
                word.push(page);
                word.push(after);
                process.arg(word);
            }
            None => drop(process.arg(word)),
        }
    }
    if !named {
        process.arg(page);
    }
    // What it prints is nobody's matter, and Ctrl-C here is not meant for it.
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn()
}

fn wait(mut child: Child) -> io::Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < SOON {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(status.to_string())),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_opened_by_what_browser_names() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a page.html");
        let seen = folder.path().join("seen");
        std::fs::write(&page, "x").unwrap();
        let copy = format!("cp %s {}", seen.display());
        open(&page, &copy).unwrap();
        assert_eq!(std::fs::read_to_string(&seen).unwrap(), "x");
        // Of several the first that can.
        std::fs::write(&page, "y").unwrap();
        open(&page, &format!("/nowhere/browser:false:{copy}")).unwrap();
        assert_eq!(std::fs::read_to_string(&seen).unwrap(), "y");
        open(&page, "test -f").unwrap();
        assert_eq!(
            open(&page, "/nowhere/browser:false").unwrap_err(),
            "/nowhere/browser: not found; false: exit status: 1"
        );
    }
}
