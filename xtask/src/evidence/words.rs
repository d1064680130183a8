//! What the results say in words: counted, so that the words follow the figures when those change.

use std::fmt::Write as _;

use super::Result;
use super::page::{Setting, Sign, means, sign, signed};

/// How often a two-sided test at 5 % finds a loss better (or worse) where nothing is.
const CHANCE: f64 = 0.025;

/// The figures that are put in words, of those that a setting has.
const SAID: [&str; 5] =
    ["average_precision", "hardest_positives_rank", "balanced_at_half", "balanced_accuracy", "worst_recall"];

/// The section that comes first.
pub(super) fn follows(text: &mut String, settings: &[Setting<'_>], results: &[Result]) {
    text.push_str(
        "## What follows\n\nNamed is a loss that differs from plain cross entropy beyond noise on more tables than chance gives (a one-sided binomial test, 5 %): of 21 tables on 3, of 8 or of 5 on 2.\n\n",
    );
    for setting in settings {
        let said: Vec<String> = SAID
            .iter()
            .filter(|figure| setting.figures.contains(figure))
            .map(|figure| finding(setting, figure))
            .collect();
        let _ = writeln!(text, "- **{}.** {}.", setting.title, said.join(". "));
    }
    if let Some(said) = threshold(settings, results) {
        let _ = writeln!(text, "- **A threshold costs nothing.** {said}");
    }
    if let Some(said) = wrong_labels(settings) {
        let _ = writeln!(text, "- **Wrong labels.** {said}");
    }
    let searched: Vec<&Result> = results.iter().filter(|result| !result.tune.is_null()).collect();
    let _ = writeln!(
        text,
        "- **The search.** On rows that it never saw, what `tune` chose was better than plain cross entropy with a tuned threshold, beyond noise, in {} of {} runs.\n",
        searched.iter().filter(|result| result.tune["is_better"] == true).count(),
        searched.len()
    );
}

/// Who is better and who is worse by a figure: "in average precision none is better; worse: GCE (8 of 21)".
fn finding(setting: &Setting<'_>, figure: &str) -> String {
    let (title, higher_is_better) = setting.head(figure);
    let (names, found) = (setting.names(), setting.found(figure));
    let list = |wanted: Sign, other: Sign| -> Vec<String> {
        (1..names.len())
            .filter_map(|loss| {
                let count = |sought: &Sign| found.iter().filter(|table| sign(&table[loss], higher_is_better) == *sought).count();
                let (here, there) = (count(&wanted), count(&other));
                if chance_of(here, found.len()) >= 0.05 || here <= there {
                    return None;
                }
                Some(if let [only] = &found[..] {
                    format!("{} ({})", names[loss], signed(&only[loss]["to_baseline"]["mean"]))
                } else if there > 0 {
                    format!("{} ({here} of {}, and {there} the other way)", names[loss], found.len())
                } else {
                    format!("{} ({here} of {})", names[loss], found.len())
                })
            })
            .collect()
    };
    let said = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!(
        "By {title} better: {}; worse: {}",
        said(list(Sign::Better, Sign::Worse)),
        said(list(Sign::Worse, Sign::Better))
    )
}

/// The chance that of `all` tables at least `count` are called better where nothing is.
fn chance_of(count: usize, all: usize) -> f64 {
    let none = (1.0 - CHANCE).powi(i32::try_from(all).unwrap_or(i32::MAX));
    let terms = std::iter::successors(Some((0, none)), |(k, term)| {
        Some((k + 1, term * (all - k) as f64 / (k + 1) as f64 * CHANCE / (1.0 - CHANCE)))
    });
    1.0 - terms.take(count).map(|(_, term)| term).sum::<f64>()
}

/// What the losses gain at a threshold of ½, beside what a tuned threshold gains by itself.
fn threshold(settings: &[Setting<'_>], results: &[Result]) -> Option<String> {
    let figure = "balanced_at_half";
    let setting = settings.iter().find(|setting| setting.name == "mlp" && setting.figures.contains(&figure))?;
    let (names, values) = (setting.names(), means(&setting.found(figure)));
    let mean = |loss: usize| values.iter().map(|table| table[loss]).sum::<f64>() / values.len() as f64;
    let best = (1..names.len()).max_by(|a, b| mean(*a).total_cmp(&mean(*b)))?;
    let tuned: Vec<f64> = results
        .iter()
        .filter(|result| result.learner == "mlp" && !result.is_multiclass)
        .filter_map(|result| result.tune["threshold"][1].as_f64())
        .collect();
    Some(format!(
        "Under the mlp, over the tables of two classes, plain cross entropy has a balanced accuracy of {:.3} at ½ and of {:.3} at a threshold that is tuned on the training rows; the best loss at ½ ({}) has {:.3}.",
        mean(0),
        tuned.iter().sum::<f64>() / tuned.len() as f64,
        names[best],
        mean(best)
    ))
}

/// Which losses fall less than plain cross entropy from clean labels to the most wrong ones.
fn wrong_labels(settings: &[Setting<'_>]) -> Option<String> {
    let figure = "average_precision";
    let of = |name: &str| settings.iter().find(|setting| setting.name == name && setting.figures.contains(&figure));
    let (clean, wrong) = (of("mlp")?, of("noise-20")?);
    let names = clean.names();
    let mean = |setting: &Setting<'_>, loss: usize| {
        let values = means(&setting.found(figure));
        values.iter().map(|table| table[loss]).sum::<f64>() / values.len() as f64
    };
    let falls: Vec<f64> = (0..names.len()).map(|loss| mean(clean, loss) - mean(wrong, loss)).collect();
    let said = |holds: bool| -> String {
        let all: Vec<String> = (1..names.len())
            .filter(|&loss| (falls[loss] < falls[0]) == holds)
            .map(|loss| format!("{} ({:.3}, to {:.3})", names[loss], falls[loss], mean(wrong, loss)))
            .collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    };
    Some(format!(
        "With 20 % of the training positives called negative, plain cross entropy loses {:.3} of average precision, to {:.3}, in the mean over the tables. Less is lost by {}; as much or more by {}.",
        falls[0],
        mean(wrong, 0),
        said(true),
        said(false)
    ))
}

#[cfg(test)]
mod tests {
    use super::chance_of;

    #[test]
    fn chance_is_the_binomials_tail() {
        assert!((chance_of(0, 21) - 1.0).abs() < 1e-12);
        assert!((chance_of(1, 1) - 0.025).abs() < 1e-12);
        // 1 − 0.975^21 − 21 · 0.025 · 0.975^20.
        assert!((chance_of(2, 21) - 0.095_975).abs() < 1e-3, "{}", chance_of(2, 21));
        assert!(chance_of(2, 21) > 0.05 && chance_of(3, 21) < 0.05);
        assert!(chance_of(1, 5) > 0.05 && chance_of(2, 5) < 0.05);
    }
}
