//! `--report`: the comparison as a page that tells its story, from the verdict to the command that repeats it.
//!
//! Every number on it is one of the comparison's, which the JSON holds too.

mod calibration;
mod gradient;
mod overview;
mod precision;
mod scores;
pub(crate) mod settings;
mod training;
pub(crate) mod words;

use super::comparison::Comparison;
use super::story::Story;
use super::verdict::main_figures;
use crate::report::{Curve, Page, ReportError};

/// Strategies that are shown at first, the baseline among them: more would hide each other.
const SHOWN: usize = 3;

/// The report as one HTML file.
///
/// # Errors
///
/// [`ReportError`] where the plotting library is not as expected.
pub fn html(comparison: &Comparison) -> Result<String, ReportError> {
    page(comparison).to_html()
}

fn page(comparison: &Comparison) -> Page {
    let mut page =
        Page::new(format!("Re-weighted losses on {}", comparison.data.name)).lead(overview::lead(comparison));
    let shown = shown(comparison);
    let strategies = comparison.settings.strategies.iter().map(|strategy| strategy.name.clone());
    page.toggles("Strategies", strategies.enumerate().map(|(index, name)| (name, shown.contains(&index))));
    let view = comparison.report.as_ref().map(|story| View { comparison, story });
    // Of two classes, the verdict is about the ranks of the lowest positives.
    let is_binary = comparison.data.positive.is_some();
    overview::add(&mut page, comparison, view.as_ref().filter(|_| is_binary).map(scores::rank));
    if let Some(view) = view {
        scores::add(&mut page, &view);
        precision::add(&mut page, &view);
        gradient::add(&mut page, &view);
        calibration::add(&mut page, &view);
        training::add(&mut page, &view);
    }
    settings::add(&mut page, comparison);
    page
}

/// The baseline, and the strategies that do best in the verdict's main figure.
fn shown(comparison: &Comparison) -> Vec<usize> {
    let main = main_figures(comparison)[0];
    let sign = if main.higher_is_better() { -1.0 } else { 1.0 };
    let mean = |index: &usize| {
        let figures = &comparison.results[*index].figures;
        figures.iter().find(|figure| figure.figure == main).map_or(f64::NAN, |figure| sign * figure.over_runs.mean)
    };
    let mut others: Vec<usize> = (1..comparison.results.len()).collect();
    others.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
    std::iter::once(0).chain(others).take(SHOWN).collect()
}

/// What every section is made of.
struct View<'a> {
    comparison: &'a Comparison,
    story: &'a Story,
}

impl View<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.comparison.settings.strategies.iter().map(|strategy| strategy.name.as_str())
    }

    /// One curve a strategy, in its group.
    fn curves<'s, S>(&self, strategies: &'s [S], curve: impl Fn(&str, &'s S) -> Curve) -> Vec<Curve> {
        let pairs = self.names().zip(strategies).enumerate();
        pairs.map(|(group, (name, strategy))| curve(name, strategy).group(group)).collect()
    }

    /// The rare class, as a sentence says it.
    fn rare(&self) -> String {
        format!("`{}`", self.story.rare)
    }
}

#[cfg(test)]
mod tests;
