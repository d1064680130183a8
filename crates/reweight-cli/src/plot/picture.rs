//! Curves as SVG and PNG, drawn with plotters; the same on every machine, since the letters' sizes come from a font in the program.

use std::fmt::Display;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::curves::loss_formula;
use super::{Curve, PlotError};
use crate::arguments::PictureSize;
use crate::report::light_series;

/// The family's name; a reader of the SVG has such a font, if not the same.
const FONT: &str = "sans-serif";

/// Dark on white: 16 to 1.
const INK: RGBColor = RGBColor(0x1b, 0x1f, 0x24);

/// Lines behind the curves.
const GRID: RGBColor = RGBColor(0xd5, 0xda, 0xe0);

/// One of the two panels.
struct Panel<'a> {
    title: &'a str,
    y: &'a str,
    points: fn(&Curve) -> &[(f64, f64)],
    has_legend: bool,
}

fn panels(loss: &str) -> [Panel<'_>; 2] {
    [
        Panel { title: "Weight", y: "weight w", points: |curve| &curve.weight, has_legend: false },
        Panel { title: "Weighted loss", y: loss, points: |curve| &curve.loss, has_legend: true },
    ]
}

/// How much larger an SVG is drawn than it is shown: plotters places points on whole pixels only.
const SVG_SCALE: u32 = 4;

/// How much larger a PNG is drawn before neighbouring pixels are averaged: plotters draws hard edges.
const PNG_SCALE: u32 = 3;

/// The curves as an SVG document, with a title and a description for those who cannot see it.
pub(super) fn svg(title: &str, curves: &[Curve], size: PictureSize) -> Result<String, PlotError> {
    let mut text = String::new();
    let (width, height) = (SVG_SCALE * size.width, SVG_SCALE * size.height);
    draw(&SVGBackend::with_string(&mut text, (width, height)).into_drawing_area(), title, curves, SVG_SCALE)?;
    let Some((_, rest)) = text.split_once('>') else { return Err(refuse("no SVG was written")) };
    let (title, description) = (escaped(title), escaped(&described(curves)));
    let head = format!(
        "<svg width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\">",
        size.width, size.height
    );
    Ok(format!("{head}\n<title>{title}</title>\n<desc>{description}</desc>{rest}"))
}

/// The curves as a PNG file.
pub(super) fn png(title: &str, curves: &[Curve], size: PictureSize) -> Result<Vec<u8>, PlotError> {
    let (width, height) = (size.width, size.height);
    let mut pixels = vec![0; (3 * PNG_SCALE * width) as usize * (PNG_SCALE * height) as usize];
    let backend = BitMapBackend::with_buffer(&mut pixels, (PNG_SCALE * width, PNG_SCALE * height));
    draw(&backend.into_drawing_area(), title, curves, PNG_SCALE)?;
    let pixels = averaged(&pixels, (PNG_SCALE * width) as usize);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let text = |key: &str, text: String| (key.to_owned(), text);
    for (key, text) in [text("Title", title.to_owned()), text("Description", described(curves))] {
        encoder.add_itxt_chunk(key, text).map_err(refuse)?;
    }
    let mut writer = encoder.write_header().map_err(refuse)?;
    writer.write_image_data(&pixels).map_err(refuse)?;
    writer.finish().map_err(refuse)?;
    Ok(file)
}

/// Squares of pixels as one pixel each; `width` is that of a row before.
fn averaged(pixels: &[u8], width: usize) -> Vec<u8> {
    let scale = PNG_SCALE as usize;
    let row = |rows: &[u8], at: usize| -> u8 {
        let (column, channel) = (at / 3, at % 3);
        let square = (0..scale * scale).map(|i| (i / scale, scale * column + i % scale));
        let sum: usize = square.map(|(y, x)| usize::from(rows[3 * (y * width + x) + channel])).sum();
        // A mean of bytes is one.
        (sum / (scale * scale)) as u8
    };
    let rows = pixels.chunks(3 * width * scale);
    rows.flat_map(|rows| (0..3 * width / scale).map(move |at| row(rows, at))).collect()
}

fn draw<D: DrawingBackend>(
    area: &DrawingArea<D, Shift>,
    title: &str,
    curves: &[Curve],
    scale: u32,
) -> Result<(), PlotError> {
    let scale = scale.cast_signed();
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        // Of a font that is part of the program; were it none, drawing would say so.
        let _ = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
    area.fill(&WHITE).map_err(refuse)?;
    let area = area.margin(8 * scale, 8 * scale, 12 * scale, 16 * scale);
    let area = area.titled(title, (FONT, 24 * scale).into_font().color(&INK)).map_err(refuse)?;
    let loss = format!("{}, nats", loss_formula(curves));
    for (panel, area) in panels(&loss).iter().zip(area.split_evenly((1, 2))) {
        draw_panel(panel, &area, curves, scale)?;
    }
    area.present().map_err(refuse)
}

fn draw_panel<D: DrawingBackend>(
    panel: &Panel<'_>,
    area: &DrawingArea<D, Shift>,
    curves: &[Curve],
    scale: i32,
) -> Result<(), PlotError> {
    let largest = curves.iter().flat_map(panel.points).map(|point| point.1).fold(0.0, f64::max);
    // Weights that all vanish need a scale too.
    let top = if largest > 0.0 { 1.04 * largest } else { 1.0 };
    // A line of one pixel.
    let line = scale.cast_unsigned();
    let text = |size: i32| (FONT, size * scale).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .margin(6 * scale)
        .caption(panel.title, text(19))
        .x_label_area_size(44 * scale)
        .y_label_area_size(58 * scale)
        .build_cartesian_2d(0.0..1.0, 0.0..top)
        .map_err(refuse)?;
    chart
        .configure_mesh()
        .x_desc("p_t, the probability given to the target")
        .y_desc(panel.y)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|p_t| format!("{p_t:.1}"))
        .y_label_formatter(&|value| number(*value, top))
        .label_style(text(15))
        .axis_desc_style(text(16))
        .axis_style(INK.stroke_width(line))
        .set_all_tick_mark_size(4 * scale)
        .bold_line_style(GRID.stroke_width(line))
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(refuse)?;
    for curve in curves {
        let points = (panel.points)(curve).iter().copied();
        let style = style(curve, scale);
        // The first curve of a loss is a whole line, the others are broken.
        let drawn = if curve.member == 0 {
            chart.draw_series(LineSeries::new(points, style))
        } else {
            let (dash, gap) = dashes(curve.member, scale);
            chart.draw_series(DashedLineSeries::new(points, dash, gap, style))
        };
        let drawn = drawn.map_err(refuse)?;
        if panel.has_legend {
            let member = curve.member;
            // A whole line is one dash as long as the sample.
            let (dash, gap) = if member == 0 { (27 * scale, 1) } else { dashes(member, scale) };
            // The blanks keep the frame away from the text where the reader's font is wider than this one.
            drawn
                .label(format!("{}   ", curve.name))
                .legend(move |(x, y)| DashedPathElement::new(vec![(x, y), (x + 26 * scale, y)], dash, gap, style));
        }
    }
    if panel.has_legend {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .legend_area_size(34 * scale)
            .label_font(text(15))
            .background_style(WHITE.mix(0.85))
            .border_style(GRID.stroke_width(line))
            .margin(6 * scale)
            .draw()
            .map_err(refuse)?;
    }
    Ok(())
}

/// A loss's colour, as reports have it.
fn style(curve: &Curve, scale: i32) -> ShapeStyle {
    let colours = light_series();
    let (red, green, blue) = colours[curve.group % colours.len()];
    RGBColor(red, green, blue).stroke_width(2 * scale.cast_unsigned())
}

/// Lengths of a dash and the gap after it, in pixels, of a loss's second and further curves.
fn dashes(member: usize, scale: i32) -> (i32, i32) {
    let (dash, gap) = [(8, 5), (3, 4), (14, 5), (14, 10)][(member - 1) % 4];
    (dash * scale, gap * scale)
}

/// As many digits as tell an axis's labels apart.
fn number(value: f64, top: f64) -> String {
    if !(0.01..10_000.0).contains(&top) {
        format!("{value:.0e}")
    } else if top > 5.0 {
        format!("{value:.0}")
    } else if top > 0.5 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

/// The figure in words, for those who cannot see it.
fn described(curves: &[Curve]) -> String {
    let at =
        |points: &[(f64, f64)], p_t: f64| points.iter().find(|point| point.0 >= p_t).map_or(f64::NAN, |point| point.1);
    let one = |curve: &Curve| {
        let weights = [0.1, 0.5, 0.9].map(|p_t| format!("{:.3}", at(&curve.weight, p_t)));
        format!("{}: {}", curve.name, weights.join(", "))
    };
    let all: Vec<String> = curves.iter().map(one).collect();
    format!(
        "Weight, and weight times cross entropy, over p_t. The weights at p_t = 0.1, 0.5 and 0.9 are, of {}.",
        all.join("; of ")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn refuse(error: impl Display) -> PlotError {
    PlotError::Drawing { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves(name: &str) -> Vec<Curve> {
        let points = |scale: f64| (1..10).map(|step| (f64::from(step) / 10.0, scale * f64::from(step))).collect();
        let curve = |member| Curve {
            name: name.to_owned(),
            group: 0,
            member,
            weight: points(0.1),
            loss: points(2.0),
            is_plain: true,
        };
        vec![curve(0), curve(1)]
    }

    const SIZE: PictureSize = PictureSize { width: 600, height: 300 };

    #[test]
    fn an_svg_has_words_for_those_who_cannot_see_it_and_no_markup_of_a_name() {
        let svg = svg("a < b", &curves("<script>\"&"), SIZE).unwrap();
        assert!(svg.starts_with("<svg width=\"600\" height=\"300\""), "{}", &svg[..80]);
        assert!(svg.contains("role=\"img\"") && svg.contains("<title>a &lt; b</title>"));
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
        assert!(svg.contains("The weights at p_t = 0.1, 0.5 and 0.9 are, of &lt;script&gt;"), "{svg}");
    }

    #[test]
    fn a_png_is_one_and_shows_something() {
        let file = png("a", &curves("b"), SIZE).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (600, 300));
        assert!(pixels.chunks(3).filter(|pixel| *pixel != [255; 3]).count() > 2000);
    }

    #[test]
    fn weights_that_all_vanish_are_drawn() {
        let mut flat = curves("b");
        flat.iter_mut()
            .for_each(|curve| curve.weight.iter_mut().chain(&mut curve.loss).for_each(|point| point.1 = 0.0));
        svg("a", &flat, SIZE).unwrap();
    }
}
