//! A measuring process: JSON lines to its input, one reply a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

/// A process that answers until its input ends.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Process {
    pub(super) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        // What the libraries say goes nowhere: warnings of torch.compile are no finding of this run.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().context("the process has no output")?);
        Ok(Self { name, child, to, from })
    }

    /// Sends a message and waits for the reply.
    ///
    /// # Errors
    ///
    /// Where the process has ended, or says that something went wrong.
    pub(super) fn ask(&mut self, message: &Value) -> anyhow::Result<Value> {
        let to = self.to.as_mut().context("the process has no input")?;
        writeln!(to, "{message}").and_then(|()| to.flush()).with_context(|| format!("writing to {}", self.name))?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let reply: Value =
            serde_json::from_str(&line).with_context(|| format!("{} ended at {message}", self.name))?;
        if reply["ok"] != true {
            bail!("{message}: {}", reply["error"].as_str().unwrap_or("no reason given"));
        }
        Ok(reply)
    }

    /// Milliseconds of `reps` measurements of `what`, and the form that was run.
    pub(super) fn time(&mut self, what: &str, reps: usize) -> anyhow::Result<(Vec<f64>, Option<String>)> {
        let reply = self.ask(&serde_json::json!({ "time": what, "reps": reps }))?;
        Ok((numbers(&reply["ms"])?, reply["form"].as_str().map(str::to_owned)))
    }

    /// Milliseconds of `reps` copies that read and write `bytes` in all.
    pub(super) fn copy(&mut self, bytes: u64, reps: usize) -> anyhow::Result<Vec<f64>> {
        numbers(&self.ask(&serde_json::json!({ "copy": bytes, "reps": reps }))?["ms"])
    }
}

fn numbers(value: &Value) -> anyhow::Result<Vec<f64>> {
    Ok(serde_json::from_value(value.clone())?)
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input is what ends it; a failure to wait leaves nothing that could be done here.
        self.to = None;
        let _ = self.child.wait();
    }
}
