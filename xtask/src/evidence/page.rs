//! docs/evidence.md: what the results say, table by table, none left out.

use std::fmt::Write as _;

use serde_json::Value;

use super::diagram;
use super::ranks::{critical_difference, mean_ranks};
use super::words::follows;
use super::{LEARNERS, REGIMES, Result, Table};

/// Where the tables come from, by the folder that they lie in.
const SOURCES: &str = "\
`mammography`: Woods et al. 1993, as OpenML and imbalanced-learn have it. Tables of two classes: the files NAME_raw.csv of the folder datasets/raw of the public repository
`readytensor/rt-datasets-binary-class-imbalance` (UCI, KEEL, OpenML; its README says which). `digits`: scikit-learn's, after UCI, written as CSV with the class last. `ecoli`, `glass`, `new-thyroid`, `winequality-white`: the public
repository `jbrownlee/Datasets` (UCI). The command reads whatever lies in the folder given; the hashes tell whether it is the same.";

const BINARY: [&str; 6] =
    ["average_precision", "recall_at_one_percent", "hardest_positives_rank", "brier", "calibrated_brier", "balanced_at_half"];
const MULTICLASS: [&str; 3] = ["balanced_accuracy", "worst_recall", "calibrated_brier"];

/// The figures that a regime is told by.
const TOLD: [&str; 3] = ["average_precision", "hardest_positives_rank", "calibrated_brier"];

/// What a page is made of: its text, and its figures by their names in docs/images.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) images: Vec<(String, String)>,
}

pub(super) fn page(tables: &[Table], results: &[Result]) -> Page {
    let mut page = Page { text: String::new(), images: Vec::new() };
    let versions = results.first().map(|result| &result.compare["versions"]);
    let word = |field: &str| versions.and_then(|all| all[field].as_str()).unwrap_or("?").to_owned();
    let seconds: f64 = results.iter().map(|result| result.seconds).sum();
    let _ = writeln!(
        page.text,
        "# Evidence\n\n\
         Written by `cargo xtask evidence DATA`: every loss and the search, on every table, by the program's own commands. What follows from it for a choice stands in \
         [choosing-a-weighter.md](choosing-a-weighter.md).\n\n\
         reweight {}, {}, {}; five folds, seeds 0 to 2, so 15 pairs of networks a difference; {:.1} hours in all.\n\n\
         A difference is that to plain cross entropy in the same folds, ± half its 95 % interval (corrected resampled t-test, Nadeau and Bengio 2003); * is better and ! worse beyond noise \
         (p < 0.05, not corrected for how many are looked at: of twenty tables one is a star by chance).\n",
        word("reweight"),
        word("platform"),
        word("instructions"),
        seconds / 3600.0
    );
    let settings = groups(results);
    follows(&mut page.text, &settings, results);
    glance(&mut page.text, &settings);
    search(&mut page.text, results);
    for setting in &settings {
        let _ = writeln!(page.text, "## {}\n", setting.title);
        if let Some(question) = setting.question {
            let _ = writeln!(page.text, "{question}\n");
        }
        setting.figures.iter().for_each(|figure| differences(&mut page, setting, figure));
    }
    noise(&mut page.text, &settings);
    let _ = writeln!(page.text, "## The tables\n\n{SOURCES}\n\n| table | sha256, first 16 |\n|---|---|");
    for table in tables {
        let _ = writeln!(page.text, "| {} | `{}` |", table.name, &table.sha256[..16]);
    }
    page
}

/// Results that are looked at together.
pub(super) struct Setting<'a> {
    pub(super) title: String,
    question: Option<&'static str>,
    /// A short name for files.
    pub(super) name: String,
    pub(super) figures: &'static [&'static str],
    results: Vec<&'a Result>,
}

fn groups(results: &[Result]) -> Vec<Setting<'_>> {
    let mut found = Vec::new();
    let learners = LEARNERS.map(|learner| (learner, None)).into_iter();
    for (learner, regime) in learners.chain(REGIMES.iter().map(|regime| (regime.learner, Some(regime)))) {
        for is_multiclass in [false, true] {
            let is_own = |result: &&Result| {
                (result.learner, result.regime, result.is_multiclass)
                    == (learner, regime.map(|regime| regime.name), is_multiclass)
            };
            let own: Vec<&Result> = results.iter().filter(is_own).collect();
            if own.is_empty() {
                continue;
            }
            let kind = if is_multiclass { "many classes" } else { "two classes" };
            found.push(Setting {
                title: regime.map_or_else(|| format!("As they are: {kind}, {learner}"), |regime| regime.title.to_owned()),
                question: regime.map(|regime| regime.question),
                name: regime.map_or_else(|| learner.to_owned(), |regime| regime.name.to_owned()),
                figures: match (is_multiclass, regime) {
                    (true, _) => &MULTICLASS,
                    (false, Some(_)) => &TOLD,
                    (false, None) => &BINARY,
                },
                results: own,
            });
        }
    }
    found
}

impl Setting<'_> {
    pub(super) fn names(&self) -> Vec<&str> {
        self.results.first().map(|first| strategies(first).map(name).collect()).unwrap_or_default()
    }

    fn is_multiclass(&self) -> bool {
        self.results.iter().all(|result| result.is_multiclass)
    }

    /// Of each table, a figure of each loss.
    pub(super) fn found(&self, figure: &str) -> Vec<Vec<Value>> {
        let of = |strategy: &Value| -> Value {
            strategy["figures"].as_array().and_then(|all| all.iter().find(|one| one["figure"] == figure)).cloned().unwrap_or_default()
        };
        self.results.iter().map(|result| strategies(result).map(of).collect()).collect()
    }

    pub(super) fn head(&self, figure: &str) -> (String, bool) {
        let head = self.results.first().and_then(|first| {
            first.compare["figures"].as_array().and_then(|all| all.iter().find(|head| head["figure"] == figure))
        });
        let title = head.and_then(|head| head["title"].as_str()).unwrap_or(figure).to_owned();
        (title, head.is_some_and(|head| head["higher_is_better"] == true))
    }
}

/// Over all tables of a setting: on how many each loss is better, and worse.
fn glance(text: &mut String, settings: &[Setting<'_>]) {
    text.push_str("## At a glance\n\nOn how many tables a loss is better and worse than plain cross entropy beyond noise; 0 : 0 is a dash.\n\n");
    for is_multiclass in [false, true] {
        let own: Vec<&Setting<'_>> = settings.iter().filter(|setting| setting.is_multiclass() == is_multiclass).collect();
        let Some(first) = own.first() else { continue };
        let names = first.names();
        let _ = writeln!(text, "| | tables | figure | {} |\n|---|---|---|{}", names[1..].join(" | "), "---|".repeat(names.len() - 1));
        for setting in own {
            for figure in setting.figures {
                let (title, higher_is_better) = setting.head(figure);
                let found = setting.found(figure);
                let cells: Vec<String> = (1..names.len())
                    .map(|loss| {
                        let count = |wanted: Sign| found.iter().filter(|table| sign(&table[loss], higher_is_better) == wanted).count();
                        match (count(Sign::Better), count(Sign::Worse)) {
                            (0, 0) => "–".to_owned(),
                            (better, worse) => format!("{better} : {worse}"),
                        }
                    })
                    .collect();
                let _ = writeln!(text, "| {} | {} | {title} | {} |", setting.title, found.len(), cells.join(" | "));
            }
        }
        text.push('\n');
    }
}

/// What the search was worth.
fn search(text: &mut String, results: &[Result]) {
    let searched: Vec<&Result> = results.iter().filter(|result| !result.tune.is_null()).collect();
    let better = searched.iter().filter(|result| result.tune["is_better"] == true).count();
    let _ = writeln!(
        text,
        "## The search\n\n`tune` beat plain cross entropy with its threshold tuned, beyond noise on outer folds, in {better} of {} runs. Promised is the goal's gain on inner folds, kept \
         that on outer ones; the last two columns are plain cross entropy's balanced accuracy as it is, and with a threshold tuned for nothing.\n\n\
         | table | learner | goal | verdict | over all rows it chose | promised | kept | as it is | tuned |\n|---|---|---|---|---|---|---|---|---|",
        searched.len()
    );
    for result in searched {
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

/// One figure: plain cross entropy, and each loss's paired difference; mean ranks, and which of them differ.
fn differences(page: &mut Page, setting: &Setting<'_>, figure: &str) {
    let (names, (title, higher_is_better)) = (setting.names(), setting.head(figure));
    let arrow = if higher_is_better { "more is better" } else { "less is better" };
    let text = &mut page.text;
    let _ = writeln!(
        text,
        "### {title} ({arrow})\n\n| table | rows | rarest | {} |\n|---|---|---|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    let found = setting.found(figure);
    for (result, found) in setting.results.iter().zip(&found) {
        let data = &result.compare["data"];
        let counts = data["labels"].as_array().into_iter().flatten().filter_map(|label| label[1].as_u64());
        let share = counts.min().unwrap_or(0) as f64 / data["rows"].as_f64().unwrap_or(f64::NAN);
        let cells: Vec<String> = found.iter().map(|one| cell(one, higher_is_better)).collect();
        let _ = writeln!(text, "| {} | {} | {:.1} % | {} |", result.table, data["rows"], 100.0 * share, cells.join(" | "));
    }
    let Some(difference) = critical_difference(names.len(), found.len()).filter(|_| found.len() > 1) else {
        text.push('\n');
        return;
    };
    let ranks = mean_ranks(&means(&found), higher_is_better);
    let cells: Vec<String> = ranks.iter().map(|rank| format!("{rank:.1}")).collect();
    let _ = writeln!(text, "| **mean rank** | | | {} |\n", cells.join(" | "));
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
    if !setting.is_multiclass() && TOLD.contains(&figure) {
        let file = format!("ranks-{}-{}.svg", figure.replace('_', "-"), setting.name);
        let caption = format!("Mean ranks by {title}, {}", setting.title);
        let _ = writeln!(text, "![{caption}](images/{file})\n");
        page.images.push((file, diagram::svg(&caption, &names, &ranks, difference)));
    }
}

/// What wrong labels cost each loss, over the tables of two classes.
fn noise(text: &mut String, settings: &[Setting<'_>]) {
    let clean = settings.iter().find(|setting| setting.name == "mlp" && !setting.is_multiclass());
    let levels = [("0 %", clean)].into_iter().chain(
        [("5 %", "noise-5"), ("20 %", "noise-20")]
            .map(|(level, name)| (level, settings.iter().find(|setting| setting.name == name))),
    );
    let levels: Vec<(&str, &Setting<'_>)> = levels.filter_map(|(level, setting)| Some((level, setting?))).collect();
    let Some((_, first)) = levels.first() else { return };
    let names = first.names();
    let _ = writeln!(
        text,
        "## What wrong labels cost\n\nThe mean over all tables of two classes, by the share of training positives that are called negative: a loss that holds falls less than plain cross entropy does.\n\n\
         | figure | wrong | {} |\n|---|---|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    for figure in TOLD {
        for (level, setting) in &levels {
            let values = means(&setting.found(figure));
            let mean = |loss: usize| values.iter().map(|table| table[loss]).sum::<f64>() / values.len() as f64;
            let cells: Vec<String> = (0..names.len()).map(|loss| format!("{:.3}", mean(loss))).collect();
            let _ = writeln!(text, "| {} | {level} | {} |", setting.head(figure).0, cells.join(" | "));
        }
    }
    text.push('\n');
}

pub(super) fn means(found: &[Vec<Value>]) -> Vec<Vec<f64>> {
    let mean = |one: &Value| one["over_runs"]["mean"].as_f64().unwrap_or(f64::NAN);
    found.iter().map(|table| table.iter().map(mean).collect()).collect()
}

fn strategies(result: &Result) -> impl Iterator<Item = &Value> {
    result.compare["results"].as_array().into_iter().flatten()
}

fn name(strategy: &Value) -> &str {
    strategy["name"].as_str().unwrap_or("?")
}

/// Whether a loss differs from plain cross entropy beyond noise.
#[derive(PartialEq)]
pub(super) enum Sign {
    Better,
    Worse,
    None,
}

pub(super) fn sign(one: &Value, higher_is_better: bool) -> Sign {
    let paired = &one["to_baseline"];
    match (paired["mean"].as_f64(), paired["p_value"].as_f64()) {
        (Some(mean), Some(p_value)) if p_value < 0.05 => {
            if (mean > 0.0) == higher_is_better {
                Sign::Better
            } else {
                Sign::Worse
            }
        }
        _ => Sign::None,
    }
}

fn cell(one: &Value, higher_is_better: bool) -> String {
    let paired = &one["to_baseline"];
    let (true, Some(half)) = (paired["mean"].is_number(), paired["half_width"].as_f64()) else {
        return plain(&one["over_runs"]["mean"]);
    };
    let mark = match sign(one, higher_is_better) {
        Sign::Better => " *",
        Sign::Worse => " !",
        Sign::None => "",
    };
    format!("{} ± {half:.3}{mark}", signed(&paired["mean"]))
}

fn plain(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

pub(super) fn signed(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |value| format!("{value:+.3}").replace('-', "−"))
}
