//! Curves in the terminal, drawn with ratatui's chart: each with a letter of its own, so that colours are not needed.

use std::io::{self, Write};

use console::Style;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Color;
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};
use reweight_lab::text::wrapped;

use super::Curve;
use super::curves::loss_formula;
use crate::terminal::heading;

/// Lines a panel.
const HEIGHT: u16 = 16;

/// Columns that a panel is not wider than.
const WIDEST: usize = 110;

/// Colours of the losses, one after the other; a terminal has its own idea of each.
const COLOURS: [u8; 6] = [4, 1, 2, 5, 6, 3];

/// Draws both panels, and says which letter is which curve.
pub(super) fn draw(out: &mut dyn Write, title: &str, curves: &[Curve], width: usize) -> io::Result<()> {
    writeln!(out, "{}", heading(&wrapped(title, width)))?;
    // At most `WIDEST`, which fits.
    let columns = width.min(WIDEST) as u16;
    for (title, points) in [
        ("Weight w, over p_t:", (|curve| &curve.weight) as fn(&Curve) -> &Vec<(f64, f64)>),
        (&format!("Weighted loss {} in nats, over p_t:", loss_formula(curves)), |curve| &curve.loss),
    ] {
        writeln!(out, "\n{}", wrapped(title, width))?;
        panel(out, curves, points, columns)?;
    }
    writeln!(out)?;
    for (index, curve) in curves.iter().enumerate() {
        writeln!(out, "  {}  {}", style(curve.group).apply_to(letter(index)), curve.name)?;
    }
    Ok(())
}

fn panel(out: &mut dyn Write, curves: &[Curve], points: fn(&Curve) -> &Vec<(f64, f64)>, width: u16) -> io::Result<()> {
    let largest = curves.iter().flat_map(points).map(|point| point.1).fold(0.0, f64::max);
    let top = if largest > 0.0 { largest } else { 1.0 };
    // Small steps would cover each other; a curve that is drawn later covers those before.
    let datasets = curves.iter().enumerate().map(|(index, curve)| {
        Dataset::default()
            .data(points(curve))
            .marker(Marker::Custom(letter(index)))
            .graph_type(GraphType::Line)
            .style(Color::Indexed(u8::try_from(curve.group).unwrap_or(u8::MAX)))
    });
    let label = |share: f64| format!("{:.2}", share * top);
    let chart = Chart::new(datasets.collect())
        .legend_position(None)
        .x_axis(Axis::default().bounds([0.0, 1.0]).labels(["0", "0.25", "0.5", "0.75", "1"]))
        .y_axis(Axis::default().bounds([0.0, top]).labels([0.0, 0.5, 1.0].map(label)));
    let area = Rect::new(0, 0, width, HEIGHT);
    let mut buffer = Buffer::empty(area);
    chart.render(area, &mut buffer);
    for row in buffer.content().chunks(usize::from(width)) {
        let cell = |cell: &ratatui_core::buffer::Cell| match cell.fg {
            Color::Indexed(group) => style(usize::from(group)).apply_to(cell.symbol()).to_string(),
            _ => cell.symbol().to_owned(),
        };
        let line: String = row.iter().map(cell).collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The letter of a curve; there are fewer curves than letters.
fn letter(index: usize) -> char {
    char::from(b'a' + u8::try_from(index % 26).unwrap_or(0))
}

fn style(group: usize) -> Style {
    Style::new().color256(COLOURS[group % COLOURS.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_fit_and_every_curve_is_in_both() {
        let points = |scale: f64| (1..40).map(|step| (f64::from(step) / 40.0, scale * f64::from(step))).collect();
        let curve = |index: usize| Curve {
            name: format!("curve {index}"),
            group: index,
            member: 0,
            weight: points(1.0 + index as f64),
            loss: points(4.0 - index as f64),
            is_plain: true,
        };
        let curves: Vec<Curve> = (0..3).map(curve).collect();
        for width in [20, 60, 200] {
            let mut text = Vec::new();
            draw(&mut text, "A title", &curves, width).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(text.lines().all(|line| console::measure_text_width(line) <= width.min(WIDEST)), "{text}");
            let panels: Vec<&str> = text.split("p_t:").collect();
            for panel in &panels[1..3] {
                assert!(["a", "b", "c"].iter().all(|letter| panel.contains(letter)), "{width}: {panel}");
            }
            assert!(text.ends_with("  a  curve 0\n  b  curve 1\n  c  curve 2\n"));
        }
    }
}
