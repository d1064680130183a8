//! A multi-layer perceptron on one of dfdx's devices whose sizes are known at run time, and one training step of it.
//!
//! dfdx's own `nn` types carry every size in the type; here all tensors are `(usize, usize)`, so the only type
//! parameters left to a caller are the device and the loss closure. On the CPU a seed fixes every bit on one kind of
//! processor, whatever the number of threads: dfdx's matrix product may share out the rows and columns of its result,
//! but never splits a sum. Below about 590,000 multiplications a product (256 rows through 32 × 32 weights are 262,144)
//! it starts no thread at all, so small networks are best trained side by side.

use dfdx::optim::{AdamConfig, WeightDecay};
use dfdx::prelude::*;
use dfdx::tensor::{Gradients, Storage};
use ndarray::{Array2, ArrayView2};
use reweight_dfdx::TensorLossError;

use crate::device::TrainingDevice;
use crate::random::{Purpose, Random};

/// Numbers of one batch, (rows, units).
type Activations<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;

/// Logits of one batch, (rows, outputs), with the tape of everything that led to them.
pub type Logits<D> = Activations<D, OwnedTape<f32, D>>;

/// A scalar loss on the tape.
pub type Loss<D> = Tensor<(), f32, D, OwnedTape<f32, D>>;

/// Sizes and seed of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MlpConfig {
    /// Width of an input row.
    pub inputs: usize,
    /// Width of each hidden layer, first to last; none makes it a linear model.
    pub hidden: Vec<usize>,
    /// Number of logits a row: 1 for binary, the number of classes for softmax.
    pub outputs: usize,
    /// Decides the initial weights, and nothing else.
    pub seed: u64,
}

/// How Adam is run (Kingma and Ba 2015; the decay is decoupled, Loshchilov and Hutter 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamSettings {
    /// Step size.
    pub learning_rate: f64,
    /// Decoupled weight decay on the weight matrices; the biases are never decayed.
    pub weight_decay: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self { learning_rate: 3e-3, weight_decay: 1e-4 }
    }
}

/// Why a network could not be built, trained or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A layer without units.
    #[error("layer {layer} would have no units; give every layer at least 1")]
    EmptyLayer {
        /// Layer, from 0 (the input).
        layer: usize,
    },
    /// Rows of another width than the network's.
    #[error("the rows have {actual} values, the network takes {expected}")]
    InputWidth {
        /// Width of the network's input.
        expected: usize,
        /// Width of the rows given.
        actual: usize,
    },
    /// The wrong number of output biases.
    #[error("{actual} output biases were given, the network has {expected} outputs")]
    OutputBias {
        /// Outputs of the network.
        expected: usize,
        /// Biases given.
        actual: usize,
    },
    /// Training left the finite numbers.
    #[error(
        "training diverged: the {what} became {value} at step {step}; lower the learning rate, or the class weights and `scale` of the loss"
    )]
    Diverged {
        /// Step, from 1.
        step: i32,
        /// What was not finite: a loss, a slope or a logit.
        what: &'static str,
        /// Its value.
        value: f32,
    },
    /// Nothing was learnt, as nothing weighed anything.
    #[error(
        "every training loss of the first epoch is 0, so that nothing is learnt: its weights are 0, or less than 32 bits hold; lower \
         exponents such as `gamma`, or raise class weights and `scale`"
    )]
    NoWeight,
    /// The loss closure failed.
    #[error("the loss could not be computed")]
    Loss(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The device failed.
    #[error(transparent)]
    Device(TensorLossError),
}

/// As what the device's own error is told.
fn failed<E: Into<TensorLossError>>(error: E) -> ModelError {
    ModelError::Device(error.into())
}

/// One parameter tensor and Adam's two moments of it.
#[derive(Debug)]
struct Parameter<S: Shape, D: TrainingDevice> {
    values: Tensor<S, f32, D>,
    first_moment: <D as Storage<f32>>::Vec,
    second_moment: <D as Storage<f32>>::Vec,
}

impl<S: Shape, D: TrainingDevice> Parameter<S, D> {
    fn new(device: &D, values: Vec<f32>, shape: S) -> Result<Self, D::Err> {
        let zeros = || <D as Storage<f32>>::try_alloc_len(device, values.len());
        let (first_moment, second_moment) = (zeros()?, zeros()?);
        Ok(Self { values: device.try_tensor_from_vec(values, shape)?, first_moment, second_moment })
    }

    fn update(&mut self, step: i32, adam: &AdamConfig, gradients: &mut Gradients<f32, D>) -> Result<(), D::Err> {
        let gradient = gradients.get_or_alloc_mut(&self.values)?;
        adam.try_update(step, &mut self.values, &mut self.first_moment, &mut self.second_moment, gradient)
    }
}

/// A fully connected layer: `weights` is (inputs, outputs).
#[derive(Debug)]
struct Layer<D: TrainingDevice> {
    weights: Parameter<(usize, usize), D>,
    bias: Parameter<(usize,), D>,
}

impl<D: TrainingDevice> Layer<D> {
    fn forward<T: Tape<f32, D> + Merge<NoneTape>>(
        &self,
        inputs: Activations<D, T>,
    ) -> Result<Activations<D, T>, D::Err> {
        let product = inputs.try_matmul(self.weights.values.clone())?;
        let bias = self.bias.values.retaped::<T>().try_broadcast_like::<_, Axis<0>>(product.shape())?;
        bias.try_add(product)
    }
}

/// A multi-layer perceptron with ReLU between its layers, and its optimiser's state.
#[derive(Debug)]
pub struct Mlp<D: TrainingDevice> {
    device: D,
    layers: Vec<Layer<D>>,
    inputs: usize,
    outputs: usize,
    matrix_adam: AdamConfig,
    bias_adam: AdamConfig,
    steps: i32,
}

impl<D: TrainingDevice> Mlp<D> {
    /// Builds a network on a device of its own; equal configs give equal weights.
    ///
    /// Weights are uniform: He for the layers that a ReLU follows, ±√(6 / inputs) (He et al. 2015), Glorot for the last,
    /// ±√(6 / (inputs + outputs)) (Glorot and Bengio 2010). Biases are 0.
    ///
    /// # Errors
    ///
    /// [`ModelError::EmptyLayer`] when a width is 0, [`ModelError::Device`] where there is no such device.
    pub fn new(config: &MlpConfig, adam: AdamSettings) -> Result<Self, ModelError> {
        let mut sizes = vec![config.inputs];
        sizes.extend(&config.hidden);
        sizes.push(config.outputs);
        if let Some(layer) = sizes.iter().position(|&size| size == 0) {
            return Err(ModelError::EmptyLayer { layer });
        }
        let device = D::open().map_err(ModelError::Device)?;
        let mut random = Random::new(config.seed, Purpose::Weights);
        let mut layers = Vec::with_capacity(sizes.len() - 1);
        for (index, pair) in sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let is_last = index + 2 == sizes.len();
            let fan = if is_last { inputs + outputs } else { inputs };
            let bound = (6.0 / fan as f64).sqrt();
            let values = (0..inputs * outputs).map(|_| (bound * (2.0 * random.unit() - 1.0)) as f32).collect();
            layers.push(Layer {
                weights: Parameter::new(&device, values, (inputs, outputs)).map_err(failed)?,
                bias: Parameter::new(&device, vec![0.0; outputs], (outputs,)).map_err(failed)?,
            });
        }
        let bias_adam = AdamConfig { lr: adam.learning_rate, ..AdamConfig::default() };
        let decay = (adam.weight_decay > 0.0).then_some(WeightDecay::Decoupled(adam.weight_decay));
        let matrix_adam = AdamConfig { weight_decay: decay, ..bias_adam };
        let (inputs, outputs) = (config.inputs, config.outputs);
        Ok(Self { device, layers, inputs, outputs, matrix_adam, bias_adam, steps: 0 })
    }

    /// Sets the last layer's biases, one for each output; for rare positives log(π / (1 − π)) with their prior π keeps
    /// the first steps from being spent on learning that they are rare (Lin et al. 2017, section 3.3).
    ///
    /// # Errors
    ///
    /// [`ModelError::OutputBias`] when there are not as many as outputs.
    pub fn set_output_bias(&mut self, bias: &[f32]) -> Result<(), ModelError> {
        if bias.len() != self.outputs {
            return Err(ModelError::OutputBias { expected: self.outputs, actual: bias.len() });
        }
        if let Some(last) = self.layers.last_mut() {
            last.bias = Parameter::new(&self.device, bias.to_vec(), (bias.len(),)).map_err(failed)?;
        }
        Ok(())
    }

    /// The device that the network lives on; what a loss compares the logits with must be made by it.
    #[must_use]
    pub fn device(&self) -> &D {
        &self.device
    }

    /// One optimiser step on `rows` (batch, inputs): forward, `loss`, backward, Adam. Returns the loss before the step.
    ///
    /// `loss` is also given the network, on whose device it makes its targets.
    ///
    /// A step that fails leaves the parameters as they were.
    ///
    /// # Errors
    ///
    /// [`ModelError::InputWidth`] for rows of another width, [`ModelError::Loss`] when `loss` fails,
    /// [`ModelError::Diverged`] when it is not finite.
    pub fn step<E>(
        &mut self,
        rows: &Array2<f32>,
        loss: impl FnOnce(&Self, Logits<D>) -> Result<Loss<D>, E>,
    ) -> Result<f32, ModelError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let logits = self.forward(self.upload(&rows.view())?.leaky_trace()).map_err(failed)?;
        let loss = loss(self, logits).map_err(|error| ModelError::Loss(Box::new(error)))?;
        // A tensor without axes has one element.
        let value = loss.as_vec().into_iter().sum::<f32>();
        if !value.is_finite() {
            return Err(ModelError::Diverged { step: self.steps.saturating_add(1), what: "loss", value });
        }
        let mut gradients = loss.try_backward().map_err(failed)?;
        self.steps = self.steps.saturating_add(1);
        for layer in &mut self.layers {
            layer.weights.update(self.steps, &self.matrix_adam, &mut gradients).map_err(failed)?;
            layer.bias.update(self.steps, &self.bias_adam, &mut gradients).map_err(failed)?;
        }
        Ok(value)
    }

    /// The logits of `rows` (rows, inputs), row after row: a vector of rows × outputs.
    ///
    /// # Errors
    ///
    /// [`ModelError::InputWidth`] for rows of another width.
    pub fn predict(&self, rows: &Array2<f32>) -> Result<Vec<f32>, ModelError> {
        let mut logits = Vec::with_capacity(rows.nrows() * self.outputs);
        // In blocks, so that the activations stay in the cache and the matrix products below the threading size.
        for block in rows.axis_chunks_iter(ndarray::Axis(0), 256) {
            logits.extend(self.forward(self.upload(&block)?).map_err(failed)?.as_vec());
        }
        Ok(logits)
    }

    fn upload(&self, rows: &ArrayView2<'_, f32>) -> Result<Activations<D>, ModelError> {
        if rows.ncols() != self.inputs {
            return Err(ModelError::InputWidth { expected: self.inputs, actual: rows.ncols() });
        }
        self.device.try_tensor_from_vec(rows.iter().copied().collect(), rows.dim()).map_err(failed)
    }

    fn forward<T: Tape<f32, D> + Merge<NoneTape>>(
        &self,
        mut activations: Activations<D, T>,
    ) -> Result<Activations<D, T>, D::Err> {
        for (index, layer) in self.layers.iter().enumerate() {
            activations = layer.forward(activations)?;
            if index + 1 < self.layers.len() {
                activations = activations.try_relu()?;
            }
        }
        Ok(activations)
    }
}

#[cfg(test)]
mod tests;
