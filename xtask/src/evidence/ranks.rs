//! Mean ranks over tables, and how far apart two must be to differ (Demšar, Statistical comparisons of classifiers over multiple data
//! sets, JMLR 7, 2006).

/// The studentised range's 5 % points over √2, of 2, 3, … losses (Demšar's table 5a, and on by the same distribution).
const POINTS: [f64; 13] =
    [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164, 3.219, 3.268, 3.313, 3.354];

/// The mean rank of each loss, 1 for best, over tables of one value a loss; equals share their ranks.
pub(super) fn mean_ranks(tables: &[Vec<f64>], higher_is_better: bool) -> Vec<f64> {
    let losses = tables.first().map_or(0, Vec::len);
    let rank = |values: &[f64], own: usize| {
        let better = |other: f64| if higher_is_better { other > values[own] } else { other < values[own] };
        let ahead = values.iter().filter(|&&other| better(other)).count();
        let equal = values.iter().filter(|&&other| other == values[own]).count();
        ahead as f64 + (equal as f64 + 1.0) / 2.0
    };
    (0..losses).map(|own| tables.iter().map(|values| rank(values, own)).sum::<f64>() / tables.len() as f64).collect()
}

/// The critical difference of mean ranks at 5 % (Nemenyi); none for more losses than the table has.
pub(super) fn critical_difference(losses: usize, tables: usize) -> Option<f64> {
    let point = POINTS.get(losses.checked_sub(2)?)?;
    let k = losses as f64;
    Some(point * (k * (k + 1.0) / (6.0 * tables as f64)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_share_and_the_difference_is_the_papers() {
        let ranks = mean_ranks(&[vec![0.3, 0.2, 0.2], vec![0.1, 0.2, 0.3]], true);
        assert_eq!(ranks, [2.0, 2.25, 1.75]);
        // The paper's example: 4 classifiers on 14 data sets, CD = 1.25 at 5 %.
        assert!((critical_difference(4, 14).unwrap_or(0.0) - 1.25).abs() < 0.005);
        assert_eq!(critical_difference(1, 5), None);
    }
}
