//! The critical-difference diagram (Demšar 2006): mean ranks on a line, and bars over those that cannot be told apart.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
/// The axis' ends; names stand outside.
const ENDS: [f64; 2] = [170.0, 590.0];
const AXIS: f64 = 50.0;
/// Between two names, and between two bars.
const STEP: f64 = 20.0;
const BAR: f64 = 8.0;

/// The diagram as SVG, the best rank on the left.
pub(super) fn svg(title: &str, names: &[&str], ranks: &[f64], critical: f64) -> String {
    let count = names.len();
    let place = |rank: f64| ENDS[0] + (rank - 1.0) / (count as f64 - 1.0).max(1.0) * (ENDS[1] - ENDS[0]);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| ranks[a].total_cmp(&ranks[b]));
    let sorted: Vec<f64> = order.iter().map(|&index| ranks[index]).collect();
    let bars = groups(&sorted, critical);
    let left = count.div_ceil(2);
    let names_at = AXIS + 16.0 + BAR * bars.len() as f64;
    let height = names_at + STEP * left as f64 + 12.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut line = |x1: f64, y1: f64, x2: f64, y2: f64, width: f64| {
        let _ = writeln!(text, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"black\" stroke-width=\"{width}\"/>");
    };
    line(ENDS[0], AXIS, ENDS[1], AXIS, 1.0);
    (1..=count).for_each(|rank| line(place(rank as f64), AXIS - 5.0, place(rank as f64), AXIS, 1.0));
    let length = place(1.0 + critical) - place(1.0);
    line(ENDS[0], 22.0, ENDS[0] + length, 22.0, 1.0);
    [0.0, length].into_iter().for_each(|x| line(ENDS[0] + x, 18.0, ENDS[0] + x, 26.0, 1.0));
    for (index, &(first, last)) in bars.iter().enumerate() {
        let y = AXIS + BAR * (index as f64 + 1.0);
        line(place(sorted[first]) - 3.0, y, place(sorted[last]) + 3.0, y, 4.0);
    }
    let row = |index: usize| names_at + STEP * (if index < left { index } else { count - 1 - index }) as f64;
    for (index, &rank) in sorted.iter().enumerate() {
        let end = if index < left { ENDS[0] - 8.0 } else { ENDS[1] + 8.0 };
        line(place(rank), AXIS, place(rank), row(index), 0.7);
        line(place(rank), row(index), end, row(index), 0.7);
    }
    let mut word = |x: f64, y: f64, anchor: &str, what: &str| {
        let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>");
    };
    word(ENDS[0] + length + 8.0, 26.0, "start", &format!("critical difference {critical:.2}"));
    (1..=count).for_each(|rank| word(place(rank as f64), AXIS - 8.0, "middle", &rank.to_string()));
    for (index, &which) in order.iter().enumerate() {
        let (x, anchor) = if index < left { (ENDS[0] - 12.0, "end") } else { (ENDS[1] + 12.0, "start") };
        word(x, row(index) + 4.0, anchor, &format!("{} {:.2}", names[which], sorted[index]));
    }
    text.push_str("</svg>\n");
    text
}

/// The first and last of each longest run of ranks that lie within the difference; none of one alone.
fn groups(sorted: &[f64], critical: f64) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for first in 0..sorted.len() {
        let last = sorted.iter().rposition(|&rank| rank - sorted[first] <= critical).unwrap_or(first);
        if last > first && found.last().is_none_or(|&(_, before)| last > before) {
            found.push((first, last));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_cover_what_lies_together_and_no_bar_lies_within_another() {
        assert_eq!(groups(&[1.0, 1.5, 2.4, 5.0], 1.0), [(0, 1), (1, 2)]);
        assert_eq!(groups(&[1.0, 3.0, 5.0], 1.0), []);
        assert_eq!(groups(&[1.0, 1.2, 1.4], 1.0), [(0, 2)]);
    }

    #[test]
    fn every_name_stands_with_its_rank() {
        let svg = svg("ranks", &["a", "b", "c"], &[2.5, 1.0, 2.5], 1.1);
        for name in ["a 2.50", "b 1.00", "c 2.50"] {
            assert_eq!(svg.matches(&format!(">{name}<")).count(), 1, "{name} in {svg}");
        }
    }
}
