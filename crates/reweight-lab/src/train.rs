//! Training one network on one fold: batches in an order that the seed fixes, whatever the loss.

use ndarray::{Array2, Axis};

use crate::device::TrainingDevice;
use crate::model::{AdamSettings, Logits, Loss, Mlp, MlpConfig, ModelError};
use crate::random::{Purpose, Random};

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSettings {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Passes over the training rows.
    pub epochs: u32,
    /// Rows a step; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// The optimiser.
    pub adam: AdamSettings,
}

/// A trained network and how its loss fell.
#[derive(Debug)]
pub struct Trained<D: TrainingDevice> {
    /// The network.
    pub model: Mlp<D>,
    /// The mean training loss of each epoch, over its rows.
    pub epoch_losses: Vec<f64>,
}

/// Trains a network from the initial weights of `seed` on `inputs` (rows, width), in the batches of `seed` and `fold`.
///
/// Neither depends on the loss, so that two losses differ by nothing but themselves. `loss` is given the logits of a batch,
/// (batch, `outputs`), and the batch's rows as positions in `inputs`; `output_bias` has one start value an output, or none
/// for 0. `after_epoch` is given the network after each epoch, from 1, to look at and not to change.
///
/// # Errors
///
/// [`ModelError`] when a size is 0, when `loss` fails or is not finite, or what `after_epoch` says.
pub fn train<E, D: TrainingDevice>(
    inputs: &Array2<f32>,
    outputs: usize,
    output_bias: Option<&[f32]>,
    settings: &TrainSettings,
    (seed, fold): (u64, u32),
    mut loss: impl FnMut(&Mlp<D>, Logits<D>, &[usize]) -> Result<Loss<D>, E>,
    mut after_epoch: impl FnMut(&Mlp<D>, u32) -> Result<(), ModelError>,
) -> Result<Trained<D>, ModelError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let config = MlpConfig { inputs: inputs.ncols(), hidden: settings.hidden.clone(), outputs, seed };
    let mut model = Mlp::new(&config, settings.adam)?;
    if let Some(bias) = output_bias {
        model.set_output_bias(bias)?;
    }
    let mut epoch_losses = Vec::with_capacity(settings.epochs as usize);
    let mut order: Vec<usize> = (0..inputs.nrows()).collect();
    for epoch in 0..settings.epochs {
        // From the rows' own order each time, so that an epoch's batches do not hang on the epochs before.
        order.sort_unstable();
        Random::new(seed, Purpose::Batches { fold, epoch }).shuffle(&mut order);
        let mut sum = 0.0;
        for rows in order.chunks(settings.batch_size.max(1)) {
            let batch = inputs.select(Axis(0), rows);
            let value = model.step(&batch, |model, logits| loss(model, logits, rows))?;
            sum += f64::from(value) * rows.len() as f64;
        }
        // Cross entropy of an untrained network is positive: only weights make it nothing.
        if epoch == 0 && sum == 0.0 && !order.is_empty() {
            return Err(ModelError::NoWeight);
        }
        epoch_losses.push(sum / order.len().max(1) as f64);
        after_epoch(&model, epoch + 1)?;
    }
    Ok(Trained { model, epoch_losses })
}

#[cfg(test)]
mod tests;
