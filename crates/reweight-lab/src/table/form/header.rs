//! Whether the first row names the columns, and which columns it leaves without a name.

use std::collections::HashSet;

use crate::table::cell::bare;
use crate::table::cells::Cells;
use crate::table::head::ColumnHead;
use crate::table::missing::Missing;
use crate::table::names::{EXACT_LABEL, is_label_name, is_score_name};
use crate::table::number::{Decimal, parse};
use crate::table::unit::is_quantity;

/// How many cells the first rows have.
#[derive(Debug)]
pub(super) struct Shape {
    /// Cells of a row of data.
    pub(super) width: usize,
    /// Whether a header is one name short, so that the first column names the rows.
    pub(super) row_names: bool,
    /// Whether each row ends in one delimiter too many.
    pub(super) trailing: bool,
}

impl Shape {
    pub(super) fn of(rows: &Cells) -> Self {
        let first = rows.width(0);
        let wider = rows.rows() > 1 && (1..rows.rows()).all(|row| rows.width(row) == first + 1);
        let empty_at = |from: usize, column: usize| (from..rows.rows()).all(|row| rows.cell(row, column).is_empty());
        if wider {
            let trailing = empty_at(1, first);
            // Names of rows are all different; a first column that comes again is data, and its rows have a cell too many.
            let mut seen = HashSet::new();
            let row_names = !trailing && (1..rows.rows()).all(|row| seen.insert(rows.cell(row, 0)));
            return Self { width: first + usize::from(row_names), row_names, trailing };
        }
        // A last column without a name and without a cell.
        let even = rows.rows() > 1 && (1..rows.rows()).all(|row| rows.width(row) == first);
        let trailing = even && first > 1 && empty_at(0, first - 1);
        Self { width: first - usize::from(trailing), row_names: false, trailing }
    }
}

/// A first row is a header if some column is numbers but for it, or if it holds what columns are called. Without numbers
/// anywhere it is one if no cell of it comes again beneath it. Where it is numbers too, those must be names: 0, 1, 2 …
pub(super) fn is_one(rows: &Cells, shape: &Shape, missing: &Missing) -> bool {
    let heads: Vec<&str> = (0..rows.width(0).min(shape.width)).map(|column| bare(rows.cell(0, column))).collect();
    let is_number = |cell: &str| {
        parse(cell, Decimal::Point).is_some() || parse(cell, Decimal::Comma).is_some() || is_quantity(cell)
    };
    let below = || (1..rows.rows()).filter(|&row| rows.width(row) >= heads.len());
    if below().next().is_none() {
        return heads.iter().all(|head| !is_number(head));
    }
    let comes_again = |column: usize| below().any(|row| bare(rows.cell(row, column)) == heads[column]);
    let numeric_below = |column: usize| {
        let mut cells = below().map(|row| bare(rows.cell(row, column))).filter(|cell| !missing.is(cell)).peekable();
        cells.peek().is_some() && cells.all(is_number)
    };
    let word = |head: &str| !missing.is(head) && !is_number(head);
    let numbers: Vec<&str> = heads.iter().copied().filter(|head| is_number(head)).collect();
    let named = (0..heads.len()).any(|column| {
        let known = is_label_name(heads[column]) || is_score_name(heads[column]);
        known && word(heads[column]) && !comes_again(column)
    });
    if named && (numbers.is_empty() || are_names(&numbers)) {
        return true;
    }
    if counts_up(&heads) && !(1..rows.rows()).any(|row| row_is(rows, row, &heads)) {
        return true;
    }
    let numeric: Vec<usize> = (0..heads.len()).filter(|&column| numeric_below(column)).collect();
    if numeric.iter().any(|&column| word(heads[column])) {
        return numbers.is_empty() || are_names(&numbers);
    }
    numbers.is_empty() && numeric.is_empty() && !(0..heads.len()).any(comes_again)
}

/// Whole numbers that are all different, as years or classes are.
fn are_names(numbers: &[&str]) -> bool {
    let whole = |number: &&str| number.parse::<u64>().is_ok();
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    numbers.iter().all(whole) && sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// 0, 1, 2 … or 1, 2, 3 … as pandas names columns that have no names; a first cell may be left out, over an index.
fn counts_up(heads: &[&str]) -> bool {
    let heads = if heads.first().is_some_and(|head| head.is_empty()) { &heads[1..] } else { heads };
    let counts = |from: usize| heads.iter().enumerate().all(|(at, head)| head.parse() == Ok(at + from));
    heads.len() >= 3 && (counts(0) || counts(1))
}

fn row_is(rows: &Cells, row: usize, heads: &[&str]) -> bool {
    rows.width(row) == heads.len() && (0..heads.len()).all(|column| bare(rows.cell(row, column)) == heads[column])
}

/// The columns' names: those of the first row if it is a header, and `column 3` where there is none.
pub(super) fn heads(rows: &Cells, shape: &Shape, is_header: bool) -> Vec<ColumnHead> {
    let row_names = shape.row_names && is_header;
    let width = if shape.row_names && !is_header { rows.width(0) } else { shape.width };
    let head = |column: usize| {
        let cell = if row_names { column.checked_sub(1) } else { Some(column) };
        let given = cell.filter(|&cell| is_header && cell < rows.width(0)).map_or("", |cell| bare(rows.cell(0, cell)));
        let name = match given {
            "" if row_names && column == 0 => "row name".to_owned(),
            "" => format!("column {}", column + 1),
            given => given.to_owned(),
        };
        ColumnHead {
            is_unnamed: is_header && given.is_empty(),
            is_exact: is_header && name == EXACT_LABEL,
            ..ColumnHead::named(name)
        }
    };
    (0..width).map(head).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::records::{Cut, Delimiter, first_rows};

    fn found(text: &str) -> (Vec<String>, bool) {
        let cut = Cut { delimiter: Delimiter::Byte(b','), quote: b'"', escape: None, comment: None };
        let rows = first_rows("a", text.as_bytes(), true, cut, 100).unwrap();
        let shape = Shape::of(&rows);
        let is_header = shape.row_names || is_one(&rows, &shape, &Missing::default());
        (heads(&rows, &shape, is_header).into_iter().map(|head| head.name).collect(), is_header)
    }

    #[test]
    fn headers_of_every_kind() {
        for text in [
            "a,b\n1,2\n3,4\n",
            "0,1,2,label\n1.5,2.5,3,1\n2.5,3.5,4,0\n",
            "0,1,2,3\n1.5,2.5,3,1\n2.5,3.5,4,0\n",
            ",0,1,2\n0,1.5,2.5,3\n1,2.5,3.5,4\n",
            "2019,2020,y\n7,5,0\n2,4,1\n",
            "y,0,1,2\n0,1,2,3\n1,3,2,1\n",
            "colour,taste\nred,good\nblue,bad\n",
            "odor,class\nq,good\nr,bad\nq,bad\n",
            "Score,Classe\n0.5,yes\n0.5,no\n",
        ] {
            assert!(found(text).1, "{text}");
        }
        for text in [
            "1,5,no\n2,4,yes\n",
            "red,good\nblue,bad\nred,good\n",
            "1.5,y\n2.5,n\n3.5,y\n",
            "0,1\n1,0\n",
            "5.1,3.5,1.4\n4.9,3.0,1.4\n",
        ] {
            assert!(!found(text).1, "{text}");
        }
    }

    #[test]
    fn row_names_and_trailing_delimiters() {
        assert_eq!(found("a,b\n1,2.5,0\n2,3.5,1\n").0, ["row name", "a", "b"]);
        assert_eq!(found("a,b\n2.5,0,\n3.5,1,\n").0, ["a", "b"]);
        // 0,91 is a number here, and no row is called 1 twice.
        assert_eq!(found("score,label\n0,91,1\n0,82,1\n0,1,0\n").0, ["score", "label"]);
        assert_eq!(found("a,b,\n2.5,0,\n3.5,1,\n").0, ["a", "b"]);
        assert_eq!(found("a,b,c\n2.5,0,\n3.5,1,\n").0, ["a", "b", "c"]);
        assert_eq!(found("2.5,0,\n3.5,1,\n").0, ["column 1", "column 2"]);
    }
}
