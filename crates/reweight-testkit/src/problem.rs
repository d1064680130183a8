//! The problems that the laws are checked on: deterministic batches of every kind.

use reweight::{
    BceLoss, BoxedAdjustment, BoxedBase, LogitAdjustment, ParameterError, Poly1, ProbabilityShift, Reduction,
    SampleWeighter, SoftmaxLoss,
};

use crate::batch::{Batch, Loss, Targets, Tensor};

/// A small deterministic generator (SplitMix64): the same numbers on every machine, from a seed that a message can name.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound.max(1) as u64) as usize
    }

    /// True with that probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform(0.0, 1.0) < probability
    }

    /// 0 … n−1 in a random order.
    pub fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// What kind of batch a problem has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// BCE with targets 0 and 1.
    Hard,
    /// BCE with targets in [0, 1].
    Soft,
    /// Softmax.
    Classes,
}

/// How a softmax batch's labels lie to its logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Drawn without a look at the logits: of many classes nearly all are wrong.
    Random,
    /// By turns right, with margins up to large ones; wrong, with the smallest logit of the row; and random.
    RightAndWrong,
}

/// A kind of batch with the settings of its loss; batches of any seed can be made of it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// For messages.
    pub name: &'static str,
    /// The kind of targets.
    pub kind: Kind,
    /// The logits' shape.
    pub shape: Vec<usize>,
    /// Logits are uniform in ± this.
    pub spread: f64,
    /// How the labels lie to the logits, softmax only.
    pub labels: Labels,
    /// Whether some samples are masked out.
    pub masked: bool,
    /// Whether samples have weights.
    pub weighted: bool,
    /// ε, softmax only.
    pub label_smoothing: f64,
    /// The label that some rows have to be left out, softmax only.
    pub ignore_index: Option<i64>,
    /// What its losses have beside a weighter.
    pub parts: ProblemParts,
    /// A logit that none comes near: a part has a kink there, and a difference that loses its digits beside it.
    pub kink: Option<f64>,
}

/// Adjustments and base of a problem's losses.
#[derive(Clone, Debug, Default)]
pub struct ProblemParts {
    /// In order.
    pub adjustments: Vec<BoxedAdjustment>,
    /// Cross entropy where there is none.
    pub base: Option<BoxedBase>,
}

impl Problem {
    /// A problem without masks, weights, smoothing.
    pub fn new(name: &'static str, kind: Kind, shape: &[usize]) -> Self {
        let shape = shape.to_vec();
        let (masked, weighted, label_smoothing, ignore_index) = (false, false, 0.0, None);
        let (labels, parts) = (Labels::Random, ProblemParts::default());
        let (spread, kink) = (7.0, None);
        Self { name, kind, shape, spread, labels, masked, weighted, label_smoothing, ignore_index, parts, kink }
    }

    /// The same with one of each part in its losses: logits adjusted by counts, on Poly-1; hard binary labels shifted too.
    ///
    /// # Panics
    ///
    /// Never, but where a constructor refuses a valid setting.
    #[must_use]
    pub fn dressed(self) -> Self {
        self.with_all_parts().expect("valid settings")
    }

    fn with_all_parts(mut self) -> Result<Self, ParameterError> {
        let counts: Vec<u64> = (0..self.classes() as u64).map(|class| (400 / (1 + 3 * class)).max(1)).collect();
        self.parts.adjustments = vec![BoxedAdjustment::new(LogitAdjustment::from_counts(&counts, 1.0)?)];
        self.parts.base = Some(BoxedBase::new(Poly1::new(1.0)?));
        if self.kind == Kind::Hard {
            let margin = 0.05_f64;
            self.parts.adjustments.push(BoxedAdjustment::new(ProbabilityShift::new(margin)?));
            // Where the adjusted logit of a negative is seen with σ = m.
            self.kink = Some((margin / (1.0 - margin)).ln() - (counts[1] as f64 / counts[0] as f64).ln());
        }
        Ok(self)
    }

    /// Every kind: shapes with remainders after every vector length, masks, weights, soft and smoothed labels.
    pub fn all() -> Vec<Self> {
        use Kind::{Classes, Hard, Soft};
        vec![
            Self::new("hard labels", Hard, &[37]),
            Self { masked: true, weighted: true, ..Self::new("masked, weighted hard labels", Hard, &[5, 7, 3]) },
            Self { spread: 1e4, ..Self::new("hard labels of large logits", Hard, &[67]) },
            Self::new("soft labels", Soft, &[4, 9]),
            Self { masked: true, weighted: true, ..Self::new("masked, weighted soft labels", Soft, &[2, 3, 11]) },
            Self::new("two classes", Classes, &[17, 2]),
            Self { masked: true, ..Self::new("masked rows of five classes", Classes, &[23, 5]) },
            Self { spread: 1e4, ..Self::new("rows of large logits", Classes, &[19, 4]) },
            Self { masked: true, weighted: true, ..Self::new("positions of an image", Classes, &[3, 4, 2, 5]) },
            Self {
                label_smoothing: 0.1,
                ignore_index: Some(-100),
                ..Self::new("smoothed labels with an ignored one", Classes, &[21, 18])
            },
            Self { masked: true, ..Self::new("hard labels under one of each part", Hard, &[43]) }.dressed(),
            Self {
                label_smoothing: 0.1,
                ignore_index: Some(-100),
                ..Self::new("smoothed labels under one of each part", Classes, &[23, 6])
            }
            .dressed(),
        ]
    }

    /// The same kinds in batches that are cut into stretches, blocks and threads.
    pub fn large() -> Vec<Self> {
        use Kind::{Classes, Hard, Soft};
        vec![
            Self { masked: true, ..Self::new("many hard labels", Hard, &[83, 409]) },
            Self { weighted: true, ..Self::new("many soft labels", Soft, &[9_001]) },
            Self { masked: true, ..Self::new("many rows of ten classes", Classes, &[4_099, 10]) },
            Self::new("rows of many classes", Classes, &[7, 1_003]),
        ]
    }

    /// Rows of that many classes, with labels that are right, wrong and random: plain, at positions, and smoothed under one of each
    /// part. An engine has other code for few and for many classes, and takes the label out of a row by a way of its own where it
    /// has the largest logit.
    pub fn of_width(classes: usize) -> Vec<Self> {
        // Fewer of very wide ones, which are most of the time: the groups that rows are taken in are ragged all the same.
        let (few, more) = if classes > 500 { (2, 7) } else { (6, 19) };
        let rows =
            |name, shape: &[usize]| Self { labels: Labels::RightAndWrong, ..Self::new(name, Kind::Classes, shape) };
        vec![
            rows("right and wrong rows", &[more, classes]),
            Self { masked: true, weighted: true, ..rows("right and wrong positions", &[3, classes, few]) },
            Self {
                label_smoothing: 0.1,
                ignore_index: Some(-100),
                ..rows("smoothed right and wrong rows under one of each part", &[more + 2, classes])
            }
            .dressed(),
        ]
    }

    /// Those of [`all`](Self::all) that keep away from where finite differences lose their digits.
    pub fn moderate() -> Vec<Self> {
        Self::all().into_iter().filter(|problem| problem.spread < 100.0).collect()
    }

    /// Number of classes: 2 for BCE.
    pub fn classes(&self) -> usize {
        if self.kind == Kind::Classes { self.shape[1] } else { 2 }
    }

    /// Whether a gradient is a difference of terms that may cancel.
    pub fn has_differences(&self) -> bool {
        self.kind == Kind::Soft || self.label_smoothing > 0.0
    }

    fn samples_shape(&self) -> Vec<usize> {
        let mut shape = self.shape.clone();
        if self.kind == Kind::Classes {
            shape.remove(1);
        }
        shape
    }

    /// The batch of that seed. What is ignored holds NaN, infinities and labels that no class has.
    pub fn batch(&self, seed: u64) -> Batch {
        let mut numbers = Numbers::new(seed);
        let samples = self.samples_shape();
        let n: usize = samples.iter().product();
        let count: usize = self.shape.iter().product();
        let spread = self.spread;
        let mut logits: Vec<f64> = (0..count).map(|_| numbers.uniform(-spread, spread)).collect();
        if let Some(kink) = self.kink {
            // Out of its way, to the side that they are on.
            logits.iter_mut().filter(|x| (**x - kink).abs() < 0.3).for_each(|x| *x += (*x - kink).signum() * 0.3);
        }
        let mut batch = Batch::new(
            Tensor::new(&self.shape, logits),
            match self.kind {
                Kind::Hard => {
                    Targets::Hard(Tensor::new(&samples, (0..n).map(|_| i64::from(numbers.chance(0.3))).collect()))
                }
                Kind::Soft => {
                    let soft = |numbers: &mut Numbers| match numbers.below(5) {
                        0 => 0.0,
                        1 => 1.0,
                        _ => numbers.uniform(0.0, 1.0),
                    };
                    Targets::Soft(Tensor::new(&samples, (0..n).map(|_| soft(&mut numbers)).collect()))
                }
                Kind::Classes => {
                    let class = |numbers: &mut Numbers| numbers.below(self.classes()) as i64;
                    Targets::Classes(Tensor::new(&samples, (0..n).map(|_| class(&mut numbers)).collect()))
                }
            },
        );
        if self.labels == Labels::RightAndWrong {
            batch.turn_right_and_wrong(&mut numbers);
        }
        if self.weighted {
            // A weight of 0 too: it is no mask, the sample counts.
            let weight = |numbers: &mut Numbers| if numbers.chance(0.1) { 0.0 } else { numbers.uniform(0.25, 3.0) };
            batch.sample_weight = Some(Tensor::new(&samples, (0..n).map(|_| weight(&mut numbers)).collect()));
        }
        if self.masked {
            let valid: Vec<bool> = (0..n).map(|_| numbers.chance(0.8)).collect();
            for i in (0..n).filter(|&i| !valid[i]) {
                batch.spoil(i, &mut numbers);
            }
            batch.valid = Some(Tensor::new(&samples, valid));
        }
        if let (Some(ignored), Targets::Classes(targets)) = (self.ignore_index, &mut batch.targets) {
            for i in 0..n {
                if numbers.chance(0.2) {
                    targets.data[i] = ignored;
                }
            }
        }
        batch
    }

    /// The loss of that weighter and reduction.
    ///
    /// # Panics
    ///
    /// Where the reduction's divisor or the problem's own smoothing is no valid one.
    pub fn loss<W: SampleWeighter>(&self, weighter: W, reduction: Reduction) -> Loss<W> {
        let loss = match self.kind {
            Kind::Hard | Kind::Soft => Loss::Bce(BceLoss::new(weighter)),
            Kind::Classes => {
                let mut loss = SoftmaxLoss::new(weighter);
                if let Some(label) = self.ignore_index {
                    loss = loss.with_ignore_index(label);
                }
                Loss::Softmax(loss.with_label_smoothing(self.label_smoothing).expect("a smoothing from 0 to 1"))
            }
        };
        let loss = match &self.parts.base {
            Some(base) => loss.with_base(base.clone()),
            None => loss,
        };
        let loss = self.parts.adjustments.iter().cloned().fold(loss, Loss::adjusted);
        loss.with_reduction(reduction).expect("a reduction of the suite's own")
    }

    /// Whether sample `i` counts.
    pub fn is_valid(&self, batch: &Batch, i: usize) -> bool {
        let ignored = match (&batch.targets, self.ignore_index) {
            (Targets::Classes(targets), Some(label)) => targets.data[i] == label,
            _ => false,
        };
        !ignored && batch.valid.as_ref().is_none_or(|valid| valid.data[i])
    }
}

impl Batch {
    /// Moves the logit of the label: of every third row above the others, of every third below them.
    fn turn_right_and_wrong(&mut self, numbers: &mut Numbers) {
        let Targets::Classes(targets) = &self.targets else { return };
        for (i, &label) in targets.data.iter().enumerate() {
            let row = self.logits_of(i);
            let others = row.iter().enumerate().filter(|&(class, _)| class != label as usize);
            let others: Vec<f64> = others.map(|(_, &at)| self.logits.data[at]).collect();
            let largest = others.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            // The margin of a right row, so that its loss is about e^−margin: seen beside those of the wrong ones, or far below.
            let margin = if numbers.chance(0.25) { 40.0 } else { numbers.uniform(0.0, 12.0) };
            self.logits.data[row[label as usize]] = match i % 3 {
                0 => largest + others.iter().map(|x| (x - largest).exp()).sum::<f64>().ln() + margin,
                1 => others.iter().copied().fold(f64::INFINITY, f64::min) - margin,
                _ => continue,
            };
        }
    }

    /// Fills sample `i` with what nothing valid holds.
    pub fn spoil(&mut self, i: usize, numbers: &mut Numbers) {
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][numbers.below(3)];
        for at in self.logits_of(i) {
            self.logits.data[at] = bad;
        }
        match &mut self.targets {
            Targets::Hard(targets) | Targets::Classes(targets) => targets.data[i] = -7,
            Targets::Soft(targets) => targets.data[i] = bad,
        }
        if let Some(weights) = &mut self.sample_weight {
            weights.data[i] = -bad;
        }
    }
}
