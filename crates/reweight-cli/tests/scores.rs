//! Scores as people have them: `inspect` reads them right, and says how.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use common::{bit, compared, done, folder, inspected, refused, reweight, said, same_area, sigmoid, table};

#[path = "common/tables.rs"]
mod common;

#[test]
fn the_positive_label_travels_with_the_scores() {
    let of = |rare: &str, common: &str| {
        table("a,b,label\n", |_, a, b, r| format!("{a:.4},{b:.4},{}", if r { rare } else { common }))
    };
    for (rare, common, asked, positive) in [
        ("1", "2", None, "1"),
        ("2", "1", None, "2"),
        ("1", "2", Some("2"), "2"),
        ("-1", "1", Some("1"), "1"),
        ("-1", "1", Some("-1"), "-1"),
        ("bad", "good", None, "bad"),
        ("1.5", "2.5", None, "1.5"),
        ("no churn", "churn", None, "churn"),
        ("fraud", "not fraud", None, "fraud"),
        ("Non-Smoker", "smoker", None, "smoker"),
    ] {
        let folder = folder(of(rare, common));
        let more: Vec<&str> =
            asked.iter().flat_map(|label| ["--positive", label]).chain(["--scores", "s.csv"]).collect();
        let all = compared(folder.path(), &more);
        assert_eq!(all["positive"], positive, "{rare} {common}");
        assert_eq!(said(&all, "positive").is_empty(), asked.is_some());
        fs::rename(folder.path().join("s.csv"), folder.path().join("a.csv")).unwrap();
        let all = inspected(folder.path(), &[]);
        assert_eq!((&all["positive"], &all["scores"]), (&Value::from(positive), &Value::from("logits")), "{all}");
        assert_eq!(all["score_columns"], serde_json::json!([format!("logit_{positive}")]));
    }
    let many = table("a,b,label\n", |n, a, b, r| format!("{a:.4},{b:.4},{}", if r { "x" } else { ["y", "z"][n % 2] }));
    let folder = folder(many);
    let all = compared(folder.path(), &["--scores", "s.csv"]);
    assert!(all["positive"] == "x" && said(&all, "the rest").contains("`y`"), "{all}");
    fs::rename(folder.path().join("s.csv"), folder.path().join("a.csv")).unwrap();
    assert_eq!(inspected(folder.path(), &[])["positive"], "x");
}

#[test]
fn scores_of_every_tool() {
    let p = |a: f64| (1.0 - sigmoid(a), sigmoid(a));
    let sets: Vec<(&str, String, Vec<&str>)> = vec![
        (
            "a counting column",
            table(",y,proba_0,proba_1\n", |n, a, _, r| format!("{n},{},{:.9},{:.9}", bit(r), p(a).0, p(a).1)),
            vec!["proba_0", "proba_1"],
        ),
        (
            "H2O",
            table("predict,p0,p1,actual\n", |n, a, _, r| format!("{},{:.9},{:.9},{}", n % 2, p(a).0, p(a).1, bit(r))),
            vec!["p0", "p1"],
        ),
        (
            "H2O's names",
            table("predict,no,yes,actual\n", |n, a, _, r| {
                format!("{0},{1:.9},{2:.9},{3}", ["no", "yes"][n % 2], p(a).0, p(a).1, ["no", "yes"][usize::from(r)])
            }),
            vec!["no", "yes"],
        ),
        (
            "caret",
            table("pred,obs,No,Yes,rowIndex\n", |n, a, _, r| {
                format!(
                    "{},{},{:.9},{:.9},{}",
                    ["No", "Yes"][n % 2],
                    ["No", "Yes"][usize::from(r)],
                    p(a).0,
                    p(a).1,
                    3 * n
                )
            }),
            vec!["No", "Yes"],
        ),
        (
            "tidymodels",
            table(".pred_class,.pred_No,.pred_Yes,Class\n", |n, a, _, r| {
                format!("{},{:.9},{:.9},{}", ["No", "Yes"][n % 2], p(a).0, p(a).1, ["No", "Yes"][usize::from(r)])
            }),
            vec![".pred_No", ".pred_Yes"],
        ),
        (
            "one of them",
            table("id,Class,.pred_Yes\n", |n, a, _, r| {
                format!("{},{},{:.9}", 9000 - n, ["No", "Yes"][usize::from(r)], p(a).1)
            }),
            vec![".pred_Yes"],
        ),
        (
            "Spark",
            table("label,features,rawPrediction,probability,prediction\n", |n, a, b, r| {
                format!(
                    "{:.1},\"[{a},{b}]\",\"[{},{}]\",\"[{:.9},{:.9}]\",{:.1}",
                    f64::from(bit(r)),
                    -a,
                    a,
                    p(a).0,
                    p(a).1,
                    (n % 2) as f64
                )
            }),
            vec!["probability"],
        ),
        (
            "hard predictions",
            table("y_true,y_pred,y_pred_proba\n", |n, a, _, r| format!("{},{},{:.9}", bit(r), n % 2, p(a).1)),
            vec!["y_pred_proba"],
        ),
        (
            "hard predictions of other names",
            table("truth,model,verdict\n", |n, a, _, r| format!("{},{:.9},{}", bit(r), p(a).1, n % 2)),
            vec!["model"],
        ),
        (
            "classes",
            table("class_1;class_0;truth\n", |_, a, _, r| format!("{:.9};{:.9};{}", p(a).1, p(a).0, bit(r))),
            vec!["class_1", "class_0"],
        ),
        (
            "French",
            table("Score;Classe\n", |_, a, _, r| format!("{:.9};{}", p(a).1, bit(r)).replace('.', ",")),
            vec!["Score"],
        ),
        (
            "French, label first",
            table("Classe;Score\n", |_, a, _, r| format!("{};{:.9}", bit(r), p(a).1).replace('.', ",")),
            vec!["Score"],
        ),
        ("per cent", table("label,score\n", |_, a, _, r| format!("{},{:.7}%", bit(r), 100.0 * p(a).1)), vec!["score"]),
        (
            "R's row names",
            table("label,score\n", |n, a, _, r| format!("{},{},{:.9}", n + 1, bit(r), p(a).1)),
            vec!["score"],
        ),
        ("runs of blanks", table("label   score\n", |_, a, _, r| format!("{}   {:.9}", bit(r), p(a).1)), vec!["score"]),
        (
            "a value just above 1",
            table("label,score\n", |n, a, _, r| format!("{},{}", bit(r), if n == 55 { 1.000_000_1 } else { p(a).1 })),
            vec!["score"],
        ),
    ];
    for (form, text, columns) in sets {
        let over = form == "a value just above 1";
        let folder = folder(text);
        let all = inspected(folder.path(), &[]);
        assert_eq!(all["score_columns"], serde_json::json!(columns), "{form}: {}", all["guesses"]);
        assert_eq!((&all["scores"], &all["samples"]), (&Value::from("probabilities"), &Value::from(60)), "{form}");
        assert!(["1", "1.0", "yes", "Yes"].contains(&all["positive"].as_str().unwrap()), "{form}: {}", all["positive"]);
        if over {
            assert!(said(&all, "scores").contains("1 score lies a rounding error beyond"), "{all}");
        } else {
            same_area(&all);
        }
        let text = done(&reweight(folder.path(), &["inspect", "a.csv"]));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("--score COL") && text.contains(columns[0]), "{form}: {text}");
    }
}

#[test]
fn scores_that_may_be_two_things_are_refused_or_doubted() {
    let twice =
        folder(table("label,score,score\n", |_, a, _, r| format!("{},{},{}", bit(r), sigmoid(a), 1.0 - sigmoid(a))));
    let message = refused(&reweight(twice.path(), &["inspect", "a.csv"]));
    assert!(message.contains("2 `score`, 3 `score` have one name"), "{message}");
    same_area(&inspected(twice.path(), &["--score", "2"]));
    let hundred = folder(table("label,score\n", |_, a, _, r| format!("{},{:.7}", bit(r), 100.0 * sigmoid(a))));
    let doubted = inspected(hundred.path(), &[]);
    assert!(doubted["scores"] == "logits" && said(&doubted, "scores").contains("--scores percentages"), "{doubted}");
    let quiet = reweight(hundred.path(), &["inspect", "a.csv", "--quiet"]);
    assert!(String::from_utf8(quiet.stderr).unwrap().contains("--scores percentages"), "a guess is part of the result");
    let told = inspected(hundred.path(), &["--scores", "percentages"]);
    same_area(&told);
    assert_eq!(told["scores"], "percentages");
    for (text, expected) in [
        // Labels from 1 beside columns from 0; two models' scores; features among which none is called a score.
        (
            table("label,p_0,p_1\n", |_, a, _, r| format!("{},{},{}", 1 + bit(r), sigmoid(-a), sigmoid(a))),
            "stands for the label `2`",
        ),
        (
            table("label,model_a,model_b\n", |_, a, b, r| format!("{},{a},{b}", bit(r))),
            "It may be 2 `model_a`, 3 `model_b`",
        ),
        (
            table("age,height,result,label\n", |_, a, b, r| format!("{a},{b},{},{}", a + b, bit(r))),
            "which columns hold the scores?",
        ),
    ] {
        let message = refused(&reweight(folder(text).path(), &["inspect", "a.csv"]));
        assert!(message.contains(expected), "{message}");
    }
    let turned = folder(table("label,score\n", |_, a, _, r| format!("{},{:.9}", bit(r), sigmoid(-a))));
    let text = done(&reweight(turned.path(), &["inspect", "a.csv", "-q"]));
    let first = text.split("\n\n").next().unwrap().replace('\n', " ");
    assert!(first.contains("under ½: if the score speaks for `0`, say --positive 0"), "{first}");
}

#[test]
fn certain_probabilities_never_rank_inside_others() {
    let text = "label,prob\n1,1.0\n1,1.0\n1,1.0\n0,0.9999999999\n0,0.99999999\n0,0.2\n0,0.1\n0,0.0\n1,0.0000000001\n0,0.3\n0,0.4\n";
    let one = folder(text);
    let all = inspected(one.path(), &[]);
    // scikit-learn: 22 of 28 pairs.
    assert_eq!(all["area_under_roc"].as_f64().unwrap(), 22.0 / 28.0);
    let two = table_of(text, |label, p| format!("{label},{},{p}", 1.0 - p), "label,p_0,p_1");
    assert_eq!(inspected(folder(two).path(), &[])["area_under_roc"].as_f64().unwrap(), 22.0 / 28.0);
    // The one that contradicts its label for certain leads the list.
    let contradicted = folder("label,prob\n0,0.9999999999\n0,1\n1,0.5\n1,0.9\n0,0.1\n");
    let top = inspected(contradicted.path(), &[])["top"].clone();
    assert_eq!((&top[0]["row"], &top[1]["row"]), (&Value::from(2), &Value::from(1)));
    assert!(top[0]["cross_entropy"].as_f64() > top[1]["cross_entropy"].as_f64());
    let many =
        folder("label,p_a,p_b,p_c\na,0.0000000001,0.9999999999,0\nb,1,0,0\nc,0.1,0.1,0.8\nc,0,0,1\na,0.5,0.25,0.25\n");
    let top = inspected(many.path(), &[])["top"].clone();
    assert_eq!((&top[0]["row"], &top[1]["row"]), (&Value::from(2), &Value::from(1)));
}

fn table_of(text: &str, line: impl Fn(&str, f64) -> String, head: &str) -> String {
    let mut out = format!("{head}\n");
    for row in text.lines().skip(1) {
        let (label, p) = row.split_once(',').unwrap();
        writeln!(out, "{}", line(label, p.parse().unwrap())).unwrap();
    }
    out
}

#[test]
fn one_half_says_the_first_class_everywhere() {
    let one = inspected(folder("label,p\n0,0.5\n1,0.5\n1,0.9\n0,0.1\n0,0.2\n").path(), &[]);
    let two = inspected(folder("label,p_0,p_1\n0,0.5,0.5\n1,0.5,0.5\n1,0.1,0.9\n0,0.9,0.1\n0,0.8,0.2\n").path(), &[]);
    for all in [one, two] {
        assert_eq!(
            (&all["classes"][0]["recall"], &all["classes"][1]["recall"]),
            (&Value::from(1.0), &Value::from(0.5)),
            "{all}"
        );
        let top = all["top"].as_array().unwrap().iter().find(|suspect| suspect["row"] == 1).unwrap();
        assert_eq!((&top["label"], &top["predicted"]), (&Value::from("0"), &Value::from("0")));
    }
}

#[test]
fn a_cause_is_said_once() {
    let folder = folder("");
    fs::write(folder.path().join("l.toml"), "objective = \"bce\"\n").unwrap();
    fs::write(folder.path().join("a.npy"), b"\x93NUMPY\x01\x00\x10\x00{abc             \n").unwrap();
    let message =
        refused(&reweight(folder.path(), &["eval", "--config", "l.toml", "--logits", "a.npy", "--targets", "a.npy"]));
    assert_eq!(message.matches("newline missing").count(), 1, "{message}");
}

#[test]
fn wide_and_hostile_files() {
    // 2,000 classes whose rows are longer than what is looked at first, under a header that is not.
    let classes = 2000;
    let head: Vec<String> = (0..classes).map(|class| format!("c{class}")).collect();
    let mut wide = format!("label,{}\n", head.join(","));
    for row in 0..3 {
        let cells: Vec<String> = (0..classes)
            .map(|class| format!("{}{}", "0".repeat(600), if class == row { "0.9" } else { "0.0001" }))
            .collect();
        writeln!(wide, "c{row},{}", cells.join(",")).unwrap();
    }
    assert!(wide.len() > 3 << 20);
    let all = inspected(folder(&wide).path(), &["--scores", "probabilities", "--top", "0"]);
    assert_eq!((&all["samples"], all["classes"].as_array().unwrap().len()), (&Value::from(3), classes));
    // A row that never ends, commas without end, a cell of megabytes: a short message each.
    let long = "a".repeat(70 << 20);
    let message = refused(&reweight(folder(&long).path(), &["inspect", "a.csv"]));
    assert!(message.contains("longer than 64 MiB"), "{message}");
    let commas = ",".repeat(1 << 20) + "\n";
    for command in ["inspect", "compare"] {
        let message = refused(&reweight(folder(commas.repeat(3)).path(), &[command, "a.csv"]));
        assert!(message.contains("1,048,577 cells, and at most 262,144"), "{message}");
    }
    let cell = "b".repeat(5 << 20);
    for text in [
        format!("label,score\n1,0.5\n0,{cell}\n"),
        format!("label,score\n1,0.5\n{cell},0.2\nc,0.1\n"),
        format!("label,{cell}\n1,x\n0,y\n"),
    ] {
        let folder = folder(text);
        refused(&reweight(folder.path(), &["inspect", "a.csv"]));
        refused(&reweight(folder.path(), &["compare", "a.csv"]));
    }
}

#[test]
fn per_cent_signs_stand_behind_all_numbers_of_a_column_or_none() {
    let folder = folder("label,score\n1,9%\n1,8%\n0,0.1\n0,0.2\n0,0\n0,5%\n");
    let message = refused(&reweight(folder.path(), &["inspect", "a.csv"]));
    assert!(message.contains("`%` behind 3 of its numbers and nothing behind 2 (first on line 4)"), "{message}");
}

#[test]
fn probabilities_that_are_not_read_do_not_give_way_to_predictions() {
    let rows = "1,1,\"{'values': [0.1, 0.9]}\"\n0,0,\"{'values': [0.8, 0.2]}\"\n".repeat(4);
    let folder = folder(format!("label,prediction,probability\n{rows}"));
    let message = refused(&reweight(folder.path(), &["inspect", "a.csv"]));
    assert!(message.contains("`probability`, is called as scores are") && message.contains("--score"), "{message}");
    let all = inspected(folder.path(), &["--score", "prediction"]);
    assert_eq!(all["score_columns"], serde_json::json!(["prediction"]));
}
