//! What a backend implements to run the suite, and the reference as the first one.

use reweight::reference::{self, BceTargets};
use reweight::{BatchStatistics, HessianForm, LossError, LossSummary, SampleWeighter};

use crate::batch::{Batch, Loss, Precision, Targets, Tensor, wrong_objective};

/// What a backend gave for one batch, as `f64`; what it cannot tell stays `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The reduced loss; `None` with [`Reduction::None`](reweight::Reduction::None).
    pub loss: Option<f64>,
    /// dL/dx, in the order of the logits.
    pub grad: Vec<f64>,
    /// Counts and weight sum.
    pub summary: Option<LossSummary>,
    /// w of each sample, sample weight included; 0 where not valid.
    pub weights: Option<Vec<f64>>,
    /// w·ce of each sample before the reduction; 0 where not valid.
    pub losses: Option<Vec<f64>>,
}

/// A backend under test: an adapter that converts plain data to the backend's arrays, runs one call, and converts back.
///
/// Two methods are required. The others have `None` for "this backend has no such call", and the laws that need them
/// are then left out.
///
/// ```
/// use reweight::{LossError, SampleWeighter};
/// use reweight_testkit::{Backend, Batch, Loss, Observed, Precision, Reference};
///
/// /// A backend that is the reference in disguise.
/// struct Disguised;
///
/// impl Backend for Disguised {
///     fn name(&self) -> String { "disguised".to_owned() }
///     fn precision(&self) -> Precision { Precision::F64 }
///     fn step<W: SampleWeighter>(&self, loss: &mut Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
///         Reference.step(loss, batch)
///     }
///     fn value<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Result<Option<f64>, LossError> {
///         Reference.value(loss, batch)
///     }
/// }
///
/// reweight_testkit::laws::identity::gamma_zero_is_plain(&Disguised);
/// ```
pub trait Backend {
    /// For messages.
    fn name(&self) -> String;

    /// The float type that it computes in; batches are rounded to it before the reference sees them.
    fn precision(&self) -> Precision;

    /// Whether this batch is one that the backend takes at all (a shape, masks, sample weights …).
    fn supports(&self, batch: &Batch) -> bool {
        let _ = batch;
        true
    }

    /// The batch as the backend sees it: rounded to its precision, or to what its arrays hold where that is less.
    fn seen(&self, batch: &Batch) -> Batch {
        batch.rounded(self.precision())
    }

    /// Whether a BCE batch reaches the backend in its shape, so that parts can tell its columns apart.
    fn keeps_shapes(&self) -> bool {
        true
    }

    /// Whether this reduction is one that the backend has.
    fn reduces_by(&self, reduction: reweight::Reduction) -> bool {
        let _ = reduction;
        true
    }

    /// One training step: `value_and_grad` with all that is known besides.
    ///
    /// # Errors
    ///
    /// Where the backend refuses the batch.
    fn step<W: SampleWeighter>(&self, loss: &mut Loss<W>, batch: &Batch) -> Result<Observed, LossError>;

    /// The loss for evaluation.
    ///
    /// # Errors
    ///
    /// Where the backend refuses the batch.
    fn value<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Result<Option<f64>, LossError>;

    /// One training step that writes into `grad`, which holds something else before.
    fn step_into<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        grad: &mut Tensor<f64>,
    ) -> Option<Result<Option<f64>, LossError>> {
        let _ = (loss, batch, grad);
        None
    }

    /// The first of the three steps: counts alone.
    fn statistics<W: SampleWeighter>(
        &self,
        loss: &Loss<W>,
        batch: &Batch,
    ) -> Option<Result<BatchStatistics, LossError>> {
        let _ = (loss, batch);
        None
    }

    /// A training step's second derivatives in that form, in the order of the logits.
    fn hessian<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        form: HessianForm,
    ) -> Option<Result<Vec<f64>, LossError>> {
        let _ = (loss, batch, form);
        None
    }

    /// The third of the three steps: weighs with what was observed, and observes nothing.
    fn weigh<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Option<Result<Observed, LossError>> {
        let _ = (loss, batch);
        None
    }
}

/// `reweight::reference` as a backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

/// The reference's form of a batch: BCE in one row, softmax in rows of classes.
struct Rows {
    logits: Vec<f64>,
    /// Where each of `logits` stands in the batch.
    positions: Vec<usize>,
    valid: Option<Vec<bool>>,
    sample_weight: Option<Vec<f64>>,
}

fn expect_shape(name: &'static str, found: &[usize], expected: &[usize]) -> Result<(), LossError> {
    if found == expected {
        Ok(())
    } else {
        Err(LossError::Shape { name, expected: expected.to_vec(), found: found.to_vec() })
    }
}

impl Rows {
    fn of(batch: &Batch) -> Result<Self, LossError> {
        let shape = &batch.logits.shape;
        let mut samples = shape.clone();
        if batch.is_softmax() {
            if shape.len() < 2 || shape[1] < 2 {
                return Err(LossError::Classes { found: shape.clone() });
            }
            samples.remove(1);
        }
        expect_shape("targets", batch.targets.shape(), &samples)?;
        if let Some(valid) = &batch.valid {
            expect_shape("valid", &valid.shape, &samples)?;
        }
        if let Some(sample_weight) = &batch.sample_weight {
            expect_shape("sample_weight", &sample_weight.shape, &samples)?;
        }
        let positions: Vec<usize> = (0..batch.samples()).flat_map(|i| batch.logits_of(i)).collect();
        Ok(Self {
            logits: positions.iter().map(|&at| batch.logits.data[at]).collect(),
            positions,
            valid: batch.valid.as_ref().map(|all| all.data.clone()),
            sample_weight: batch.sample_weight.as_ref().map(|all| all.data.clone()),
        })
    }

    /// An error's position in the batch's own order.
    fn relocate(&self, error: LossError) -> LossError {
        match error {
            LossError::NonFiniteLogit { index, logit } => {
                LossError::NonFiniteLogit { index: self.positions[index], logit }
            }
            other => other,
        }
    }

    fn observed(&self, outcome: reference::Outcome) -> Observed {
        let mut grad = vec![0.0; outcome.grad.len()];
        for (&at, &slope) in self.positions.iter().zip(&outcome.grad) {
            grad[at] = slope;
        }
        Observed {
            loss: outcome.summary.loss,
            grad,
            summary: Some(outcome.summary),
            weights: Some(outcome.weights),
            losses: Some(outcome.losses),
        }
    }
}

/// Calls one method of the reference's batch, whichever objective it is.
macro_rules! on_reference {
    ($loss:expr, $batch:expr, $method:ident $(, $more:expr)*) => {{
        let rows = Rows::of($batch)?;
        let (valid, sample_weight) = (rows.valid.as_deref(), rows.sample_weight.as_deref());
        let result = match ($loss, &$batch.targets) {
            (Loss::Bce(loss), Targets::Hard(targets)) => {
                let targets = BceTargets::Hard(&targets.data);
                reference::BceBatch {
                    logits: &rows.logits,
                    shape: Some(&$batch.logits.shape),
                    targets,
                    valid,
                    sample_weight,
                }
                .$method(loss $(, $more)*)
            }
            (Loss::Bce(loss), Targets::Soft(targets)) => {
                let targets = BceTargets::Soft(&targets.data);
                reference::BceBatch {
                    logits: &rows.logits,
                    shape: Some(&$batch.logits.shape),
                    targets,
                    valid,
                    sample_weight,
                }
                .$method(loss $(, $more)*)
            }
            (Loss::Softmax(loss), Targets::Classes(targets)) => {
                let (targets, classes) = (&targets.data[..], $batch.classes());
                let batch = reference::SoftmaxBatch { logits: &rows.logits, classes, targets, valid, sample_weight };
                batch.$method(loss $(, $more)*)
            }
            _ => Err(wrong_objective()),
        };
        match result {
            Ok(outcome) => Ok((rows, outcome)),
            Err(error) => Err(rows.relocate(error)),
        }
    }};
}

impl Reference {
    fn counts<W: SampleWeighter>(loss: &Loss<W>, batch: &Batch) -> Result<BatchStatistics, LossError> {
        on_reference!(loss, batch, statistics).map(|(_, counts)| counts)
    }

    fn second<W: SampleWeighter>(loss: &mut Loss<W>, batch: &Batch, form: HessianForm) -> Result<Vec<f64>, LossError> {
        on_reference!(&mut *loss, batch, value_and_grad)?;
        let (rows, hessian) = on_reference!(&*loss, batch, hessian, form)?;
        let mut placed = vec![0.0; hessian.len()];
        for (&at, &value) in rows.positions.iter().zip(&hessian) {
            placed[at] = value;
        }
        Ok(placed)
    }

    fn weighed<W: SampleWeighter>(loss: &Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
        on_reference!(loss, batch, weigh).map(|(rows, outcome)| rows.observed(outcome))
    }
}

impl Backend for Reference {
    fn name(&self) -> String {
        "reference".to_owned()
    }

    fn precision(&self) -> Precision {
        Precision::F64
    }

    fn step<W: SampleWeighter>(&self, loss: &mut Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
        on_reference!(loss, batch, value_and_grad).map(|(rows, outcome)| rows.observed(outcome))
    }

    fn value<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Result<Option<f64>, LossError> {
        on_reference!(loss, batch, value).map(|(_, outcome)| outcome.summary.loss)
    }

    fn statistics<W: SampleWeighter>(
        &self,
        loss: &Loss<W>,
        batch: &Batch,
    ) -> Option<Result<BatchStatistics, LossError>> {
        Some(Self::counts(loss, batch))
    }

    fn weigh<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Option<Result<Observed, LossError>> {
        Some(Self::weighed(loss, batch))
    }

    fn hessian<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        form: HessianForm,
    ) -> Option<Result<Vec<f64>, LossError>> {
        Some(Self::second(loss, batch, form))
    }
}
