//! How far probabilities are right once what a loss does to them by design is taken back: fits of a temperature, of a prior, and of
//! both.

/// Temperatures are looked for between this and its inverse.
pub const COLDEST: f64 = 1e-3;

/// Rows times classes times rounds that the fit of a prior may take at most.
const MOST_WORK: usize = 200_000_000;

/// What is done to the logits of a row: multiplied by `sharpness`, and each class's `prior` added.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The inverse of a temperature.
    pub sharpness: f64,
    /// One a class.
    pub prior: Vec<f64>,
}

/// Rows with their logits, one a class, and their classes.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Row after row.
    pub logits: &'a [f64],
    /// The class of each row.
    pub classes: &'a [usize],
    /// Logits a row.
    pub width: usize,
}

impl Correction {
    /// One that changes nothing, for rows of `width` classes.
    pub fn none(width: usize) -> Self {
        Self { sharpness: 1.0, prior: vec![0.0; width] }
    }

    /// Writes softmax of a corrected row into `out`.
    pub fn softmax(&self, row: &[f64], out: &mut Vec<f64>) {
        out.clear();
        out.extend(row.iter().zip(&self.prior).map(|(logit, prior)| logit * self.sharpness + prior));
        let most = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        out.iter_mut().for_each(|logit| *logit = (*logit - most).exp());
        let sum: f64 = out.iter().sum();
        out.iter_mut().for_each(|share| *share /= sum);
    }
}

/// The squared distance of a row's probabilities to what was so, summed over the classes; of two classes counted once, since each
/// is as far off as the other.
pub fn squares(p: &[f64], class: usize) -> f64 {
    let hit = |other: usize| if other == class { 1.0 } else { 0.0 };
    let all: f64 = p.iter().enumerate().map(|(other, p)| (p - hit(other)).powi(2)).sum();
    if p.len() == 2 { all / 2.0 } else { all }
}

/// The Brier score of rows after a temperature and a constant a class, which for each half of the rows are fitted to the other; of
/// rows with one logit a class.
///
/// Of two classes that is a line over the log odds (Platt, Probabilistic outputs for support vector machines, 1999, with its targets,
/// which keep a perfect ranking's slope finite). A loss that moves all scores alike, as weights by class do, loses nothing by it.
pub fn calibrated_brier(logits: &[f64], classes: &[usize], width: usize) -> f64 {
    // Every second row: the rows' own order may hold something.
    let half = |which: usize| -> (Vec<f64>, Vec<usize>) {
        let rows = || (0..classes.len()).filter(move |row| row % 2 == which);
        (
            rows().flat_map(|row| &logits[row * width..(row + 1) * width]).copied().collect(),
            rows().map(|row| classes[row]).collect(),
        )
    };
    let halves = [half(0), half(1)];
    let [even, odd] = halves.each_ref().map(|(logits, classes)| Rows { logits, classes, width });
    let mut p = Vec::new();
    let mut sum = |judged: Rows<'_>, fitted: Rows<'_>| -> f64 {
        let correction = fitted.both();
        let rows = judged.logits.chunks_exact(width).zip(judged.classes);
        rows.map(|(row, &class)| {
            correction.softmax(row, &mut p);
            squares(&p, class)
        })
        .sum()
    };
    (sum(even, odd) + sum(odd, even)) / classes.len().max(1) as f64
}

impl Rows<'_> {
    /// The temperature and the prior under which these classes are likeliest.
    fn both(self) -> Correction {
        if self.classes.is_empty() {
            return Correction::none(self.width);
        }
        if self.width == 2 {
            return self.line();
        }
        // Each is likeliest given the other, and the likelihood has one maximum.
        let mut correction = Correction::none(self.width);
        for _ in 0..3 {
            self.raise_prior(&mut correction, 30);
            correction.sharpness = self.sharpness(&correction.prior);
        }
        correction
    }

    /// Slope and constant over the log odds of two classes, by Newton's method on the log likelihood of Platt's targets.
    fn line(self) -> Correction {
        let positives = self.classes.iter().filter(|&&class| class == 1).count() as f64;
        let negatives = self.classes.len() as f64 - positives;
        let targets = [1.0 / (negatives + 2.0), (positives + 1.0) / (positives + 2.0)];
        let rows = || self.logits.chunks_exact(2).map(|row| row[1] - row[0]).zip(self.classes);
        let likelihood = |slope: f64, constant: f64| -> f64 {
            rows()
                .map(|(x, &class)| {
                    let z = slope * x + constant;
                    // t·z − ln(1 + exp z)
                    targets[class] * z - z.max(0.0) - (-z.abs()).exp().ln_1p()
                })
                .sum()
        };
        let (mut slope, mut constant) = (0.0, ((positives + 1.0) / (negatives + 1.0)).ln());
        let mut best = likelihood(slope, constant);
        for _ in 0..50 {
            let (mut gradient, mut hessian) = ([0.0; 2], [1e-12, 0.0, 1e-12]);
            for (x, &class) in rows() {
                let p = 1.0 / (1.0 + (-(slope * x + constant)).exp());
                let (miss, curve) = (targets[class] - p, p * (1.0 - p));
                gradient = [gradient[0] + miss * x, gradient[1] + miss];
                hessian = [hessian[0] + curve * x * x, hessian[1] + curve * x, hessian[2] + curve];
            }
            let determinant = hessian[0] * hessian[2] - hessian[1] * hessian[1];
            // Constant scores have no slope.
            let step = if determinant > 1e-12 * hessian[0] * hessian[2] {
                [
                    (hessian[2] * gradient[0] - hessian[1] * gradient[1]) / determinant,
                    (hessian[0] * gradient[1] - hessian[1] * gradient[0]) / determinant,
                ]
            } else {
                [0.0, gradient[1] / hessian[2]]
            };
            let mut share = 1.0;
            let found = loop {
                let [a, b] = [slope + share * step[0], constant + share * step[1]];
                let value = likelihood(a, b);
                if value > best {
                    break Some((a, b, value));
                }
                share /= 2.0;
                if share < 1e-3 {
                    break None;
                }
            };
            let Some((a, b, value)) = found else { break };
            let gain = value - best;
            (slope, constant, best) = (a, b, value);
            // A millionth of a row's likelihood.
            if gain < 1e-6 {
                break;
            }
        }
        Correction { sharpness: slope, prior: vec![0.0, constant] }
    }

    /// The factor on the logits under which these classes are likeliest, with `prior` added.
    ///
    /// The slope of the log likelihood in the factor β, Σ x_y − E_p(x), falls with β, so its zero is found by halving.
    pub fn sharpness(self, prior: &[f64]) -> f64 {
        let mut p = Vec::new();
        let mut slope = |sharpness: f64| {
            let correction = Correction { sharpness, prior: prior.to_vec() };
            let rows = self.logits.chunks_exact(self.width).zip(self.classes);
            rows.map(|(row, &class)| {
                correction.softmax(row, &mut p);
                row[class] - row.iter().zip(&p).map(|(logit, p)| logit * p).sum::<f64>()
            })
            .sum::<f64>()
        };
        let (mut low, mut high) = (COLDEST.ln(), -COLDEST.ln());
        // 14 / 2²⁴: a millionth.
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if slope(middle.exp()) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        (0.5 * (low + high)).exp()
    }

    /// What is to be added to each class's logit for the mean prediction to be the class's share.
    pub fn prior(self) -> Vec<f64> {
        let mut correction = Correction::none(self.width);
        let rounds = (MOST_WORK / (self.classes.len() * self.width).max(1)).clamp(5, 200);
        self.raise_prior(&mut correction, rounds);
        correction.prior
    }

    /// The same on top of a correction.
    ///
    /// Each round adds the logarithm of what is missing, which raises the likelihood (iterative scaling).
    fn raise_prior(self, correction: &mut Correction, rounds: usize) {
        let count = self.classes.len();
        let mut shares = vec![0.0; self.width];
        self.classes.iter().for_each(|&class| shares[class] += 1.0 / count as f64);
        let mut p = Vec::new();
        for _ in 0..rounds {
            let mut means = vec![0.0; self.width];
            for row in self.logits.chunks_exact(self.width) {
                correction.softmax(row, &mut p);
                means.iter_mut().zip(&p).for_each(|(mean, p)| *mean += p / count as f64);
            }
            let mut furthest = 0.0_f64;
            for class in 0..self.width {
                // A class that is predicted, or occurs, nowhere stays where it is.
                if shares[class] > 0.0 && means[class] > 0.0 {
                    let missing = f64::ln(shares[class] / means[class]);
                    correction.prior[class] += missing;
                    furthest = furthest.max(missing.abs());
                }
            }
            if furthest < 1e-7 {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests;
