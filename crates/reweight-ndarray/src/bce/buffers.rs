//! The general form of a step: any choice of outputs, each into the caller's memory.

use ndarray::Dimension;
use reweight::{BceLoss, LossError, LossSummary, SampleWeighter};

use super::{BceBatch, LookAt, Wanted};
use crate::element::{BceTarget, Float};
use crate::outcome::Buffers;
use crate::parallel;

impl<'a, A, D: Dimension> From<Buffers<'a, A, D, D>> for Wanted<'a, A, D> {
    fn from(buffers: Buffers<'a, A, D, D>) -> Self {
        let Buffers { grad, hessian, weights, losses } = buffers;
        Self { grad, hessian, weights, losses }
    }
}

impl<A, T, D> BceBatch<'_, A, T, D>
where
    A: Float,
    T: BceTarget,
    D: Dimension,
{
    /// One training step: counts, lets the weighter observe, weighs into those buffers that there are.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was, and each buffer as it was or all 0.
    pub fn train_into<W: SampleWeighter>(
        &self,
        loss: &mut BceLoss<W>,
        buffers: Buffers<'_, A, D, D>,
    ) -> Result<LossSummary, LossError> {
        self.step(loss, buffers.into())
    }

    /// The same for evaluation: a copy of the weighter observes, the loss stays as it is.
    ///
    /// # Errors
    ///
    /// As [`train_into`](Self::train_into).
    pub fn evaluate_into<W: SampleWeighter>(
        &self,
        loss: &BceLoss<W>,
        buffers: Buffers<'_, A, D, D>,
    ) -> Result<LossSummary, LossError> {
        let wanted: Wanted<'_, A, D> = buffers.into();
        parallel::step(self.logits.len(), || {
            self.check_outputs(&wanted)?;
            self.evaluate(loss.weighting(), wanted)
        })
    }

    /// The third of the three steps alone: weighs with what was observed, and counts nothing.
    ///
    /// # Errors
    ///
    /// As [`train_into`](Self::train_into).
    pub fn weigh_buffers<W: SampleWeighter>(
        &self,
        loss: &BceLoss<W>,
        buffers: Buffers<'_, A, D, D>,
    ) -> Result<LossSummary, LossError> {
        let wanted: Wanted<'_, A, D> = buffers.into();
        parallel::step(self.logits.len(), || {
            self.check_outputs(&wanted)?;
            let ready = self.prepare(loss.weighting(), LookAt::Some)?;
            self.weigh(loss.weighting(), &ready, wanted)
        })
    }
}
