//! The suite refuses backends that are wrong in one small thing each: a law that cannot fail proves nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reweight::{BatchStatistics, LossError, Reduction, SampleWeighter};
use reweight_testkit::{Backend, Batch, Loss, Observed, Precision, Reference, Targets, Tensor, laws};

/// What is wrong with a backend that otherwise is the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    /// A gradient off by 1e-10 of its value.
    Inexact,
    /// The smallest gradients are 0.
    FlushesSmallSlopes,
    /// The gradient is that of the weight taken as a constant, half off.
    HalfSlope,
    /// Evaluation observes.
    EvaluationObserves,
    /// An error is found only after the state has taken the batch in.
    ObservesBeforeChecking,
    /// Ignored samples are counted in the mean.
    CountsIgnored,
    /// A gradient of NaN at large logits.
    NanAtLargeLogits,
    /// An empty batch is 0/0.
    EmptyIsNan,
    /// Sample weights change the counts' part of the denominator.
    DividesBySampleWeights,
    /// The first sample depends on the last one.
    DependsOnOrder,
    /// Counts miss a sample.
    Miscounts,
    /// Half a step is left in the caller's gradient where the batch is refused.
    WritesBeforeChecking,
    /// The caller's gradient is added to.
    AddsToTheBuffer,
    /// A label of C is read as class 0.
    AcceptsLabels,
    /// Rows of many classes are taken for undecided where their label leads.
    ForgetsLeadingLabels,
}

struct Flawed(Flaw);

fn times(observed: &mut Observed, factor: f64) {
    observed.grad.iter_mut().for_each(|slope| *slope *= factor);
    observed.loss = observed.loss.map(|loss| loss * factor);
}

impl Flawed {
    fn spoil<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch, observed: &mut Observed) {
        let samples = batch.samples();
        match self.0 {
            Flaw::Inexact => observed.grad.iter_mut().for_each(|slope| *slope *= 1.0 + 1e-10),
            Flaw::FlushesSmallSlopes => {
                let largest = observed.grad.iter().fold(0.0_f64, |largest, slope| largest.max(slope.abs()));
                observed.grad.iter_mut().filter(|s| s.abs() < 1e-4 * largest).for_each(|slope| *slope = 0.0);
            }
            Flaw::HalfSlope => observed.grad.iter_mut().for_each(|slope| *slope *= 0.5),
            Flaw::CountsIgnored if loss.reduction() == Reduction::Mean => {
                let valid = observed.summary.map_or(0, |summary| summary.valid);
                times(observed, valid as f64 / samples.max(1) as f64);
            }
            Flaw::NanAtLargeLogits => {
                for (slope, x) in observed.grad.iter_mut().zip(&batch.logits.data) {
                    if x.abs() > 1e5 {
                        *slope = f64::NAN;
                    }
                }
            }
            Flaw::EmptyIsNan if samples == 0 => observed.loss = observed.loss.map(|_| f64::NAN),
            Flaw::DividesBySampleWeights => {
                if let (Some(weights), Reduction::Mean) = (&batch.sample_weight, loss.reduction()) {
                    let sum: f64 = weights.data.iter().filter(|weight| weight.is_finite()).sum();
                    times(observed, samples as f64 / sum.max(1e-9));
                }
            }
            Flaw::DependsOnOrder => {
                if let [first, .., last] = &mut observed.grad[..] {
                    *first += 1e-9 * *last;
                }
            }
            Flaw::ForgetsLeadingLabels if batch.classes() > 32 => {
                let Targets::Classes(targets) = &batch.targets else { return };
                for (i, &label) in targets.data.iter().enumerate() {
                    let row = batch.logits_of(i);
                    let leads = |own: usize| row.iter().all(|&at| batch.logits.data[at] <= batch.logits.data[own]);
                    if usize::try_from(label).ok().and_then(|label| row.get(label)).is_some_and(|&own| leads(own)) {
                        row.iter().for_each(|&at| observed.grad[at] = 0.5 / row.len() as f64);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Backend for Flawed {
    fn name(&self) -> String {
        format!("{:?}", self.0)
    }

    fn precision(&self) -> Precision {
        Precision::F64
    }

    fn step<W: SampleWeighter>(&self, loss: &mut Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
        let mut batch = batch.clone();
        if self.0 == Flaw::ObservesBeforeChecking
            && let Some(Ok(mut counts)) = Reference.statistics(loss, &Batch { sample_weight: None, ..batch.clone() })
        {
            counts.valid += 1;
            let refused = Reference.value(loss, &batch).is_err();
            if refused {
                loss.observe(&counts)?;
            }
        }
        if let (Flaw::AcceptsLabels, classes) = (self.0, batch.classes() as i64)
            && let Targets::Classes(targets) = &mut batch.targets
        {
            targets.data.iter_mut().filter(|label| **label == classes).for_each(|label| *label = 0);
        }
        let mut observed = Reference.step(loss, &batch)?;
        self.spoil(loss, &batch, &mut observed);
        Ok(observed)
    }

    fn value<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Result<Option<f64>, LossError> {
        let mut other = loss.clone();
        let mut observed = self.step(&mut other, batch)?;
        if self.0 == Flaw::EvaluationObserves && loss.weighter().observes() {
            // What cannot be done to a shared loss shows in the value of the next evaluation.
            observed = self.step(&mut other, batch)?;
        }
        Ok(observed.loss)
    }

    fn step_into<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        grad: &mut Tensor<f64>,
    ) -> Option<Result<Option<f64>, LossError>> {
        if grad.shape != batch.logits.shape {
            let (expected, found) = (batch.logits.shape.clone(), grad.shape.clone());
            return Some(Err(LossError::Shape { name: "grad", expected, found }));
        }
        if self.0 == Flaw::WritesBeforeChecking {
            grad.data.iter_mut().take(1).for_each(|slope| *slope = 0.25);
        }
        Some(self.step(loss, batch).map(|observed| {
            for (to, slope) in grad.data.iter_mut().zip(&observed.grad) {
                *to = if self.0 == Flaw::AddsToTheBuffer { *to + slope } else { *slope };
            }
            observed.loss
        }))
    }

    fn statistics<W: SampleWeighter>(
        &self,
        loss: &Loss<W>,
        batch: &Batch,
    ) -> Option<Result<BatchStatistics, LossError>> {
        let mut result = Reference.statistics(loss, batch)?;
        if let (Flaw::Miscounts, Ok(counts)) = (self.0, &mut result) {
            counts.gradient_norm.iter_mut().for_each(|histogram| histogram.counts_mut()[0] /= 2);
        }
        Some(result)
    }

    fn weigh<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Option<Result<Observed, LossError>> {
        Reference.weigh(loss, batch)
    }
}

/// The laws, by name, that a backend breaks.
/// Each flaw with the law that is about it.
const FLAWS: [(Flaw, &str); 14] = [
    (Flaw::Inexact, "agreement::with_the_reference"),
    (Flaw::FlushesSmallSlopes, "agreement::with_the_reference"),
    (Flaw::HalfSlope, "gradient::is_the_derivative"),
    (Flaw::EvaluationObserves, "agreement::with_the_reference"),
    (Flaw::ObservesBeforeChecking, "refusal::changes_nothing"),
    (Flaw::CountsIgnored, "ignored::are_as_if_not_there"),
    (Flaw::NanAtLargeLogits, "extremes::are_finite"),
    (Flaw::EmptyIsNan, "ignored::alone_change_nothing"),
    (Flaw::DividesBySampleWeights, "reduction::sample_weights_multiply"),
    (Flaw::DependsOnOrder, "order::permutes_the_result"),
    (Flaw::Miscounts, "state::gathered_in_parts_is_single"),
    (Flaw::WritesBeforeChecking, "refusal::changes_nothing"),
    (Flaw::AddsToTheBuffer, "state::a_buffer_holds_the_same"),
    (Flaw::AcceptsLabels, "refusal::changes_nothing"),
];

#[test]
fn every_flaw_is_found() {
    let all = laws::<Flawed>();
    std::panic::set_hook(Box::new(|_| {}));
    let found = FLAWS.map(|(flaw, name)| {
        let (_, law) = all.iter().find(|(own, _)| *own == name).expect("a law of this name");
        (flaw, name, catch_unwind(AssertUnwindSafe(|| law(&Flawed(flaw)))).is_err())
    });
    let _ = std::panic::take_hook();
    let missed: Vec<_> = found.iter().filter(|(.., found)| !found).collect();
    assert!(missed.is_empty(), "their laws hold: {missed:?}");
}

#[test]
fn what_is_wrong_in_wide_rows_is_found_in_wide_rows() {
    let backend = Flawed(Flaw::ForgetsLeadingLabels);
    laws::agreement::with_the_reference(&backend);
    std::panic::set_hook(Box::new(|_| {}));
    let found = catch_unwind(AssertUnwindSafe(|| laws::agreement::on_rows_of_every_width(&backend)));
    let _ = std::panic::take_hook();
    assert!(found.is_err(), "no wide row has a label that leads");
}
