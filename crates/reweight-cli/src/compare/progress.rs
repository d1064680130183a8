//! The progress bar: on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plan::Plan;

/// How far the training is.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    networks: usize,
}

impl Progress {
    /// A bar for all of a plan's training steps, or none.
    pub(super) fn new(plan: &Plan<'_>, visible: bool) -> Self {
        // indicatif draws nothing where standard error is no terminal.
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(plan.steps), target);
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}, about {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let progress = Self { bar, networks: plan.len() };
        progress.trained(0);
        progress
    }

    /// One training step is done.
    pub(super) fn step(&self) {
        self.bar.inc(1);
    }

    /// So many networks are done.
    pub(super) fn trained(&self, done: usize) {
        self.bar.set_message(format!("{done} of {} networks", self.networks));
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
