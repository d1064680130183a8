//! The default table: the red wines of the wine-quality data.
//!
//! P. Cortez, A. Cerdeira, F. Almeida, T. Matos, J. Reis: Modeling wine preferences by data mining from physicochemical
//! properties. Decision Support Systems 47 (2009). 1,599 wines, 11 measurements, a quality from 3 to 8. The UCI repository
//! (doi:10.24432/C56S3T) gives it under CC BY 4.0; data/README.md says what was done to it.

use crate::table::{Column, Guesses, Table, Target};

/// The best quality that still counts as bad, the positive class: 63 of the 1,599 wines.
pub const WORST_QUALITY: &str = "4";

/// The positive label of the two-class table.
pub const POSITIVE: &str = "bad";

/// What is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WineTask {
    /// `bad` (quality 4 or less, 3.9 % of the wines) against `good`.
    Binary,
    /// All six qualities; the rarest, 3, has 10 wines.
    Multiclass,
}

/// Names, then a wine a line, its quality last.
const WINES: &str = include_str!("../data/winequality-red.csv");

/// The table of red wines.
#[must_use]
pub fn table(task: WineTask) -> Table {
    let mut lines = WINES.lines().map(|line| line.split(','));
    let mut names: Vec<&str> = lines.next().into_iter().flatten().collect();
    names.pop();
    let mut measured = vec![Vec::new(); names.len()];
    let mut qualities = Vec::new();
    for mut cells in lines {
        for values in &mut measured {
            values.push(cells.next().and_then(|cell| cell.parse().ok()).unwrap_or(f64::NAN));
        }
        qualities.extend(cells);
    }
    let columns =
        names.iter().zip(measured).map(|(&name, values)| Column::Numeric { name: name.to_owned(), values }).collect();
    let row_labels: Vec<&str> = match task {
        WineTask::Binary => {
            qualities.iter().map(|&quality| if quality <= WORST_QUALITY { POSITIVE } else { "good" }).collect()
        }
        WineTask::Multiclass => qualities,
    };
    let target = Target::from_labels("quality", &row_labels);
    Table { name: "red wine quality".to_owned(), columns, target, guesses: Guesses::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_the_published_ones() {
        let binary = table(WineTask::Binary);
        assert_eq!((binary.rows(), binary.columns.len()), (1599, 11));
        assert_eq!(binary.target.binary("wine", Some(POSITIVE), 5).unwrap().positives, 63);
        assert_eq!(binary.target.binary("wine", None, 5).unwrap().positive, POSITIVE);
        let all = table(WineTask::Multiclass).target;
        assert_eq!(all.labels, ["3", "4", "5", "6", "7", "8"]);
        assert_eq!(all.counts, [10, 53, 681, 638, 199, 18]);
    }

    #[test]
    fn every_value_is_there() {
        for column in table(WineTask::Binary).columns {
            let Column::Numeric { values, .. } = column else { panic!("a measurement is a number") };
            assert!(values.len() == 1599 && values.iter().all(|value| value.is_finite()));
        }
    }
}
