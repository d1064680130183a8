//! The exact gradient density, of which GHM's unit regions are an approximation.

/// GD(g) of each sample: how many gradient norms lie within ε/2 of its own, per length of that window inside [0, 1]
/// (Li et al. 2019, eq. 6–8).
///
/// `norms` lie in [0, 1], `epsilon` > 0. Sorting makes it O(N log N). The harmonising weight is N / GD.
pub fn gradient_density(norms: &[f64], epsilon: f64) -> Vec<f64> {
    let mut sorted = norms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = epsilon / 2.0;
    let density = |&g: &f64| {
        let first = sorted.partition_point(|&other| other < g - half);
        let last = sorted.partition_point(|&other| other < g + half);
        let length = (g + half).min(1.0) - (g - half).max(0.0);
        (last - first) as f64 / length
    };
    norms.iter().map(density).collect()
}

#[cfg(test)]
mod tests;
