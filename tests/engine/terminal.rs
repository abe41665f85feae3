//! Processes at a terminal.

use std::time::Duration;

use bytes::Bytes;
use farm::engine::{
    Container, EngineError, ExecSpec, ExitStatus, GuestPath, OutputSink, OutputStream, TerminalInput, TerminalSize,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, exec, sh, until};
use crate::scripts;

const SIZE: TerminalSize = TerminalSize { rows: 33, columns: 121 };
const PATIENCE: Duration = Duration::from_secs(30);

/// How many processes are `sleep 1000`.
const SLEEPING: &str =
    "for file in /proc/[0-9]*/cmdline; do tr '\\000' ' ' <$file; echo; done 2>/dev/null | grep -c '^sleep 100[0]'";

/// Tells the test about each chunk.
struct Shown(mpsc::UnboundedSender<Bytes>);

#[async_trait::async_trait]
impl OutputSink for Shown {
    async fn write(&mut self, stream: OutputStream, chunk: Bytes) -> std::io::Result<()> {
        assert_eq!(stream, OutputStream::Stdout);
        let _ = self.0.send(chunk);
        Ok(())
    }
}

/// Somebody at a terminal.
struct Person {
    keyboard: Option<mpsc::Sender<TerminalInput>>,
    screen: mpsc::UnboundedReceiver<Bytes>,
    seen: String,
}

impl Person {
    async fn types(&self, text: &str) {
        let typed = TerminalInput::Typed(Bytes::copy_from_slice(text.as_bytes()));
        self.keyboard.as_ref().unwrap().send(typed).await.unwrap();
    }

    async fn resizes(&self, size: TerminalSize) {
        self.keyboard.as_ref().unwrap().send(TerminalInput::Resized(size)).await.unwrap();
    }

    /// Waits until `text` is on the screen, and forgets what was there up to its end.
    async fn sees(&mut self, text: &str) {
        loop {
            if let Some(start) = self.seen.find(text) {
                self.seen.drain(..start + text.len());
                return;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.screen.recv()).await;
            match chunk {
                Ok(Some(chunk)) => self.seen.push_str(&String::from_utf8_lossy(&chunk)),
                other => panic!("{text:?} is not in {:?}: {other:?}", self.seen),
            }
        }
    }
}

async fn at_terminal(
    container: &dyn Container,
    spec: &ExecSpec,
    cancel: &CancellationToken,
    act: impl AsyncFnOnce(Person),
) -> Result<ExitStatus, EngineError> {
    let (keyboard, mut typed) = mpsc::channel(4);
    let (shown, screen) = mpsc::unbounded_channel();
    let person = Person { keyboard: Some(keyboard), screen, seen: String::new() };
    let mut sink = Shown(shown);
    let process = async {
        let result = container.exec_at_terminal(spec, SIZE, &mut typed, &mut sink, cancel).await;
        drop(sink);
        result
    };
    tokio::join!(process, act(person)).0
}

fn shell(user: &str) -> ExecSpec {
    ExecSpec {
        argv: vec!["sh".to_owned()],
        user: user.to_owned(),
        env: vec![("PS1".to_owned(), "at your service> ".to_owned()), ("COLOUR".to_owned(), "blue".to_owned())],
        workdir: GuestPath::new("/tmp"),
    }
}

pub(crate) async fn a_shell_has_a_terminal(bench: Bench) {
    let container = bench.started().await;
    for user in ["0:0", "1234:5678"] {
        let cancel = CancellationToken::new();
        let spec = shell(user);
        let status = at_terminal(&*container, &spec, &cancel, async |mut person| {
            person.sees("at your service> ").await;
            person
                .types("test -t 0 && test -t 1 && test -t 2 && echo \"it is $((40 + 2)) $(id -u) $COLOUR $PWD\"\r")
                .await;
            person.sees(&format!("it is 42 {} blue /tmp", &user[..user.find(':').unwrap()])).await;
            person.types("stty size; echo asked >/dev/tty\r").await;
            person.sees("33 121").await;
            person.sees("asked").await;
            person.resizes(TerminalSize { rows: 50, columns: 200 }).await;
            // The engine may tell the terminal a moment later.
            person.types("until [ \"$(stty size)\" = '50 200' ]; do sleep 0.1; done; echo \"as lar\"ge\r").await;
            person.sees("as large").await;
            // What is typed are signals, too.
            person.types("sleep 1000\r").await;
            // A shell that is just starting it may take the signal for itself.
            until("it sleeps", PATIENCE, async || exec(&*container, &sh(SLEEPING)).await.1.text() == "1").await;
            person.seen.clear();
            person.types("\u{3}").await;
            person.sees("at your service> ").await;
            person.types("printf 'x%.0s' $(od -An -v -w1 -tu1 /bin/cat | head -n 9000) | wc -c; exit 7\r").await;
            person.sees("9000").await;
            // The keyboard stays until the end.
            while person.screen.recv().await.is_some() {}
        })
        .await;
        assert_eq!(status.unwrap().code, 7, "{user}");
    }
    container.remove().await.unwrap();
}

pub(crate) async fn a_terminal_that_is_left_ends_its_processes(bench: Bench) {
    let container = bench.started().await;
    for is_cancelled in [false, true] {
        let cancel = CancellationToken::new();
        let result = at_terminal(&*container, &shell("1234:5678"), &cancel, async |mut person| {
            person.sees("at your service> ").await;
            person.types("sleep 1000 & sleep 1000\r").await;
            until("both sleep", PATIENCE, async || exec(&*container, &sh(SLEEPING)).await.1.text() == "2").await;
            match is_cancelled {
                true => cancel.cancel(),
                false => drop(person.keyboard.take()),
            }
            while person.screen.recv().await.is_some() {}
        })
        .await;
        match is_cancelled {
            true => assert!(matches!(result, Err(EngineError::Cancelled)), "{result:?}"),
            false => assert!(!result.unwrap().success()),
        }
        until("none sleeps", PATIENCE, async || exec(&*container, &sh(SLEEPING)).await.1.text() == "0").await;
    }
    assert_eq!(exec(&*container, &sh(scripts::EXIT_7)).await.0.code, 7, "the container is still of use");
    container.remove().await.unwrap();
}

pub(crate) async fn what_does_not_run_at_a_terminal_says_so(bench: Bench) {
    let container = bench.started().await;
    let spec = ExecSpec { argv: vec!["no-such-program".to_owned()], ..shell("0:0") };
    let status =
        at_terminal(
            &*container,
            &spec,
            &CancellationToken::new(),
            async |mut person| {
                while person.screen.recv().await.is_some() {}
            },
        )
        .await;
    assert_eq!(status.unwrap().code, 127);
    container.remove().await.unwrap();
}
