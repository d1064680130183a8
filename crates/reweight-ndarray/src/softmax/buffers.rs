//! The general form of a step: any choice of outputs, each into the caller's memory.

use ndarray::{ArrayD, ArrayViewMut, RemoveAxis};
use reweight::{LossError, LossSummary, SampleWeighter, SoftmaxLoss};

use super::{SoftmaxBatch, Wanted};
use crate::element::{ClassIndex, Float};
use crate::layout::check_shape;
use crate::outcome::Buffers;
use crate::parallel;

impl<A, I, D> SoftmaxBatch<'_, A, I, D>
where
    A: Float,
    I: ClassIndex,
    D: RemoveAxis,
{
    /// One training step: counts, lets the weighter observe, weighs into those buffers that there are.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was, and each buffer as it was or all 0.
    pub fn train_into<W: SampleWeighter>(
        &self,
        loss: &mut SoftmaxLoss<W>,
        buffers: Buffers<'_, A, D, D::Smaller>,
    ) -> Result<LossSummary, LossError> {
        let mut wanted = self.wanted(buffers)?;
        let mut own = wanted.own_gradient();
        self.step(loss, wanted.over(own.as_mut()))
    }

    /// The same for evaluation: a copy of the weighter observes, the loss stays as it is.
    ///
    /// # Errors
    ///
    /// As [`train_into`](Self::train_into).
    pub fn evaluate_into<W: SampleWeighter>(
        &self,
        loss: &SoftmaxLoss<W>,
        buffers: Buffers<'_, A, D, D::Smaller>,
    ) -> Result<LossSummary, LossError> {
        let mut wanted = self.wanted(buffers)?;
        let mut own = wanted.own_gradient();
        let wanted = wanted.over(own.as_mut());
        parallel::step(self.logits.len(), || self.evaluate(loss, wanted))
    }

    /// The third of the three steps alone: weighs with what was observed, and counts nothing.
    ///
    /// # Errors
    ///
    /// As [`train_into`](Self::train_into).
    pub fn weigh_buffers<W: SampleWeighter>(
        &self,
        loss: &SoftmaxLoss<W>,
        buffers: Buffers<'_, A, D, D::Smaller>,
    ) -> Result<LossSummary, LossError> {
        let mut wanted = self.wanted(buffers)?;
        let mut own = wanted.own_gradient();
        let wanted = wanted.over(own.as_mut());
        parallel::step(self.logits.len(), || {
            let ready = self.prepare(loss.weighting(), loss.ignore_index())?;
            self.weigh(loss.weighting(), loss.label_smoothing(), &ready, wanted)
        })
    }

    /// The buffers with their classes last, where they have their shapes.
    fn wanted<'g>(&self, buffers: Buffers<'g, A, D, D::Smaller>) -> Result<Wanted<'g, A>, LossError> {
        let Buffers { grad, hessian, weights, losses } = buffers;
        let a_row = |name, output: Option<ArrayViewMut<'g, A, D::Smaller>>| {
            output.map(|output| check_shape(name, self.targets.shape(), output.shape()).map(|()| output.into_dyn()))
        };
        Ok(Wanted {
            grad: grad.map(|grad| self.check_output("grad", grad)).transpose()?,
            hessian: hessian
                .map(|(hessian, form)| self.check_output("hessian", hessian).map(|hessian| (hessian, form)))
                .transpose()?,
            weights: a_row("weights", weights).transpose()?,
            losses: a_row("losses", losses).transpose()?,
        })
    }
}

impl<A: Float> Wanted<'_, A> {
    /// Wide rows go through the gradient's memory to their second derivatives; where nobody wants it, this takes its place.
    fn own_gradient(&self) -> Option<ArrayD<A>> {
        let (hessian, _) = self.hessian.as_ref().filter(|_| self.grad.is_none())?;
        Some(ArrayD::from_elem(hessian.raw_dim(), A::default()))
    }

    /// The same outputs, with a gradient that nobody sees where there is one.
    fn over<'w>(&'w mut self, own: Option<&'w mut ArrayD<A>>) -> Wanted<'w, A> {
        let mut all = self.reborrow();
        all.grad = all.grad.or(own.map(|own| own.view_mut()));
        all
    }
}
