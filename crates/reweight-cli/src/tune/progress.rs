//! The progress bar: on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::search::{Search, Terms};

/// How far the searches are, and the best loss so far.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for about so many models, or none.
    pub(super) fn new(models: usize, visible: bool) -> Self {
        // indicatif draws nothing where standard error is no terminal.
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(models as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos} of about {len} models, {msg}") {
            bar.set_style(style);
        }
        bar.set_message("no best yet");
        Self { bar }
    }

    /// A model is done; of the search over all rows the best so far is told.
    pub(super) fn trained(&self, search: &Search, terms: &Terms<'_>) {
        self.bar.inc(1);
        if search.outer.is_some() {
            return;
        }
        if let Some(judged) = search.judged.last() {
            let [plain, best] = &judged.inner;
            let name = &search.candidates[judged.winner].strategy.name;
            self.bar.set_message(format!("best so far: {name} ({:+.3})", terms.goal.gain(best, plain)));
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
