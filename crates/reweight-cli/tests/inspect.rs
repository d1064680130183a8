//! `reweight inspect` as a user runs it: figures against the reference, odd inputs, the suggested loss put to use.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reweight::reference::{BceBatch, BceTargets, Outcome, SoftmaxBatch};
use reweight::{AlphaBalance, BceLoss, CountScheme, Focal, Ghm, SampleWeighter, SoftmaxLoss};
use serde_json::Value;
use tempfile::TempDir;

fn inspect(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reweight")).current_dir(folder).arg("inspect").args(arguments).output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(&inspect(folder, &[arguments, &["--json", "-"]].concat()))).unwrap()
}

fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), text).unwrap();
    folder
}

/// 300 logits of two classes, 30 of them positive, without a source of chance.
fn two_classes() -> (Vec<f64>, Vec<i64>) {
    let logit = |row: usize| ((row * 37) % 101) as f64 / 12.0 - 6.0 + if row % 10 == 3 { 3.0 } else { 0.0 };
    ((0..300).map(logit).collect(), (0..300).map(|row| i64::from(row % 10 == 3)).collect())
}

fn binary_file() -> String {
    let (logits, targets) = two_classes();
    let mut text = "label,logit\n".to_owned();
    logits.iter().zip(targets).for_each(|(logit, target)| writeln!(text, "{target},{logit}").unwrap());
    text
}

/// What a strategy's line says against what follows from the reference's weights and gradients.
#[track_caller]
fn check(line: &Value, outcome: &Outcome, norms: &[f64], is_rare: impl Fn(usize) -> bool, rare: usize) {
    let share = |values: &[f64]| {
        let part: f64 = values.iter().enumerate().filter(|(row, _)| is_rare(*row)).map(|(_, value)| value).sum();
        part / values.iter().sum::<f64>()
    };
    let weights = &outcome.weights;
    let (sum, squares) = (weights.iter().sum::<f64>(), weights.iter().map(|weight| weight * weight).sum::<f64>());
    let largest = weights.iter().copied().fold(0.0, f64::max);
    // Sums of some hundred numbers, in another order.
    let close = |value: &Value, expected: f64| {
        let found = value.as_f64().unwrap();
        assert!((found - expected).abs() <= 1e-11 * expected.abs(), "{}: {found}, not {expected}", line["name"]);
    };
    close(&line["effective_samples"], sum * sum / squares);
    close(&line["largest_weight"], largest);
    close(&line["mean_weight"], sum / weights.len() as f64);
    close(&line["class_weight"][rare], share(weights));
    close(&line["class_gradient"][rare], share(norms));
}

fn binary<W: SampleWeighter>(weighter: W) -> (Outcome, Vec<f64>) {
    let (logits, targets) = two_classes();
    let outcome =
        BceBatch::new(&logits, BceTargets::Hard(&targets)).value_and_grad(&mut BceLoss::new(weighter)).unwrap();
    // The gradient is that of the mean.
    let norms = outcome.grad.iter().map(|slope| slope.abs() * logits.len() as f64).collect();
    (outcome, norms)
}

#[test]
fn figures_of_two_classes_are_the_references() {
    let folder = folder(&binary_file());
    let all = json(folder.path(), &["a.csv"]);
    let lines = all["strategies"].as_array().unwrap();
    let names: Vec<&str> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["plain CE", "α-balance", "focal", "α·focal", "GHM", "focal·GHM", "suggested"]);
    let balance = |scheme| AlphaBalance::from_counts(&[270, 30], scheme).unwrap();
    let (focal, ghm) = (Focal::new(2.0).unwrap(), Ghm::new(30, 0.75).unwrap());
    let rare = |row: usize| row % 10 == 3;
    let mut lines = lines.iter();
    let mut next = |(outcome, norms): (Outcome, Vec<f64>)| check(lines.next().unwrap(), &outcome, &norms, rare, 1);
    next(binary(()));
    next(binary(balance(CountScheme::InverseFrequency)));
    next(binary(focal.clone()));
    next(binary((balance(CountScheme::InverseSqrt), focal.clone())));
    next(binary(ghm.clone()));
    next(binary((focal, ghm)));
    let (_, norms) = binary(());
    for (index, region) in all["regions"].as_array().unwrap().iter().enumerate() {
        let inside = norms.iter().filter(|norm| ((**norm * 3000.0) as usize).min(2999) / 300 == index).count();
        assert_eq!(region["samples"], inside, "{region}");
    }
    assert_eq!(all["classes"][1]["samples"], 30);
    assert_eq!((&all["scores"], &all["objective"]), (&Value::from("logits"), &Value::from("bce")));
    // Pairs counted one by one.
    let (logits, targets) = two_classes();
    let of =
        |class: i64| logits.iter().zip(&targets).filter(move |(_, target)| **target == class).map(|(logit, _)| *logit);
    let won: f64 = of(1)
        .flat_map(|p| {
            of(0).map(move |n| {
                if p > n {
                    1.0
                } else if p == n {
                    0.5
                } else {
                    0.0
                }
            })
        })
        .sum();
    assert!((all["area_under_roc"].as_f64().unwrap() - won / (270.0 * 30.0)).abs() < 1e-14, "a division rounds");
}

#[test]
fn figures_of_many_classes_are_the_references_from_logits_and_from_probabilities() {
    let rows = 90;
    let logits: Vec<f64> = (0..rows * 3).map(|at| f64::from((at as u32 * 53) % 71) / 20.0 - 1.7).collect();
    let targets: Vec<i64> = (0..rows as i64).map(|row| if row % 9 == 4 { 2 } else { row % 2 }).collect();
    let labels = ["cat", "dog", "cow"];
    let (mut of_logits, mut of_p) = ("cat,dog,cow,label\n".to_owned(), "label;p_cat;p_dog;p_cow\n".to_owned());
    for (row, &target) in logits.chunks(3).zip(&targets) {
        let label = labels[target as usize];
        writeln!(of_logits, "{},{},{},{label}", row[0], row[1], row[2]).unwrap();
        let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
        let p = row.iter().map(|logit| format!("{}", logit.exp() / sum));
        writeln!(of_p, "{label};{}", p.collect::<Vec<_>>().join(";")).unwrap();
    }
    let folder = folder(&of_logits);
    fs::write(folder.path().join("p.csv"), of_p).unwrap();
    let counts: Vec<u64> =
        (0..3).map(|class| targets.iter().filter(|target| **target == class).count() as u64).collect();
    let outcome = |weighter: AlphaBalance| {
        SoftmaxBatch::new(&logits, 3, &targets).value_and_grad(&mut SoftmaxLoss::new(weighter)).unwrap()
    };
    let outcome = outcome(AlphaBalance::from_counts(&counts, CountScheme::InverseFrequency).unwrap());
    let norms: Vec<f64> =
        outcome.grad.chunks(3).map(|row| row.iter().map(|slope| slope.abs()).sum::<f64>() / 2.0).collect();
    for (file, kind) in [("a.csv", "logits"), ("p.csv", "probabilities")] {
        let all = json(folder.path(), &[file]);
        assert_eq!((&all["scores"], &all["rarest"]), (&Value::from(kind), &Value::from(2)));
        check(&all["strategies"][1], &outcome, &norms, |row| targets[row] == 2, 2);
        let right =
            logits.chunks(3).zip(&targets).filter(|(row, target)| **target == 2 && row[2] > row[0] && row[2] > row[1]);
        assert_eq!(all["classes"][2]["recall"], right.count() as f64 / counts[2] as f64);
    }
}

#[test]
fn the_worst_samples_come_with_their_rows_and_lines() {
    // A quoted cell over two lines, a blank line, a row without a label: lines and rows part.
    let folder = folder("label,logit,note\n1,2,\"two\nlines\"\n\n0,3,\n,9,\n1,-4,\n0,-1,\n0,3,\n");
    let all = json(folder.path(), &["a.csv", "--top", "3"]);
    let places: Vec<_> =
        all["top"].as_array().unwrap().iter().map(|one| (&one["row"], &one["line"], &one["margin"])).collect();
    let expected = [(4, 7, -4.0), (2, 5, -3.0), (6, 9, -3.0)];
    let equal = |(found, wanted): (&(&Value, &Value, &Value), &(i32, i32, f64))| {
        *found.0 == wanted.0 && *found.1 == wanted.1 && *found.2 == wanted.2
    };
    assert!(places.len() == 3 && places.iter().zip(&expected).all(equal), "{places:?}");
    assert_eq!(all["without_label"], 1);
    assert!(json(folder.path(), &["a.csv", "--top", "0"])["top"].as_array().unwrap().is_empty());
}

#[test]
fn the_suggested_loss_can_be_used() {
    let folder = folder(&binary_file());
    let names = "label,score\n".to_owned() + &"\"a\n[[weighter]] # \u{1b}[2J <script>\",0.9\nb,0.2\nb,0.3\n".repeat(40);
    fs::write(folder.path().join("names.csv"), names).unwrap();
    for (file, objective) in [("a.csv", "bce"), ("names.csv", "bce")] {
        let text = done(&inspect(folder.path(), &[file, "--suggest", "loss.toml"]));
        assert!(!text.contains('\u{1b}'), "no colours where it is no terminal, and none from a label");
        let suggestion = fs::read_to_string(folder.path().join("loss.toml")).unwrap();
        let config = reweight::LossConfig::from_toml(&suggestion).unwrap();
        assert_eq!(config.to_toml().unwrap().lines().next().unwrap(), format!("objective = \"{objective}\""));
        assert!(text.contains(&suggestion) && config.build().is_ok());
        // In a table of its own, and in one batch.
        let data: String =
            (0..60).map(|row| format!("{},{},{}\n", row * 7 % 11, row * 5 % 13, u8::from(row % 6 == 1))).collect();
        fs::write(folder.path().join("data.csv"), data).unwrap();
        let mut compare = Command::new(env!("CARGO_BIN_EXE_reweight"));
        compare.current_dir(folder.path()).args(["compare", "data.csv", "--no-presets", "--strategy", "own=loss.toml"]);
        let output =
            compare.args(["--folds", "2", "--repeats", "1", "--epochs", "1", "--hidden", "none"]).output().unwrap();
        assert!(done(&output).contains("own"));
    }
}

#[test]
fn the_scores_of_a_comparison_can_be_inspected() {
    let data: String =
        (0..90).map(|row| format!("{},{},{}\n", row * 7 % 11, row * 5 % 13, ["no", "yes", "?"][row % 7 % 3])).collect();
    let folder = folder(&data);
    let labelled = data.lines().filter(|line| !line.contains('?')).count();
    for (more, classes) in [(vec![], 2), (vec!["--multiclass"], 2)] {
        let mut compare = Command::new(env!("CARGO_BIN_EXE_reweight"));
        compare
            .current_dir(folder.path())
            .args(["compare", "a.csv", "--scores", "scores.csv", "--epochs", "1"])
            .args(more);
        done(&compare.args(["--folds", "2", "--repeats", "2", "--hidden", "none"]).output().unwrap());
        let all = json(folder.path(), &["scores.csv"]);
        assert_eq!(
            (&all["samples"], all["classes"].as_array().unwrap().len()),
            (&Value::from(labelled), classes),
            "{all}"
        );
    }
}

#[test]
fn what_cannot_be_inspected_is_refused_with_its_place() {
    let folder = folder("");
    for (text, arguments, expected) in [
        ("", vec![], "a.csv: the file is empty"),
        ("\u{feff}", vec![], "a.csv: the file is empty"),
        ("label,score\n", vec!["--header", "yes"], "there is a header but no row beneath it"),
        ("score\n0.5\n0.25\n", vec![], "line 1: there is one column only"),
        ("label,score\n1,0.5\n0,NaN\n", vec![], "line 3, column 2 (`score`): `NaN` is no finite number"),
        ("label,score\r\n1,0.5\r\n0,\r\n", vec![], "line 3, column 2 (`score`): `` is no finite number"),
        ("label,score\n1,0.5\n0,inf\n", vec![], "line 3, column 2 (`score`): `inf`"),
        ("label,prob\n1,0.5\n0,1.5\n", vec![], "line 3, column 2 (`prob`): 1.5 is no probability"),
        (
            "label,score\n1,0.5\n0,-1\n",
            vec!["--scores", "probabilities"],
            "line 3, column 2 (`score`): -1 is no probability",
        ),
        ("label,score\n1,0.5\n1,0.25\n", vec![], "all 2 rows of the column `label` are `1`"),
        ("label,score\n1,0.5\n", vec![], "the only row of the column `label` is `1`"),
        ("label,score\n,0.5\n?,0.25\n", vec![], "every row of the column `label` is empty"),
        ("label,score\n1,0.5\n0\n", vec![], "line 3 has 1 cell,"),
        ("label,score\n1,0.5\n\"0,0.25\n", vec![], "line 3: a quoted cell that begins here is never closed"),
        (
            "label,score\na,0.5\nb,0.25\nc,1\n",
            vec![],
            "one score column (`score`), but 3 labels (`a` (1 row), `b` (1 row)",
        ),
        ("label,score\na,0.5\nb,0.25\n", vec!["--positive", "c"], "is labelled `c`; the labels are `a` (1 row), `b`"),
        ("x,y,label\n1,2,x\n1,2,z\n", vec![], "line 3, column 3 (`label`): no score column stands for the label `z`"),
        (
            "x,y,label\n0.5,0.1,x\n0.5,0.5,y\n",
            vec![],
            "line 2: the probabilities sum to 0.6; mend the row, or say --scores",
        ),
        (
            "logit_x,logit_y,logit_z,label\n1,2,3,x\n1,2,3,y\n",
            vec!["--positive", "x"],
            "--positive is for two classes, and there are 3 score columns",
        ),
        ("label,score\na,0.5\nb,0.25\n", vec![], "which label does the score speak for? `a` (1 row), `b` (1 row) are"),
        (
            "label,score\n1,0.5\n0,0.25\n",
            vec!["--score", "z"],
            "there is no column `z`; choose one of 1 `label`, 2 `score`",
        ),
        ("a,b\n1,0\n0,1\n", vec![], "which column holds the labels?"),
        ("label,score\n1,0.5\n0,0.25\n", vec!["--json", "nowhere/a.json"], "nowhere/a.json: cannot be written"),
        (
            "label,score\n1,0.5\n0,0.25\n",
            vec!["--strategy", "a=nowhere.toml"],
            "nowhere.toml: the config cannot be read",
        ),
    ] {
        fs::write(folder.path().join("a.csv"), text).unwrap();
        let output = inspect(folder.path(), &[&["a.csv"], &arguments[..]].concat());
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text:?}: {message}");
        assert!(message.contains(expected) && !message.contains("panicked"), "{text:?}: {message}");
        assert!(message.chars().all(|letter| letter == '\n' || !letter.is_control()), "{message:?}");
    }
    let message = String::from_utf8(inspect(folder.path(), &["nowhere.csv"]).stderr).unwrap();
    assert!(message.contains("nowhere.csv: there is no such file"), "{message}");
}

#[test]
fn odd_files_are_inspected_all_the_same() {
    let folder = folder("");
    for (text, samples, note) in [
        // Constant scores; probabilities of exactly 0 and 1; a mark of the byte order, CRLF, semicolons, decimal commas.
        ("label,score\n1,0.5\n0,0.5\n0,0.5\n", 3, ""),
        ("label,score\n1,0\n0,1\n0,0.5\n", 3, "2 samples have a probability of exactly 0 or 1"),
        ("\u{feff}label;logit\r\n1;0,5\r\n0;-1,5\r\n", 2, ""),
        ("'1'\t2.5\n'-1'\t-3\n", 2, "column 1, `column 1`, the only one of whole numbers"),
        (
            "label,score\n<script>alert(1)</script>,0.9\n\"🦀, \"\"quoted\"\"\",0.2\n\"🦀, \"\"quoted\"\"\",0.1\n",
            3,
            "the rarer label",
        ),
        ("label,score\n\u{1b}[31m,0.9\nb,0.2\n\u{1b}[31m,0.1\n", 3, "`b`, the rarer label"),
        ("label,score\n1,1e308\n0,-1e308\n1,-1e308\n", 3, ""),
        ("label,a,b\na,0.7,0.3\na,0.6,0.4\n b ,1,0\n", 3, "1 sample has a probability of exactly"),
        ("y,0,1,2\n0,1,2,3\n1,3,2,1\n", 2, "no row has `2`"),
        ("label,score\na,0.1\nb,0.9\nc,0.2\n", 3, "2 other labels were taken together"),
    ] {
        fs::write(folder.path().join("a.csv"), text).unwrap();
        let arguments: &[&str] = if text.contains("c,0.2") { &["a.csv", "--positive", "b"] } else { &["a.csv"] };
        let shown = done(&inspect(folder.path(), arguments));
        let all = json(folder.path(), arguments);
        assert_eq!(all["samples"], samples, "{text:?}");
        let notes = all["guesses"].to_string();
        assert!(notes.contains(note), "{text:?}: {notes}");
        assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{shown:?}");
        reweight::LossConfig::from_toml(all["suggestion"].as_str().unwrap()).unwrap().build().unwrap();
        assert_eq!(all["strategies"].as_array().unwrap()[0]["effective_samples"], samples as f64);
    }
}

#[test]
fn standard_input_is_read_and_what_it_says_does_not_depend_on_where_it_came_from() {
    let folder = folder(&binary_file());
    let mut child = Command::new(env!("CARGO_BIN_EXE_reweight"))
        .args(["inspect", "-", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(binary_file().as_bytes()).unwrap();
    let piped = done(&child.wait_with_output().unwrap());
    fs::rename(folder.path().join("a.csv"), folder.path().join("standard input")).unwrap();
    assert_eq!(piped, done(&inspect(folder.path(), &["standard input", "--quiet"])));
}

#[test]
fn a_strategy_of_ones_own_is_judged_too() {
    let folder = folder(&binary_file());
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("own.toml", "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = 0.0\nscale = 1e200\n");
    write("softmax.toml", "objective = \"softmax-ce\"\n");
    let all = json(folder.path(), &["a.csv", "--strategy", "own=own.toml"]);
    let own = &all["strategies"][6];
    // Squares of such weights are beyond the floats, and still all are equal.
    assert!((own["effective_samples"].as_f64().unwrap() - 300.0).abs() < 1e-9, "{own}");
    assert_eq!((&own["name"], &own["largest_weight"]), (&Value::from("own"), &Value::from(1e200)));
    let refused = inspect(folder.path(), &["a.csv", "--strategy", "own=softmax.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("needs \"bce\""));
}

#[test]
fn a_strategys_base_and_adjustment_are_seen() {
    let folder = folder(&binary_file());
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let file = binary_file();
    let moved = file.lines().map(|line| match line.rsplit_once(',') {
        Some((label, score)) => score.parse().map_or(line.to_owned(), |score: f64| format!("{label},{}", score + 0.75)),
        None => line.to_owned(),
    });
    write("moved.csv", &moved.collect::<Vec<_>>().join("\n"));
    // What an adjustment does to the logits is what other logits are.
    let parts =
        "base = { kind = \"poly-1\", epsilon = 1.0 }\nweighter = [{ kind = \"ghm\", bins = 10, momentum = 0.5 }]\n";
    write("plain.toml", &format!("objective = \"bce\"\n{parts}"));
    write(
        "own.toml",
        &format!("objective = \"bce\"\nadjustment = [{{ kind = \"vector-scaling\", offset = 0.75 }}]\n{parts}"),
    );
    let adjusted = json(folder.path(), &["a.csv", "--strategy", "own=own.toml"]);
    let plain = json(folder.path(), &["moved.csv", "--strategy", "own=plain.toml"]);
    for figure in ["mean_weight", "largest_weight", "effective_samples"] {
        let of = |all: &Value| all["strategies"][6][figure].as_f64().unwrap();
        assert!((of(&adjusted) - of(&plain)).abs() < 1e-9 * of(&plain), "{figure}");
    }
    let share = |all: &Value| all["strategies"][6]["class_gradient"][1].as_f64().unwrap();
    assert!((share(&adjusted) - share(&plain)).abs() < 1e-9, "{} {}", share(&adjusted), share(&plain));
    write("three.csv", "y,a,b,c\na,0.7,0.2,0.1\nb,0.1,0.8,0.1\nc,0.2,0.2,0.6\na,0.5,0.4,0.1\n");
    write("softmax.toml", "objective = \"softmax-ce\"\nbase = { kind = \"poly-1\", epsilon = 1.0 }\n");
    json(folder.path(), &["three.csv", "--strategy", "own=softmax.toml"]);
    write("softmax.toml", "objective = \"softmax-ce\"\nadjustment = [{ kind = \"ldam\", scale = 1.0 }]\n");
    let refused = inspect(folder.path(), &["three.csv", "--strategy", "own=softmax.toml"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("`adjustment` is not computed here"));
}

/// The figures of a page's chart, curve by curve.
fn chart<'a>(charts: &'a Value, id: &str) -> Vec<(&'a str, Vec<f64>)> {
    let chart = charts.as_array().unwrap().iter().find(|chart| chart["id"] == id).unwrap();
    let numbers = |curve: &'a Value| curve["y"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    chart["plot"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|curve| (curve["name"].as_str().unwrap(), numbers(curve)))
        .collect()
}

#[test]
fn the_report_shows_the_figures_of_the_json() {
    let folder = folder(&binary_file().replace("label", "<script>alert(1)</script>"));
    let arguments = ["a.csv", "--label", "1", "--report", "a.html"];
    let all = json(folder.path(), &arguments);
    let page = fs::read_to_string(folder.path().join("a.html")).unwrap();
    assert!(page.len() < 3_000_000 && !page.contains("<script>alert"), "{}", page.len());
    let charts = reweight_cli::report::read_charts(&page).unwrap();
    let counts: Vec<f64> =
        all["regions"].as_array().unwrap().iter().map(|one| one["samples"].as_f64().unwrap()).collect();
    assert_eq!(chart(&charts, "norms"), [("samples", counts)]);
    let shares = chart(&charts, "region-shares");
    assert_eq!(shares.len(), 7);
    for ((name, shares), judged) in shares.iter().zip(all["strategies"].as_array().unwrap()) {
        let expected: Vec<f64> =
            judged["region_gradient"].as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect();
        assert_eq!((*name, shares), (judged["name"].as_str().unwrap(), &expected));
    }
    let focal = chart(&charts, "weights-by-norm").into_iter().find(|(name, _)| *name == "focal").unwrap().1;
    let mean = all["strategies"][2]["mean_weight"].as_f64().unwrap();
    for (weight, norm) in focal.iter().zip(all["norms"].as_array().unwrap()) {
        let expected = norm.as_f64().unwrap().powi(2) / mean;
        assert!((weight - expected).abs() < 1e-12 * expected, "{weight}, not {expected}");
    }
    assert!(
        page.contains("274") && page.contains(r#"scheme = &#34;inverse-frequency&#34;"#),
        "suspects and suggestion"
    );
}

#[test]
fn reports_of_odd_files_are_whole() {
    let folder = folder("");
    for text in [
        "label,score\n1,0.5\n0,0.5\n0,0.5\n",
        "label,score\n1,0.9\n0,0.1\n0,0.2\n",
        "y,<b>a</b>,\"b, 🦀\",c\n<b>a</b>,0.7,0.3,0\n\"b, 🦀\",0.6,0.4,0\n",
    ] {
        fs::write(folder.path().join("a.csv"), text).unwrap();
        done(&inspect(folder.path(), &["a.csv", "--report", "a.html", "--top", "0"]));
        let page = fs::read_to_string(folder.path().join("a.html")).unwrap();
        assert!(page.trim_end().ends_with("</html>") && !page.contains("<b>a</b>"), "{text}");
        assert!(reweight_cli::report::read_charts(&page).is_some());
    }
    fs::write(folder.path().join("own.toml"), "objective = \"softmax-ce\"\n").unwrap();
    let many: Vec<String> = (0..200).map(|index| format!("--strategy=<i>{index}</i>=own.toml")).collect();
    let many: Vec<&str> = ["a.csv", "--report", "a.html"].into_iter().chain(many.iter().map(String::as_str)).collect();
    done(&inspect(folder.path(), &many));
    let page = fs::read_to_string(folder.path().join("a.html")).unwrap();
    assert!(page.len() < 3_000_000 && !page.contains("<i>") && page.contains("&#60;i&#62;199"), "{}", page.len());
    let refused = inspect(folder.path(), &["a.csv", "--report", "nowhere/a.html"]);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && message.contains("nowhere/a.html: cannot be"), "{message}");
}
