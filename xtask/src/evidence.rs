//! `cargo xtask evidence DATA`: every loss and the search, on every table of a folder, as it is and in regimes where the papers say
//! that re-weighting earns its keep; docs/evidence.md is made of the results.
//!
//! Each run is one call of the program, whose JSON is kept with the words that it was called by: what is there already is not run
//! again, so that the whole may be ended and begun as often as need be, table by table.

mod diagram;
mod page;
mod ranks;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::workspace::{self, cargo, run};

/// Run all losses and the search on the tables of a folder, and write docs/evidence.md.
#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// The folder of the tables, `.csv` each, in folders too. Of those in a folder called `multiclass` all classes are told apart.
    data: PathBuf,
    /// Where results are kept; by default `evidence` in the target folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Only tables whose names contain this; may be given again. The page is not written then.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Losses that each search tries.
    #[arg(long, value_name = "N", default_value_t = 16)]
    trials: usize,
    /// Run nothing: write the page of the results that are there, and fail where one is missing.
    #[arg(long, conflicts_with = "only")]
    page: bool,
}

/// Learners, by the program's names.
const LEARNERS: [&str; 2] = ["mlp", "linear"];

/// What is compared beside the losses that always are.
const NAMED: [&str; 6] = ["logit-adjustment", "ldam", "asl", "poly-1", "gce", "hard-examples"];

/// Positive labels of tables that do not say it themselves.
const POSITIVES: [(&str, &str); 1] = [("climate_simulation_crashes", "b'0'")];

/// Negatives that a table must have to be trained with one positive for a thousand of them: four in each training part.
const THOUSANDS: u64 = 5000;

/// How training rows are changed, or how little is learnt, for a question of its own.
struct Regime {
    /// What the results' files are called by.
    name: &'static str,
    /// The page's heading.
    title: &'static str,
    /// What the page asks of it.
    question: &'static str,
    learner: &'static str,
    /// The options of `compare`.
    words: &'static [&'static str],
    /// Which tables it is run on.
    is_for: fn(&Table) -> bool,
}

const REGIMES: &[Regime] = &[
    Regime {
        name: "tail-1000",
        title: "One positive for a thousand negatives",
        question: "The training rows keep one positive for a thousand negatives, the rows judged keep all: what does a loss do where positives are hardly there?",
        learner: "mlp",
        words: &["--long-tail", "1000"],
        is_for: |table| !table.is_multiclass && table.negatives >= THOUSANDS,
    },
    Regime {
        name: "tail-10",
        title: "The long-tail protocol, 1 : 10",
        question: "Of class k of the digits the training rows keep n·10^(−k/9), the rows judged are balanced: the papers' own regime, small.",
        learner: "mlp",
        words: &["--long-tail", "10"],
        is_for: |table| table.name == "digits",
    },
    Regime {
        name: "tail-100",
        title: "The long-tail protocol, 1 : 100",
        question: "The same with n·100^(−k/9): the last class has one or two rows to learn from.",
        learner: "mlp",
        words: &["--long-tail", "100"],
        is_for: |table| table.name == "digits",
    },
    Regime {
        name: "epochs-3",
        title: "Three epochs",
        question: "Where a model sees each row three times, what a loss raises early is not yet overtaken.",
        learner: "mlp",
        words: &["--epochs", "3"],
        is_for: |table| !table.is_multiclass,
    },
    Regime {
        name: "linear-early",
        title: "A linear model that has not settled",
        question: "The step size is a tenth of what the linear model has above. What raises the gradient then looks better than it is: a warning for every comparison of losses at one learning rate.",
        learner: "linear",
        words: &["--learning-rate", "0.003"],
        is_for: |table| !table.is_multiclass,
    },
    Regime {
        name: "noise-5",
        title: "Wrong labels, 5 %",
        question: "Of the training positives 5 % are called negative; the rows judged are right.",
        learner: "mlp",
        words: &["--label-noise", "0.05"],
        is_for: |table| !table.is_multiclass,
    },
    Regime {
        name: "noise-20",
        title: "Wrong labels, 20 %",
        question: "Of the training positives 20 % are called negative; the rows judged are right.",
        learner: "mlp",
        words: &["--label-noise", "0.2"],
        is_for: |table| !table.is_multiclass,
    },
    Regime {
        name: "noise-many-20",
        title: "Wrong labels of many classes, 20 %",
        question: "Of the training rows 20 % have another label, drawn evenly, and 200 epochs give the model the time to learn them by heart: where bounded losses come from.",
        learner: "mlp",
        words: &["--label-noise", "0.2", "--epochs", "200"],
        is_for: |table| table.is_multiclass,
    },
    Regime {
        name: "noise-many-40",
        title: "Wrong labels of many classes, 40 %",
        question: "The same with 40 %.",
        learner: "mlp",
        words: &["--label-noise", "0.4", "--epochs", "200"],
        is_for: |table| table.is_multiclass,
    },
];

/// A table of the folder.
#[derive(Debug)]
struct Table {
    name: String,
    path: PathBuf,
    is_multiclass: bool,
    /// Rows of the last column's commonest value: of two classes the negatives.
    negatives: u64,
    sha256: String,
}

/// What came of a table under a learner, or in a regime.
#[derive(Debug)]
struct Result {
    table: String,
    learner: &'static str,
    /// None for the data as they are.
    regime: Option<&'static str>,
    is_multiclass: bool,
    compare: Value,
    /// Null in a regime, where nothing is searched.
    tune: Value,
    seconds: f64,
}

impl Evidence {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let target = workspace::packages(workspace::root())?.target_directory.into_std_path_buf();
        let cache = self.cache.clone().unwrap_or_else(|| target.join("evidence"));
        fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
        let cache = cache.canonicalize()?;
        if !self.page {
            run(&mut cargo(["build", "--quiet", "--release", "--package", "reweight-cli"]))?;
        }
        let program = target.join("release").join("reweight");
        let mut tables = tables(&self.data)?;
        tables.retain(|table| self.only.is_empty() || self.only.iter().any(|text| table.name.contains(text.as_str())));
        if tables.is_empty() {
            bail!("{} holds no such table", self.data.display());
        }
        let mut results = Vec::new();
        let trials = self.trials.to_string();
        let all = LEARNERS.map(|learner| (learner, None)).into_iter().chain(REGIMES.iter().map(|regime| (regime.learner, Some(regime))));
        for (learner, regime) in all {
            for table in &tables {
                let mut result = Result {
                    table: table.name.clone(),
                    learner,
                    regime: regime.map(|regime| regime.name),
                    is_multiclass: table.is_multiclass,
                    compare: Value::Null,
                    tune: Value::Null,
                    seconds: 0.0,
                };
                let mut run = |task: &str, own: &[&str]| -> anyhow::Result<Value> {
                    let (found, took) = self.result(&program, &cache, table, learner, task, own)?;
                    result.seconds += took;
                    Ok(found)
                };
                let named = NAMED.iter().filter(|name| !(table.is_multiclass && **name == "asl"));
                let named: Vec<&str> = named.flat_map(|name| ["--strategy", *name]).collect();
                match regime {
                    Some(regime) if !(regime.is_for)(table) => continue,
                    Some(regime) => {
                        result.compare = run(&format!("compare.{}", regime.name), &[&named, regime.words].concat())?;
                    }
                    None => {
                        let compare = run("compare", &named)?;
                        result.tune = run("tune", &["--budget", "none", "--trials", &trials])?;
                        result.compare = compare;
                    }
                }
                println!("{} ({learner}, {}): {:.0} s", table.name, regime.map_or("as it is", |regime| regime.name), result.seconds);
                results.push(result);
            }
        }
        if self.only.is_empty() {
            let docs = workspace::root().join("docs");
            let page = page::page(&tables, &results);
            let images = page.images.iter().map(|(name, svg)| (docs.join("images").join(name), svg));
            for (path, content) in [(docs.join("evidence.md"), &page.text)].into_iter().chain(images) {
                fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
                println!("wrote {}", path.display());
            }
        }
        Ok(())
    }

    /// The JSON of one call, and the seconds that it took when it was made.
    fn result(
        &self,
        program: &Path,
        cache: &Path,
        table: &Table,
        learner: &str,
        task: &str,
        own: &[&str],
    ) -> anyhow::Result<(Value, f64)> {
        let mut words = vec!["--learner", learner];
        if table.is_multiclass {
            words.extend(["--multiclass", "--drop-rare"]);
        }
        if let Some((_, positive)) = POSITIVES.iter().find(|(name, _)| *name == table.name) {
            words.extend(["--positive", *positive]);
        }
        words.extend(own);
        let kept = cache.join(format!("{}.{learner}.{task}.json", table.name));
        let command_word = task.split('.').next().unwrap_or(task);
        if let Ok(bytes) = fs::read(&kept) {
            let found: Value = serde_json::from_slice(&bytes).with_context(|| format!("reading {}", kept.display()))?;
            // Another table or other words are another result.
            if found["words"] == json!(words) && found["sha256"] == json!(table.sha256) {
                return Ok((found["result"].clone(), found["seconds"].as_f64().unwrap_or(0.0)));
            }
        }
        if self.page {
            bail!("there is no result of {} ({learner}, {task}) in {}", table.name, cache.display());
        }
        let (out, journal) = (cache.join("unfinished.json"), kept.with_extension("journal"));
        let started = Instant::now();
        let mut command = Command::new(program);
        command.arg(command_word).arg(&table.path).args(&words).arg("--quiet").arg("--json").arg(&out);
        if command_word == "tune" {
            command.arg("--resume").arg(&journal);
        }
        run(command.stdout(Stdio::null()))?;
        let seconds = started.elapsed().as_secs_f64();
        let mut result: Value = serde_json::from_slice(&fs::read(&out)?)?;
        // What the page does not need is most of it.
        if let Some(fields) = result.as_object_mut() {
            fields.remove("runs");
            fields.remove("trials");
        }
        let whole = json!({ "words": words, "sha256": table.sha256, "seconds": seconds, "result": result });
        fs::write(&out, serde_json::to_vec(&whole)?)?;
        fs::rename(&out, &kept).with_context(|| format!("keeping {}", kept.display()))?;
        // No journal where there is none.
        let _ = fs::remove_file(&journal);
        Ok((whole["result"].clone(), seconds))
    }
}

/// The tables of a folder and of its folders, by their names.
fn tables(folder: &Path) -> anyhow::Result<Vec<Table>> {
    let mut found = Vec::new();
    for entry in ignore::WalkBuilder::new(folder).standard_filters(false).sort_by_file_name(Ord::cmp).build() {
        let path = entry?.into_path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            let is_multiclass = path.parent().is_some_and(|parent| parent.ends_with("multiclass"));
            found.push(table(path, is_multiclass)?);
        }
    }
    Ok(found)
}

fn table(path: PathBuf, is_multiclass: bool) -> anyhow::Result<Table> {
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let name = path.file_stem().context("a table's path ends in a name")?.to_string_lossy().into_owned();
    let mut counts = BTreeMap::<&[u8], u64>::new();
    for row in bytes.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
        *counts.entry(row.rsplit(|byte| *byte == b',').next().unwrap_or_default()).or_default() += 1;
    }
    // A header's word is there once.
    let negatives = counts.values().copied().max().unwrap_or(0);
    Ok(Table { name, path, is_multiclass, negatives, sha256 })
}
