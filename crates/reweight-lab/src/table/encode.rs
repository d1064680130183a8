//! From columns to the network's input rows: standardised on the training part, missing values marked, one-hot.

use ndarray::Array2;

use super::{Column, Table};

/// Largest standardised value; a test row may lie arbitrarily far from a training part, and must not become infinite.
const FARTHEST: f64 = 1e4;

/// How each column becomes inputs, learnt on the training rows alone, so that nothing of the test rows leaks in.
///
/// A numeric column gives (x − mean) / sd, and 0, the training mean, where it is missing; a second input says which
/// those are, if the table has any. A categorical column gives one input a level, all 0 where it is missing. The levels are
/// the whole table's: that they exist says nothing about a label, and the width of the input (so the network's initial
/// weights too) stays the same in every fold.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    plans: Vec<Plan>,
    width: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Plan {
    Numeric { mean: f64, deviation: f64, marks_missing: bool },
    OneHot { levels: usize },
}

impl Encoder {
    /// Learns means and deviations from the rows `train` of `table`.
    #[must_use]
    pub fn fit(table: &Table, train: &[usize]) -> Self {
        let plans: Vec<Plan> = table.columns.iter().map(|column| Plan::fit(column, train)).collect();
        let width = plans.iter().map(Plan::width).sum();
        Self { plans, width }
    }

    /// Number of inputs a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The inputs of the rows `rows` of the table that this was fitted on, (rows, width); all finite.
    #[must_use]
    pub fn encode(&self, table: &Table, rows: &[usize]) -> Array2<f32> {
        let mut inputs = Array2::zeros((rows.len(), self.width));
        let mut at = 0;
        for (plan, column) in self.plans.iter().zip(&table.columns) {
            for (&row, mut input) in rows.iter().zip(inputs.outer_iter_mut()) {
                match (plan, column) {
                    (Plan::Numeric { mean, deviation, marks_missing }, Column::Numeric { values, .. }) => {
                        if values[row].is_nan() {
                            if *marks_missing {
                                input[at + 1] = 1.0;
                            }
                        } else {
                            // A difference that overflows is infinite, and the clamp makes it finite again.
                            let standard = ((values[row] - mean) / deviation).clamp(-FARTHEST, FARTHEST);
                            input[at] = standard as f32;
                        }
                    }
                    (Plan::OneHot { .. }, Column::Categorical { codes, .. }) => {
                        if let Some(code) = codes[row] {
                            input[at + usize::from(code)] = 1.0;
                        }
                    }
                    // Plans are made from these very columns.
                    (Plan::Numeric { .. }, _) | (Plan::OneHot { .. }, _) => {}
                }
            }
            at += plan.width();
        }
        inputs
    }
}

impl Plan {
    fn fit(column: &Column, train: &[usize]) -> Self {
        match column {
            Column::Numeric { values, .. } => {
                let present = || train.iter().map(|&row| values[row]).filter(|value| !value.is_nan());
                let count = present().count().max(1) as f64;
                // Scaled to [-1, 1], so that squares of large numbers do not overflow.
                let scale = present().fold(0.0_f64, |largest, value| largest.max(value.abs()));
                let scale = if scale > 0.0 { scale } else { 1.0 };
                let mean = present().map(|value| value / scale).sum::<f64>() / count;
                let variance = present().map(|value| (value / scale - mean).powi(2)).sum::<f64>() / count;
                // Constant in this training part, up to the rounding of its mean: centred, not blown up.
                let deviation = if variance.sqrt() > 1e-12 { variance.sqrt() * scale } else { scale };
                Self::Numeric {
                    mean: mean * scale,
                    deviation,
                    marks_missing: values.iter().any(|value| value.is_nan()),
                }
            }
            Column::Categorical { levels, .. } => Self::OneHot { levels: levels.len() },
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Numeric { marks_missing, .. } => 1 + usize::from(*marks_missing),
            Self::OneHot { levels } => *levels,
        }
    }
}
