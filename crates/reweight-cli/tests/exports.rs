//! What tools write of their predictions: `inspect` knows which column speaks for which label, or asks.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use serde_json::Value;

use common::{bit, folder, inspected, refused, reweight, said, same_area, sigmoid, table};

#[path = "common/tables.rs"]
mod common;

/// The area under the ROC curve is that of the first number, whichever of the two labels is the positive one.
#[track_caller]
fn has_the_area(form: &str, text: &str, columns: &[&str]) -> Value {
    let folder = folder(text);
    let all = inspected(folder.path(), &[]);
    assert_eq!(all["score_columns"], serde_json::json!(columns), "{form}: {}", all["guesses"]);
    let found = all["area_under_roc"].as_f64().unwrap();
    assert!((found - common::area()).abs() < 1e-12, "{form}: {found}, not {}: {}", common::area(), all["guesses"]);
    all
}

#[test]
fn names_that_mean_a_label_speak_for_it() {
    let p = sigmoid;
    let word = |r: bool, words: [&'static str; 2]| words[usize::from(r)];
    for (form, text, columns) in [
        (
            "X and not X beside 1 and 0",
            table("churn,p_not_churn,p_churn\n", |_, a, _, r| format!("{},{:.9},{:.9}", bit(r), p(-a), p(a))),
            vec!["p_not_churn", "p_churn"],
        ),
        (
            "X and not X, and another label",
            table("label,p_not_churn,p_churn\n", |_, a, _, r| {
                format!("{},{:.9},{:.9}", word(r, ["stays", "churn"]), p(-a), p(a))
            }),
            vec!["p_not_churn", "p_churn"],
        ),
        (
            "not X alone",
            table("label,p_not_churn\n", |_, a, _, r| format!("{},{:.9}", bit(r), p(-a))),
            vec!["p_not_churn"],
        ),
        (
            "opposites",
            table("label,prob_neg,prob_pos\n", |_, a, _, r| format!("{},{:.9},{:.9}", bit(r), p(-a), p(a))),
            vec!["prob_neg", "prob_pos"],
        ),
        (
            "one of them",
            table("label,prob_positive\n", |_, a, _, r| format!("{},{:.9}", word(r, ["false", "true"]), p(a))),
            vec!["prob_positive"],
        ),
        (
            "the other of them",
            table("label,prob_negative\n", |_, a, _, r| format!("{},{:.9}", word(r, ["false", "true"]), p(-a))),
            vec!["prob_negative"],
        ),
        (
            "yes and no",
            table("label,score_yes,score_no\n", |_, a, _, r| format!("{},{a:.9},{:.9}", bit(r), -a)),
            vec!["score_yes", "score_no"],
        ),
        (
            "events",
            table("y,prob_event,prob_nonevent\n", |_, a, _, r| format!("{},{:.9},{:.9}", bit(r), p(a), p(-a))),
            vec!["prob_event", "prob_nonevent"],
        ),
        (
            "numbers beside words that mean them",
            table("diagnosis,prob_1\n", |_, a, _, r| format!("{},{:.9}", word(r, ["benign", "malignant"]), p(a))),
            vec!["prob_1"],
        ),
        (
            "SAS",
            table("bad,P_bad1,P_bad0,I_bad\n", |n, a, _, r| format!("{},{:.9},{:.9},{}", bit(r), p(a), p(-a), n % 2)),
            vec!["P_bad1", "P_bad0"],
        ),
        (
            "KNIME",
            table("row ID,churn,P (churn=no),P (churn=yes),Prediction (churn)\n", |n, a, _, r| {
                let said = word(n % 2 == 1, ["no", "yes"]);
                format!("Row{n},{},{:.9},{:.9},{said}", word(r, ["no", "yes"]), p(-a), p(a))
            }),
            vec!["P (churn=no)", "P (churn=yes)"],
        ),
        (
            "RapidMiner",
            table("row no.;label;prediction(label);confidence(no);confidence(yes)\n", |n, a, _, r| {
                format!("{n};{};no;{:.9};{:.9}", word(r, ["no", "yes"]), p(-a), p(a))
            }),
            vec!["confidence(no)", "confidence(yes)"],
        ),
        (
            "CatBoost",
            table("SampleId\tProbability:Class=0\tProbability:Class=1\tLabel\n", |n, a, _, r| {
                format!("{n}\t{:.9}\t{:.9}\t{}", p(-a), p(a), bit(r))
            }),
            vec!["Probability:Class=0", "Probability:Class=1"],
        ),
        (
            "R's names of labels with blanks",
            table("truth,.pred_high.risk,.pred_low.risk\n", |_, a, _, r| {
                format!("{},{:.9},{:.9}", word(r, ["low risk", "high risk"]), p(a), p(-a))
            }),
            vec![".pred_high.risk", ".pred_low.risk"],
        ),
        (
            "tidymodels, and a label of another name",
            table("id,.pred_bad,.pred_good,.row,.pred_class,Status,.config\n", |n, a, _, r| {
                format!("Fold{},{:.9},{:.9},{},good,{},m1", n % 5, p(a), p(-a), 3 * n + 2, word(r, ["good", "bad"]))
            }),
            vec![".pred_bad", ".pred_good"],
        ),
        (
            "H2O's calibrated ones",
            table("predict,p0,p1,cal_p0,cal_p1,actual\n", |n, a, b, r| {
                format!("{},{:.9},{:.9},{:.9},{:.9},{}", n % 2, p(-a), p(a), p(-b), p(b), bit(r))
            }),
            vec!["p0", "p1"],
        ),
        (
            "other tongues",
            table("proba_oui;proba_non;classe\n", |_, a, _, r| {
                format!("{:.9};{:.9};{}", p(a), p(-a), word(r, ["non", "oui"])).replace('.', ",")
            }),
            vec!["proba_oui", "proba_non"],
        ),
    ] {
        let all = has_the_area(form, &text, &columns);
        assert!(!said(&all, "positive").is_empty(), "{form}");
    }
    // A score of the negative label alone speaks for that one, and says so.
    let alone = folder(table("label,p_not_churn\n", |_, a, _, r| format!("{},{:.9}", bit(r), p(-a))));
    let all = inspected(alone.path(), &[]);
    assert!(
        all["positive"] == "0" && said(&all, "positive").contains("as the score's name `p_not_churn` says"),
        "{all}"
    );
}

#[test]
fn the_confidence_of_a_prediction_is_turned_to_a_score() {
    let (sure, yes) = (|a: f64| sigmoid(a.abs()), |a: f64| usize::from(a > 0.0));
    for (form, text, column) in [
        (
            "pred, conf",
            table("label,pred,conf\n", |_, a, _, r| format!("{},{},{:.9}", bit(r), yes(a), sure(a))),
            "conf",
        ),
        (
            "Weka",
            table("inst#,actual,predicted,error,prediction\n", |n, a, _, r| {
                let labels = ["1:no", "2:yes"];
                format!("{},{},{},,{:.9}", n + 1, labels[usize::from(r)], labels[yes(a)], sure(a))
            }),
            "prediction",
        ),
        (
            "pipelines of transformers",
            table("text,true_label,label,score\n", |n, a, _, r| {
                let labels = ["NEGATIVE", "POSITIVE"];
                format!("\"text, {n}\",{},{},{:.9}", labels[usize::from(r)], labels[yes(a)], sure(a))
            }),
            "score",
        ),
        (
            "hundredths",
            table("Actual Class,Predicted Class,Confidence (%)\n", |_, a, _, r| {
                format!("{},{},{:.7}", ["no", "yes"][usize::from(r)], ["no", "yes"][yes(a)], 100.0 * sure(a))
            }),
            "Confidence (%)",
        ),
    ] {
        let all = has_the_area(form, &text, &[column]);
        assert!(said(&all, "scores").contains("--predicted none"), "{form}: {all}");
        let folder = folder(text);
        let plain = inspected(folder.path(), &["--predicted", "none"]);
        assert!((plain["area_under_roc"].as_f64().unwrap() - common::area()).abs() > 0.01, "{form}");
        assert!(all["command"].as_str().unwrap().starts_with("reweight inspect a.csv"));
    }
    // The same of logits, where it is said.
    let logits = folder(table("label,model,logit\n", |_, a, _, r| format!("{},{},{:.9}", bit(r), yes(a), a.abs())));
    same_area(&inspected(logits.path(), &["--predicted", "model"]));
    // A threshold may make such predictions of a label's own scores, and it may not; of three labels the others' scores are needed.
    let own = folder(table("label,pred,score\n", |_, a, _, r| {
        format!("{},{},{:.9}", bit(r), u8::from(a > 2.0), 0.5 + sigmoid(a) / 2.0)
    }));
    let message = refused(&reweight(own.path(), &["inspect", "a.csv"]));
    assert!(message.contains("say --predicted 'pred' or --predicted none"), "{message}");
    same_area(&inspected(own.path(), &["--predicted", "none"]));
    // One prediction that is hardly sure is still one.
    let unsure = folder(table("label,pred,conf\n", |n, a, _, r| {
        format!("{},{},{:.9}", bit(r), u8::from(n == 7), if n == 7 { 0.501 } else { 0.6 + sigmoid(-a) / 3.0 })
    }));
    let all = inspected(unsure.path(), &[]);
    assert!(
        all["area_under_roc"].as_f64().unwrap() > 0.5 && said(&all, "scores").contains("--predicted none"),
        "{all}"
    );
    let three = table("inst#,actual,predicted,error,distribution\n", |n, a, _, _| {
        let p = sigmoid(a);
        format!(
            "{},{},1:a,+,*{:.9},{:.9},{:.9}",
            n + 1,
            ["1:a", "2:b", "3:c"][n % 3],
            p,
            (1.0 - p) / 2.0,
            (1.0 - p) / 2.0
        )
    });
    let all = inspected(folder(three).path(), &[]);
    assert_eq!(all["score_columns"], serde_json::json!(["distribution_a", "distribution_b", "distribution_c"]));
}

#[test]
fn logarithms_of_probabilities_are_no_logits() {
    for (name, kind) in [("log_prob", "log-probabilities"), ("log_proba", "log-probabilities"), ("log_odds", "logits")]
    {
        let text = table(&format!("label,{name}\n"), |_, a, _, r| {
            format!("{},{:.12}", bit(r), if kind == "logits" { a } else { sigmoid(a).ln() })
        });
        let all = has_the_area(name, &text, &[name]);
        assert_eq!(all["scores"], kind);
        // A recall of logits that are all negative would be 0.
        assert!(all["classes"][1]["recall"].as_f64().unwrap() > 0.0, "{all}");
    }
    let two = table("label,logprob_0,logprob_1\n", |_, a, _, r| {
        format!("{},{:.12},{:.12}", bit(r), sigmoid(-a).ln(), sigmoid(a).ln())
    });
    let p = table("label,p_0,p_1\n", |_, a, _, r| format!("{},{:.12},{:.12}", bit(r), sigmoid(-a), sigmoid(a)));
    let (two, p) = (has_the_area("two", &two, &["logprob_0", "logprob_1"]), has_the_area("p", &p, &["p_0", "p_1"]));
    // Printed to twelve digits.
    let norm = |all: &Value| all["classes"][1]["mean_gradient_norm"].as_f64().unwrap();
    assert!((norm(&two) - norm(&p)).abs() < 1e-9);
    // Without a name it is doubted, and told by the option.
    let unnamed = folder(table("label,score\n", |_, a, _, r| format!("{},{:.12}", bit(r), sigmoid(a).ln())));
    assert!(said(&inspected(unnamed.path(), &[]), "scores").contains("--scores log-probabilities"));
    assert_eq!(inspected(unnamed.path(), &["--scores", "log-probabilities"])["scores"], "log-probabilities");
    let above = folder(table("label,log_prob\n", |n, a, _, r| {
        format!("{},{}", bit(r), if n == 9 { 0.7 } else { sigmoid(a).ln() })
    }));
    let message = refused(&reweight(above.path(), &["inspect", "a.csv"]));
    assert!(message.contains("line 11, column 2 (`log_prob`): 0.7 is no logarithm of a probability"), "{message}");
}

#[test]
fn whole_numbers_that_are_called_a_score_are_one() {
    let rank = folder(table("label,score\n", |n, _, _, r| format!("{},{}", bit(r), n + 1)));
    assert_eq!(inspected(rank.path(), &[])["score_columns"], serde_json::json!(["score"]));
    let credit = folder(table("default,score\n", |_, a, _, r| format!("{},{}", bit(r), 600 + (50.0 * a) as i64)));
    let all = inspected(credit.path(), &[]);
    assert!(all["scores"] == "logits" && said(&all, "scores").contains("only the order counts"), "{all}");
    let none = folder(table("label,n\n", |n, _, _, r| format!("{},{n}", bit(r))));
    let message = refused(&reweight(none.path(), &["inspect", "a.csv"]));
    assert!(message.contains("what counts or names the rows is none"), "{message}");
}

#[test]
fn names_that_mean_neither_label_are_asked_for() {
    let words = |head: &str| {
        folder(table(head, |_, a, _, r| {
            let (p, q) = (sigmoid(a), sigmoid(-a));
            let scores = if head.contains("prob_0") { format!("{q:.9},{p:.9}") } else { format!("{p:.9}") };
            format!("{},{scores}", ["good", "bad"][usize::from(r)])
        }))
    };
    let one = words("label,prob_1\n");
    let message = refused(&reweight(one.path(), &["inspect", "a.csv"]));
    assert!(
        message.contains("the score's name `prob_1` speaks for `1`") && message.contains("--positive LABEL"),
        "{message}"
    );
    same_area(&inspected(one.path(), &["--positive", "bad"]));
    let two = words("label,prob_0,prob_1\n");
    let message = refused(&reweight(two.path(), &["inspect", "a.csv"]));
    assert!(message.contains("It may be 2 `prob_0`, 3 `prob_1`") && message.contains("--positive LABEL"), "{message}");
    same_area(&inspected(two.path(), &["--score", "prob_1", "--positive", "bad"]));
}
