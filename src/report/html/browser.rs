//! Chromium without a screen, for the page's test: started with a profile of its own, spoken to by the DevTools protocol
//! through two pipes, and gone when the test is over. It says what a page did beside being shown.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use serde_json::{Value, json};

use crate::types::testing;

/// Debian's name and those of other systems.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Browser {
    process: Child,
    requests: File,
    answers: File,
    /// What of `answers` is not yet read to a message's end.
    rest: Vec<u8>,
    last: u64,
    session: String,
    /// Whether pages may run scripts: without them no clock of a page ticks.
    scripts: bool,
    /// What came beside answers.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None, said aloud, where there is no browser.
    #[track_caller]
    pub(super) fn start() -> Option<Browser> {
        let is_there = |program: &&&str| Command::new(program).arg("--version").output().is_ok();
        let Some(program) = PROGRAMS.iter().find(is_there) else {
            testing::skip("there is no Chromium to open the report with");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = profile.path().join(name);
            nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
            path
        };
        let (requests, answers) = (pipe("requests"), pipe("answers"));
        // Both ends of a pipe wait for each other when they are opened: in this order here, too.
        let script = "exec 3<\"$1\" 4>\"$2\"; shift 2; exec \"$@\"";
        let process = Command::new("sh")
            .args(["-c", script, "sh"])
            .args([&requests, &answers])
            .args([program, "--headless=new", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking", "--disable-extensions"])
            // Its sandbox is not for root; what it shows is ours.
            .args(["--no-sandbox", &format!("--user-data-dir={}", profile.path().display()), "about:blank"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let requests = File::options().write(true).open(requests).unwrap();
        let answers = File::open(answers).unwrap();
        let (rest, events, session) = (Vec::new(), Vec::new(), String::new());
        let mut browser =
            Browser { process, requests, answers, rest, last: 0, session, scripts: true, events, _profile: profile };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        session["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Sends a command, and waits for its answer.
    #[track_caller]
    pub(super) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.requests.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let message = self.next();
            if message["id"] == json!(self.last) {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// Opens a file, and waits until it is shown. How long that took.
    #[track_caller]
    pub(super) fn open(&mut self, page: &Path) -> Duration {
        let begin = Instant::now();
        self.events.clear();
        self.call("Page.navigate", json!({ "url": format!("file://{}", page.display()) }));
        self.wait("Page.loadEventFired");
        if self.scripts {
            // Two frames later all of it was drawn.
            self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        }
        begin.elapsed()
    }

    fn wait(&mut self, event: &str) {
        while !self.events.iter().any(|seen| seen["method"] == event) {
            let message = self.next();
            self.events.push(message);
        }
    }

    /// What an expression of the page's language is, promises kept.
    #[track_caller]
    pub(super) fn run(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Presses the mouse where an element is, as a hand would.
    #[track_caller]
    pub(super) fn click(&mut self, selector: &str) {
        let place = self.run(&format!(
            "(() => {{ const it = document.querySelector({}); it.scrollIntoView({{ block: 'center' }}); \
             const box = it.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let press = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", press);
        }
        self.settle();
    }

    /// What the page does of itself afterwards, and following a link to a place in it, comes a little later.
    pub(super) fn settle(&mut self) {
        if self.scripts {
            self.run("new Promise((done) => setTimeout(() => requestAnimationFrame(done), 50))");
        }
    }

    /// Types into an element that is clicked first.
    #[track_caller]
    pub(super) fn enter(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.run("document.activeElement.select?.()");
        match text {
            "" => self.key("Delete"),
            text => drop(self.call("Input.insertText", json!({ "text": text }))),
        }
    }

    #[track_caller]
    pub(super) fn key(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Delete" => 46,
            other => panic!("what is the code of {other}?"),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let press = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", press);
        }
        if key == "Enter" {
            self.call("Input.dispatchKeyEvent", json!({ "type": "char", "key": key, "text": "\r" }));
        }
        self.settle();
    }

    pub(super) fn screen(&mut self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub(super) fn turn_scripts_off(&mut self) {
        self.scripts = false;
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    }

    pub(super) fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// What the page printed or failed at, and what it asked any other place for, since it was opened.
    pub(super) fn noise(&mut self) -> Vec<String> {
        // What is on its way by now has come with this answer.
        self.settle();
        let of = |event: &Value| match event["method"].as_str()? {
            "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => Some(event.to_string()),
            "Network.requestWillBeSent" => {
                let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                let is_itself = event["params"]["type"] == "Document" && url.starts_with("file://");
                (!is_itself).then(|| format!("asked for {url}"))
            }
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// Opens a file as those do who use no assistive program: how long that took, and how long the page's own thread worked for
    /// it, whatever else runs on this machine.
    pub(super) fn measure(&mut self, page: &Path) -> (Duration, Duration) {
        self.call("Accessibility.disable", json!({}));
        self.call("Performance.enable", json!({ "timeDomain": "threadTicks" }));
        let time = self.open(page);
        let metrics = self.call("Performance.getMetrics", json!({}));
        let mut metrics = metrics["metrics"].as_array().unwrap().iter();
        let work = metrics.find(|metric| metric["name"] == "TaskDuration").unwrap();
        (time, Duration::from_secs_f64(work["value"].as_f64().unwrap()))
    }

    /// Every element that an assistive program can act on, by its role and its name.
    #[track_caller]
    pub(super) fn controls(&mut self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", json!({}));
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let acts = |node: &&Value| {
            let has = |name: &str| {
                let properties = node["properties"].as_array().map(Vec::as_slice).unwrap_or_default();
                properties.iter().any(|property| property["name"] == name && property["value"]["value"] == true)
            };
            node["ignored"] == false && has("focusable") && node["role"]["value"] != "RootWebArea"
        };
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        nodes.filter(acts).map(|node| (text(&node["role"]), text(&node["name"]))).collect()
    }

    #[track_caller]
    fn next(&mut self) -> Value {
        let begin = Instant::now();
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = self.rest.drain(..=end).collect();
                return serde_json::from_slice(&message[..end]).unwrap();
            }
            assert!(begin.elapsed() < PATIENCE, "the browser says nothing");
            let mut buffer = [0; 64 << 10];
            let read = self.answers.read(&mut buffer).unwrap();
            assert!(read > 0, "the browser has ended");
            self.rest.extend_from_slice(&buffer[..read]);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
