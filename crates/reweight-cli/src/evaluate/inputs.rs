//! The batch's arrays: read, brought to the precision asked for, and checked as far as only the files can tell.

use ndarray::ArrayD;
use reweight::LossError;
use reweight_dfdx::TensorLossError;

use super::{EvalError, Number};
use crate::arguments::EvalArguments;
use crate::npy::{NpyArray, read_npy};

/// An array and where it came from.
pub(super) struct Named {
    path: String,
    array: NpyArray,
}

/// The arrays as the files hold them.
pub(super) struct Files {
    logits: Named,
    targets: Named,
    valid: Option<Named>,
    sample_weight: Option<Named>,
}

/// BCE targets: bool and integers are hard, floats may be soft.
pub(super) enum BceTargets<A> {
    Hard(ArrayD<i64>),
    Soft(ArrayD<A>),
}

/// A batch for BCE; all arrays should have the logits' shape.
pub(super) struct BceInputs<A> {
    pub(super) logits: ArrayD<A>,
    pub(super) targets: BceTargets<A>,
    pub(super) valid: Option<ArrayD<bool>>,
    pub(super) sample_weight: Option<ArrayD<A>>,
}

/// A batch for softmax; all arrays but the logits should have the logits' shape without its second axis.
pub(super) struct SoftmaxInputs<A> {
    pub(super) logits: ArrayD<A>,
    pub(super) targets: ArrayD<i64>,
    pub(super) valid: Option<ArrayD<bool>>,
    pub(super) sample_weight: Option<ArrayD<A>>,
}

impl Files {
    pub(super) fn read(arguments: &EvalArguments) -> Result<Self, EvalError> {
        let read = |path: &std::path::PathBuf| -> Result<Named, EvalError> {
            Ok(Named { path: path.display().to_string(), array: read_npy(path)? })
        };
        let mut files = Self {
            logits: read(&arguments.logits)?,
            targets: read(&arguments.targets)?,
            valid: arguments.valid.as_ref().map(read).transpose()?,
            sample_weight: arguments.sample_weight.as_ref().map(read).transpose()?,
        };
        files.clear_masked()?;
        Ok(files)
    }

    /// What is masked out may hold anything, also what has no form in the precision asked for.
    fn clear_masked(&mut self) -> Result<(), EvalError> {
        let Some(mask) = self.valid()? else { return Ok(()) };
        let valid: Vec<bool> = mask.iter().copied().collect();
        let samples = [Some(&mut self.targets), self.sample_weight.as_mut()];
        // Where a shape does not fit, that is what the user has to be told.
        for named in samples.into_iter().flatten().filter(|named| named.array.shape() == mask.shape()) {
            named.array.clear_where(|index| !valid[index]);
        }
        let shape = self.logits.array.shape();
        if shape == mask.shape() {
            self.logits.array.clear_where(|index| !valid[index]);
        } else if let [rows, classes, inner @ ..] = shape
            && [&[*rows][..], inner].concat() == mask.shape()
        {
            let (classes, inner) = (*classes, inner.iter().product::<usize>());
            self.logits.array.clear_where(|index| !valid[index / (classes * inner) * inner + index % inner]);
        }
        Ok(())
    }

    /// The engine's error, with the file that it is about.
    pub(super) fn refuse(&self, source: LossError) -> EvalError {
        let optional = |named: &Option<Named>| named.as_ref().map_or_else(String::new, |named| named.path.clone());
        let files = match &source {
            LossError::Shape { name: "targets", .. } | LossError::Label { .. } | LossError::Target { .. } => {
                self.targets.path.clone()
            }
            LossError::Shape { name: "valid", .. } => optional(&self.valid),
            LossError::Shape { name: "sample_weight", .. } | LossError::SampleWeight { .. } => {
                optional(&self.sample_weight)
            }
            _ => self.logits.path.clone(),
        };
        EvalError::Loss { files, source }
    }

    pub(super) fn refuse_tensor(&self, source: TensorLossError) -> EvalError {
        match source {
            TensorLossError::Loss(source) => self.refuse(source),
            TensorLossError::Cpu(source) => EvalError::Device(source),
            #[cfg(feature = "cuda")]
            TensorLossError::Cuda(source) => EvalError::Cuda(source),
            // Reductions are chosen so that this cannot come; it is an error all the same, not a panic.
            other => self.refuse(LossError::Backend(other.to_string())),
        }
    }

    fn valid(&self) -> Result<Option<ArrayD<bool>>, EvalError> {
        self.valid.as_ref().map(Named::mask).transpose()
    }
}

impl Named {
    /// Numbers in the precision asked for; what was finite must stay so.
    fn numbers<A: Number>(&self) -> Result<ArrayD<A>, EvalError> {
        let numbers = A::read(&self.array);
        let lost = |(index, value): (usize, &A)| {
            let read: f64 = (*value).into();
            read.is_infinite().then_some(index)
        };
        // An infinity of the file's own is for the engine to refuse, where it is valid.
        if let Some(index) = numbers.iter().enumerate().find_map(lost)
            && let Some(&value) = self.array.to_f64().iter().nth(index)
            && value.is_finite()
        {
            return Err(EvalError::BeyondPrecision { path: self.path.clone(), index, value });
        }
        Ok(numbers)
    }

    fn mask(&self) -> Result<ArrayD<bool>, EvalError> {
        if let NpyArray::Bool(mask) = &self.array {
            return Ok(mask.clone());
        }
        let numbers = self.array.to_f64();
        match numbers.iter().enumerate().find(|(_, value)| **value != 0.0 && **value != 1.0) {
            Some((index, &value)) => Err(EvalError::NotAMask { path: self.path.clone(), index, value }),
            None => Ok(numbers.mapv(|value| value != 0.0)),
        }
    }

    fn integers(&self) -> Result<ArrayD<i64>, EvalError> {
        let refuse = |(index, value)| EvalError::NotAClass { path: self.path.clone(), index, value };
        match &self.array {
            NpyArray::Bool(values) => Ok(values.mapv(i64::from)),
            other => other.to_i64().map_err(refuse),
        }
    }
}

impl<A: Number> BceInputs<A> {
    pub(super) fn new(files: &Files) -> Result<Self, EvalError> {
        let targets = match &files.targets.array {
            NpyArray::F32(_) | NpyArray::F64(_) => BceTargets::Soft(files.targets.numbers()?),
            _ => BceTargets::Hard(files.targets.integers()?),
        };
        let inputs = Self {
            logits: files.logits.numbers()?,
            targets,
            valid: files.valid()?,
            sample_weight: files.sample_weight.as_ref().map(Named::numbers).transpose()?,
        };
        let shape = inputs.logits.shape();
        let found = match &inputs.targets {
            BceTargets::Hard(targets) => targets.shape(),
            BceTargets::Soft(targets) => targets.shape(),
        };
        check(shape, found, inputs.valid.as_ref(), inputs.sample_weight.as_ref())
            .map_err(|source| files.refuse(source))?;
        Ok(inputs)
    }
}

impl<A: Number> SoftmaxInputs<A> {
    pub(super) fn new(files: &Files) -> Result<Self, EvalError> {
        let inputs = Self {
            logits: files.logits.numbers()?,
            targets: files.targets.integers()?,
            valid: files.valid()?,
            sample_weight: files.sample_weight.as_ref().map(Named::numbers).transpose()?,
        };
        let shape = inputs.logits.shape();
        if shape.len() < 2 || shape[1] < 2 {
            return Err(files.refuse(LossError::Classes { found: shape.to_vec() }));
        }
        let expected = [&shape[..1], &shape[2..]].concat();
        check(&expected, inputs.targets.shape(), inputs.valid.as_ref(), inputs.sample_weight.as_ref())
            .map_err(|source| files.refuse(source))?;
        Ok(inputs)
    }
}

/// That every array has the shape `expected`, alike for every backend: a flattened tensor would not show it.
fn check<A>(
    expected: &[usize],
    targets: &[usize],
    valid: Option<&ArrayD<bool>>,
    sample_weight: Option<&ArrayD<A>>,
) -> Result<(), LossError> {
    let shapes = [
        ("targets", Some(targets)),
        ("valid", valid.map(|array| array.shape())),
        ("sample_weight", sample_weight.map(|array| array.shape())),
    ];
    for (name, found) in shapes {
        if let Some(found) = found.filter(|found| *found != expected) {
            return Err(LossError::Shape { name, expected: expected.to_vec(), found: found.to_vec() });
        }
    }
    Ok(())
}
