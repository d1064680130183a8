//! What a table or a file of scores does not say and the program finds out: which column is meant, and whose score it is.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fs;

use common::{bit, compared, folder, inspected, refused, reweight, said, sigmoid, table};

#[path = "common/tables.rs"]
mod common;

#[track_caller]
fn refuses(command: &str, text: &str, parts: &[&str]) {
    let folder = folder(text);
    let message = refused(&reweight(folder.path(), &[command, "a.csv"]));
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    parts.iter().for_each(|part| assert!(message.contains(part), "no `{part}` in {message}"));
}

#[test]
fn a_target_is_found_by_its_name_wherever_it_stands() {
    for (name, yes, no) in [
        ("Churn?", "Yes", "No"),
        ("died", "1", "0"),
        ("is_churned", "TRUE", "FALSE"),
        ("Bankrupt?", "1", "0"),
        ("default.payment.next.month", "1", "0"),
        ("DEATH_EVENT", "1", "0"),
    ] {
        let text = table(&format!("a,{name},b,sex\n"), |n, a, b, r| {
            format!("{a:.3},{},{b:.3},{}", if r { yes } else { no }, ["m", "f"][n % 2])
        });
        let data = compared(folder(text).path(), &[]);
        assert_eq!((&data["target"], &data["positive"]), (&name.into(), &yes.into()), "{data}");
        assert!(said(&data, "target").contains("for its name, and not `sex`, the last column"), "{data}");
    }
}

#[test]
fn another_column_of_two_values_is_a_doubt_about_the_last_one() {
    let text =
        table("a,left_early,b,grade\n", |n, a, b, r| format!("{a:.3},{},{b:.3},{}", bit(r), ["x", "y", "z"][n % 3]));
    let data = compared(folder(text).path(), &["--positive", "x"]);
    let target = said(&data, "target");
    assert!(
        target.contains("`grade`, the last column; `left_early` has two labels as well, and may be meant"),
        "{target}"
    );
    let text = table("a,left_early,b\n", |_, a, b, r| format!("{a:.3},{},{:.1}", bit(r), b));
    refuses("compare", &text, &["which column is to be predicted", "2 `left_early`", "3 `b`", "--target"]);
}

#[test]
fn what_parts_the_rows_is_neither_target_nor_feature() {
    for (name, parts) in [
        ("split", ["train", "test"]),
        ("phase", ["training", "val"]),
        ("fold", ["1", "2"]),
        ("is_test", ["True", "False"]),
    ] {
        let text =
            table(&format!("a,b,flag,{name}\n"), |n, a, b, r| format!("{a:.3},{b:.3},{},{}", bit(r), parts[n % 2]));
        let data = compared(folder(text).path(), &[]);
        assert_eq!(data["target"], "flag", "{data}");
        let left_out = said(&data, "left out");
        assert!(
            left_out.contains(&format!("`{name}` says which part of a split a row is in (\"--keep COL\")")),
            "{left_out}"
        );
        let scores = table(&format!("{name},flag,score\n"), |n, a, _, r| format!("{},{},{a:.3}", parts[n % 2], bit(r)));
        assert_eq!(inspected(folder(scores).path(), &[])["label_column"], "flag");
    }
}

#[test]
fn a_name_that_pandas_repeated_is_that_of_two_columns() {
    let scores = table("label,score,score.1\n", |_, a, b, r| format!("{},{:.4},{:.4}", bit(r), sigmoid(a), sigmoid(b)));
    refuses("inspect", &scores, &["2 `score`, 3 `score.1` have one name", "--score"]);
    let twice = table("label,score,label.1\n", |_, a, _, r| format!("{},{:.4},{}", bit(r), sigmoid(a), bit(!r)));
    refuses("inspect", &twice, &["1 `label`, 3 `label.1` have one name", "--label"]);
    refuses("compare", &twice, &["1 `label`, 3 `label.1`", "--target"]);
    // Without a `prob` beside them they are the scores of 0 and 1.
    let set =
        table("label,prob.0,prob.1\n", |_, a, _, r| format!("{},{:.4},{:.4}", bit(r), 1.0 - sigmoid(a), sigmoid(a)));
    assert_eq!(inspected(folder(set).path(), &[])["scores"], "probabilities");
}

#[test]
fn a_score_is_of_whom_its_name_says() {
    let plain = |name: &str, label: &str, is_other: bool| {
        let text = table(&format!("{label},{name}\n"), |_, a, _, r| {
            let p = sigmoid(a);
            format!("{},{:.6}", bit(r), if is_other { 1.0 - p } else { p })
        });
        inspected(folder(text).path(), &[])
    };
    let area = plain("prob", "label", false)["area_under_roc"].as_f64().unwrap();
    for (name, label) in [
        ("prob_died", "survived"),
        ("p_stayed", "churn"),
        ("1-p", "label"),
        ("1 - prob", "label"),
        ("one_minus_p", "y"),
    ] {
        let all = plain(name, label, true);
        // The same order from its other end.
        assert!((all["area_under_roc"].as_f64().unwrap() - area).abs() < 1e-12, "{name}: {all}");
        assert!(said(&all, "positive").contains(&format!("`0`, as the score's name `{name}` says")), "{all}");
    }
    let both = table("TARGET,P_TARGET1,P_TARGET0\n", |_, a, _, r| {
        format!("{},{:.6},{:.6}", bit(r), sigmoid(a), 1.0 - sigmoid(a))
    });
    let all = inspected(folder(both).path(), &[]);
    assert!((all["area_under_roc"].as_f64().unwrap() - area).abs() < 1e-12, "{all}");
    assert!(said(&all, "scores").contains("columns `P_TARGET1`, `P_TARGET0`, named after the labels"), "{all}");
}

#[test]
fn one_score_beyond_a_range_is_a_doubt() {
    for (times, wrong, expected) in [
        (100.0, "100.01", "all except one (100.01 on line 62) lie in [0, 100], as percentages do"),
        (1.0, "9999", "all except one (9999 on line 62) lie in [0, 1], as probabilities do"),
        (1.0, "-1", "all except one (-1 on line 62) lie in [0, 1], as probabilities do"),
    ] {
        let mut text = table("label,score\n", |_, a, _, r| format!("{},{:.4}", bit(r), times * sigmoid(a)));
        text.push_str(&format!("1,{wrong}\n"));
        let all = inspected(folder(text).path(), &[]);
        assert!(said(&all, "scores").contains(expected), "{all}");
    }
}

#[test]
fn numbers_that_cannot_be_one_target_or_one_column_are_refused() {
    let many = table("a,b,y\n", |n, a, b, _| format!("{a:.3},{b:.3},{}", n % 12));
    refuses("compare", &many, &["`y` holds 12 different numbers", "--target", "--positive", "--multiclass"]);
    let marks = table("a;b;label\n", |n, a, b, r| {
        let a = format!("{a:.2}");
        format!("{};{b:.2};{}", if n % 3 == 0 { a.replace('.', ",") } else { a }, bit(r))
    });
    refuses("compare", &marks, &["a decimal point in 40 of its numbers and a decimal comma in 20 (first on line 2)"]);
    let gone = table("a,b,y\n", |_, a, b, r| format!("{a:.3},{b:.3},{}", if r { "1" } else { "NA" }));
    refuses("compare", &gone, &["are `1`, and", "more have none that is taken for a label", "--missing"]);
    refuses(
        "inspect",
        &gone.replace("a,b,y", "z,score,y"),
        &["are `1`, and", "more have none that is taken for a label"],
    );
}

#[test]
fn a_number_far_above_all_others_may_be_a_missing_one() {
    let of = |n: usize, value: &str| {
        let text = table("a,b,label\n", |row, a, b, r| {
            format!("{a:.3},{},{}", if row % 9 < n { value.to_owned() } else { format!("{b:.3}") }, bit(r))
        });
        said(&compared(folder(text).path(), &[]), "missing")
    };
    assert!(
        of(1, "9999").contains("9999 was taken for a number, far above all others, in `b` (7)"),
        "{}",
        of(1, "9999")
    );
    assert!(of(1, "-999").contains("-999 was taken for a number, far below all others, in `b` (7)"));
    let far = table("a,b,label\n", |row, a, b, r| {
        format!("{a:.3},{},{}", if row % 9 == 0 { "-999".to_owned() } else { format!("{:.1}", 5000.0 + b) }, bit(r))
    });
    assert!(said(&compared(folder(far).path(), &[]), "missing").contains("-999 was taken for a number"));
    assert_eq!((of(1, "25"), of(0, "9999")), (String::new(), String::new()));
}

#[test]
fn amounts_by_sign_and_by_word_are_of_one_currency() {
    let text = table("a,b,label\n", |n, a, b, r| {
        let a = if n % 2 == 0 { format!("{a:.2} EUR") } else { format!("€ {a:.2}") };
        format!("{a},{b:.2},{}", bit(r))
    });
    let data = compared(folder(text).path(), &[]);
    assert_eq!(data["features"][0]["kind"], "numeric", "{data}");
    let text = table("a,b,label\n", |n, a, b, r| {
        let a = if n % 2 == 0 { format!("{a:.2} EUR") } else { format!("$ {a:.2}") };
        format!("{a},{b:.2},{}", bit(r))
    });
    refuses("compare", &text, &["column 1, `a`, has"]);
}

#[test]
fn labels_with_brackets_and_merged_ones_travel_with_the_scores() {
    let kinds = ["a[1]", "b, c", "(d)", "e;f"];
    let text = table("a,b,kind\n", |n, a, b, _| {
        let kind = if n < 2 { ["rare [x]", "rare (y)"][n % 2] } else { kinds[n % 4] };
        format!("{a:.3},{b:.3},\"{kind}\"")
    });
    let folder = folder(text);
    let asked = ["--multiclass", "--merge-rare", "--scores", "s.csv"];
    let data = compared(folder.path(), &asked);
    fs::rename(folder.path().join("s.csv"), folder.path().join("a.csv")).unwrap();
    let all = inspected(folder.path(), &[]);
    let classes: Vec<&str> =
        all["classes"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect();
    let labels: Vec<&str> = data["labels"].as_array().unwrap().iter().map(|one| one[0].as_str().unwrap()).collect();
    assert_eq!((classes, all["samples"].as_u64()), (labels, Some(60)), "{all}");
}
