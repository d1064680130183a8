//! docs/evidence.md: what the results say, table by table, none left out.

use std::fmt::Write as _;

use serde_json::Value;

use super::ranks::{critical_difference, mean_ranks};
use super::{LEARNERS, Result, Table};

/// Where the tables come from, by the folder that they lie in.
const SOURCES: &str = "\
`mammography`: Woods et al. 1993, as OpenML and imbalanced-learn have it. Tables of two classes: the files NAME_raw.csv of the folder datasets/raw of the public repository
`readytensor/rt-datasets-binary-class-imbalance` (UCI, KEEL, OpenML; its README says which). `digits`: scikit-learn's, after UCI, written as CSV with the class last. `ecoli`, `glass`, `new-thyroid`, `winequality-white`: the public
repository `jbrownlee/Datasets` (UCI). `digits-1-to-R` is made of `digits`: of class k the first n·R^(−k/9) rows. The command reads whatever lies in the folder given; the hashes tell whether it is the same.";

pub(super) fn page(tables: &[Table], results: &[Result]) -> String {
    let mut text = String::from("# Evidence\n\nWritten by `cargo xtask evidence`: every loss and the search, on every table, by the program's own commands. ");
    let versions = results.first().map(|result| &result.compare["versions"]);
    let word = |field: &str| versions.and_then(|all| all[field].as_str()).unwrap_or("?").to_owned();
    let seconds: f64 = results.iter().map(|result| result.seconds).sum();
    let _ = writeln!(
        text,
        "reweight {}, {}, {}; five folds, seeds 0 to 2, {:.1} hours in all.\n",
        word("reweight"),
        word("platform"),
        word("instructions"),
        seconds / 3600.0
    );
    search(&mut text, results);
    for learner in LEARNERS {
        let own: Vec<&Result> = results.iter().filter(|result| result.learner == learner).collect();
        for is_multiclass in [false, true] {
            let group: Vec<&Result> = own.iter().copied().filter(|result| result.is_multiclass == is_multiclass).collect();
            let figures: &[&str] = if is_multiclass {
                &["balanced_accuracy", "worst_recall"]
            } else {
                &["average_precision", "recall_at_one_percent", "hardest_positives_rank", "brier"]
            };
            figures.iter().for_each(|figure| differences(&mut text, learner, &group, figure));
        }
    }
    let _ = writeln!(text, "## The tables\n\n{SOURCES}\n\n| table | sha256, first 16 |\n|---|---|");
    for table in tables {
        let _ = writeln!(text, "| {} | `{}` |", table.name, &table.sha256[..16]);
    }
    text
}

/// What the search was worth.
fn search(text: &mut String, results: &[Result]) {
    let better = results.iter().filter(|result| result.tune["is_better"] == true).count();
    let _ = writeln!(
        text,
        "## The search\n\n`tune` beat plain cross entropy with its threshold tuned, beyond noise on outer folds, in {better} of {} runs. Promised is the goal's gain on inner folds, kept \
         that on outer ones; the last two columns are plain cross entropy's balanced accuracy as it is, and with a threshold tuned for nothing.\n\n\
         | table | learner | goal | verdict | over all rows it chose | promised | kept | as it is | tuned |\n|---|---|---|---|---|---|---|---|---|",
        results.len()
    );
    for result in results {
        let tune = &result.tune;
        let [promised, kept] = [0, 1].map(|which| signed(&tune["gain_inner_outer"][which]));
        let [plain, tuned] = [0, 1].map(|which| plain(&tune["threshold"][which]));
        let verdict = if tune["is_better"] == true { "**use it**" } else { "keep plain CE" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {verdict} | {} | {promised} | {kept} | {plain} | {tuned} |",
            result.table,
            result.learner,
            tune["settings"]["goal"].as_str().unwrap_or("?"),
            tune["chosen"]["name"].as_str().unwrap_or("?"),
        );
    }
    text.push('\n');
}

/// One figure under one learner: plain cross entropy, and each loss's paired difference with half its 95 % interval.
fn differences(text: &mut String, learner: &str, group: &[&Result], figure: &str) {
    let Some(first) = group.first() else { return };
    let names: Vec<&str> = strategies(first).map(|result| result["name"].as_str().unwrap_or("?")).collect();
    let head = first.compare["figures"].as_array().and_then(|all| all.iter().find(|head| head["figure"] == figure));
    let title = head.and_then(|head| head["title"].as_str()).unwrap_or(figure);
    let higher_is_better = head.is_some_and(|head| head["higher_is_better"] == true);
    let arrow = if higher_is_better { "more is better" } else { "less is better" };
    let _ = writeln!(
        text,
        "## {title}, {learner}\n\nDifference to plain CE in the same folds ± half the 95 % interval; * better, ! worse, beyond noise; {arrow}.\n\n| table | rows | rarest | {} |\n|---|---|---|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    let mut values = Vec::new();
    for result in group {
        let data = &result.compare["data"];
        let counts = data["labels"].as_array().into_iter().flatten().filter_map(|label| label[1].as_u64());
        let share = counts.min().unwrap_or(0) as f64 / data["rows"].as_f64().unwrap_or(f64::NAN);
        let of = |strategy: &Value| {
            strategy["figures"].as_array().and_then(|all| all.iter().find(|one| one["figure"] == figure)).cloned().unwrap_or_default()
        };
        let found: Vec<Value> = strategies(result).map(of).collect();
        values.push(found.iter().map(|one| one["over_runs"]["mean"].as_f64().unwrap_or(f64::NAN)).collect::<Vec<f64>>());
        let cells: Vec<String> = found.iter().map(|one| cell(one, higher_is_better)).collect();
        let _ = writeln!(text, "| {} | {} | {:.1} % | {} |", result.table, data["rows"], 100.0 * share, cells.join(" | "));
    }
    let ranks = mean_ranks(&values, higher_is_better);
    let cells: Vec<String> = ranks.iter().map(|rank| format!("{rank:.1}")).collect();
    let _ = writeln!(text, "| **mean rank** | | | {} |\n", cells.join(" | "));
    if let Some(difference) = critical_difference(names.len(), group.len()) {
        let apart = |better: bool| -> Vec<&str> {
            let beyond = |rank: f64| if better { ranks[0] - rank > difference } else { rank - ranks[0] > difference };
            names.iter().zip(&ranks).filter(|(_, rank)| beyond(**rank)).map(|(name, _)| *name).collect()
        };
        let said = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let _ = writeln!(
            text,
            "Mean ranks that are {difference:.1} apart differ (Nemenyi, 5 %). Better than plain CE by that measure: {}; worse: {}.\n",
            said(apart(true)),
            said(apart(false))
        );
    }
}

fn strategies(result: &Result) -> impl Iterator<Item = &Value> {
    result.compare["results"].as_array().into_iter().flatten()
}

fn cell(one: &Value, higher_is_better: bool) -> String {
    let paired = &one["to_baseline"];
    let (Some(mean), Some(half)) = (paired["mean"].as_f64(), paired["half_width"].as_f64()) else {
        return plain(&one["over_runs"]["mean"]);
    };
    let mark = match paired["p_value"].as_f64() {
        Some(p_value) if p_value < 0.05 => {
            if (mean > 0.0) == higher_is_better {
                " *"
            } else {
                " !"
            }
        }
        _ => "",
    };
    format!("{} ± {half:.3}{mark}", signed(&paired["mean"]))
}

fn plain(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn signed(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |value| format!("{value:+.3}").replace('-', "−"))
}
