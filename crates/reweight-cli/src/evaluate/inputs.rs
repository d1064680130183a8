//! The batch's arrays: read in the precision asked for, and checked as far as only the files can tell.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, ArrayViewD};
use reweight::LossError;
use reweight_dfdx::TensorLossError;
use reweight_lab::npy::{ElementError, Masked, NpyError, NpyFile};

use super::shapes::{self, Sample};
use super::{EvalError, Number};
use crate::arguments::{EvalArguments, Precision};

/// The files of a batch, whose headers were read.
pub(super) struct Files {
    pub(super) logits: NpyFile,
    pub(super) targets: NpyFile,
    pub(super) valid: Option<NpyFile>,
    pub(super) sample_weight: Option<NpyFile>,
    config: String,
}

/// BCE targets: bool and integers are hard, floats may be soft.
pub(super) enum BceTargets<A> {
    /// Integers that all fit into a byte, as those that are right do.
    Bytes(ArrayD<u8>),
    /// Integers of which one does not.
    Integers(ArrayD<i64>),
    Soft(ArrayD<A>),
}

/// A batch for BCE; all arrays have the logits' shape.
pub(super) struct BceInputs<A> {
    pub(super) logits: ArrayD<A>,
    pub(super) targets: BceTargets<A>,
    pub(super) valid: Option<ArrayD<bool>>,
    pub(super) sample_weight: Option<SampleWeights<A>>,
}

/// A batch for softmax; all arrays but the logits have the logits' shape without its second axis.
pub(super) struct SoftmaxInputs<A> {
    pub(super) logits: ArrayD<A>,
    pub(super) targets: ArrayD<i64>,
    pub(super) valid: Option<ArrayD<bool>>,
    pub(super) sample_weight: Option<SampleWeights<A>>,
}

/// Sample weights as the file holds them, and the shape that they are spread over.
pub(super) struct SampleWeights<A> {
    array: ArrayD<A>,
    shape: Vec<usize>,
}

impl<A> SampleWeights<A> {
    /// One weight a sample.
    pub(super) fn view(&self) -> Result<ArrayViewD<'_, A>, LossError> {
        let (expected, found) = (&self.shape, self.array.shape());
        // Checked when it was read.
        let misfit = || LossError::Shape { name: "sample_weight", expected: expected.clone(), found: found.to_vec() };
        self.array.broadcast(&expected[..]).ok_or_else(misfit)
    }
}

impl Files {
    pub(super) fn open(arguments: &EvalArguments) -> Result<Self, EvalError> {
        let open = |path: &Path| -> Result<NpyFile, NpyError> {
            let file = NpyFile::open(path)?;
            Ok(if arguments.dtype == Precision::Bf16 { file.assuming_bf16() } else { file })
        };
        let optional = |path: &Option<PathBuf>| path.as_deref().map(open).transpose();
        Ok(Self {
            logits: open(&arguments.logits)?,
            targets: open(&arguments.targets)?,
            valid: optional(&arguments.valid)?,
            sample_weight: optional(&arguments.sample_weight)?,
            config: arguments.config.display().to_string(),
        })
    }

    /// The engine's error, with the file that it is about.
    pub(super) fn refuse(&self, source: LossError) -> EvalError {
        let optional = |file: &Option<NpyFile>| file.as_ref().map_or_else(String::new, |file| file.name().to_owned());
        let files = match &source {
            LossError::Shape { name: "targets", .. } | LossError::Label { .. } | LossError::Target { .. } => {
                self.targets.name().to_owned()
            }
            LossError::Shape { name: "valid", .. } => optional(&self.valid),
            LossError::Shape { name: "sample_weight", .. } | LossError::SampleWeight { .. } => {
                optional(&self.sample_weight)
            }
            LossError::Weight(_) | LossError::Parameter(_) | LossError::Hessian(_) => self.config.clone(),
            LossError::Backend(_) => return EvalError::Engine { source },
            _ => self.logits.name().to_owned(),
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

    /// That there is memory for `elements` more: where it is limited, the engine could but abort.
    pub(super) fn make_room<A: Number>(&self, elements: usize) -> Result<(), EvalError> {
        let name = self.logits.name().to_owned();
        let no_memory = |_| NpyError::NoMemory { name, elements };
        Ok(Vec::<A>::new().try_reserve_exact(elements).map_err(no_memory)?)
    }

    /// The mask, in C order; of `true` throughout where there is none.
    fn valid(&mut self) -> Result<Mask, EvalError> {
        let Some(file) = &mut self.valid else { return Ok(Mask(None)) };
        let path = file.name().to_owned();
        let mask = told(file.truths(), |index, value| EvalError::NotAMask { path, index, value })?;
        Ok(Mask(Some(if mask.is_standard_layout() { mask } else { mask.as_standard_layout().into_owned() })))
    }

    fn sample_weights<A: Number>(
        &mut self,
        shape: Vec<usize>,
        mask: &Mask,
    ) -> Result<Option<SampleWeights<A>>, EvalError> {
        let Some(file) = &mut self.sample_weight else { return Ok(None) };
        let masked = if file.shape() == shape { mask.elements() } else { Mask(None).elements() };
        let array = numbers(file, masked)?;
        Ok(Some(SampleWeights { array, shape }))
    }
}

/// Which samples count.
struct Mask(Option<ArrayD<bool>>);

impl Mask {
    /// Of arrays with an element a sample.
    fn elements(&self) -> Masked<'_> {
        Masked { valid: self.0.as_ref().and_then(|mask| mask.as_slice()).unwrap_or(&[]), rows: None }
    }
}

/// What was read, or what the caller makes of an element that is not what is wanted.
fn told<T>(read: Result<T, ElementError>, unfit: impl FnOnce(usize, f64) -> EvalError) -> Result<T, EvalError> {
    read.map_err(|error| match error {
        ElementError::Npy(error) => error.into(),
        ElementError::Unfit { index, value } => unfit(index, value),
    })
}

/// Numbers in the precision asked for; what was finite must stay so. An infinity of the file's own is for the engine to refuse.
fn numbers<A: Number>(file: &mut NpyFile, masked: Masked<'_>) -> Result<ArrayD<A>, EvalError> {
    let path = file.name().to_owned();
    told(A::read(file, masked), |index, value| EvalError::BeyondPrecision { path, index, value, size: A::SIZE })
}

/// Class indices. i64 holds all that are right.
fn classes(file: &mut NpyFile, mask: &Mask) -> Result<ArrayD<i64>, EvalError> {
    let path = file.name().to_owned();
    told(file.integers(mask.elements()), |index, value| EvalError::NotAClass { path, index, value })
}

/// Those of BCE, of which all that are right fit into a byte.
fn labels<A>(file: &mut NpyFile, mask: &Mask) -> Result<BceTargets<A>, EvalError> {
    let path = file.name().to_owned();
    let bytes = told(file.bytes(mask.elements()), |index, value| EvalError::NotAClass { path, index, value })?;
    Ok(match bytes {
        Some(bytes) => BceTargets::Bytes(bytes),
        None => BceTargets::Integers(classes(file, mask)?),
    })
}

/// Probabilities.
fn soft_targets<A: Number>(file: &mut NpyFile, mask: &Mask) -> Result<ArrayD<A>, EvalError> {
    let files = file.name().to_owned();
    // What has no form in the precision asked for is no target in any.
    let refuse = |index, target| EvalError::Loss { files, source: LossError::Target { index, target } };
    told(A::read(file, mask.elements()), refuse)
}

impl<A: Number> BceInputs<A> {
    pub(super) fn new(files: &mut Files) -> Result<Self, EvalError> {
        let shape = shapes::check(files, Sample::Element)?;
        let mask = files.valid()?;
        let targets = if files.targets.is_float() {
            BceTargets::Soft(soft_targets(&mut files.targets, &mask)?)
        } else {
            labels(&mut files.targets, &mask)?
        };
        let logits = numbers(&mut files.logits, mask.elements())?;
        let sample_weight = files.sample_weights(shape, &mask)?;
        Ok(Self { logits, targets, valid: mask.0, sample_weight })
    }
}

impl<A: Number> SoftmaxInputs<A> {
    pub(super) fn new(files: &mut Files) -> Result<Self, EvalError> {
        let shape = shapes::check(files, Sample::Row)?;
        let mask = files.valid()?;
        let targets = classes(&mut files.targets, &mask)?;
        let rows = (files.logits.shape()[1], shape[1..].iter().product::<usize>());
        let logits = numbers(&mut files.logits, Masked { rows: Some(rows), ..mask.elements() })?;
        let sample_weight = files.sample_weights(shape, &mask)?;
        Ok(Self { logits, targets, valid: mask.0, sample_weight })
    }
}
