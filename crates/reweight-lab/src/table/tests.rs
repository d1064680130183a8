//! Tables as users have them: what is understood, what is refused, and with which words.

use super::*;
use proptest::prelude::*;

fn table(text: &str) -> Result<Table, TableError> {
    Table::from_bytes("t.csv", text.into(), &ReadOptions::default())
}

fn with(text: &str, change: impl FnOnce(&mut ReadOptions)) -> Result<Table, TableError> {
    let mut options = ReadOptions::default();
    change(&mut options);
    Table::from_bytes("t.csv", text.into(), &options)
}

fn refusal(text: &str) -> String {
    table(text).unwrap_err().to_string()
}

fn said(table: &Table, about: &str) -> String {
    table.guesses.about(about)
}

fn numbers<'a>(table: &'a Table, name: &str) -> &'a [f64] {
    match table.columns.iter().find(|column| column.name() == name) {
        Some(Column::Numeric { values, .. }) => values,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn headers_are_found_or_said() {
    let named = table("a,b,y\n1,5,no\n2,4,yes\n4,9,no\n").unwrap();
    assert_eq!(numbers(&named, "a"), [1.0, 2.0, 4.0]);
    assert_eq!(named.target.name, "y");
    let bare = table("1,5,no\n2,4,yes\n4,9,no\n").unwrap();
    assert_eq!(numbers(&bare, "column 2"), [5.0, 4.0, 9.0]);
    let all_text = table("colour,taste\nred,good\nblue,bad\nred,good\n").unwrap();
    assert_eq!((all_text.rows(), all_text.columns[0].name()), (3, "colour"));
    let text_without = table("red,good\nblue,bad\nred,good\n").unwrap();
    assert_eq!(text_without.rows(), 3);
    let numeric_names = with("2019,2020,y\n7,5,0\n2,4,1\n3,3,1\n", |o| {
        o.form.header = Header::Yes;
    })
    .unwrap();
    assert_eq!(numbers(&numeric_names, "2019"), [7.0, 2.0, 3.0]);
    let forced = with("a,b\nc,d\nc,b\n", |o| o.form.header = Header::No).unwrap();
    assert_eq!(forced.rows(), 3);
}

#[test]
fn delimiters_are_found_and_commas_may_be_decimal() {
    for (delimiter, text) in [(",", "x,y"), (";", "x;y"), ("\t", "x\ty"), ("|", "x|y")] {
        let rows = format!("{text}\n1{delimiter}a\n3{delimiter}b\n");
        assert_eq!(numbers(&table(&rows).unwrap(), "x"), [1.0, 3.0], "{delimiter:?}");
    }
    let european = table("x;z;y\n1,5;2;a\n2,25;7;b\n").unwrap();
    assert_eq!(numbers(&european, "x"), [1.5, 2.25]);
    assert!(said(&european, "numbers").contains("commas mark decimals in `x`"));
    let set = with("2,1;a\n3,5;b\n", |o| o.form.delimiter = Some(b',')).unwrap();
    assert_eq!(set.target.labels, ["1;a", "5;b"]);
}

#[test]
fn any_column_is_the_target() {
    let text = "kind,1,x\na,4,5\nb,5,3\na,3,4\n";
    let header = |o: &mut ReadOptions, target: &str| {
        o.form.header = Header::Yes;
        o.target = Some(target.into());
    };
    assert_eq!(with(text, |o| header(o, "kind")).unwrap().target.labels, ["a", "b"]);
    // A name goes before a number.
    assert_eq!(with(text, |o| header(o, "1")).unwrap().target.labels, ["3", "4", "5"]);
    assert_eq!(with(text, |o| header(o, "3")).unwrap().target.name, "x");
    let error = with(text, |o| header(o, "klass")).unwrap_err().to_string();
    assert_eq!(error, "t.csv: there is no column `klass`; choose one of 1 `kind`, 2 `1`, 3 `x`, by name or by number");
    let twice = with("x,x,y\n1,2,a\n5,3,b\n", |o| o.target = Some("x".into())).unwrap_err();
    assert!(matches!(twice, TableError::ColumnAmbiguous { numbers, .. } if numbers == "1, 2"));
}

#[test]
fn labels_of_any_spelling() {
    let quoted = table("1,'1'\n7,'-1'\n3,'-1'\n").unwrap();
    assert_eq!(quoted.target.labels, ["-1", "1"]);
    for spelling in ["1", "'1'", "\"1\"", " 1 ", "1.0", "+1"] {
        let binary = quoted.target.binary("t.csv", Some(spelling), 1).unwrap();
        assert_eq!(binary.is_positive, [true, false, false], "{spelling}");
        assert!(binary.why.is_none());
    }
    let chosen = quoted.target.binary("t.csv", None, 1).unwrap();
    assert!(chosen.why.is_some() && chosen.positive == "1" && chosen.positives == 1);
    assert_eq!(
        quoted.target.binary("t.csv", Some("yes"), 1).unwrap_err().to_string(),
        "t.csv: no row of the target column `column 2` is labelled `yes`; the labels are `1` (1 row), `-1` (2 rows)"
    );
    assert!(matches!(
        quoted.target.binary("t.csv", None, 5),
        Err(TableError::TooFewPositives { positives: 1, folds: 5, .. })
    ));
    let spelled = table("5,1\n7,1.0\n3,2\n").unwrap();
    assert_eq!(
        (&spelled.target.labels[..], &spelled.target.counts[..]),
        (&["1".to_owned(), "2".to_owned()][..], &[2, 1][..])
    );
    assert!(said(&spelled, "labels").contains("`1` (1 row) and `1.0` (1 row)"), "{:?}", spelled.guesses);
    let apart = with("5,1\n7,1.0\n3,2\n", |o| o.form.exact_labels = true).unwrap();
    assert_eq!(apart.target.labels, ["1", "1.0", "2"]);
    assert!(apart.target.binary("t.csv", Some("1.00"), 1).is_err(), "neither label can be meant");
    let order = table("5,10\n7,9\n3,b\n4,a\n").unwrap();
    assert_eq!(order.target.labels, ["9", "10", "a", "b"]);
}

#[test]
fn missing_values_and_rows_without_a_label() {
    let text = "x,k,y\n1,,a\n?,red,b\nNA,blue,a\n4,nan,b\n5,NULL,?\n6,red,b\n";
    let table = table(text).unwrap();
    assert_eq!(table.rows(), 5);
    assert!(said(&table, "missing").contains("first on line 6"), "{:?}", table.guesses);
    let missing: Vec<bool> = numbers(&table, "x").iter().map(|value| value.is_nan()).collect();
    assert_eq!(missing, [false, true, true, false, false]);
    let all: Vec<usize> = (0..5).collect();
    let encoder = Encoder::fit(&table, &all);
    // One number and its mark, two levels.
    assert_eq!(encoder.width(), 4);
    let inputs = encoder.encode(&table, &all);
    assert_eq!(inputs.row(2).to_vec(), [0.0, 1.0, 1.0, 0.0]);
    assert_eq!(inputs.row(0).to_vec()[1..], [0.0, 0.0, 0.0]);
}

#[test]
fn standardised_on_the_training_rows_alone() {
    let table = table("x,y\n1,a\n3,b\n1000,a\n1e300,b\n").unwrap();
    let encoder = Encoder::fit(&table, &[0, 1]);
    // Mean 2, deviation 1; what lies too far is clamped.
    assert_eq!(encoder.encode(&table, &[0, 1, 2, 3]).into_raw_vec_and_offset().0, [-1.0, 1.0, 998.0, 1e4]);
}

#[test]
fn columns_that_say_nothing_are_left_out_with_a_note() {
    let mut text = String::from("id,name,same,void,x,y\n");
    for row in 0..120 {
        text.push_str(&format!("{},person {row},5,,{},{}\n", row + 1, row * row % 7, row % 2));
    }
    let table = table(&text).unwrap();
    assert_eq!(table.columns.iter().map(Column::name).collect::<Vec<_>>(), ["x"]);
    for left_out in ["id", "name", "same", "void"] {
        assert!(said(&table, "left out").contains(&format!("`{left_out}`")), "{left_out}: {:?}", table.guesses);
    }
    let dropped = with("a,b,y\n1,2,u\n5,3,v\n", |o| o.drop = vec!["1".into()]).unwrap();
    assert_eq!(dropped.columns.len(), 1);
}

#[test]
fn many_categories_share_one() {
    let mut text = String::from("k,y\n");
    for row in 0..400 {
        text.push_str(&format!("level{},{}\n", row % 80, row % 3));
    }
    let table = table(&text).unwrap();
    let Column::Categorical { levels, codes, .. } = &table.columns[0] else { panic!() };
    assert_eq!((levels.len(), levels[49].as_str()), (column::MOST_LEVELS, "(other)"));
    assert_eq!(codes.iter().filter(|code| **code == Some(49)).count(), 31 * 5);
    let codes_as_names = with("k,y\n1,a\n2,b\n1,b\n", |o| o.categorical = vec!["k".into()]).unwrap();
    assert!(matches!(&codes_as_names.columns[0], Column::Categorical { levels, .. } if levels.len() == 2));
}

#[test]
fn refusals_say_what_where_and_how_to_mend() {
    for (text, expected) in [
        ("", "the file is empty"),
        (" \n\n", "the file holds nothing but blank lines"),
        ("x,y\n", "no row beneath it"),
        ("x,y\n1,a\n\n2,b,c\n", "line 4 has 3 cells, the lines before it have 2"),
        ("x,y\n1,\"a\n2,b\n3,a\n", "line 2: a quoted cell that begins here is never closed"),
        ("x,z,y\n1,\"2,a\n2,4,b\n3,5,a\n", "line 2: a quoted cell that begins here is never closed"),
        ("x,y\n1,a\ninf,b\n", "line 3, column 1 (`x`): `inf` is not a finite number"),
        ("x,y\n1,a\n1e999,b\n", "line 3, column 1 (`x`): `1e999` is not a finite number"),
        ("x,y\n1,a\n2,a\n", "all 2 rows of the target column `y` are `a`"),
        ("x,y\n1,a\n", "the only row of the target column `y` is `a`"),
        ("x,y\n1,\n2,?\n", "every row of the target column `y` is empty"),
        ("y\na\nb\na\n", "no feature column is left of 1 column beside the target `y`"),
        ("x,y\n5,a\n5,b\n", "`x` has the same value in every row"),
    ] {
        let error = refusal(text);
        assert!(error.starts_with("t.csv: ") && error.contains(expected), "{text:?}: {error}");
    }
    let mut mostly = String::from("x,y\n");
    (0..30).for_each(|row| mostly.push_str(&format!("{},{}\n", row * row, row % 2)));
    mostly.push_str("12 mm,0\n");
    assert!(refusal(&mostly).contains("line 32, column 1 (`x`): `12 mm` is not a number, while 30 of the column's 31"));
    let mut measured = String::from("x,y\n");
    (0..40).for_each(|row| measured.push_str(&format!("{},{}\n", row % 3, 0.5 * f64::from(row))));
    assert!(matches!(table(&measured), Err(TableError::TooManyClasses { classes: 40, .. })));
}

#[test]
fn encodings_and_files() {
    let marked = Table::from_bytes("t.csv", b"\xEF\xBB\xBFx,y\n1,a\n5,b\n".to_vec(), &ReadOptions::default()).unwrap();
    assert_eq!(marked.columns[0].name(), "x");
    let latin = Table::from_bytes("t.csv", b"x,y\n1,a\n5,caf\xE9\n".to_vec(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(latin, TableError::NotUtf8 { line: 3, column: 6, .. }), "{latin}");
    let wide = Table::from_bytes("t.csv", b"\xFF\xFEx\0".to_vec(), &ReadOptions::default()).unwrap_err();
    assert!(wide.to_string().contains("UTF-16"));
    let nowhere = Table::from_file(Path::new("no/such/file.csv"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(nowhere, TableError::NotFound { .. }));
    let folder = tempfile::tempdir().unwrap();
    let unreadable = Table::from_file(folder.path(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(unreadable, TableError::Unreadable { .. }));
    let windows = table("x,y\r\n1,a\r\n2,b\r\n").unwrap();
    assert_eq!(windows.target.labels, ["a", "b"]);
}

proptest! {
    /// Whatever stands in a file, reading it gives a table or an error, and a table's inputs are finite.
    #[test]
    fn never_panics(text in "([-a1e9.?,;\"'\n\t ]|inf|NA|é){0,60}", bytes: Vec<u8>) {
        for bytes in [text.as_bytes(), &bytes] {
            if let Ok(table) = Table::from_bytes("t.csv", bytes.to_vec(), &ReadOptions::default()) {
                let rows: Vec<usize> = (0..table.rows()).collect();
                let encoder = Encoder::fit(&table, &rows[..rows.len() / 2]);
                prop_assert!(encoder.encode(&table, &rows).iter().all(|value| value.is_finite()));
            }
        }
    }
}
