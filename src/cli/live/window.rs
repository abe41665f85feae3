//! A window of tmux with a shell in it, in which `farm` is the player: what a person would see, and the keys of one.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::player::SCRIPT;

/// How long anything may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `look` finds what it looks for.
///
/// # Panics
/// With what `seen` says when that does not come.
pub(super) fn wait<T>(mut look: impl FnMut() -> Option<T>, seen: impl Fn() -> String) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "it does not come:\n{}", seen());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the player is told, and where it stands.
pub(super) struct Script {
    pub(super) folder: tempfile::TempDir,
    pipe: File,
}

impl Script {
    pub(super) fn new() -> Script {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        // For both, so that opening it waits for nobody.
        let pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        // A farm that is this very test, which then plays.
        let player = std::env::current_exe().unwrap();
        let text = format!(
            "#!/bin/sh\nexec env {SCRIPT}={} {} --exact cli::live::a_run_in_a_window -q --nocapture\n",
            crate::packaging::quote(&path.to_string_lossy()),
            crate::packaging::quote(&player.to_string_lossy()),
        );
        let farm = folder.path().join("farm");
        fs::write(&farm, text).unwrap();
        fs::set_permissions(&farm, fs::Permissions::from_mode(0o755)).unwrap();
        Script { folder, pipe }
    }

    pub(super) fn farm(&self) -> PathBuf {
        self.folder.path().join("farm")
    }

    /// Each line in turn.
    pub(super) fn tell(&mut self, lines: &str) {
        let lines: String = lines.lines().map(|line| format!("{}\n", line.trim())).collect();
        self.pipe.write_all(lines.as_bytes()).unwrap();
    }
}

/// The window; it ends with this.
pub(super) struct Window {
    socket: PathBuf,
}

impl Window {
    pub(super) fn new(script: &Script, columns: usize, rows: usize) -> Window {
        let folder = script.folder.path();
        let configuration = folder.join("tmux.conf");
        fs::write(&configuration, "set -g status off\nset -g history-limit 2000\n").unwrap();
        let window = Window { socket: folder.join("tmux") };
        let shell = [
            "env -i TERM=screen-256color LC_ALL=C.UTF-8 TMUX=here",
            &format!("PATH={}:/usr/bin:/bin PS1='$ ' sh -i", folder.display()),
        ]
        .join(" ");
        let (columns, rows) = (columns.to_string(), rows.to_string());
        window.tmux(&[
            "-u",
            "-f",
            &configuration.to_string_lossy(),
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            &shell,
        ]);
        wait(|| (window.screen().trim() == "$").then_some(()), || window.screen());
        window
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(arguments).env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        let output = command.output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A line and Enter.
    pub(super) fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.key("Enter");
    }

    /// `C-c`, as tmux calls it.
    pub(super) fn key(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Returns when programs in it can know: tmux tells them a while after it has changed what it shows.
    pub(super) fn resize(&self, columns: usize, rows: usize) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
        let terminal = self.tmux(&["display-message", "-p", "#{pane_tty}"]);
        let size = || {
            let terminal = File::open(terminal.trim()).unwrap();
            let output = Command::new("stty").arg("size").stdin(terminal).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        wait(|| (size().trim() == format!("{rows} {columns}")).then_some(()), size);
    }

    /// What is in the window now.
    pub(super) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// That, and what has left it at the top.
    pub(super) fn all(&self) -> String {
        let all = self.tmux(&["capture-pane", "-p", "-S", "-"]);
        format!("{}\n", all.trim_end())
    }

    /// Waits until the window shows `text`.
    pub(super) fn wait_for(&self, text: &str) {
        wait(|| self.screen().contains(text).then_some(()), || format!("{text}\n---\n{}", self.screen()));
    }

    /// Waits until the shell asks for the next command.
    pub(super) fn wait_for_shell(&self) {
        let is_asked = |screen: &str| screen.trim_end().ends_with("\n$");
        wait(|| is_asked(&self.screen()).then_some(()), || self.screen());
    }

    /// Whether the cursor can be seen, and in which column it is.
    pub(super) fn cursor(&self) -> String {
        self.tmux(&["display-message", "-p", "#{cursor_flag} #{cursor_x}"]).trim().to_owned()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
