//! Tables as people have them: `compare` reads them right, and says how.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use common::{bit, compared, done, folder, names, refused, reweight, said, table};

#[path = "common/tables.rs"]
mod common;

#[test]
fn forms_of_tables() {
    let comma = |number: f64| format!("{number:.3}").replace('.', ",");
    let forms: Vec<(&str, String, Vec<&str>, &str)> = vec![
        (
            "pandas' numbers for names",
            table("0,1,label\n", |_, a, b, r| format!("{a:.4},{b:.4},{}", bit(r))),
            vec!["0", "1"],
            "",
        ),
        (
            "R's row names",
            table("a,b,label\n", |n, a, b, r| format!("{},{a:.4},{b:.4},{}", n + 1, bit(r))),
            vec!["a", "b"],
            "one name short",
        ),
        (
            "R's table",
            table("\"a\" \"b\" \"label\"\n", |n, a, b, r| format!("\"{}\" {a:.4} {b:.4} \"{}\"", n + 1, bit(r))),
            vec!["a", "b"],
            "runs of blanks",
        ),
        (
            "runs of blanks",
            table("", |_, a, b, r| format!("  {a:.4}   {b:>9.4}  {}", bit(r))),
            vec!["column 1", "column 2"],
            "runs of blanks",
        ),
        (
            "tabs and blanks",
            table("a \t b\tlabel\n", |_, a, b, r| format!("{a:.4}\t {b:.4} \t{}", bit(r))),
            vec!["a", "b"],
            "tabs",
        ),
        (
            "trailing delimiters",
            table("a,b,label\n", |_, a, b, r| format!("{a:.4},{b:.4},{},", bit(r))),
            vec!["a", "b"],
            "one more",
        ),
        (
            "trailing everywhere",
            table("a;b;label;\n", |_, a, b, r| format!("{a:.4};{b:.4};{};", bit(r))),
            vec!["a", "b"],
            "one more",
        ),
        (
            "decimal commas",
            table("a;b;label\n", |_, a, b, r| format!("{};{};{}", comma(a), comma(b), bit(r))),
            vec!["a", "b"],
            "commas mark decimals in `a`, `b`",
        ),
        (
            "decimal commas, label first",
            table("label;a;b\n", |_, a, b, r| format!("{};{};{}", bit(r), comma(a), comma(b))),
            vec!["a", "b"],
            "commas mark decimals",
        ),
        (
            "decimal commas without a header",
            table("", |_, a, b, r| format!("{};{};{}", comma(a), comma(b), bit(r))),
            vec!["column 1", "column 2"],
            "`;`",
        ),
        (
            "thousands",
            table("a,b,label\n", |_, a, b, r| {
                format!("\"{},{:03}.5\",\"{:.2}\",{}", 5 + a as i64, (a.abs() * 100.0) as i64, b, bit(r))
            }),
            vec!["a", "b"],
            "thousands are set apart in `a`",
        ),
        (
            "per cent and currencies",
            table("a,b,label\n", |_, a, b, r| format!("{a:.2}%,$ {b:.2},{}", bit(r))),
            vec!["a", "b"],
            "currency signs were left out in `b`",
        ),
        (
            "an index without a name",
            table(",a,b,label\n", |n, a, b, r| format!("{},{a:.4},{b:.4},{}", 1000 - 7 * n, bit(r))),
            vec!["a", "b"],
            "`column 1` names the rows",
        ),
        (
            "pandas' index",
            table("Unnamed: 0,a,b,label\n", |n, a, b, r| format!("{n},{a:.4},{b:.4},{}", bit(r))),
            vec!["a", "b"],
            "`Unnamed: 0` only counts",
        ),
        (
            "ARFF",
            table(
                "% a comment\n\n@RELATION demo\n@ATTRIBUTE 'the a' NUMERIC\n@attribute b real\n@attribute kind {1,2}\n@ATTRIBUTE class {0,1}\n@DATA\n% rows\n",
                |n, a, b, r| format!("{a:.4},{b:.4},{},{}", 1 + n % 2, bit(r)),
            ),
            vec!["the a", "b", "kind"],
            "ARFF, 4 attributes",
        ),
        (
            "KEEL",
            table(
                "@relation demo\n@attribute y {0,1}\n@attribute a real[-4.0,4.0]\n@attribute b real [-4.0, 4.0]\n@inputs a, b\n@outputs y\n@data\n",
                |_, a, b, r| format!("{}, {a:.4}, {b:.4}", bit(r)),
            ),
            vec!["a", "b"],
            "KEEL, 3 attributes",
        ),
    ];
    for (form, text, features, guess) in forms {
        let folder = folder(text);
        let all = compared(folder.path(), &[]);
        assert_eq!((names(&all), &all["rows"]), (features, &Value::from(60)), "{form}: {all}");
        assert_eq!(all["labels"], serde_json::json!([["0", 50], ["1", 10]]), "{form}");
        assert!(all["guesses"].to_string().contains(guess), "{form}: {}", all["guesses"]);
    }
}

#[test]
fn gzip_is_read_and_other_formats_are_refused_by_their_names() {
    let text = table("a,b,label\n", |_, a, b, r| format!("{a},{b},{}", bit(r)));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let whole = folder(&packed);
    assert_eq!(compared(whole.path(), &[])["rows"], 60);
    fs::write(whole.path().join("a.csv"), &packed[..packed.len() / 2]).unwrap();
    refused(&reweight(whole.path(), &["compare", "a.csv"]));
    for (bytes, name) in [
        (&b"PAR1\x15\x04"[..], "Parquet"),
        (b"PK\x03\x04\x14", "zip"),
        (b"\x93NUMPY\x01", ".npy"),
        (b"1 1:0.5 3:2\n-1 2:0.25\n", "LIBSVM"),
        (b"[{\"a\": 1}]", "JSON"),
        (b"@relation x\n@attribute a numeric\n@attribute c {0,1}\n@data\n{0 1.5, 1 1}\n", "sparse ARFF"),
    ] {
        let folder = folder(bytes);
        for command in ["compare", "inspect"] {
            let message = refused(&reweight(folder.path(), &[command, "a.csv"]));
            assert!(message.contains(name), "{name}: {message}");
        }
    }
}

#[test]
fn a_mark_that_says_two_things_is_asked_for() {
    let text =
        |decimals: &str| table("a;label\n", |_, a, _, r| format!("{},{decimals};{}", 2 + a.abs() as i64, bit(r)));
    let both = folder(text("250"));
    let message = refused(&reweight(both.path(), &["compare", "a.csv"]));
    assert!(message.contains("line 2, column 1 (`a`)") && message.contains("--decimal comma"), "{message}");
    assert_eq!(names(&compared(both.path(), &["--decimal", "comma"])), ["a"]);
    // 950 beside 1.234: decimals would be three in every cell or in none.
    let dots = folder(table("a;label\n", |n, _, _, r| {
        format!("{};{}", if n % 2 == 0 { "950".to_owned() } else { format!("1.{:03}", 17 * n % 1000) }, bit(r))
    }));
    assert!(
        refused(&reweight(dots.path(), &["compare", "a.csv"])).contains("does `1.017` have decimals or thousands?")
    );
    let plain = folder(text("25"));
    assert!(said(&compared(plain.path(), &[]), "numbers").contains("commas mark decimals"));
}

#[test]
fn the_target_is_named_and_doubted() {
    let first = table("class,size,habitat\n", |n, a, _, r| {
        format!("{},{a:.4},{}", if r { "poison" } else { "edible" }, ["g", "d", "w"][n % 3])
    });
    let named = folder(&first);
    let all = compared(named.path(), &[]);
    assert_eq!((&all["target"], &all["positive"]), (&Value::from("class"), &Value::from("poison")));
    assert!(said(&all, "target").contains("not `habitat`"), "{all}");
    let text = done(&reweight(named.path(), &["compare", "a.csv", "--folds", "2", "--repeats", "1", "--epochs", "1"]));
    assert!(text.contains("target: column 1, `class`, for its name") && text.contains("(--target COL)"), "{text}");
    // Many classes are labels by their name.
    let letters = folder(table("class,size,width\n", |n, a, _, _| {
        format!("{},{a:.4},{}", char::from(b'a' + (n % 25) as u8), n % 3)
    }));
    assert_eq!(compared(letters.path(), &["--multiclass"])["target"], "class");
    // Without the name it may be either.
    let unnamed = folder(first.replace("class,", "kind,"));
    assert!(
        said(&compared(unnamed.path(), &["--positive", "d"]), "target").contains("`kind`, the first, has two labels")
    );
    let measured = folder(table("kind,size\n", |_, a, _, r| format!("{},{a:.4}", bit(r))));
    let message = refused(&reweight(measured.path(), &["compare", "a.csv"]));
    assert!(message.contains("which column is to be predicted? It may be 1 `kind`, 2 `size`"), "{message}");
    let two = folder(table("label,a,class,b\n", |n, a, b, r| format!("{},{a:.4},{},{b:.4}", bit(r), n % 2)));
    let message = refused(&reweight(two.path(), &["compare", "a.csv"]));
    assert!(message.contains("1 `label`, 3 `class`"), "{message}");
}

#[test]
fn the_report_says_how_the_file_was_read() {
    let folder = folder(table("a,b,label\n", |_, a, b, r| format!("{a:.4},{b:.4},{}", bit(r))));
    compared(folder.path(), &["--report", "r.html", "--scores", "s.csv"]);
    done(&reweight(folder.path(), &["inspect", "s.csv", "--report", "i.html"]));
    for (page, option) in [("r.html", "--target COL"), ("i.html", "--label COL")] {
        let page = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(page.contains(option) && page.contains("--positive LABEL"), "{option}");
    }
}

#[test]
fn labels_in_several_spellings_are_one() {
    let text = table("a,income\n", |n, a, _, r| {
        format!("{a:.4}, {}{}", if r { ">50K" } else { "<=50K" }, if n % 4 == 1 { "." } else { "" })
    });
    let folder = folder(text);
    let all = compared(folder.path(), &[]);
    assert_eq!(all["labels"], serde_json::json!([["<=50K", 50], [">50K", 10]]));
    assert!(said(&all, "labels").contains("`>50K` (5 rows) and `>50K.` (5 rows) are one label"), "{all}");
    let apart = compared(folder.path(), &["--exact-labels", "--positive", ">50K"]);
    assert_eq!(apart["labels"].as_array().unwrap().len(), 4);
    assert!(said(&apart, "the rest").contains("3 other labels were taken together: `>50K.` (5 rows)"), "{apart}");
}

#[test]
fn classes_that_are_too_rare_are_all_named() {
    let text = table("a,b,label\n", |n, a, b, _| {
        format!(
            "{a:.4},{b:.4},{}",
            match n {
                0 => "u",
                1 => "v",
                2 => "w",
                n => ["x", "y"][n % 2],
            }
        )
    });
    let folder = folder(text);
    let message = refused(&reweight(folder.path(), &["compare", "a.csv", "--multiclass", "--folds", "2"]));
    for part in [
        "a.csv: 3 classes have fewer rows than the 2 folds",
        "`u` (1 row), `v` (1 row), `w` (1 row)",
        "--merge-rare",
        "--drop-rare",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let merged = compared(folder.path(), &["--multiclass", "--merge-rare"]);
    assert_eq!(merged["labels"], serde_json::json!([["(rare)", 3], ["x", 28], ["y", 29]]));
    let dropped = compared(folder.path(), &["--multiclass", "--drop-rare"]);
    assert_eq!((&dropped["rows"], dropped["labels"].as_array().unwrap().len()), (&Value::from(57), 2));
}

#[test]
fn missing_values_are_counted_and_may_be_named() {
    let words = ["NA", "None", "<NA>", "#N/A", "null", "NaN", "?", ""];
    let text = table("a,k,label\n", |n, a, _, r| {
        let cell = words.get(n).map_or_else(|| format!("{a:.4}"), |word| (*word).to_owned());
        let label = if n == 40 { "NA".to_owned() } else { bit(r).to_string() };
        format!("{cell},{},{label}", if n == 50 { "None" } else { ["red", "blue"][n % 2] })
    });
    let all = compared(folder(text).path(), &[]);
    assert_eq!(
        (&all["features"][0]["kind"], &all["features"][0]["missing"]),
        (&Value::from("numeric"), &Value::from(8))
    );
    assert_eq!(all["features"][1]["missing"], 1);
    let missing = said(&all, "missing");
    assert!(
        missing.contains("1 row has no label (first on line 42)")
            && missing.contains("9 cells are missing, in `a` (8), `k` (1)"),
        "{missing}"
    );
    let dashes = folder(table("a,label\n", |n, a, _, r| {
        format!("{},{}", if n < 3 { "-".to_owned() } else { format!("{a:.4}") }, bit(r))
    }));
    let message = refused(&reweight(dashes.path(), &["compare", "a.csv"]));
    assert!(message.contains("`-` is not a number") && message.contains("--missing '-'"), "{message}");
    assert_eq!(compared(dashes.path(), &["--missing", "-"])["features"][0]["missing"], 3);
}

#[test]
fn standard_input_is_compared_too() {
    let text = table("a,b,label\n", |_, a, b, r| format!("{a},{b},{}", bit(r)));
    let mut child = Command::new(env!("CARGO_BIN_EXE_reweight"))
        .args(["compare", "-", "--folds", "2", "--repeats", "1", "--epochs", "1", "--hidden", "none"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(done(&child.wait_with_output().unwrap()).contains("standard input: 60 rows, 2 feature columns"));
}

#[test]
fn small_files_of_other_forms_are_read_or_say_how_they_were() {
    let runs = "N1   0.49  0.29  cp\nN2   0.07  0.40  cp\nN3   0.56  0.40  im\nN4   0.59  0.49  im\nN5   0.23  0.32  cp\nN6  0.67  0.39  im\n";
    let blanks = folder(runs);
    let all = compared(blanks.path(), &["--positive", "im"]);
    assert_eq!((&all["rows"], &all["labels"]), (&Value::from(6), &serde_json::json!([["cp", 3], ["im", 3]])));
    assert!(said(&all, "delimiter").contains("runs of blanks"), "{all}");
    // Which of two equally rare labels is positive nobody can guess.
    let message = refused(&reweight(blanks.path(), &["compare", "a.csv"]));
    assert!(
        message.contains("runs of blanks") && message.contains("`cp` (3 rows), `im` (3 rows) are equally rare"),
        "{message}"
    );
    let arff = "% a comment\n@RELATION demo\n@ATTRIBUTE mcg NUMERIC\n@ATTRIBUTE class {a,b}\n@DATA\n0.1,a\n0.2,b\n0.3,a\n0.5,b\n0.4,a\n";
    let arff = folder(arff);
    let all = compared(arff.path(), &[]);
    assert_eq!((&all["target"], &all["positive"]), (&Value::from("class"), &Value::from("b")));
    let message = refused(&reweight(arff.path(), &["compare", "a.csv"]));
    assert!(message.contains("ARFF, 2 attributes") && message.contains("only 2 rows are labelled `b`"), "{message}");
}
