//! The arguments of `reweight plot`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::training::not_negative;

const WEIGHTS_EXAMPLES: &str = "\
Examples:
  reweight plot weights
      the focal paper's curves, in the terminal
  reweight plot weights --gamma 0,1,2 --config loss.toml --out curves.svg
      a chain of your own beside them, as a picture
  reweight plot weights --config ghm.toml --state-in state.json --out ghm.png
      GHM as it weighs after the batches that `reweight eval --state-out state.json` has seen

Exit codes: 0 done; 2 something in the input is wrong (the message says what, where, and how to mend it).";

/// Arguments of `reweight plot`.
#[derive(Debug, Args)]
pub struct PlotArguments {
    /// What to draw.
    #[command(subcommand)]
    pub figure: PlotFigure,
}

/// What can be drawn.
#[derive(Debug, Subcommand)]
pub enum PlotFigure {
    /// Weight, and base loss times weight, over p_t, the probability given to the target.
    Weights(WeightsArguments),
}

/// Arguments of `reweight plot weights`.
#[derive(Debug, Args)]
#[command(after_help = WEIGHTS_EXAMPLES)]
pub struct WeightsArguments {
    /// A loss as TOML; may be given again. Where weights differ by class or column, each has a curve; adjustments of softmax are
    /// drawn as where all logits but the target's are 0.
    #[arg(long, value_name = "FILE.toml", help_heading = "What to draw")]
    pub config: Vec<PathBuf>,

    /// Focal's (1 − p_t)^γ for each of these γ; 0,0.5,1,2,5 where no loss is given.
    #[arg(long, value_name = "γ,γ,..", value_delimiter = ',', allow_hyphen_values = true, value_parser = not_negative, help_heading = "What to draw")]
    pub gamma: Vec<f64>,

    /// The state of losses that weigh by what they have observed, as `reweight eval --state-out` wrote it.
    #[arg(long, value_name = "FILE.json", requires = "config", help_heading = "What to draw")]
    pub state_in: Option<PathBuf>,

    /// Write a picture, .svg or .png, instead of drawing in the terminal.
    #[arg(long, value_name = "FILE.svg|FILE.png", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// The picture's width and height in pixels.
    #[arg(long, value_name = "WxH", default_value = "1000x440", requires = "out", help_heading = "Output")]
    pub size: PictureSize,

    /// What stands above the curves.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "Weights of samples by how well they are classified",
        help_heading = "Output"
    )]
    pub title: String,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureSize {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl FromStr for PictureSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str, least: u32| text.trim().parse().ok().filter(|side| (least..=3000).contains(side));
        let sides =
            text.split_once(['x', '×']).and_then(|(width, height)| Some((side(width, 300)?, side(height, 200)?)));
        let (width, height) =
            sides.ok_or("a width of 300 to 3000, `x` and a height of 200 to 3000 are needed, as in 1000x440")?;
        Ok(Self { width, height })
    }
}
