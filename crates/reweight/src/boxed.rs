//! Any weighter in a box: for chains that are put together at run time.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use crate::error::{StateError, WeightError};
use crate::expr::{Program, TraceError};
use crate::real::Real;
use crate::sample::Sample;
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;
use crate::weighters::{AlphaBalance, Focal, Ghm};

/// A weighter of any type.
///
/// A formula is generic over its number type, which a vtable cannot be. So a box carries the recorded
/// [`Program`] of its formula and evaluates that, over whatever number type the backend asks for; the built-in
/// weighters are recognised and run as themselves.
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
#[derive(Clone, Debug)]
pub struct BoxedWeighter(Inner);

#[derive(Clone, Debug)]
enum Inner {
    AlphaBalance(AlphaBalance),
    Focal(Focal),
    Ghm(Ghm),
    Other { weighter: Box<dyn Erased>, program: Arc<Program> },
}

/// What of a weighter has no generic method: the part that a vtable can hold.
trait Erased: Debug + Send + Sync {
    fn clone_box(&self) -> Box<dyn Erased>;
    fn program(&self) -> Result<Program, TraceError>;
    fn statistics(&self) -> Statistics;
    fn observes(&self) -> bool;
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError>;
    fn reset(&mut self);
    fn check(&self, classes: usize) -> Result<(), WeightError>;
    fn state(&self) -> State;
    fn restore(&mut self, state: &State) -> Result<(), StateError>;
}

impl<W: SampleWeighter + 'static> Erased for W {
    fn clone_box(&self) -> Box<dyn Erased> {
        Box::new(self.clone())
    }
    fn program(&self) -> Result<Program, TraceError> {
        Program::of(self)
    }
    fn statistics(&self) -> Statistics {
        SampleWeighter::statistics(self)
    }
    fn observes(&self) -> bool {
        SampleWeighter::observes(self)
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        SampleWeighter::observe(self, batch)
    }
    fn reset(&mut self) {
        SampleWeighter::reset(self);
    }
    fn check(&self, classes: usize) -> Result<(), WeightError> {
        SampleWeighter::check(self, classes)
    }
    fn state(&self) -> State {
        SampleWeighter::state(self)
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        SampleWeighter::restore(self, state)
    }
}

impl Clone for Box<dyn Erased> {
    fn clone(&self) -> Self {
        (**self).clone_box()
    }
}

impl BoxedWeighter {
    /// Boxes `weighter`.
    ///
    /// # Errors
    ///
    /// Where its formula cannot be recorded: it keeps symbols of another recording.
    pub fn new<W: SampleWeighter + 'static>(weighter: W) -> Result<Self, TraceError> {
        let mut slot = Some(weighter);
        let any: &mut dyn Any = &mut slot;
        macro_rules! built_in {
            ($($kind:ident)*) => {$(
                if let Some(own) = any.downcast_mut::<Option<$kind>>().and_then(Option::take) {
                    return Ok(Self(Inner::$kind(own)));
                }
            )*};
        }
        built_in!(AlphaBalance Focal Ghm);
        if let Some(boxed) = any.downcast_mut::<Option<Self>>().and_then(Option::take) {
            return Ok(boxed);
        }
        match slot {
            Some(weighter) => Self::interpreted(weighter),
            None => Err(TraceError::Foreign),
        }
    }

    /// Boxes `weighter` and evaluates its recorded formula even where the type is a built-in one: for tests and
    /// benchmarks of the interpreter.
    ///
    /// # Errors
    ///
    /// Where its formula cannot be recorded.
    pub fn interpreted<W: SampleWeighter + 'static>(weighter: W) -> Result<Self, TraceError> {
        let program = Arc::new(Program::of(&weighter)?);
        Ok(Self(Inner::Other { weighter: Box::new(weighter), program }))
    }

    /// The product with `other` for the chains that most configs hold, a balance and one rule: without the loop over links,
    /// between whose turns an engine's registers would all go through memory.
    #[inline(always)]
    pub(crate) fn balanced<R: Real>(&self, other: &Self, sample: &Sample<R>) -> Option<R> {
        match (&self.0, &other.0) {
            (Inner::AlphaBalance(balance), Inner::Focal(rule)) => Some(balance.weight(sample) * rule.weight(sample)),
            (Inner::AlphaBalance(balance), Inner::Ghm(rule)) => Some(balance.weight(sample) * rule.weight(sample)),
            _ => None,
        }
    }

    /// The weighter as a config's entry, where it is a built-in one: its kind, and its settings.
    pub(crate) fn built_in(&self) -> Option<(&'static str, serde_json::Result<serde_json::Value>)> {
        use serde_json::to_value;
        match &self.0 {
            Inner::AlphaBalance(weighter) => Some(("alpha-balance", to_value(weighter))),
            Inner::Focal(weighter) => Some(("focal", to_value(weighter))),
            Inner::Ghm(weighter) => Some(("ghm", to_value(weighter.config()))),
            Inner::Other { .. } => None,
        }
    }
}

impl Inner {
    fn erased(&self) -> &dyn Erased {
        match self {
            Self::AlphaBalance(weighter) => weighter,
            Self::Focal(weighter) => weighter,
            Self::Ghm(weighter) => weighter,
            Self::Other { weighter, .. } => &**weighter,
        }
    }

    fn erased_mut(&mut self) -> &mut dyn Erased {
        match self {
            Self::AlphaBalance(weighter) => weighter,
            Self::Focal(weighter) => weighter,
            Self::Ghm(weighter) => weighter,
            Self::Other { weighter, .. } => &mut **weighter,
        }
    }
}

/// Changes a boxed weighter and records its formula again; a failure leaves both as they were.
fn change<E>(
    weighter: &mut Box<dyn Erased>,
    program: &mut Arc<Program>,
    apply: impl FnOnce(&mut dyn Erased) -> Result<(), E>,
    refuse: impl FnOnce(TraceError) -> E,
) -> Result<(), E> {
    let mut next = weighter.clone();
    apply(&mut *next)?;
    *program = Arc::new(next.program().map_err(refuse)?);
    *weighter = next;
    Ok(())
}

impl SampleWeighter for BoxedWeighter {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        match &self.0 {
            Inner::AlphaBalance(weighter) => weighter.weight(sample),
            Inner::Focal(weighter) => weighter.weight(sample),
            Inner::Ghm(weighter) => weighter.weight(sample),
            Inner::Other { program, .. } => program.evaluate(sample),
        }
    }

    fn statistics(&self) -> Statistics {
        self.0.erased().statistics()
    }

    fn observes(&self) -> bool {
        self.0.erased().observes()
    }

    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        match &mut self.0 {
            Inner::Other { weighter, program } => {
                let refuse = |error: TraceError| WeightError::Custom(error.to_string());
                change(weighter, program, |weighter| weighter.observe(batch), refuse)
            }
            other => other.erased_mut().observe(batch),
        }
    }

    fn reset(&mut self) {
        match &mut self.0 {
            Inner::Other { weighter, program } => {
                (**weighter).reset();
                // A formula that could be recorded when boxed depends on its own numbers alone, and still can be.
                if let Ok(fresh) = (**weighter).program() {
                    *program = Arc::new(fresh);
                }
            }
            other => other.erased_mut().reset(),
        }
    }

    fn check(&self, classes: usize) -> Result<(), WeightError> {
        self.0.erased().check(classes)
    }

    fn state(&self) -> State {
        self.0.erased().state()
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        match &mut self.0 {
            Inner::Other { weighter, program } => {
                let refuse =
                    |error: TraceError| StateError::Damaged { kind: "boxed".to_owned(), reason: error.to_string() };
                change(weighter, program, |weighter| weighter.restore(state), refuse)
            }
            other => other.erased_mut().restore(state),
        }
    }
}
