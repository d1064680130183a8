//! Weka's predictions: labels behind their numbers (`1:no`), and a header that names all classes' scores by one word.

use crate::table::cell::bare;
use crate::table::cells::Cells;
use crate::table::head::ColumnHead;
use crate::table::names::WEKAS_COUNTER;

/// What stands over the scores of all classes.
const DISTRIBUTION: &str = "distribution";

/// The columns of such a file, where its header has fewer names than its rows have cells: the last names the scores of all classes.
pub(super) fn distribution(rows: &Cells) -> Option<Vec<ColumnHead>> {
    if rows.rows() < 2 || rows.width(0) == 0 {
        return None;
    }
    let (names, width) = (rows.width(0), rows.width(1));
    let name = |column: usize| bare(rows.cell(0, column));
    let is_one = name(0) == WEKAS_COUNTER && name(names - 1) == DISTRIBUTION && width > names;
    if !is_one || (1..rows.rows()).any(|row| rows.width(row) != width) {
        return None;
    }
    // What the labels say of their numbers.
    let mut classes: Vec<String> = (1..=width - names + 1).map(|class| class.to_string()).collect();
    for row in 1..rows.rows() {
        for column in 0..names - 1 {
            let place = bare(rows.cell(row, column)).split_once(':');
            let class = place.and_then(|(number, label)| Some((number.parse::<usize>().ok()?.checked_sub(1)?, label)));
            if let Some((class, label)) = class
                && let Some(own) = classes.get_mut(class)
            {
                label.clone_into(own);
            }
        }
    }
    let names = (0..names - 1).map(|column| name(column).to_owned());
    Some(names.chain(classes.iter().map(|class| format!("{DISTRIBUTION}_{class}"))).map(ColumnHead::named).collect())
}

/// Marks the columns of such a file.
pub(super) fn mark(columns: &mut [ColumnHead]) {
    let is_wekas = columns.first().is_some_and(|column| column.name == WEKAS_COUNTER);
    columns.iter_mut().for_each(|column| column.is_wekas = is_wekas);
}
