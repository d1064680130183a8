//! Numbers in dress, headers that declare, and packed files: `compare` reads them right, says how, or refuses them with the cure.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use common::{bit, compared, folder, inspected, names, refused, reweight, said, same_area, sigmoid, table};

#[path = "common/tables.rs"]
mod common;

/// The columns that are numbers.
fn numeric(all: &serde_json::Value) -> Vec<&str> {
    let features = all["features"].as_array().unwrap().iter().filter(|feature| feature["kind"] == "numeric");
    features.map(|feature| feature["name"].as_str().unwrap()).collect()
}

#[test]
fn numbers_in_dress_are_numbers_and_it_is_said() {
    let comma = |text: String| text.replace(',', "#").replace('.', ",").replace('#', ".");
    let whole = |b: f64| (b.abs() * 100.0) as i64;
    let forms: Vec<(&str, String, Vec<&str>)> = vec![
        (
            "units and currencies in words",
            table("a,b,label\n", |_, a, b, r| {
                format!("{a:.2} EUR,\"USD {},{:03}.50\",{}", 5 + a as i64, whole(b), bit(r))
            }),
            vec!["`EUR` beside the numbers was left out in `a` (\"--categorical COL\")", "`USD` beside"],
        ),
        (
            "crowns",
            table("a;b;label\n", |_, a, b, r| {
                format!("{} kr;kr {};{}", comma(format!("{a:.2}")), comma(format!("{b:.2}")), bit(r))
            }),
            vec!["`kr` beside the numbers was left out in `a`, `b`", "commas mark decimals in `a`, `b`"],
        ),
        (
            "units",
            table("a,b,label\n", |_, a, b, r| format!("{a:.1} kg,{b:.1}°C,{}", bit(r))),
            vec!["`kg` beside", "`°C` beside"],
        ),
        (
            "a currency and parentheses",
            table("a,b,label\n", |_, a, b, r| {
                let size = format!("{},{:03}", 1 + whole(a) / 100, whole(b));
                let amount = if a < 0.0 { format!("({size})") } else { size };
                format!("\"{amount}\",\"$ {b:.2}\",{}", bit(r))
            }),
            vec!["parentheses around a number, or a minus behind it, were read as a minus in `a`", "currency signs"],
        ),
        (
            "a minus behind",
            table("a,b,label\n", |_, a, b, r| {
                format!("{:.2}{},{b:.2},{}", a.abs(), if a < 0.0 { "-" } else { "" }, bit(r))
            }),
            vec!["a minus behind it, were read as a minus in `a`"],
        ),
        (
            "thousandths",
            table("a,b,label\n", |_, a, b, r| format!("{:.1}‰,{b:.2},{}", 100.0 * a.abs(), bit(r))),
            vec!["`‰` was read (5 ‰ is 0.005) in `a`"],
        ),
        (
            "lakhs",
            table("a,b,label\n", |_, a, b, r| {
                format!("\"{},{:02},{:03}\",{b:.2},{}", 1 + whole(a) % 9, whole(b) % 100, whole(a), bit(r))
            }),
            vec!["thousands are set apart in `a`"],
        ),
        (
            "no header, and a unit",
            table("", |_, a, b, r| format!("{a:.2} kg,{b:.2},{}", bit(r))),
            vec!["none, the first row is data", "`kg` beside the numbers was left out in `column 1`"],
        ),
    ];
    for (form, text, guesses) in forms {
        let folder = folder(text);
        let all = compared(folder.path(), &[]);
        assert_eq!((numeric(&all).len(), &all["rows"]), (2, &60.into()), "{form}: {all}");
        let found = ["numbers", "header"].map(|about| said(&all, about)).join("; ").replace("\\\"", "\"");
        for guess in guesses {
            assert!(found.contains(guess), "{form}: {guess} is not in {found}");
        }
    }
    let kinds = folder(table("a,b,label\n", |n, _, b, r| format!("{} doors,{b:.2},{}", n % 3 + 2, bit(r))));
    assert_eq!(numeric(&compared(kinds.path(), &["--categorical", "a"])), ["b"]);
    // Ordinals, numbers of houses and of rows have no unit.
    let words = folder(table("a,b,c,label\n", |n, _, b, r| {
        format!("{},{}{},{b:.2},{}", ["1st", "2nd", "3rd"][n % 3], n % 5 + 1, ["", "a", "b"][n % 3], bit(r))
    }));
    let all = compared(words.path(), &[]);
    assert_eq!(numeric(&all), ["c"]);
    assert!(said(&all, "numbers").is_empty(), "{all}");
}

#[test]
fn numbers_that_cannot_be_compared_are_refused() {
    for (one, other, expected) in [
        ("1.5 kg", "3.5 lb", "`kg` behind 40 of its numbers and `lb` behind 20"),
        ("1.5K", "2.5M", "`K` behind 40 of its numbers and `M` behind 20"),
        ("950", "1.2K", "`K` behind 20 of its numbers and nothing beside 40"),
        ("$5.5", "€6.5", "`$` beside 40 of its numbers and `€` beside 20"),
        ("5%", "7‰", "`%` behind 40 of its numbers and `‰` behind 20"),
        ("5 EUR", "USD 7", "`EUR` behind 40 of its numbers and `USD` before 20"),
    ] {
        let folder = folder(table("a,b,label\n", |n, _, b, r| {
            format!("{},{b:.2},{}", if n % 3 == 2 { other } else { one }, bit(r))
        }));
        let message = refused(&reweight(folder.path(), &["compare", "a.csv"]));
        assert!(message.contains(expected) && message.contains("--drop 1"), "{one}: {message}");
        assert_eq!(names(&compared(folder.path(), &["--drop", "1"])), ["b"]);
        assert_eq!(numeric(&compared(folder.path(), &["--categorical", "a"])), ["b"]);
    }
}

#[test]
fn what_is_no_number_among_numbers_is_said() {
    let folder = folder(table("crp,day,b,label\n", |n, a, b, r| {
        let crp = if n % 5 == 0 { ["<0.5", "<0.1"][n % 2].to_owned() } else { format!("{:.2}", a.abs()) };
        format!("{crp},2024-{:02}-{:02},{b:.2},{}", n % 12 + 1, n % 28 + 1, bit(r))
    }));
    let all = compared(folder.path(), &[]);
    let found = said(&all, "categories");
    assert!(found.contains("`crp` holds 48 numbers") && found.contains("first `<0.5` on line 2"), "{all}");
    assert!(said(&all, "left out").contains("`day` holds dates or times"), "{all}");
    assert_eq!(numeric(&compared(folder.path(), &["--missing", "<0.5", "--missing", "<0.1"])), ["crp", "b"]);
    // One word among many numbers is no name of a category.
    let dashes = common::folder(table("a,b,label\n", |n, a, b, r| {
        format!("{},{b:.2},{}", if n % 5 == 0 { "-".to_owned() } else { format!("{a:.3}") }, bit(r))
    }));
    let message = refused(&reweight(dashes.path(), &["compare", "a.csv"]));
    assert!(message.contains("`-` is not a number, while 48 of the column's 60 cells are"), "{message}");
    assert_eq!(numeric(&compared(dashes.path(), &["--missing", "-"])), ["a", "b"]);
    let coded = common::folder(table("a,b,label\n", |n, a, b, r| {
        format!("{},{b:.2},{}", if n % 5 == 0 { "-999".to_owned() } else { format!("{a:.3}") }, bit(r))
    }));
    let all = compared(coded.path(), &[]);
    assert!(said(&all, "missing").contains("-999 was taken for a number, far below all others, in `a` (12)"), "{all}");
    assert_eq!(compared(coded.path(), &["--missing=-999"])["features"][0]["missing"], 12);
}

#[test]
fn comments_before_a_header_are_left_out() {
    let body = |head: &str| table(head, |_, a, b, r| format!("{a:.3},{b:.3},{}", bit(r)));
    let all = compared(folder(body("# made by hand\n# in spring\na,b,label\n")).path(), &[]);
    assert_eq!((names(&all), &all["rows"]), (vec!["a", "b"], &60.into()));
    assert!(said(&all, "form").contains("2 lines at the beginning left out"), "{all}");
    let hashed = compared(folder(body("# made by hand\n#a,b,label\n")).path(), &[]);
    assert_eq!(names(&hashed), ["a", "b"]);
    let titled = refused(&reweight(folder(body("A title\n\na,b,label\n")).path(), &["compare", "a.csv"]));
    assert!(titled.contains("line 3 has 3 cells") && titled.contains("take a title's lines away"), "{titled}");
}

#[test]
fn a_label_with_a_decimal_comma_is_the_same_number() {
    let text = table("a;label\n", |n, a, _, r| {
        format!("{a:.3};{}", [["0", "0,0"], ["1", "1,0"]][usize::from(r)][n / 6 % 2]).replace('.', ",")
    });
    let all = compared(folder(text).path(), &["--scores", "s.csv"]);
    assert_eq!(all["labels"].as_array().unwrap().len(), 2, "{all}");
    assert!(said(&all, "labels").contains("`1` (5 rows) and `1,0` (5 rows) are one label"), "{all}");
    let scores = folder(table("Klasse;Score\n", |n, a, _, r| {
        format!("{};{:.9}", [["0", "0,0"], ["1", "1,0"]][usize::from(r)][n / 6 % 2], sigmoid(a)).replace('.', ",")
    }));
    same_area(&inspected(scores.path(), &[]));
    same_area(&inspected(scores.path(), &["--positive", "1,0"]));
}

#[test]
fn keels_inputs_and_outputs_are_the_features_and_the_target() {
    let keel = |more: &str| {
        let attributes = "@attribute y {0,1}\n@attribute a real[-4.0,4.0]\n@attribute b real [-4.0, 4.0]\n@attribute c real [-4.0, 4.0]\n";
        let row = |_: usize, a: f64, b: f64, r: bool| format!("{}, {a:.4}, {b:.4}, {:.4}", bit(r), a + b);
        table(&format!("@relation demo\n{attributes}{more}@data\n"), row)
    };
    for (more, features) in [
        ("@inputs a, b\n@outputs y\n", vec!["a", "b"]),
        ("@inputs a, b, c\n@outputs Y\n", vec!["a", "b", "c"]),
        ("@input a, c\n@output {y}\n", vec!["a", "c"]),
        ("@inputs a, b, c\n", vec!["a", "b", "c"]),
        ("@outputs y\n", vec!["a", "b", "c"]),
    ] {
        let folder = folder(keel(more).replace("{y}", "y"));
        let all = compared(folder.path(), &[]);
        assert_eq!((names(&all), &all["target"]), (features, &"y".into()), "{more}: {all}");
        assert!(said(&all, "target").contains("as the file's header declares"), "{all}");
    }
    let some = folder(keel("@inputs a\n@outputs y\n"));
    assert!(
        said(&compared(some.path(), &[]), "left out").contains("`b`, `c`, since the file's header names other inputs")
    );
    assert_eq!(names(&compared(some.path(), &["--keep", "c"])), ["a", "c"]);
    for (more, expected) in [
        ("@outputs z\n", "line 6: the header says @outputs `z`, which none of its @attribute lines names"),
        ("@inputs a, q\n@outputs y\n", "the header says @inputs `q`"),
        ("@outputs y, c\n", "It may be 1 `y`, 4 `c`: say which with --target COL"),
    ] {
        let message = refused(&reweight(folder(keel(more)).path(), &["compare", "a.csv"]));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn what_a_header_does_not_declare_is_refused() {
    let arff = |declared: &str, line: &dyn Fn(usize) -> String| {
        table(
            &format!(
                "@relation demo\n@attribute a numeric\n@attribute k {declared}\n@attribute class {{0,1}}\n@data\n"
            ),
            |n, a, _, r| format!("{a:.4},{},{}", line(n), bit(r)),
        )
    };
    let word = |n: usize| ["None", "Low"][n % 2].to_owned();
    // What is declared is a value, also a word that says elsewhere that there is none.
    let all = compared(folder(arff("{None,Low}", &word)).path(), &[]);
    assert_eq!((&all["features"][1]["kind"], &all["features"][1]["missing"]), (&"categorical".into(), &0.into()));
    let quoted =
        compared(folder(arff("{'it\\'s', 'a, b'}", &|n| ["'it\\'s'", "'a, b'"][n % 2].to_owned())).path(), &[]);
    assert_eq!(quoted["features"][1]["kind"], "categorical", "{quoted}");
    for (text, expected) in [
        (
            arff("{None,Low}", &|n| if n == 40 { "low".to_owned() } else { word(n) }),
            "line 46, column 2 (`k`): `low` is not what the header declares, one of `Low`, `None`",
        ),
        (arff("numeric", &word), "column 2 (`k`): `Low` is not what the header declares, a number"),
        (arff("relational", &word), "ARFF with a relational attribute"),
        (arff("{None,Low}", &|n| word(n)).replace(",0\n", ",0,{2}\n"), "ARFF with a weight behind each instance"),
    ] {
        let folder = folder(text);
        for command in ["compare", "inspect"] {
            let message = refused(&reweight(folder.path(), &[command, "a.csv"]));
            assert!(message.contains(expected), "{message}");
        }
    }
    // A header that is longer than what is looked at first.
    let mut wide = "@relation wide\n".to_owned();
    (0..40_000).for_each(|at| writeln!(wide, "@attribute a_rather_long_name_{at} numeric").unwrap());
    wide.push_str("@attribute class {0,1}\n@data\n");
    let row = |class: u8| format!("{}{class}\n", format!("{class},").repeat(40_000));
    (0..6).for_each(|at| wide.push_str(&row(at % 2)));
    let message = refused(&reweight(folder(wide).path(), &["compare", "a.csv", "--target", "nowhere"]));
    assert!(message.contains("there is no column `nowhere`"), "{message}");
}

#[test]
fn a_common_one_is_asked_for_and_a_rare_one_is_not() {
    let of = |rare: &str, common: &str| {
        folder(table("a,b,label\n", |_, a, b, r| format!("{a:.4},{b:.4},{}", if r { rare } else { common })))
    };
    for (rare, common) in [("0", "1"), ("no", "yes"), ("b'0'", "b'1'"), ("False", "True"), ("nein", "ja")] {
        let folder = of(rare, common);
        let message = refused(&reweight(folder.path(), &["compare", "a.csv"]));
        assert!(
            message.contains("(50 rows), as the other is its opposite, or `")
                && message.contains("the rare one: say --positive"),
            "{message}"
        );
        let asked = compared(folder.path(), &["--positive", rare]);
        assert_eq!(asked["labels"].as_array().unwrap().len(), 2);
    }
    for (rare, common, positive) in
        [("1", "0", "1"), ("1", "2", "1"), ("ja", "nein", "ja"), ("normal", "attack", "attack"), ("not ok", "ok", "ok")]
    {
        assert_eq!(compared(of(rare, common).path(), &[])["positive"], positive);
    }
    // Twice as many are common; fewer are about as many.
    let half = folder(table("a,b,label\n", |n, a, b, _| format!("{a:.4},{b:.4},{}", u8::from(n % 5 < 3))));
    assert_eq!(compared(half.path(), &[])["positive"], "1");
}

#[test]
fn what_gzip_packed_is_read_as_gzip_reads_it() {
    let text = table("a,b,label\n", |_, a, b, r| format!("{a},{b},{}", bit(r)));
    let packed = |bytes: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let once = packed(text.as_bytes());
    let middle = text.len() / 2;
    let halves = [packed(&text.as_bytes()[..middle]), packed(&text.as_bytes()[middle..])];
    for (form, bytes) in [
        ("padded", [&once[..], &[0; 700]].concat()),
        ("twice", packed(&once)),
        ("members", halves.concat()),
        ("an empty member", [packed(b""), once.clone()].concat()),
        ("padded between", [&halves[0][..], &[0; 3], &halves[1]].concat()),
    ] {
        assert_eq!(compared(folder(bytes).path(), &[])["rows"], 60, "{form}");
    }
    let often = (0..5).fold(text.clone().into_bytes(), |bytes, _| packed(&bytes));
    for (bytes, expected) in [
        ([&once[..], b"more"].concat(), "behind the packed rows there is something else"),
        (once[..once.len() - 12].to_vec(), "damaged or cut off"),
        (often, "packed more than 3 times over"),
    ] {
        let folder = folder(bytes);
        for command in ["compare", "inspect"] {
            let message = refused(&reweight(folder.path(), &[command, "a.csv"]));
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn the_area_of_all_rows_is_that_which_inspect_prints() {
    let of = |rare: &str, common: &str| {
        table("a,b,label\n", |_, a, b, r| format!("{a:.4},{b:.4},{}", if r { rare } else { common }))
    };
    let small = ["--folds", "3", "--epochs", "3", "--hidden", "none", "--no-presets", "--strategy", "poly-1"];
    for (rare, common, more) in [
        ("1", "2", vec!["--repeats", "1"]),
        ("1", "2", vec!["--repeats", "3"]),
        ("bad", "good", vec!["--positive", "good"]),
        ("-1", "1", vec!["--positive", "-1"]),
    ] {
        let folder = folder(of(rare, common));
        let files = ["--json", "run.json", "--scores", "s.csv"];
        let output = reweight(folder.path(), &[&["compare", "a.csv"], &small[..], &more, &files].concat());
        let text = common::done(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        let run: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.path().join("run.json")).unwrap()).unwrap();
        let pooled = run["results"][0]["pooled"]["roc_auc"].as_f64().unwrap();
        fs::rename(folder.path().join("s.csv"), folder.path().join("a.csv")).unwrap();
        let area = inspected(folder.path(), &[])["area_under_roc"].as_f64().unwrap();
        // A sum of halves over a product of counts, in two orders.
        assert!((area - pooled).abs() < 1e-12, "{rare}: {area}, not {pooled}");
        assert!(text.contains("ROC AUC is the mean over folds. Pooled, over all rows at once"), "{text}");
        assert!(text.contains(&format!("The area under the ROC curve of all of them is {area:.3}")), "{text}");
        let inspected = common::done(&reweight(folder.path(), &["inspect", "a.csv", "-q"]));
        let head = inspected.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(head.contains(&format!("area under the ROC curve of all rows {area:.3}")), "{head}");
    }
}

#[test]
fn labels_that_look_missing_or_alike_travel_with_the_scores() {
    let folder = folder(table("a,b,label\n", |n, a, b, r| {
        format!(
            "{a:.4},{b:.4},{}",
            if n < 3 {
                "-"
            } else if r {
                "NA"
            } else {
                ["x", "X"][n % 2]
            }
        )
    }));
    let all = compared(folder.path(), &["--missing", "-", "--exact-labels", "--multiclass", "--scores", "s.csv"]);
    assert_eq!(all["labels"].as_array().unwrap().len(), 3, "{all}");
    fs::rename(folder.path().join("s.csv"), folder.path().join("a.csv")).unwrap();
    let scores = inspected(folder.path(), &[]);
    let classes: Vec<(&str, u64)> = scores["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| (class["label"].as_str().unwrap(), class["samples"].as_u64().unwrap()))
        .collect();
    let labels = all["labels"].as_array().unwrap().iter();
    let labels: Vec<(&str, u64)> = labels.map(|one| (one[0].as_str().unwrap(), one[1].as_u64().unwrap())).collect();
    assert_eq!(classes, labels, "{scores}");
    assert_eq!((&scores["samples"], &scores["label_column"]), (&57.into(), &"exact_label".into()));
    assert!(said(&scores, "labels").contains("as they are spelled, and none is missing"), "{scores}");
}
