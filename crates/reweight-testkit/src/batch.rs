//! Batches as plain `f64` data with shapes, and the losses to run on them: what a backend's adapter converts.

use reweight::{
    BatchStatistics, BceLoss, BoxedAdjustment, BoxedBase, LossError, ParameterError, Reduction, SampleWeighter,
    SoftmaxLoss, State, StateError, WeightError,
};

/// Data in row-major order, with a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T> {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// The elements, the last axis fastest.
    pub data: Vec<T>,
}

impl<T: Clone> Tensor<T> {
    /// Data of a shape.
    pub fn new(shape: &[usize], data: Vec<T>) -> Self {
        Self { shape: shape.to_vec(), data }
    }

    /// One value everywhere.
    pub fn filled(shape: &[usize], value: T) -> Self {
        Self { shape: shape.to_vec(), data: vec![value; shape.iter().product()] }
    }

    /// The same data without the last element of the first axis: a shape that does not fit.
    #[must_use]
    pub fn shortened(&self) -> Self {
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = first.saturating_sub(1);
        }
        let length = shape.iter().product();
        Self { shape, data: self.data.iter().take(length).cloned().collect() }
    }
}

/// What the logits are compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// BCE: 0 or 1, of the logits' shape; an adapter passes integers on.
    Hard(Tensor<i64>),
    /// BCE: in [0, 1], of the logits' shape; an adapter passes floats on.
    Soft(Tensor<f64>),
    /// Softmax: class indices, of the logits' shape without the axis of the classes.
    Classes(Tensor<i64>),
}

impl Targets {
    /// The targets' shape.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Hard(targets) | Self::Classes(targets) => &targets.shape,
            Self::Soft(targets) => &targets.shape,
        }
    }
}

/// How an adapter lays the arrays out in memory; a backend without strides ignores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// The last axis fastest.
    #[default]
    RowMajor,
    /// The first axis fastest.
    ColumnMajor,
    /// Row-major from the end: all strides negative.
    Reversed,
    /// Every second element of a larger array, whose other elements are NaN (floats) or −7 (labels).
    Strided,
    /// Logits as `Strided`, targets as `ColumnMajor`, the others as `Reversed`.
    Mixed,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::RowMajor, Self::ColumnMajor, Self::Reversed, Self::Strided, Self::Mixed];
}

/// One batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// BCE: any shape. Softmax: (N, C) or (N, C, d…).
    pub logits: Tensor<f64>,
    /// The targets, which also say which objective it is.
    pub targets: Targets,
    /// Which samples count, of the targets' shape.
    pub valid: Option<Tensor<bool>>,
    /// A factor for each sample, of the targets' shape.
    pub sample_weight: Option<Tensor<f64>>,
    /// How to lay it out.
    pub layout: Layout,
}

impl Batch {
    /// A batch in which every sample counts once.
    pub fn new(logits: Tensor<f64>, targets: Targets) -> Self {
        Self { logits, targets, valid: None, sample_weight: None, layout: Layout::RowMajor }
    }

    /// Whether the objective is softmax cross entropy.
    pub fn is_softmax(&self) -> bool {
        matches!(self.targets, Targets::Classes(_))
    }

    /// Number of samples: elements (BCE) or rows (softmax).
    pub fn samples(&self) -> usize {
        self.targets.shape().iter().product()
    }

    /// C for softmax, 2 for BCE.
    pub fn classes(&self) -> usize {
        if self.is_softmax() { self.logits.shape.get(1).copied().unwrap_or(0) } else { 2 }
    }

    /// The positions in `logits` of sample `i`: one for BCE, C for softmax.
    pub fn logits_of(&self, i: usize) -> Vec<usize> {
        if !self.is_softmax() {
            return vec![i];
        }
        let classes = self.classes();
        let inner: usize = self.logits.shape.iter().skip(2).product();
        let (outer, rest) = (i / inner.max(1), i % inner.max(1));
        (0..classes).map(|j| (outer * classes + j) * inner + rest).collect()
    }

    /// The same batch as a backend of that precision sees it.
    #[must_use]
    pub fn rounded(&self, precision: Precision) -> Self {
        match precision {
            Precision::F32 => self.rounded_by(|x| f64::from(x as f32)),
            Precision::F64 => self.clone(),
        }
    }

    /// The same batch with every float rounded.
    #[must_use]
    pub fn rounded_by(&self, round: impl Fn(f64) -> f64) -> Self {
        let mut batch = self.clone();
        let round = |data: &mut Vec<f64>| data.iter_mut().for_each(|x| *x = round(*x));
        round(&mut batch.logits.data);
        if let Targets::Soft(targets) = &mut batch.targets {
            round(&mut targets.data);
        }
        if let Some(weights) = &mut batch.sample_weight {
            round(&mut weights.data);
        }
        batch
    }

    /// The samples in the order that `order` lists them, as one axis (BCE) or rows (softmax).
    #[must_use]
    pub fn reordered(&self, order: &[usize]) -> Self {
        let pick = |data: &[f64]| order.iter().flat_map(|&i| self.logits_of(i)).map(|at| data[at]).collect();
        let shape = if self.is_softmax() { vec![order.len(), self.classes()] } else { vec![order.len()] };
        fn take<T: Clone>(all: &Tensor<T>, order: &[usize]) -> Tensor<T> {
            Tensor::new(&[order.len()], order.iter().map(|&i| all.data[i].clone()).collect())
        }
        Self {
            logits: Tensor { shape, data: pick(&self.logits.data) },
            targets: match &self.targets {
                Targets::Hard(targets) => Targets::Hard(take(targets, order)),
                Targets::Soft(targets) => Targets::Soft(take(targets, order)),
                Targets::Classes(targets) => Targets::Classes(take(targets, order)),
            },
            valid: self.valid.as_ref().map(|all| take(all, order)),
            sample_weight: self.sample_weight.as_ref().map(|all| take(all, order)),
            layout: self.layout,
        }
    }
}

/// The float type that a backend computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `f32`.
    F32,
    /// `f64`.
    F64,
}

/// A loss of either objective.
#[derive(Clone, Debug)]
pub enum Loss<W> {
    /// Binary cross entropy.
    Bce(BceLoss<W>),
    /// Softmax cross entropy.
    Softmax(SoftmaxLoss<W>),
}

macro_rules! either {
    ($loss:expr, $inner:ident => $body:expr) => {
        match $loss {
            Loss::Bce($inner) => $body,
            Loss::Softmax($inner) => $body,
        }
    };
}

impl<W: SampleWeighter> Loss<W> {
    /// The weighter.
    pub fn weighter(&self) -> &W {
        either!(self, loss => loss.weighter())
    }

    /// The reduction.
    pub fn reduction(&self) -> Reduction {
        either!(self, loss => loss.reduction())
    }

    /// The same loss with another reduction.
    ///
    /// # Errors
    ///
    /// Where a divisor is not finite or not above 0.
    pub fn with_reduction(self, reduction: Reduction) -> Result<Self, ParameterError> {
        Ok(match self {
            Self::Bce(loss) => Self::Bce(loss.with_reduction(reduction)?),
            Self::Softmax(loss) => Self::Softmax(loss.with_reduction(reduction)?),
        })
    }

    /// The same loss on another base.
    #[must_use]
    pub fn with_base(self, base: BoxedBase) -> Self {
        match self {
            Self::Bce(loss) => Self::Bce(loss.with_base(base)),
            Self::Softmax(loss) => Self::Softmax(loss.with_base(base)),
        }
    }

    /// The same loss with one adjustment more.
    #[must_use]
    pub fn adjusted(self, adjustment: BoxedAdjustment) -> Self {
        match self {
            Self::Bce(loss) => Self::Bce(loss.adjusted(adjustment)),
            Self::Softmax(loss) => Self::Softmax(loss.adjusted(adjustment)),
        }
    }

    /// Lets the weighter take in a step's counts.
    ///
    /// # Errors
    ///
    /// Where they do not hold what it asked for.
    pub fn observe(&mut self, counts: &BatchStatistics) -> Result<(), WeightError> {
        either!(self, loss => loss.observe(counts))
    }

    /// What was observed.
    pub fn state(&self) -> State {
        either!(self, loss => loss.state())
    }

    /// Goes on from a saved state.
    ///
    /// # Errors
    ///
    /// Where it is not this weighter's.
    pub fn restore(&mut self, state: &State) -> Result<(), StateError> {
        either!(self, loss => loss.restore(state))
    }

    /// Forgets what was observed.
    pub fn reset(&mut self) {
        either!(self, loss => loss.reset());
    }
}

/// The error of an adapter that is given a batch of the other objective than the loss.
pub fn wrong_objective() -> LossError {
    LossError::Backend("the batch is one of the other objective than the loss".to_owned())
}
