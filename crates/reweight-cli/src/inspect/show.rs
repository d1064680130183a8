//! An inspection as text: as wide as the terminal allows, and narrower where it does not.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use reweight_lab::table::guess;
use reweight_lab::table::names::ScoreKind;
use reweight_lab::text::quoted;
use reweight_lab::text::{on_one_line, percent, thousands, wrapped};

use super::inspection::Inspection;
use crate::terminal::{aside, heading};
use reweight::Objective;

/// Columns of the longest bar.
const BAR: usize = 20;

/// Columns of a name or label.
const NAME: usize = 24;

/// The strategies whose shares of the regions stand beside those of plain cross entropy, as far as there is room.
const BESIDE: usize = 6;

/// Everything, or if `quiet` without notes and explanations.
pub(super) fn show(out: &mut dyn Write, inspection: &Inspection, quiet: bool, width: usize) -> io::Result<()> {
    let say = |out: &mut dyn Write, text: &str| writeln!(out, "{}", wrapped(text, width));
    say(out, &head(inspection))?;
    if !quiet {
        guess::show(out, &inspection.guesses, width)?;
    }
    let title = |text: &str| heading(&wrapped(text, width));
    let explain = |out: &mut dyn Write, text: &str| {
        if quiet { Ok(()) } else { writeln!(out, "{}", aside(&wrapped(text, width))) }
    };
    writeln!(out, "\n{}\n{}", title("Who owns the gradient: the classes"), classes(inspection, width))?;
    explain(
        out,
        "Gradient norm g = 1 − p_t: how far the score is from the label. Recall: of the class's samples, those that score \
         highest in it (of one score: above ½ says the positive class).",
    )?;
    writeln!(out, "\n{}\n{}", title("Who owns the gradient: easy and hard samples"), regions(inspection, width))?;
    explain(
        out,
        "Bars are logarithmic: equal steps in length are equal factors in number. Beside them each region's share of the gradient, \
         under plain cross entropy and under each loss.",
    )?;
    writeln!(out, "\n{}\n{}", title("What a loss would do to these samples"), strategies(inspection, width))?;
    let rarest = on_one_line(&inspection.classes[inspection.rarest].label, NAME);
    explain(
        out,
        &format!(
            "Effective samples: (Σw)²/Σw², as many of equal weight say as much. Largest: over the mean weight. Shares: those of \
             the rarest class, `{rarest}`. GHM as after its first batch; suggested: the loss below."
        ),
    )?;
    if !inspection.top.is_empty() {
        let candidates = "Largest gradient norms: candidates for label errors and outliers";
        writeln!(out, "\n{}\n{}", title(candidates), top(inspection, width))?;
    }
    writeln!(out, "\n{}", title("A loss.toml to begin with"))?;
    for line in inspection.suggestion.lines() {
        writeln!(out, "{}", if line.starts_with('#') { aside(line) } else { line.to_owned() })?;
    }
    Ok(())
}

pub(super) fn head(inspection: &Inspection) -> String {
    let file = on_one_line(&inspection.file, 200);
    let samples = thousands(inspection.samples);
    let kind = match inspection.scores {
        ScoreKind::Logits => "logits",
        ScoreKind::Probabilities => "probabilities",
        ScoreKind::Percentages => "percentages",
        ScoreKind::LogProbabilities => "logarithms of probabilities",
    };
    let positive = inspection.positive.as_ref().and_then(|positive| {
        let class = inspection.classes.iter().find(|class| class.label == *positive)?;
        let other = inspection.classes.iter().find(|class| class.label != *positive)?;
        Some((class, other))
    });
    match positive {
        Some((class, other)) => {
            let area = inspection.area_under_roc.map_or_else(String::new, |area| {
                format!("; area under the ROC curve of all rows {area:.3}{}", doubt(inspection, area, &other.label))
            });
            let (positive, share) = (on_one_line(&class.label, NAME), percent(class.share));
            format!(
                "{file}: {samples} samples, {} `{positive}` ({share}) against the rest; {kind}{area}",
                thousands(class.samples)
            )
        }
        None => format!("{file}: {samples} samples of {} classes; {kind}", inspection.classes.len()),
    }
}

/// What an area under ½ means, and the option that turns it.
fn doubt(inspection: &Inspection, area: f64, other: &str) -> String {
    if area >= 0.5 {
        return String::new();
    }
    if inspection.score_columns.len() > 1 || inspection.objective == Objective::SoftmaxCe {
        return ", under ½: the scores contradict the labels (--score names the columns in the classes' order)"
            .to_owned();
    }
    if other == "(other)" {
        return ", under ½: does the score speak for another label (--positive LABEL)?".to_owned();
    }
    let word = quoted(other);
    let option = if word.starts_with('-') { format!("--positive={word}") } else { format!("--positive {word}") };
    format!(", under ½: if the score speaks for `{}`, say {}", on_one_line(other, NAME), on_one_line(&option, 60))
}

/// Classes beyond these are left to the JSON.
const MOST_CLASSES: usize = 20;

fn classes(inspection: &Inspection, width: usize) -> String {
    let mut order: Vec<usize> = (0..inspection.classes.len()).collect();
    // The rarest last, as long-tailed data is drawn.
    order.sort_by_key(|&class| std::cmp::Reverse(inspection.classes[class].samples));
    let left_out = order.len().saturating_sub(MOST_CLASSES);
    if left_out > 0 {
        order.drain(MOST_CLASSES / 2..MOST_CLASSES / 2 + left_out);
    }
    let rows = order.iter().map(|&class| {
        let class = &inspection.classes[class];
        vec![
            on_one_line(&class.label, NAME),
            thousands(class.samples),
            percent(class.share),
            optional(class.recall, percent),
            optional(class.mean_gradient_norm, |norm| format!("{norm:.3}")),
            optional(class.gradient_share, percent),
        ]
    });
    let heads = ["class", "samples", "share", "recall", "mean g", "of the gradient"];
    let table = fitting(&heads, rows.collect(), width, &[1]);
    if left_out == 0 { table } else { format!("{table}\n{left_out} classes in between are left out; --json has them.") }
}

fn regions(inspection: &Inspection, width: usize) -> String {
    let most = inspection.regions.iter().map(|region| region.samples).max().unwrap_or(0);
    // Two digits tell 0.1 from 0.15; more regions need three.
    let digits = if inspection.regions.len() <= 10 { 1 } else { 2 };
    let last = inspection.regions.len().saturating_sub(1);
    let rows = |strategies: usize| -> Vec<Vec<String>> {
        let row = |(index, region): (usize, &super::inspection::Region)| {
            let close = if index == last { "]" } else { ")" };
            let mut cells = vec![
                format!("[{:.digits$}, {:.digits$}{close}", region.from, region.to),
                thousands(region.samples),
                bar(region.samples, most),
                optional(region.gradient_share, percent),
            ];
            let beside = inspection.strategies.iter().skip(1).take(strategies);
            cells.extend(beside.map(|judged| optional(judged.effect.region_gradient[index], percent)));
            cells
        };
        inspection.regions.iter().enumerate().map(row).collect()
    };
    let names: Vec<String> =
        inspection.strategies.iter().map(|judged| on_one_line(&judged.strategy.name, 10)).collect();
    let table = |strategies: usize| {
        let mut heads = vec!["g", "samples", "", names.first().map_or("", String::as_str)];
        heads.extend(names.iter().skip(1).take(strategies).map(String::as_str));
        draw(&heads, rows(strategies), &[2])
    };
    let fits = |text: &String| text.lines().all(|line| console::measure_text_width(line) <= width);
    let most_beside = BESIDE.min(names.len().saturating_sub(1));
    (1..=most_beside).rev().map(table).find(fits).unwrap_or_else(|| {
        let narrow: Vec<Vec<String>> = rows(0)
            .into_iter()
            .map(|mut cells| {
                cells.remove(2);
                cells
            })
            .collect();
        draw(&["g", "samples", "of the gradient"], narrow, &[])
    })
}

/// A bar whose length is the logarithm of a count.
fn bar(count: u64, most: u64) -> String {
    if count == 0 {
        return String::new();
    }
    let whole = ((most + 1) as f64).log10();
    let eighths = (8.0 * BAR as f64 * ((count + 1) as f64).log10() / whole).round().max(1.0) as usize;
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    "█".repeat(eighths / 8) + rest
}

fn strategies(inspection: &Inspection, width: usize) -> String {
    let rows = inspection.strategies.iter().map(|judged| {
        let effect = &judged.effect;
        let relative = if effect.mean_weight > 0.0 { Some(effect.largest_weight / effect.mean_weight) } else { None };
        vec![
            on_one_line(&judged.strategy.name, NAME),
            thousands(effect.effective_samples.round() as u64),
            percent(effect.effective_samples / inspection.samples as f64),
            optional(relative, |factor| format!("{factor:.1} ×")),
            optional(effect.class_weight[inspection.rarest], percent),
            optional(effect.class_gradient[inspection.rarest], percent),
        ]
    });
    let heads = ["loss", "effective samples", "of all", "largest", "of the weight", "of the gradient"];
    fitting(&heads, rows.collect(), width, &[2, 3])
}

fn top(inspection: &Inspection, width: usize) -> String {
    let rows = inspection.top.iter().map(|suspect| {
        vec![
            suspect.row.to_string(),
            suspect.line.to_string(),
            on_one_line(&suspect.label, NAME),
            on_one_line(&suspect.predicted, NAME),
            small(suspect.p_t),
            format!("{:.4}", suspect.gradient_norm),
            format!("{:.2}", suspect.cross_entropy),
        ]
    });
    let heads = ["row", "line", "label", "scores say", "p_t", "g", "loss"];
    fitting(&heads, rows.collect(), width, &[5, 1])
}

/// A probability near 0 in few letters.
pub(super) fn small(p: f64) -> String {
    if p >= 1e-4 || p == 0.0 { format!("{p:.4}") } else { format!("{p:.0e}") }
}

fn optional<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

/// A table without as many of the columns `spare`, the first of them first, as it takes to fit; then narrowed by breaking cells.
fn fitting(heads: &[&str], rows: Vec<Vec<String>>, width: usize, spare: &[usize]) -> String {
    let fits = |text: &String| text.lines().all(|line| console::measure_text_width(line) <= width);
    for left_out in 0..=spare.len() {
        let keep = |index: &usize| !spare[..left_out].contains(index);
        let heads: Vec<&str> = (0..heads.len()).filter(keep).map(|index| heads[index]).collect();
        let rows =
            rows.iter().map(|row| (0..row.len()).filter(keep).map(|index| row[index].clone()).collect()).collect();
        let drawn = draw(&heads, rows, &[]);
        if fits(&drawn) {
            return drawn;
        }
        if left_out == spare.len() {
            break;
        }
    }
    let mut table = table(heads, rows, &[]);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    trimmed(&table)
}

fn draw(heads: &[&str], rows: Vec<Vec<String>>, left: &[usize]) -> String {
    trimmed(&table(heads, rows, left))
}

/// Columns of words and those `left` begin at the left, columns of numbers end at the right.
fn table(heads: &[&str], rows: Vec<Vec<String>>, left: &[usize]) -> Table {
    let mut table = Table::new();
    // No line between rows: they are read down as well as across.
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Disabled);
    let words = |index: usize| index == 0 || left.contains(&index) || ["label", "scores say"].contains(&heads[index]);
    let cell = |(index, text): (usize, String)| {
        let alignment = if words(index) { CellAlignment::Left } else { CellAlignment::Right };
        Cell::new(text).set_alignment(alignment)
    };
    table.set_header(heads.iter().map(|head| (*head).to_owned()).enumerate().map(cell));
    for row in rows {
        table.add_row(row.into_iter().enumerate().map(cell));
    }
    table
}

fn trimmed(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    /// An inspection of three classes with long names.
    fn inspection() -> Inspection {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (one, other) = ("a class with a name that is rather long", "日本語の名前はここでとても長いです");
        let rows = (0..50).map(|row| {
            let label = if row % 7 == 1 { other } else { one };
            format!("{},0.{},-0.5,{label}\n", f64::from(row) / 9.0 - 2.0, row % 10)
        });
        let text = format!("{one},{other},c,label\n{}", rows.collect::<String>());
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap();
        let Command::Inspect(arguments) = Arguments::parse_from(["reweight", "inspect", path]).command else {
            panic!("asked for inspect")
        };
        crate::inspect::inspect(&arguments).unwrap()
    }

    #[test]
    fn everything_fits_the_width_but_for_the_file_to_be_copied() {
        let inspection = inspection();
        for width in [40, 60, 80, 100, 140] {
            let mut text = Vec::new();
            show(&mut text, &inspection, false, width).unwrap();
            let text = String::from_utf8(text).unwrap();
            let (shown, file) = text.split_once("A loss.toml to begin with\n").unwrap();
            // The file's name is one word.
            let lines = shown.lines().skip_while(|line| !line.is_empty());
            let widest = lines.max_by_key(|line| console::measure_text_width(line)).unwrap();
            assert!(console::measure_text_width(widest) <= width, "{width}: {widest}");
            assert_eq!(file, inspection.suggestion);
        }
        let mut quiet = Vec::new();
        show(&mut quiet, &inspection, true, 100).unwrap();
        assert!(!String::from_utf8(quiet).unwrap().contains("Bars are logarithmic"));
    }
}
