//! `cargo xtask evidence DATA`: every loss and the search, on every table of a folder; docs/evidence.md is made of the results.
//!
//! Each run is one call of the program, whose JSON is kept with the words that it was called by: what is there already is not run
//! again, so that the whole may be ended and begun as often as need be, table by table.

mod page;
mod ranks;

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

/// How much longer than that a tail is thinned to.
const THINNED: [u32; 2] = [10, 30];

/// A table of the folder, or one that was made of it.
#[derive(Debug)]
struct Table {
    name: String,
    path: PathBuf,
    is_multiclass: bool,
    sha256: String,
}

/// What came of a table under a learner.
#[derive(Debug)]
struct Result {
    table: String,
    learner: &'static str,
    is_multiclass: bool,
    compare: Value,
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
        tables.extend(thinned(&tables, &cache)?);
        tables.retain(|table| self.only.is_empty() || self.only.iter().any(|text| table.name.contains(text.as_str())));
        if tables.is_empty() {
            bail!("{} holds no such table", self.data.display());
        }
        let mut results = Vec::new();
        for table in &tables {
            for learner in LEARNERS {
                let mut seconds = 0.0;
                let mut result = |task: &str, own: &[&str]| -> anyhow::Result<Value> {
                    let (result, took) = self.result(&program, &cache, table, learner, task, own)?;
                    seconds += took;
                    Ok(result)
                };
                let named = NAMED.iter().filter(|name| !(table.is_multiclass && **name == "asl"));
                let named: Vec<&str> = named.flat_map(|name| ["--strategy", *name]).collect();
                let compare = result("compare", &named)?;
                let trials = self.trials.to_string();
                let tune = result("tune", &["--budget", "none", "--trials", &trials])?;
                let is_multiclass = table.is_multiclass;
                println!("{} ({learner}): {seconds:.0} s", table.name);
                results.push(Result { table: table.name.clone(), learner, is_multiclass, compare, tune, seconds });
            }
        }
        if self.only.is_empty() {
            let path = workspace::root().join("docs/evidence.md");
            fs::write(&path, page::page(&tables, &results)).with_context(|| format!("writing {}", path.display()))?;
            println!("wrote {}", path.display());
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
        words.extend(own);
        let kept = cache.join(format!("{}.{learner}.{task}.json", table.name));
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
        command.arg(task).arg(&table.path).args(&words).arg("--quiet").arg("--json").arg(&out);
        if task == "tune" {
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
    Ok(Table { name, path, is_multiclass, sha256 })
}

/// The long-tail protocol on the digits: of class k the first n·r^(−k/9) rows.
fn thinned(tables: &[Table], cache: &Path) -> anyhow::Result<Vec<Table>> {
    let Some(digits) = tables.iter().find(|table| table.name == "digits") else { return Ok(Vec::new()) };
    let text = fs::read_to_string(&digits.path)?;
    let class = |row: &str| row.rsplit(',').next().map(str::trim).and_then(|label| label.parse::<usize>().ok());
    let least = (0..10).map(|digit| text.lines().skip(1).filter(|row| class(row) == Some(digit)).count()).min();
    let mut made = Vec::new();
    for ratio in THINNED {
        let most = |digit: usize| least.unwrap_or(0) as f64 * f64::from(ratio).powf(-(digit as f64) / 9.0);
        let mut taken = [0_usize; 10];
        let keep = |(line, row): &(usize, &str)| match class(row) {
            _ if *line == 0 => true,
            Some(digit @ 0..10) => {
                taken[digit] += 1;
                taken[digit] as f64 <= most(digit).round()
            }
            _ => false,
        };
        let rows: Vec<&str> = text.lines().enumerate().filter(keep).map(|(_, row)| row).collect();
        let path = cache.join(format!("digits-1-to-{ratio}.csv"));
        fs::write(&path, rows.join("\n") + "\n")?;
        made.push(table(path, true)?);
    }
    Ok(made)
}
