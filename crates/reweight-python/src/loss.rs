//! A loss as Python holds it: its config, and the core's loss behind a lock.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use reweight::{BatchStatistics, ConfiguredLoss, HessianForm, LossConfig, LossSummary, State};

use crate::arrays::{read, refuse};
use crate::error;
use crate::formula;
use crate::row;
use crate::step::{Arrays, Outcome, Pass, run};

/// The reduced loss, valid samples, positives, Σw.
type Summary = (Option<f64>, u64, u64, f64);

/// A loss of a config, over NumPy arrays.
#[pyclass(frozen, module = "reweight_losses._native")]
pub(crate) struct Loss {
    config: RwLock<LossConfig>,
    loss: RwLock<ConfiguredLoss>,
}

/// The same on either objective's loss.
macro_rules! either {
    ($loss:expr, $own:ident => $run:expr) => {
        match $loss {
            ConfiguredLoss::Bce($own) => $run,
            ConfiguredLoss::Softmax($own) => $run,
        }
    };
}

impl Loss {
    fn read(&self) -> RwLockReadGuard<'_, ConfiguredLoss> {
        self.loss.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, ConfiguredLoss> {
        self.loss.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts in one row as the loss's weighter asks for them.
    fn statistics_of(&self, counts: &[i64]) -> PyResult<BatchStatistics> {
        let loss = self.read();
        let request = either!(&*loss, own => own.weighting().request());
        let regions: usize = request.histograms().iter().map(|regions| regions.bins() as usize).sum();
        let classes = if request.wants_class_counts() { counts.len().saturating_sub(2 + regions) } else { 2 };
        let mut statistics = BatchStatistics::zero(request, classes);
        let whole = |&count: &i64| {
            u64::try_from(count).map_err(|_| error::batch(format!("`counts` holds {count}, but counts are at least 0")))
        };
        let counts: Vec<u64> = counts.iter().map(whole).collect::<PyResult<_>>()?;
        statistics.set_counts(&counts).map_err(error::batch)?;
        Ok(statistics)
    }
}

fn summary(outcome: Outcome) -> Summary {
    match outcome {
        Outcome::Summary(LossSummary { loss, valid, positives, weight_sum }) => (loss, valid, positives, weight_sum),
        Outcome::Counts(counts) => (None, counts.valid, counts.positives, f64::NAN),
    }
}

fn counts<'py>(py: Python<'py>, statistics: &BatchStatistics) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let whole = |count: u64| i64::try_from(count).map_err(|_| error::batch(format!("a count of {count} is no int64")));
    Ok(PyArray1::from_vec(py, statistics.as_counts().into_iter().map(whole).collect::<PyResult<_>>()?))
}

/// The form of that name.
fn form(name: &str) -> PyResult<HessianForm> {
    let known = HessianForm::ALL.into_iter().find(|form| form.name() == name);
    known.ok_or_else(|| {
        let names = HessianForm::ALL.map(|form| format!("\"{}\"", form.name())).join(", ");
        error::config(format!("`hessian` is \"{name}\", but must be one of {names}"))
    })
}

#[pymethods]
impl Loss {
    /// Builds the loss of a config given as JSON.
    #[new]
    #[pyo3(signature = (config, /))]
    fn new(config: &str) -> PyResult<Self> {
        let config = LossConfig::from_json(config).map_err(error::config)?;
        let loss = config.build().map_err(error::config)?;
        Ok(Self { config: RwLock::new(config), loss: RwLock::new(loss) })
    }

    /// The config as JSON.
    fn config(&self) -> PyResult<String> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).to_json().map_err(error::config)
    }

    /// Takes another config and keeps what was observed; where that does not fit, the loss is as it was.
    #[pyo3(signature = (config, /))]
    fn reconfigure(&self, config: &str) -> PyResult<()> {
        let config = LossConfig::from_json(config).map_err(error::config)?;
        let mut next = config.build().map_err(error::config)?;
        let mut loss = self.write();
        let state = either!(&*loss, own => own.state());
        either!(&mut next, own => own.restore(&state)).map_err(error::state)?;
        *loss = next;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Runs one pass into the arrays that are given. `mode` is "train" (count, observe, weigh), "evaluate" (the same on a copy: the
    /// loss stays as it is) or "weigh" (with what was observed; counts nothing).
    #[pyo3(signature = (
        mode, logits, targets, valid=None, sample_weight=None, grad=None, hessian=None, hessian_form="exact", weights=None,
        losses=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    fn run(
        &self,
        py: Python<'_>,
        mode: &str,
        logits: &Bound<'_, PyAny>,
        targets: &Bound<'_, PyAny>,
        valid: Option<&Bound<'_, PyAny>>,
        sample_weight: Option<&Bound<'_, PyAny>>,
        grad: Option<&Bound<'_, PyAny>>,
        hessian: Option<&Bound<'_, PyAny>>,
        hessian_form: &str,
        weights: Option<&Bound<'_, PyAny>>,
        losses: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Summary> {
        let pass = match mode {
            "train" => Pass::Train,
            "evaluate" => Pass::Evaluate,
            "weigh" => Pass::Weigh,
            _ => return Err(error::config(format!("`mode` is \"{mode}\", but must be train, evaluate or weigh"))),
        };
        let hessian = hessian.map(|all| form(hessian_form).map(|form| (all, form))).transpose()?;
        let arrays = Arrays { logits, targets, valid, sample_weight, grad, hessian, weights, losses };
        run(py, &self.loss, pass, &arrays).map(summary)
    }

    /// Counts what the weighter asks for: the first of the three steps.
    #[pyo3(signature = (logits, targets, valid=None, sample_weight=None))]
    fn statistics<'py>(
        &self,
        py: Python<'py>,
        logits: &Bound<'py, PyAny>,
        targets: &Bound<'py, PyAny>,
        valid: Option<&Bound<'py, PyAny>>,
        sample_weight: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let (grad, hessian, weights, losses) = (None, None, None, None);
        let arrays = Arrays { logits, targets, valid, sample_weight, grad, hessian, weights, losses };
        match run(py, &self.loss, Pass::Count, &arrays)? {
            Outcome::Counts(statistics) => counts(py, &statistics),
            Outcome::Summary(_) => Err(error::batch("nothing was counted")),
        }
    }

    /// Zero counts over `classes` classes, in the form of `statistics`.
    #[pyo3(signature = (classes=2))]
    fn no_statistics<'py>(&self, py: Python<'py>, classes: usize) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let loss = self.read();
        counts(py, &BatchStatistics::zero(either!(&*loss, own => own.weighting().request()), classes))
    }

    /// Lets the weighter take in the counts of one step, summed from wherever they were gathered: the second of the three steps.
    #[pyo3(signature = (counts, /))]
    fn observe(&self, counts: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(counts) = read::<i64>("counts", counts)? else {
            return Err(refuse("counts", counts, "but must be of int64"));
        };
        let counts: Vec<i64> = counts.as_array().iter().copied().collect();
        let statistics = self.statistics_of(&counts)?;
        let mut loss = self.write();
        either!(&mut *loss, own => own.observe(&statistics)).map_err(error::batch)
    }

    /// Whether a training step changes the loss.
    fn observes(&self) -> bool {
        use reweight::SampleWeighter;
        let loss = self.read();
        either!(&*loss, own => own.weighter().observes())
    }

    /// What was observed, as JSON.
    fn state(&self) -> PyResult<String> {
        let loss = self.read();
        serde_json::to_string(&either!(&*loss, own => own.state())).map_err(error::state)
    }

    /// What was observed as one row, after the word `name`: whole numbers as they stand, floats as their bits, in the order of their
    /// names.
    #[pyo3(signature = (name, /))]
    fn row<'py>(&self, py: Python<'py>, name: i64) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let loss = self.read();
        let state = serde_json::to_value(either!(&*loss, own => own.state())).map_err(error::state)?;
        Ok(PyArray1::from_vec(py, row::of_state(&state, name)))
    }

    /// Goes on from what was observed elsewhere, given as JSON.
    #[pyo3(signature = (state, /))]
    fn restore(&self, state: &str) -> PyResult<()> {
        let state: State = serde_json::from_str(state).map_err(|reason| {
            error::state(format!("this is no state of a loss: {}", reweight::in_plain_words(&reason)))
        })?;
        let mut loss = self.write();
        either!(&mut *loss, own => own.restore(&state)).map_err(error::state)
    }

    /// Forgets what was observed.
    fn reset(&self) {
        let mut loss = self.write();
        either!(&mut *loss, own => own.reset());
    }

    /// The recorded formula as data; see the package's stub.
    #[pyo3(signature = (wanted, soft))]
    fn formula<'py>(&self, py: Python<'py>, wanted: &str, soft: bool) -> PyResult<Bound<'py, PyDict>> {
        let loss = self.read();
        either!(&*loss, own => formula::formula(py, own.weighting(), formula::kind(&loss, soft)?, wanted))
    }

    /// The tables that the formula reads, as of what was observed last.
    #[pyo3(signature = (soft))]
    fn tables<'py>(&self, py: Python<'py>, soft: bool) -> PyResult<Bound<'py, PyAny>> {
        let loss = self.read();
        either!(&*loss, own => formula::tables(py, own.weighting(), formula::kind(&loss, soft)?))
    }

    /// What `statistics` counts, in its order.
    #[pyo3(signature = (soft))]
    fn counted<'py>(&self, py: Python<'py>, soft: bool) -> PyResult<Bound<'py, PyDict>> {
        let loss = self.read();
        either!(&*loss, own => formula::counted(py, own.weighting(), formula::kind(&loss, soft)?))
    }

    /// What the loss does to the logits of a batch of that shape.
    #[pyo3(signature = (shape, soft))]
    #[expect(clippy::needless_pass_by_value, reason = "made of a Python list")]
    fn fit<'py>(&self, py: Python<'py>, shape: Vec<usize>, soft: bool) -> PyResult<Bound<'py, PyDict>> {
        let loss = self.read();
        either!(&*loss, own => formula::fit(py, own.weighting(), formula::kind(&loss, soft)?, &shape))
    }
}
