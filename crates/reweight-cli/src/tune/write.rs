//! `--write`: the recommended loss as TOML, with the reason in comments.

use std::fmt::Write as _;

use reweight_lab::text::{counted, on_one_line, wrapped};

use super::outcome::{Choice, Tuned};
use super::verdict::verdict;
use crate::strategy::BASELINE;

/// Columns of a comment.
const WIDTH: usize = 98;

/// The file.
#[must_use]
pub fn loss_toml(tuned: &Tuned, classes: &[String]) -> String {
    let mut text = String::new();
    let mut comment = |sentence: &str| {
        for line in wrapped(sentence, WIDTH).lines() {
            let _ = writeln!(text, "# {line}");
        }
    };
    let data = &tuned.data;
    comment(&format!(
        "Written by reweight {} `tune` for `{}`: {}, goal {}, {} in each search.",
        tuned.versions.reweight,
        on_one_line(&data.name, 60),
        counted(data.rows as u64, "row"),
        tuned.settings.goal.name(),
        counted(tuned.trials_done as u64, "trial"),
    ));
    verdict(tuned).iter().for_each(|sentence| comment(sentence));
    if !tuned.is_better && tuned.chosen.name != BASELINE {
        comment(&format!(
            "What the search over all rows chose, and could not prove: {}; the JSON and the report hold it.",
            tuned.chosen.name
        ));
    }
    let recommended = tuned.recommended();
    if has_counts(recommended) {
        let listed: Vec<String> =
            classes.iter().take(30).map(|class| format!("`{}`", on_one_line(class, 40))).collect();
        let more = if classes.len() > listed.len() { ", …" } else { "" };
        comment(&format!(
            "The counts are those of the whole table, of {}{more}; where the loss trains on a part of it, take that part's.",
            listed.join(", ")
        ));
    }
    text.push('\n');
    text.push_str(&toml(recommended));
    text
}

/// A loss as TOML.
pub(super) fn toml(choice: &Choice) -> String {
    // What a search has trained with can be written: the space's test does so with all of it.
    choice.loss.to_toml().unwrap_or_else(|error| format!("# {error}\n"))
}

fn has_counts(choice: &Choice) -> bool {
    let weighters = choice.loss.weighter.iter().map(|entry| &entry.settings);
    let adjustments = choice.loss.adjustment.iter().map(|entry| &entry.settings);
    weighters.chain(adjustments).any(|settings| settings.contains_key("counts"))
}
