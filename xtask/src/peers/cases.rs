//! What is measured against whom, and the ratios that are asked for.

use serde_json::{Value, json};

/// Elements of the large batches: 8 M.
pub(super) const LARGE: usize = 8 << 20;

/// A loss on a batch.
#[derive(Debug)]
pub(super) struct Case {
    /// What `--only` looks at.
    pub(super) name: &'static str,
    /// What the table calls it.
    pub(super) title: &'static str,
    pub(super) rule: Rule,
    /// Elements, or rows and classes.
    pub(super) shape: &'static [usize],
    /// Whether logits are float64.
    pub(super) wide: bool,
    /// The least ratios, of the peers' times to ours.
    pub(super) least: &'static [(Rival, f64)],
}

/// A loss as the processes take it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    Plain,
    Focal(f64),
    Ghm(u32),
    Softmax,
}

/// Who is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rival {
    /// One peer.
    Peer(&'static str),
    /// The fastest of those that a training step can be made of.
    Best,
}

/// One function that returns loss and gradient, which is no layer: shown, but nothing is asked of its ratio.
pub(super) const JOINED: &str = "compile-joined";

impl Case {
    /// The loss's parameters.
    pub(super) fn params(&self) -> Value {
        match self.rule {
            Rule::Plain => json!({ "family": "bce" }),
            Rule::Focal(gamma) => json!({ "family": "bce", "alpha": 0.25, "gamma": gamma }),
            Rule::Ghm(bins) => json!({ "family": "ghm", "bins": bins, "momentum": 0.75 }),
            Rule::Softmax => json!({ "family": "softmax", "gamma": 2.0 }),
        }
    }

    /// The logits' type.
    pub(super) fn dtype(&self) -> &'static str {
        if self.wide { "f64" } else { "f32" }
    }

    /// The share of the gradients that must agree. GHM: an element within rounding of a bin's edge may fall on either
    /// side of it.
    pub(super) fn quantile(&self) -> f64 {
        if matches!(self.rule, Rule::Ghm(_)) { 0.9999 } else { 1.0 }
    }

    /// Logits in the batch.
    pub(super) fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

use Rival::{Best, Peer};

/// All, in the order of the table.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "focal",
        title: "BCE α·focal γ=2, 8 M",
        rule: Rule::Focal(2.0),
        shape: &[LARGE],
        wide: false,
        least: &[(Peer("compile"), 5.0), (Peer("torch"), 25.0), (Peer("optax"), 35.0)],
    },
    Case {
        name: "focal-1.5",
        title: "BCE α·focal γ=1.5, 8 M",
        rule: Rule::Focal(1.5),
        shape: &[LARGE],
        wide: false,
        least: &[(Peer("compile"), 3.5)],
    },
    Case {
        name: "bce",
        title: "plain BCE, 8 M",
        rule: Rule::Plain,
        shape: &[LARGE],
        wide: false,
        least: &[(Peer("torch"), 5.0), (Peer("compile"), 3.0)],
    },
    Case {
        name: "ghm-10",
        title: "GHM-C M=10 m=0.75, 8 M",
        rule: Rule::Ghm(10),
        shape: &[LARGE],
        wide: false,
        least: &[(Peer("compile"), 5.0), (Peer("loop"), 30.0)],
    },
    Case {
        name: "ghm-30",
        title: "GHM-C M=30 m=0.75, 8 M",
        rule: Rule::Ghm(30),
        shape: &[LARGE],
        wide: false,
        least: &[(Peer("compile"), 4.0), (Peer("loop"), 50.0)],
    },
    Case {
        name: "softmax-100",
        title: "softmax focal γ=2, 65,536 × 100",
        rule: Rule::Softmax,
        shape: &[65_536, 100],
        wide: false,
        least: &[(Best, 2.5)],
    },
    Case {
        name: "softmax-1000",
        title: "softmax focal γ=2, 8,192 × 1,000",
        rule: Rule::Softmax,
        shape: &[8_192, 1_000],
        wide: false,
        least: &[(Best, 2.5)],
    },
    Case {
        name: "softmax-5",
        title: "softmax focal γ=2, 1,048,576 × 5",
        rule: Rule::Softmax,
        shape: &[1 << 20, 5],
        wide: false,
        least: &[(Best, 2.5)],
    },
    Case {
        name: "small-focal-65536",
        title: "BCE α·focal γ=2, 65,536",
        rule: Rule::Focal(2.0),
        shape: &[65_536],
        wide: false,
        least: &[(Best, 5.0)],
    },
    Case {
        name: "small-softmax-10",
        title: "softmax focal γ=2, 256 × 10",
        rule: Rule::Softmax,
        shape: &[256, 10],
        wide: false,
        least: &[(Best, 20.0)],
    },
    Case {
        name: "small-focal-256",
        title: "BCE α·focal γ=2, 256",
        rule: Rule::Focal(2.0),
        shape: &[256],
        wide: false,
        least: &[(Best, 30.0)],
    },
    Case {
        name: "f64-focal",
        title: "BCE α·focal γ=2, 8 M, f64",
        rule: Rule::Focal(2.0),
        shape: &[LARGE],
        wide: true,
        least: &[(Peer("compile"), 3.0)],
    },
    Case {
        name: "f64-ghm-10",
        title: "GHM-C M=10 m=0.75, 8 M, f64",
        rule: Rule::Ghm(10),
        shape: &[LARGE],
        wide: true,
        least: &[(Peer("compile"), 3.0)],
    },
    Case {
        name: "f64-softmax-100",
        title: "softmax focal γ=2, 65,536 × 100, f64",
        rule: Rule::Softmax,
        shape: &[65_536, 100],
        wide: true,
        least: &[(Peer("compile"), 3.0)],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
    }
}
