//! Rounding, means and quantiles by hand.

use super::*;

#[test]
fn five_digits_are_kept() {
    assert_eq!(rounded(0.123_456_7), 0.12346);
    assert_eq!(rounded(-123_456.7), -123_460.0);
    assert_eq!(rounded(0.0), 0.0);
    assert!(rounded(f64::INFINITY).is_nan());
}

#[test]
fn quantiles_and_means_by_hand() {
    let sorted = [1.0, 2.0, 4.0];
    assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&sorted, share)), [1.0, 1.5, 2.0, 3.0, 4.0]);
    assert!(quantile(&[], 0.5).is_nan());
    let lists = [vec![1.0, f64::NAN, 3.0], vec![3.0, 1.0]];
    let means = means(lists.iter().map(Vec::as_slice));
    assert!(means.len() == 2 && means[0] == 2.0 && means[1].is_nan());
}
