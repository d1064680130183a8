//! The affine adjustments of a batch as the kernels read them.

use reweight::{Affine, Fit, SampleKind};

/// δ, ι and Δ of a batch, one number a column (BCE) or class, and Δ one a label: a run of numbers, and where in it each
/// begins. What changes nothing is left out; the kernels take a null for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapTables {
    /// The numbers.
    pub numbers: Vec<f64>,
    /// Where δ begins.
    pub scale: Option<usize>,
    /// Where ι begins.
    pub offset: Option<usize>,
    /// Where Δ begins.
    pub margin: Option<usize>,
}

impl MapTables {
    /// Those of a loss that fits a batch of that kind of samples and number of classes (2 for BCE).
    pub fn of(fit: &Fit, kind: SampleKind, classes: usize) -> Self {
        let mut tables = Self::default();
        let Some(map) = &fit.affine else { return tables };
        let places = if kind == SampleKind::Class { classes } else { fit.columns.count };
        tables.scale = tables.add(&map.scale, 1.0, places, |at| map.scale_of(at));
        tables.offset = tables.add(&map.offset, 0.0, places, |at| map.offset_of(at));
        // A soft label has no margin of its own.
        let margin = if kind == SampleKind::SoftBinary { &[] } else { &map.margin[..] };
        tables.margin = tables.add(margin, 0.0, classes, |at| Affine::margin_of(map, at));
        tables
    }

    fn add(&mut self, own: &[f64], neutral: f64, count: usize, of: impl Fn(usize) -> f64) -> Option<usize> {
        let first = self.numbers.len();
        let changes = own.iter().any(|&value| value != neutral);
        self.numbers.extend((0..if changes { count } else { 0 }).map(of));
        changes.then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use reweight::{BatchForm, BceLoss, LogitAdjustment, SoftmaxLoss, VectorScaling};

    use super::*;

    #[test]
    fn what_changes_nothing_is_left_out() -> Result<(), Box<dyn std::error::Error>> {
        let plain = SoftmaxLoss::new(()).weighting().fit(&BatchForm::softmax(&[4, 3], 3))?;
        assert_eq!(MapTables::of(&plain, SampleKind::Class, 3), MapTables::default());
        let loss = SoftmaxLoss::new(()).adjusted(LogitAdjustment::from_counts(&[2, 1, 1], 1.0)?);
        let fit = loss.weighting().fit(&BatchForm::softmax(&[4, 3], 3))?;
        let tables = MapTables::of(&fit, SampleKind::Class, 3);
        assert_eq!((tables.scale, tables.offset, tables.margin), (None, Some(0), None));
        assert_eq!(tables.numbers, [0.5_f64.ln(), 0.25_f64.ln(), 0.25_f64.ln()]);
        Ok(())
    }

    #[test]
    fn one_value_is_written_out_for_every_column() -> Result<(), Box<dyn std::error::Error>> {
        let scaling = VectorScaling::new(2.0, vec![0.5, 0.0, -0.5])?;
        let fit = BceLoss::new(()).adjusted(scaling).weighting().fit(&BatchForm::binary(&[4, 3], false))?;
        let tables = MapTables::of(&fit, SampleKind::Binary, 2);
        assert_eq!((tables.scale, tables.offset), (Some(0), Some(3)));
        assert_eq!(tables.numbers, [2.0, 2.0, 2.0, 0.5, 0.0, -0.5]);
        Ok(())
    }
}
