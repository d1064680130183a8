//! A whole loss's formula, recorded once: what a backend runs block by block or turns into a kernel.

mod fingerprint;

pub(crate) use fingerprint::Fingerprint;

use std::sync::{Arc, OnceLock};

use crate::dual::Dual;
use crate::expr::{Calls, Expr, Leaf, Program, Schedule, Table, TraceError};
use crate::loss::Weighting;
use crate::real::{Logistic, Real};
use crate::sample::{Sample, SampleKind};
use crate::weighter::SampleWeighter;

/// What is computed of each sample. Slopes are in the adjusted margin s (hard labels, softmax) or the adjusted logit (soft ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantities {
    /// w, b, dw/ds and db/ds: all that loss and gradient are made of.
    Step,
    /// Those, and w″ and b″.
    Second,
    /// Those of a step, and −w·b′·p_t and −w·b′.
    GaussNewton,
    /// What the sample's region is read from.
    Key,
}

impl Quantities {
    const COUNT: usize = 4;
}

/// A loss's formula for one kind of samples, recorded for each set of [`Quantities`] when it is first wanted.
///
/// The programs' leaves are the margin (or logit, for soft labels), σ and log σ of ± it, target, class and column; everything
/// else is an operation. Tables lie beside the programs, so that counts that change them record nothing anew.
#[derive(Debug)]
pub struct Formula {
    kind: SampleKind,
    fingerprint: u64,
    calls: Vec<u32>,
    tables: Vec<Table>,
    /// Which tables have been written in a refresh.
    written: Vec<bool>,
    parts: Parts,
}

/// The programs, shared between a loss and its copies.
#[derive(Clone, Debug, Default)]
struct Parts([OnceLock<Arc<Part>>; Quantities::COUNT]);

#[derive(Debug)]
struct Part {
    program: Program,
    schedule: Schedule,
}

impl Clone for Formula {
    fn clone(&self) -> Self {
        Self {
            kind: self.kind,
            fingerprint: self.fingerprint,
            calls: self.calls.clone(),
            tables: self.tables.clone(),
            written: self.written.clone(),
            parts: self.parts.clone(),
        }
    }
}

impl Formula {
    /// Records the formula of `weighting` for samples of that kind.
    pub(crate) fn of<W: SampleWeighter>(weighting: &Weighting<W>, kind: SampleKind) -> Result<Self, TraceError> {
        let (program, calls) = record(weighting, kind, Quantities::Step, None)?;
        let fingerprint = fingerprint::of(weighting, kind);
        let Calls { calls, tables } = calls;
        let written = vec![false; tables.len()];
        let formula = Self { kind, fingerprint, calls, tables, written, parts: Parts::default() };
        let _ = formula.parts.0[Quantities::Step as usize].set(Arc::new(Part::of(program)));
        Ok(formula)
    }

    /// What samples it is for.
    pub fn kind(&self) -> SampleKind {
        self.kind
    }

    /// The tables that the programs read.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Takes in what the weighter has become: new contents of tables in their place. Whether the formula is still the one
    /// recorded; it must be recorded anew where it is not.
    pub(crate) fn refresh<W: SampleWeighter>(&mut self, weighting: &Weighting<W>) -> bool {
        let Self { kind, calls, tables, written, .. } = self;
        fingerprint::refresh(weighting, *kind, calls, tables, written) == Some(self.fingerprint)
    }

    /// The program of what is wanted.
    ///
    /// # Errors
    ///
    /// Where the formula uses symbols of another recording.
    pub fn program<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        wanted: Quantities,
    ) -> Result<&Program, TraceError> {
        self.part(weighting, wanted).map(|part| &part.program)
    }

    /// The same in the order and memory that a block of samples is run in.
    ///
    /// # Errors
    ///
    /// As [`program`](Self::program).
    pub fn schedule<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        wanted: Quantities,
    ) -> Result<&Schedule, TraceError> {
        self.part(weighting, wanted).map(|part| &part.schedule)
    }

    fn part<W: SampleWeighter>(&self, weighting: &Weighting<W>, wanted: Quantities) -> Result<&Part, TraceError> {
        let slot = &self.parts.0[wanted as usize];
        if let Some(part) = slot.get() {
            return Ok(part);
        }
        let known = Calls { calls: self.calls.clone(), tables: self.tables.clone() };
        let (program, _) = record(weighting, self.kind, wanted, Some(known))?;
        Ok(slot.get_or_init(|| Arc::new(Part::of(program))))
    }
}

impl Part {
    fn of(program: Program) -> Self {
        Self { schedule: Schedule::of(&program), program }
    }
}

/// The variable's leaves as logistic of a number that carries derivatives in it.
trait Variable: Real {
    fn variable() -> Self;
    fn logistic_leaves() -> Logistic<Self>;
}

impl Variable for Expr {
    fn variable() -> Self {
        Self::leaf(Leaf::Margin)
    }
    fn logistic_leaves() -> Logistic<Self> {
        Logistic {
            log_p: Self::leaf(Leaf::LogP),
            log_q: Self::leaf(Leaf::LogQ),
            p: Self::leaf(Leaf::P),
            q: Self::leaf(Leaf::Q),
        }
    }
}

impl<R: Variable> Variable for Dual<R> {
    fn variable() -> Self {
        Self::variable(R::variable())
    }
    fn logistic_leaves() -> Logistic<Self> {
        R::logistic_leaves().along(R::lit(1.0))
    }
}

/// The symbolic sample as weighters see it, adjustments applied.
fn sample<R: Variable, W: SampleWeighter>(
    weighting: &Weighting<W>,
    kind: SampleKind,
    leaf: fn(Leaf) -> R,
) -> Sample<R> {
    let (margin, at) = (R::variable(), R::logistic_leaves());
    let sample = match kind {
        SampleKind::Binary => Sample::binary_at(margin, at, leaf(Leaf::Target)).in_column(leaf(Leaf::Column)),
        SampleKind::SoftBinary => Sample::soft_at(at, leaf(Leaf::Target)).in_column(leaf(Leaf::Column)),
        SampleKind::Class => Sample::class_at(margin, at, leaf(Leaf::Class)),
    };
    weighting.map(sample)
}

fn record<W: SampleWeighter>(
    weighting: &Weighting<W>,
    kind: SampleKind,
    wanted: Quantities,
    known: Option<Calls>,
) -> Result<(Program, Calls), TraceError> {
    let first = |known| {
        Program::record_with_calls(known, || {
            let sample = sample(weighting, kind, |leaf| Dual::constant(Expr::leaf(leaf)));
            let (weight, base) = (weighting.weighter().weight(&sample), weighting.base_loss(&sample));
            let step = [weight.value, base.value, weight.slope, base.slope];
            match wanted {
                Quantities::Key => vec![sample.region_key().value],
                Quantities::GaussNewton => {
                    let steepness = -(weight.value * base.slope);
                    let newton = match kind {
                        // A soft label's variable is the logit: σ(x)·σ(−x) is what the mixture of both labels' forms comes to.
                        SampleKind::SoftBinary => weight.value * (Expr::leaf(Leaf::P) * Expr::leaf(Leaf::Q)),
                        _ => steepness * sample.p().value,
                    };
                    step.into_iter().chain([newton, steepness]).collect()
                }
                _ => step.into(),
            }
        })
    };
    let second = |known| {
        Program::record_with_calls(known, || {
            let constant = |leaf| Dual::constant(Dual::constant(Expr::leaf(leaf)));
            let sample = sample(weighting, kind, constant);
            let (weight, base) = (weighting.weighter().weight(&sample), weighting.base_loss(&sample));
            vec![
                weight.value.value,
                base.value.value,
                weight.value.slope,
                base.value.slope,
                weight.slope.slope,
                base.slope.slope,
            ]
        })
    };
    match wanted {
        Quantities::Second => second(known),
        _ => first(known),
    }
}

#[cfg(test)]
mod tests;
