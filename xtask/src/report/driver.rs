//! A browser, driven by the WebDriver protocol: JSON over HTTP to `chromedriver`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use ureq::Agent;

/// A running chromedriver; dropped, it ends.
pub(super) struct Driver {
    process: Child,
    agent: Agent,
    address: String,
    session: String,
}

impl Driver {
    /// Starts chromedriver, and a headless browser by it.
    pub(super) fn start(browser: &Path) -> anyhow::Result<Self> {
        let beside = browser.with_file_name("chromedriver");
        let program = if beside.is_file() { beside } else { "chromedriver".into() };
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {} (Debian: chromium-driver)", program.display()))?;
        let output = process.stdout.take().context("chromedriver has no output")?;
        let port = port(BufReader::new(output)).context("chromedriver did not say where it listens")?;
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(120))).http_status_as_error(false);
        let address = format!("http://127.0.0.1:{port}");
        let mut driver = Self { process, agent: config.build().into(), address, session: String::new() };
        // As root, as in a container, Chromium does not run in its sandbox.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"];
        let mut chrome = json!({ "args": arguments });
        if browser.is_file() {
            chrome["binary"] = json!(browser);
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": chrome,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let session = driver.send("/session", &wanted)?;
        driver.session = session["sessionId"].as_str().context("chromedriver gave no session")?.to_owned();
        Ok(driver)
    }

    fn send(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut answer = self.agent.post(format!("{}{path}", self.address)).send_json(body)?;
        let status = answer.status();
        let mut value: Value = answer.body_mut().with_config().limit(100 << 20).read_json()?;
        let value = value["value"].take();
        if !status.is_success() {
            bail!("the browser refused {path}: {}", value["message"].as_str().unwrap_or_default());
        }
        Ok(value)
    }

    fn ask(&self, command: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(&format!("/session/{}/{command}", self.session), body)
    }

    /// Opens an address and waits until it is loaded.
    pub(super) fn open(&self, address: &str) -> anyhow::Result<()> {
        self.ask("url", &json!({ "url": address })).map(drop)
    }

    /// Runs a function's body in the page; a promise is awaited.
    pub(super) fn evaluate(&self, body: &str, arguments: &Value) -> anyhow::Result<Value> {
        self.ask("execute/sync", &json!({ "script": body, "args": arguments }))
    }

    /// A command of Chromium's own protocol.
    pub(super) fn chromium(&self, command: &str, parameters: &Value) -> anyhow::Result<Value> {
        self.ask("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// What was logged since it was last asked: `browser` for the console, `performance` for the network.
    pub(super) fn log(&self, kind: &str) -> anyhow::Result<Vec<Value>> {
        let entries = self.ask("se/log", &json!({ "type": kind }))?;
        Ok(entries.as_array().cloned().unwrap_or_default())
    }

    /// Moves the pointer to a place of the window.
    pub(super) fn point(&self, x: f64, y: f64) -> anyhow::Result<()> {
        let moves = json!({ "type": "pointerMove", "duration": 50, "x": x.round(), "y": y.round(), "origin": "viewport" });
        let pointer = json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": [moves] });
        self.ask("actions", &json!({ "actions": [pointer] })).map(drop)
    }

    /// Clicks where the pointer is.
    pub(super) fn click(&self) -> anyhow::Result<()> {
        let actions = json!([{ "type": "pointerDown", "button": 0 }, { "type": "pointerUp", "button": 0 }]);
        let pointer = json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions });
        self.ask("actions", &json!({ "actions": [pointer] })).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // The browser ends with its session; there is nobody to tell where it does not.
            let _ = self.agent.delete(format!("{}/session/{}", self.address, self.session)).call();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads what chromedriver prints until it names its port. The rest goes on to be read, so that it never blocks.
fn port(mut output: BufReader<std::process::ChildStdout>) -> Option<u16> {
    let mut line = String::new();
    while output.read_line(&mut line).ok()? > 0 {
        if let Some(port) = named_port(&line) {
            std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
            return Some(port);
        }
        line.clear();
    }
    None
}

fn named_port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("started successfully on port ")?;
    rest.trim_end().trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read() {
        assert_eq!(named_port("ChromeDriver was started successfully on port 41234.\n"), Some(41234));
        assert_eq!(named_port("Starting ChromeDriver 1.2 on port 0\n"), None);
    }
}
