//! `reweight plot`: curves of weights, as a picture or in the terminal.
//!
//! [`mod@curves`] computes them from the library's formulas; `picture` draws them with plotters, `letters` with ratatui's widgets.

pub mod curves;
mod error;
mod letters;
mod picture;

use std::io::Write;
use std::path::Path;

use reweight::{ConfiguredLoss, LossConfig, Objective, WeightError, WeighterConfig};
use reweight_lab::text::on_one_line;
use serde_json::{Map, json};

use crate::arguments::WeightsArguments;
use crate::evaluate::{self, StateFile, read_config};
use crate::files::{Outputs, write_whole};
use crate::terminal::width;
use curves::{Curve, curves};
pub use error::PlotError;

/// More curves than these cannot be told apart.
const MOST_CURVES: usize = 16;

/// A larger value has more digits than an axis has room for, and one near the end of the floats has no next tick.
const LARGEST: f64 = 1e12;

/// The γ of the focal paper's figure 1.
const PAPER: [f64; 5] = [0.0, 0.5, 1.0, 2.0, 5.0];

/// Draws the weights of losses over p_t.
///
/// # Errors
///
/// [`PlotError`], which says what is wrong, where, and how to mend it.
pub fn weights(arguments: &WeightsArguments, out: &mut dyn Write) -> Result<(), PlotError> {
    Outputs::new([("--out", arguments.out.as_deref())])
        .reading_all("a loss", arguments.config.iter().map(AsRef::as_ref))
        .reading_all("the state", arguments.state_in.as_deref())
        .check()?;
    let all = all_curves(arguments)?;
    let title = on_one_line(&arguments.title, 200);
    let Some(path) = &arguments.out else {
        letters::draw(out, &title, &all, width())?;
        return Ok(out.flush()?);
    };
    let size = arguments.size;
    let bytes = match path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase).as_deref() {
        Some("svg") => picture::svg(&title, &all, size)?.into_bytes(),
        Some("png") => picture::png(&title, &all, size)?,
        _ => return Err(PlotError::Ending { path: path.display().to_string() }),
    };
    Ok(write_whole(path, &bytes)?)
}

fn all_curves(arguments: &WeightsArguments) -> Result<Vec<Curve>, PlotError> {
    let gammas = if arguments.config.is_empty() && arguments.gamma.is_empty() { &PAPER } else { &arguments.gamma[..] };
    let mut all = Vec::new();
    for (group, &gamma) in gammas.iter().enumerate() {
        all.extend(fitting("--gamma", curves(&format!("γ = {gamma}"), group, &focal(gamma)?))?);
    }
    for (index, path) in arguments.config.iter().enumerate() {
        let file = path.display().to_string();
        let config = read_config(path)?;
        let mut loss = config.build().map_err(|source| PlotError::Config { file: file.clone(), source })?;
        if observes(&loss) {
            let Some(state) = &arguments.state_in else { return Err(PlotError::NeedsState { file: file.clone() }) };
            evaluate::restore(&mut loss, &StateFile::read(state, config.objective)?, state)?;
        }
        all.extend(fitting(&file, curves(&name(path, &arguments.config), gammas.len() + index, &loss))?);
    }
    if all.len() > MOST_CURVES {
        return Err(PlotError::TooMany { curves: all.len(), most: MOST_CURVES });
    }
    for curve in &all {
        let values = curve.weight.iter().chain(&curve.loss).map(|&(_, value)| value);
        if let Some(value) = values.filter(|value| !(0.0..=LARGEST).contains(value)).reduce(f64::max) {
            return Err(PlotError::TooLarge { curve: curve.name.clone(), value });
        }
    }
    Ok(all)
}

fn fitting(file: &str, curves: Result<Vec<Curve>, WeightError>) -> Result<Vec<Curve>, PlotError> {
    curves.map_err(|source| PlotError::Misfit { file: file.to_owned(), source })
}

fn focal(gamma: f64) -> Result<ConfiguredLoss, PlotError> {
    let settings = Map::from_iter([("gamma".to_owned(), json!(gamma))]);
    let focal = WeighterConfig { kind: "focal".to_owned(), detached: false, scale: None, clamp: None, settings };
    let config = LossConfig { weighter: vec![focal], ..LossConfig::new(Objective::Bce) };
    config.build().map_err(|source| PlotError::Config { file: "--gamma".to_owned(), source })
}

fn observes(loss: &ConfiguredLoss) -> bool {
    use reweight::SampleWeighter;
    match loss {
        ConfiguredLoss::Bce(loss) => loss.weighter().observes(),
        ConfiguredLoss::Softmax(loss) => loss.weighter().observes(),
    }
}

/// A file's name without its ending, or its whole path where several have that name.
fn name(path: &Path, all: &[std::path::PathBuf]) -> String {
    let alike = all.iter().filter(|other| other.file_stem() == path.file_stem()).count();
    let stem = path.file_stem().filter(|_| alike == 1).map(|stem| stem.to_string_lossy().into_owned());
    on_one_line(&stem.unwrap_or_else(|| path.display().to_string()), 40)
}
