//! `reweight compare --report`: the page of a small run holds the JSON's figures, and odd input gives a page or a message.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reweight_cli::report::read_charts;
use serde_json::{Value, json};
use tempfile::TempDir;

/// 120 rows; every tenth is `rare`, and lies apart but for some noise; `site` has three labels.
fn table(rare: &str) -> String {
    let mut text = "x,y,site,label\n".to_owned();
    for row in 0..120_u32 {
        let is_rare = row % 10 == 3;
        let wave = f64::from((row * 37) % 101) / 50.0 - 1.0;
        let x = wave + if is_rare { 0.8 } else { 0.0 };
        let site = ["north", "south", "east"][row as usize % 3];
        writeln!(text, "{x},{},{site},{}", wave * wave, if is_rare { rare } else { "common" }).unwrap();
    }
    text
}

fn folder(table: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data.csv"), table).unwrap();
    folder
}

const SMALL: [&str; 9] = ["data.csv", "--folds", "3", "--repeats", "2", "--epochs", "4", "--hidden", "4"];

fn compare(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
    command.current_dir(folder).arg("compare").args(arguments).output().unwrap()
}

/// Runs with `--report` and `--json`; the page, the JSON, and what was printed.
#[track_caller]
fn reported(folder: &Path, arguments: &[&str]) -> (String, Value, String) {
    let output = compare(folder, &[arguments, &["--report", "r.html", "--json", "r.json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json = serde_json::from_slice(&fs::read(folder.join("r.json")).unwrap()).unwrap();
    (fs::read_to_string(folder.join("r.html")).unwrap(), json, String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn refused(output: &Output) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// The curves of chart `id`, in order: x and y of each.
#[track_caller]
fn curves(charts: &Value, id: &str) -> Vec<(Value, Value)> {
    let chart = charts.as_array().unwrap().iter().find(|chart| chart["id"] == id);
    let data = &chart.unwrap_or_else(|| panic!("no chart {id}"))["plot"]["data"];
    data.as_array().unwrap().iter().map(|curve| (curve["x"].clone(), curve["y"].clone())).collect()
}

/// What `of` says of each strategy's part of `section`.
fn each(section: &Value, of: impl Fn(&Value) -> Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    section["strategies"].as_array().unwrap().iter().flat_map(of).collect()
}

/// As a logarithmic axis gets them: what has no logarithm is a gap.
fn positive(values: &Value) -> Value {
    let positive =
        |value: &Value| if value.as_f64().is_some_and(|value| value > 0.0) { value.clone() } else { Value::Null };
    values.as_array().unwrap().iter().map(positive).collect()
}

#[track_caller]
fn charts_equal_the_json(html: &str, json: &Value) {
    let charts = read_charts(html).unwrap();
    let report = &json["report"];
    let pair = |x: &Value, y: &Value| (x.clone(), y.clone());
    let scores = &report["scores"];
    let expected =
        each(scores, |one| vec![pair(&scores["bins"], &one["positives"]), pair(&scores["bins"], &one["negatives"])]);
    assert_eq!(curves(&charts, "scores"), expected);
    assert_eq!(curves(&charts, "tail"), each(scores, |one| vec![pair(&one["lowest"], &scores["tail"])]));
    assert_eq!(curves(&charts, "rank"), each(scores, |one| vec![pair(&scores["tail"], &one["above_hardest"])]));

    let precision = &report["precision"];
    let drawn = curves(&charts, "precision");
    let means = each(precision, |one| vec![pair(&precision["recall"], &one["mean"])]);
    assert_eq!(drawn[means.len() + 1..], means);
    let there_and_back = |one: &Value| {
        let back = one["high"].as_array().unwrap().iter().rev();
        one["low"].as_array().unwrap().iter().chain(back).cloned().collect::<Value>()
    };
    let bands = each(precision, |one| vec![(Value::Null, there_and_back(one))]);
    assert!(drawn.iter().zip(&bands).all(|(drawn, band)| drawn.1 == band.1));

    let epochs = &report["epochs"];
    let floats: Value = epochs["epochs"].as_array().unwrap().iter().map(|epoch| json!(epoch.as_f64())).collect();
    assert_eq!(curves(&charts, "metric"), each(epochs, |one| vec![pair(&floats, &one["metric"])]));
    assert_eq!(curves(&charts, "loss"), each(epochs, |one| vec![pair(&floats, &one["loss"])]));

    let gradient = &report["gradient"];
    let over =
        |places: &str, figure: &str| each(gradient, |one| vec![(gradient[places].clone(), positive(&one[figure]))]);
    assert_eq!(curves(&charts, "norms"), over("regions", "samples"));
    for (id, places, rare, common) in [
        ("weight-norm", "norms", "rare_by_norm", "common_by_norm"),
        ("weight-probability", "probabilities", "rare_by_probability", "common_by_probability"),
    ] {
        let both = over(places, rare).into_iter().zip(over(places, common)).flat_map(|(rare, common)| [rare, common]);
        assert_eq!(curves(&charts, id), both.collect::<Vec<_>>());
    }
    let regions = &gradient["regions"];
    let expected = each(gradient, |one| vec![pair(regions, &one["before"]), pair(regions, &one["after"])]);
    assert_eq!(curves(&charts, "shares"), expected);
    let after: Vec<Value> =
        each(gradient, |one| vec![pair(&Value::Null, &one["class_after"])]).into_iter().map(|one| one.1).collect();
    assert_eq!(curves(&charts, "classes").into_iter().skip(1).map(|one| one.1).collect::<Vec<_>>(), after);

    let calibration = &report["calibration"];
    for (id, form) in [("reliability", "plain"), ("reliability-prior", "prior")] {
        let expected = each(calibration, |one| vec![pair(&one[form]["predicted"], &one[form]["observed"])]);
        assert_eq!(curves(&charts, id)[1..], expected);
    }
}

/// A page's text, without elements; what is written by number is put back.
fn text(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<').skip(1) {
        let (_, after) = part.split_once('>').unwrap_or(("", ""));
        text.push_str(after);
        text.push('\n');
    }
    text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&")
}

#[test]
fn the_page_holds_the_jsons_figures() {
    let folder = folder(&table("rare"));
    let (html, json, printed) = reported(folder.path(), &SMALL);
    charts_equal_the_json(&html, &json);
    let text = text(html.split_once("id=\"charts\"").unwrap().0);
    for result in json["results"].as_array().unwrap() {
        // The row of the strategy in the table of figures: its name, and each figure's mean, deviation, difference, interval.
        let name = result["name"].as_str().unwrap();
        let rows: Vec<&str> = text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
        let table = rows.iter().position(|line| line.starts_with("Mean, deviation and difference")).unwrap();
        let row = table + rows[table..].iter().position(|line| *line == name).unwrap();
        let mut cells = rows[row + 1..].iter();
        let three = |value: &Value| format!("{:.3}", value.as_f64().unwrap()).replace('-', "−");
        for figure in result["figures"].as_array().unwrap() {
            assert_eq!(**cells.next().unwrap(), three(&figure["over_runs"]["mean"]), "{name}");
            assert_eq!(**cells.next().unwrap(), format!("± {}", three(&figure["over_runs"]["deviation"])));
            let paired = &figure["to_baseline"];
            if paired.is_object() {
                let difference = cells.next().unwrap().trim_end_matches([' ', '*', '!']).trim_start_matches('+');
                assert_eq!(difference, three(&paired["mean"]), "{name}");
                cells.next();
            }
        }
        // Calibration's table.
        assert!(text.contains(name));
    }
    // The verdict, the settings and the command are the terminal's.
    let unbroken = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (printed, text) = (unbroken(&printed), unbroken(&text));
    let verdict = printed.split("less is better. ").last().unwrap();
    let verdict = verdict.split(" plain CE: cross").next().unwrap();
    let verdict = verdict.split("probability. ").last().unwrap();
    assert!(verdict.len() > 80 && text.contains(verdict), "{verdict}");
    assert!(text.contains(json["command"].as_str().unwrap()));
    assert!(text.contains(json["data"]["sha256"].as_str().unwrap()));
    assert!(html.len() < 3_000_000, "{}", html.len());
}

#[test]
fn a_report_changes_no_network_and_is_the_same_again() {
    let folder = folder(&table("rare"));
    let (html, mut json, _) = reported(folder.path(), &[&SMALL[..], &["--threads", "1"]].concat());
    let (again, _, _) = reported(folder.path(), &[&SMALL[..], &["--threads", "2"]].concat());
    assert!(html == again, "neither threads nor the hour");
    assert!(compare(folder.path(), &[&SMALL[..], &["--json", "plain.json"]].concat()).status.success());
    let plain: Value = serde_json::from_slice(&fs::read(folder.path().join("plain.json")).unwrap()).unwrap();
    assert!(json.as_object_mut().unwrap().remove("report").is_some());
    assert_eq!(json, plain);
    // From the record, too.
    let output = compare(folder.path(), &["--repeat", "plain.json", "--report", "repeated.html"]);
    assert!(output.status.success());
    assert!(fs::read_to_string(folder.path().join("repeated.html")).unwrap() == html);
}

#[test]
fn many_classes_have_a_report() {
    let folder = folder(&table("rare"));
    let (html, json, _) = reported(folder.path(), &[&SMALL[..], &["--target", "site", "--multiclass"]].concat());
    charts_equal_the_json(&html, &json);
    let classes = json["report"]["gradient"]["classes"].as_array().unwrap();
    assert_eq!(classes.len(), 3);
    for one in json["report"]["gradient"]["strategies"].as_array().unwrap() {
        let sum: f64 = one["class_after"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).sum();
        // Three numbers of five digits each.
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    }
}

#[test]
fn odd_names_are_shown_and_not_run() {
    let evil = "<script>alert(1)</script> & 'é' 🍷";
    let quoted = format!("\"{evil}, {{x}}\"");
    let folder = folder(&table(&quoted).replace("x,y", "\"<img src=x onerror=alert(1)>\",y"));
    fs::write(folder.path().join("l.toml"), "objective = \"bce\"").unwrap();
    let strategy = format!("{evil} </script> %{{y}}=l.toml");
    let (html, json, _) = reported(folder.path(), &[&SMALL[..], &["--strategy", &strategy]].concat());
    charts_equal_the_json(&html, &json);
    assert_eq!(json["data"]["positive"], format!("{evil}, {{x}}"));
    assert!(!html.contains("<script>alert") && !html.contains("<img"));
    // The page's own four scripts.
    assert_eq!(html.matches("</script>").count(), 3, "nothing ends a script early");
    let body = html.split_once("id=\"charts\"").unwrap().0;
    assert!(text(body).contains(&format!("{evil}, {{x}}")));
    let charts = read_charts(&html).unwrap().to_string();
    assert!(!charts.contains("<script") && charts.contains("&lt;script&gt;"));
}

#[test]
fn missing_cells_and_constant_columns_are_no_hindrance() {
    let odd = table("rare").lines().enumerate().fold(String::new(), |text, (index, line)| {
        let first = match index {
            0 => "constant",
            _ => "7",
        };
        let line = if index % 7 == 6 { format!("NaN,{}", line.split_once(',').unwrap().1) } else { line.to_owned() };
        text + first + "," + &line + "\n"
    });
    let folder = folder(&odd);
    let (html, json, _) = reported(folder.path(), &SMALL);
    charts_equal_the_json(&html, &json);
}

#[test]
fn two_hundred_strategies_fit() {
    let folder = folder(&table("rare"));
    let mut arguments: Vec<String> =
        ["data.csv", "--folds", "2", "--repeats", "1", "--epochs", "1", "--hidden", "none"].map(str::to_owned).to_vec();
    for index in 0..200 {
        let text =
            format!("objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = {}\n", f64::from(index) / 50.0);
        fs::write(folder.path().join(format!("{index}.toml")), text).unwrap();
        arguments.extend(["--strategy".to_owned(), format!("γ number {index}={index}.toml")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (html, json, _) = reported(folder.path(), &arguments);
    charts_equal_the_json(&html, &json);
    assert_eq!(html.matches("data-group=").count(), 206);
    assert_eq!(html.matches(" checked>").count(), 3);
    assert!(html.len() < 3_000_000, "{}", html.len());
}

#[test]
fn what_cannot_be_reported_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(folder.path().join("data.csv"), text).unwrap();
    let asked = |more: &[&str]| refused(&compare(folder.path(), &[&SMALL[..], &["--report", "r.html"], more].concat()));
    write("");
    assert!(asked(&[]).contains("data.csv: the file is empty"));
    write("x,label\n1,a\n2,a\n3,a\n");
    assert!(asked(&[]).contains("all 3 rows of the target column `label` are `a`"));
    write("x,label\n7,a\n2,a\n3,b\n9,a\n5,a\n");
    assert!(asked(&[]).contains("only 1 row is labelled `b`"));
    write("x,label\n1,a\n1,b\n1,b\n1,a\n1,a\n1,b\n");
    assert!(asked(&[]).contains("no feature column is left"));
    assert!(!folder.path().join("r.html").exists());
    write(&table("rare"));
    for path in ["nowhere/r.html", "."] {
        let output = compare(folder.path(), &[&SMALL[..], &["--report", path]].concat());
        let message = refused(&output);
        assert!(message.contains(&format!("{path}: cannot be written")), "{message}");
        assert!(output.stdout.is_empty(), "before anything is trained");
    }
}
