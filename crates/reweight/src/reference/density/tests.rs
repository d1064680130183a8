//! Densities counted by hand.

use super::gradient_density;

#[test]
fn a_window_holds_its_lower_edge_and_not_its_upper_one() {
    // Windows of ½: [0, ¼) and its part inside [0, 1], [¼, ¾), [½, 1).
    let norms = [0.0, 0.5, 0.75, 0.25];
    // 0: itself alone in [−¼, ¼), of which ¼ is inside. ½: ½ and ¼ in [¼, ¾). ¾: ¾ and ½ in [½, 1). ¼: ¼ and 0 in [0, ½).
    assert_eq!(gradient_density(&norms, 0.5), [4.0, 4.0, 4.0, 4.0]);
}

#[test]
fn windows_are_cut_at_both_ends() {
    // Half of each end's window lies outside: 2 samples in a length of 0.05, and at 1 the window has no upper part.
    let density = gradient_density(&[0.0, 0.0, 1.0], 0.1);
    for (found, expected) in density.iter().zip([40.0, 40.0, 20.0]) {
        // The window's length is a difference of numbers near 1.
        assert!((found - expected).abs() < 1e-12 * expected, "{density:?}");
    }
}

#[test]
fn order_and_crowds() {
    let density = gradient_density(&[0.9, 0.2, 0.2, 0.2], 0.25);
    // 0.9 + 0.125 is past 1, so the window's length is 0.1 + 0.125.
    for (found, expected) in density.iter().zip([1.0 / 0.225, 12.0, 12.0, 12.0]) {
        assert!((found - expected).abs() < 1e-12 * expected, "{density:?}");
    }
}
