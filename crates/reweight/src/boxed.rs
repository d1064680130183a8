//! Any weighter, base or adjustment in a box: for losses that are put together at run time.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::adjustment::{Adjustment, Affine};
use crate::base::BaseLoss;
use crate::bases::CrossEntropy;
use crate::built_in::{BuiltIn, adjustment_entry, base_entry, weighter_entry};
use crate::erased::{Erased, Results};
use crate::error::{StateError, WeightError};
use crate::expr::{Program, TraceError};
use crate::form::BatchForm;
use crate::real::{Logistic, Real};
use crate::sample::{Sample, SampleKind};
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;

/// A kind's name and settings as a config holds them.
type Entry = Option<(&'static str, serde_json::Result<Value>)>;

/// A weighter of any type.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use reweight::{AlphaBalance, BoxedWeighter, Focal};
///
/// let mut chain = vec![BoxedWeighter::new(AlphaBalance::binary(0.25)?)?];
/// chain.push(BoxedWeighter::new(Focal::new(2.0)?)?);   // a Vec of weighters is their product
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BoxedWeighter(Box<dyn ErasedWeighter>);

/// By its kind, where it is a built-in one, and its name, where it has one: a box stands in messages, and its settings in the
/// config.
impl fmt::Debug for BoxedWeighter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some((kind, Ok(settings))) => match settings["name"].as_str() {
                Some(name) => write!(f, "{kind} {name}"),
                None => f.write_str(kind),
            },
            Some((kind, Err(_))) => f.write_str(kind),
            None => self.0.fmt(f),
        }
    }
}

/// What of a weighter a vtable can hold.
trait ErasedWeighter: Erased {
    fn clone_box(&self) -> Box<dyn ErasedWeighter>;
    fn formula(&self) -> &dyn Erased;
    fn entry(&self) -> Entry;
    fn statistics(&self) -> Statistics;
    fn observes(&self) -> bool;
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError>;
    fn reset(&mut self);
    fn check(&self, classes: usize) -> Result<(), WeightError>;
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError>;
    fn state(&self) -> State;
    fn restore(&mut self, state: &State) -> Result<(), StateError>;
}

/// A weighter's formula as one of four results.
#[derive(Clone)]
struct Weigher<W>(W);

impl<W: fmt::Debug> fmt::Debug for Weigher<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<W: SampleWeighter> Results for Weigher<W> {
    fn results<R: Real>(&self, sample: &Sample<R>) -> [R; 4] {
        [self.0.weight(sample); 4]
    }
}

impl<W: SampleWeighter + 'static> ErasedWeighter for Weigher<W> {
    fn clone_box(&self) -> Box<dyn ErasedWeighter> {
        Box::new(self.clone())
    }
    fn formula(&self) -> &dyn Erased {
        self
    }
    fn entry(&self) -> Entry {
        weighter_entry(&self.0)
    }
    fn statistics(&self) -> Statistics {
        self.0.statistics()
    }
    fn observes(&self) -> bool {
        self.0.observes()
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        self.0.observe(batch)
    }
    fn reset(&mut self) {
        self.0.reset();
    }
    fn check(&self, classes: usize) -> Result<(), WeightError> {
        self.0.check(classes)
    }
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.0.fits(form)
    }
    fn state(&self) -> State {
        self.0.state()
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.0.restore(state)
    }
}

impl Clone for Box<dyn ErasedWeighter> {
    fn clone(&self) -> Self {
        (**self).clone_box()
    }
}

/// Whether a formula can be recorded, for samples of every kind.
fn check(formula: &dyn Erased) -> Result<(), TraceError> {
    [SampleKind::Binary, SampleKind::SoftBinary, SampleKind::Class]
        .into_iter()
        .try_for_each(|kind| Program::record_of_kind(kind, |sample| formula.on_expr(sample).into()).map(|_| ()))
}

impl BoxedWeighter {
    /// Boxes `weighter`.
    ///
    /// # Errors
    ///
    /// Where its formula cannot be recorded: it keeps symbols of another recording.
    pub fn new<W: SampleWeighter + 'static>(weighter: W) -> Result<Self, TraceError> {
        // A box in a box is the one inside.
        if let Some(boxed) = (&weighter as &dyn Any).downcast_ref::<Self>() {
            return Ok(boxed.clone());
        }
        let weigher = Weigher(weighter);
        check(&weigher)?;
        Ok(Self(Box::new(weigher)))
    }

    /// The weighter as a config's entry, where it is a built-in one: its kind, and its settings.
    pub(crate) fn entry(&self) -> Entry {
        self.0.entry()
    }
}

impl SampleWeighter for BoxedWeighter {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        let [weight, ..] = R::erased(self.0.formula(), sample);
        weight
    }
    fn statistics(&self) -> Statistics {
        self.0.statistics()
    }
    fn observes(&self) -> bool {
        self.0.observes()
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        self.0.observe(batch)
    }
    fn reset(&mut self) {
        self.0.reset();
    }
    fn check(&self, classes: usize) -> Result<(), WeightError> {
        self.0.check(classes)
    }
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.0.fits(form)
    }
    fn state(&self) -> State {
        self.0.state()
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.0.restore(state)
    }
}

/// A base of any type.
#[derive(Clone, Debug)]
pub struct BoxedBase(Arc<dyn ErasedBase>);

trait ErasedBase: Erased {
    fn formula(&self) -> &dyn Erased;
    fn entry(&self) -> Entry;
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError>;
}

#[derive(Debug)]
struct Base<B>(B);

impl<B: BaseLoss> Results for Base<B> {
    fn results<R: Real>(&self, sample: &Sample<R>) -> [R; 4] {
        [self.0.loss(sample); 4]
    }
}

impl<B: BaseLoss + 'static> ErasedBase for Base<B> {
    fn formula(&self) -> &dyn Erased {
        self
    }
    fn entry(&self) -> Entry {
        base_entry(&self.0)
    }
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.0.fits(form)
    }
}

impl BoxedBase {
    /// Boxes `base`. Where its formula cannot be recorded, a loss says so in its first step.
    pub fn new<B: BaseLoss + 'static>(base: B) -> Self {
        match (&base as &dyn Any).downcast_ref::<Self>() {
            Some(boxed) => boxed.clone(),
            None => Self(Arc::new(Base(base))),
        }
    }

    pub(crate) fn entry(&self) -> Entry {
        self.0.entry()
    }

    /// Cross entropy is what a loss without a base has.
    pub(crate) fn unless_plain(self) -> Option<Self> {
        let plain = matches!(self.entry(), Some((kind, _)) if kind == CrossEntropy::KIND);
        (!plain).then_some(self)
    }
}

impl BaseLoss for BoxedBase {
    fn loss<R: Real>(&self, sample: &Sample<R>) -> R {
        let [loss, ..] = R::erased(self.0.formula(), sample);
        loss
    }
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.0.fits(form)
    }
}

/// An adjustment of any type.
#[derive(Clone, Debug)]
pub struct BoxedAdjustment(Arc<dyn ErasedAdjustment>);

trait ErasedAdjustment: Erased {
    fn formula(&self) -> &dyn Erased;
    fn entry(&self) -> Entry;
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError>;
    fn maps_samples(&self) -> bool;
}

#[derive(Debug)]
struct Adjuster<J>(J);

impl<J: Adjustment> Results for Adjuster<J> {
    fn results<R: Real>(&self, sample: &Sample<R>) -> [R; 4] {
        let seen = self.0.sample(*sample);
        [seen.p(), seen.q(), seen.log_p(), seen.log_q()]
    }
}

impl<J: Adjustment + 'static> ErasedAdjustment for Adjuster<J> {
    fn formula(&self) -> &dyn Erased {
        self
    }
    fn entry(&self) -> Entry {
        adjustment_entry(&self.0)
    }
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError> {
        self.0.affine(form)
    }
    fn maps_samples(&self) -> bool {
        self.0.maps_samples()
    }
}

impl BoxedAdjustment {
    /// Boxes `adjustment`. Where its formula cannot be recorded, a loss says so in its first step.
    pub fn new<J: Adjustment + 'static>(adjustment: J) -> Self {
        match (&adjustment as &dyn Any).downcast_ref::<Self>() {
            Some(boxed) => boxed.clone(),
            None => Self(Arc::new(Adjuster(adjustment))),
        }
    }

    pub(crate) fn entry(&self) -> Entry {
        self.0.entry()
    }
}

impl Adjustment for BoxedAdjustment {
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError> {
        self.0.affine(form)
    }

    fn sample<R: Real>(&self, sample: Sample<R>) -> Sample<R> {
        if !self.0.maps_samples() {
            return sample;
        }
        let [p, q, log_p, log_q] = R::erased(self.0.formula(), &sample);
        sample.seen_as(Logistic { log_p, log_q, p, q })
    }

    fn maps_samples(&self) -> bool {
        self.0.maps_samples()
    }
}

#[cfg(test)]
mod tests;
