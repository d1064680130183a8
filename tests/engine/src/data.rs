//! Cases, and the batches that they are measured on.

use serde_json::Value;

use crate::Failure;

/// What is weighed how.
pub(crate) struct Case {
    /// Which weighter.
    pub(crate) rule: Rule,
    /// Elements, or rows and classes.
    pub(crate) shape: Vec<usize>,
    /// Whether logits are `f64`.
    pub(crate) wide: bool,
    /// Whether other targets, layouts and weighters are wanted, which take memory of their own.
    pub(crate) ways: bool,
}

/// An objective with its weighter.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// BCE without weights.
    Plain,
    /// BCE, α-balanced focal.
    Focal { alpha: f64, gamma: f64 },
    /// BCE with GHM.
    Ghm { bins: u32, momentum: f64 },
    /// Softmax focal.
    Softmax { gamma: f64 },
}

impl Case {
    /// The case that a message asks for.
    pub(crate) fn read(ask: &Value) -> Result<Self, Failure> {
        let params = &ask["params"];
        let number = |name: &str| params[name].as_f64().ok_or_else(|| format!("params have no number `{name}`"));
        let rule = match params["family"].as_str() {
            Some("bce") if params["gamma"].is_null() => Rule::Plain,
            Some("bce") => Rule::Focal { alpha: number("alpha")?, gamma: number("gamma")? },
            Some("ghm") => Rule::Ghm { bins: number("bins")? as u32, momentum: number("momentum")? },
            Some("softmax") => Rule::Softmax { gamma: number("gamma")? },
            other => return Err(format!("family {other:?} is none of bce, ghm and softmax").into()),
        };
        let shape: Vec<usize> = serde_json::from_value(ask["shape"].clone())?;
        let axes = if matches!(rule, Rule::Softmax { .. }) { 2 } else { 1 };
        if shape.len() != axes {
            return Err(format!("shape {shape:?} has not {axes} axes").into());
        }
        Ok(Self { rule, shape, wide: ask["dtype"] == "f64", ways: ask["ways"] == true })
    }

    /// Logits in a batch.
    pub(crate) fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Evenly spread numbers, the same on every machine and in every run.
pub(crate) struct Spread(u64);

impl Spread {
    pub(crate) fn new() -> Self {
        Self(0x5eed)
    }

    /// The next in [0, 1): the upper bits of a linear congruential generator (Knuth's constants).
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Logits as a network gives them to a long tail: most of them well below 0.
    pub(crate) fn logits(&mut self, n: usize) -> impl Iterator<Item = f64> {
        (0..n).map(|_| 12.0 * self.next() - 8.0)
    }

    /// Binary targets, 2 % positives.
    pub(crate) fn targets(&mut self, n: usize) -> impl Iterator<Item = u8> {
        (0..n).map(|_| u8::from(self.next() < 0.02))
    }

    /// Class indices, each equally often.
    pub(crate) fn labels(&mut self, n: usize, classes: usize) -> impl Iterator<Item = i64> {
        (0..n).map(move |_| (self.next() * classes as f64) as i64)
    }
}
