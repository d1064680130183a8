//! A chart: two axes and curves, as Plotly takes them. The page's script adds the colours, which follow its scheme.

use plotly::common::{DashType, Fill, HoverInfo, Line, LineShape, Marker, Mode};
use plotly::configuration::Configuration;
use plotly::layout::{Axis as PlotlyAxis, AxisType, BarMode, HoverMode, Layout};
use plotly::{Bar, Plot, Scatter, Trace};
use serde::Serialize;

use super::table::Table;

/// A chart with its title, its text alternative and its figures as a table.
#[derive(Debug, Clone)]
pub struct Chart {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) table: Option<Table>,
    x: Axis,
    y: Axis,
    curves: Vec<Curve>,
}

/// An axis: its name with its unit, and its scale.
#[derive(Debug, Clone)]
pub struct Axis {
    title: String,
    is_log: bool,
    is_share: bool,
    range: Option<(f64, f64)>,
}

/// One curve, band, or set of bars.
#[derive(Debug, Clone)]
pub struct Curve {
    name: String,
    shape: Shape,
    x: Places,
    y: Vec<f64>,
    group: Option<usize>,
    dash: Option<Dash>,
    width: f64,
    notes: Vec<String>,
}

/// How a curve is drawn where more than colour is to tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    /// Unbroken.
    Solid,
    /// Dashes.
    Dash,
    /// Dots.
    Dot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Line,
    Steps,
    Points,
    Marks,
    Bars,
    Band,
}

#[derive(Debug, Clone)]
enum Places {
    Numbers(Vec<f64>),
    Names(Vec<String>),
}

/// What the page's script takes.
#[derive(Serialize)]
pub(super) struct Packable<'a> {
    id: &'a str,
    plot: Plot,
}

impl Chart {
    /// A chart without curves. `id` is its place in the page, of letters, digits and `-`, and must be unique there; `summary`
    /// says in words what is to be seen, and is the text alternative too.
    #[must_use]
    pub fn new(id: &'static str, title: impl Into<String>, summary: impl Into<String>) -> Self {
        let (x, y) = (Axis::new(""), Axis::new(""));
        Self { id, title: title.into(), summary: summary.into(), table: None, x, y, curves: Vec::new() }
    }

    /// Sets the axis to the right.
    #[must_use]
    pub fn x(mut self, axis: Axis) -> Self {
        self.x = axis;
        self
    }

    /// Sets the axis upwards.
    #[must_use]
    pub fn y(mut self, axis: Axis) -> Self {
        self.y = axis;
        self
    }

    /// Adds a curve, above those before it.
    #[must_use]
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curves.push(curve);
        self
    }

    /// Adds curves, above those before them.
    #[must_use]
    pub fn curves(mut self, curves: impl IntoIterator<Item = Curve>) -> Self {
        self.curves.extend(curves);
        self
    }

    /// Sets the table of the chart's main figures, which is read where no chart can be.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.table = Some(table);
        self
    }

    pub(super) fn packable(&self) -> Packable<'_> {
        let mut plot = Plot::new();
        self.curves.iter().for_each(|curve| plot.add_trace(curve.trace(self)));
        // Labels that are numbers would be taken for places otherwise.
        let is_named = self.curves.iter().any(|curve| matches!(curve.x, Places::Names(_)));
        let x = self.x.axis();
        let x = if is_named { x.type_(AxisType::Category) } else { x };
        let layout = Layout::new().x_axis(x).y_axis(self.y.axis()).show_legend(false);
        plot.set_layout(layout.hover_mode(HoverMode::Closest).bar_mode(BarMode::Group));
        plot.set_configuration(Configuration::new().display_logo(false));
        Packable { id: self.id, plot }
    }
}

impl Axis {
    /// A linear axis; its title names what is counted and the unit.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), is_log: false, is_share: false, range: None }
    }

    /// A logarithmic axis. Values of 0 or less have no place on it: give NaN for them, which leaves a gap.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.is_log = true;
        self
    }

    /// Writes values in [0, 1] as per cent.
    #[must_use]
    pub fn share(mut self) -> Self {
        self.is_share = true;
        self
    }

    /// What is shown at first; all that there is, otherwise.
    #[must_use]
    pub fn range(mut self, from: f64, to: f64) -> Self {
        self.range = Some((from, to));
        self
    }

    fn axis(&self) -> PlotlyAxis {
        let (ticks, hover) = match (self.is_share, self.is_log) {
            (true, _) => (".3~%", ".3~%"),
            (false, true) => (",.3~r", ",.4~r"),
            (false, false) => ("", ",.4~r"),
        };
        let axis = PlotlyAxis::new().title(plain(&self.title)).hover_format(hover);
        let axis = if ticks.is_empty() { axis } else { axis.tick_format(ticks) };
        let axis = if self.is_log { axis.type_(AxisType::Log) } else { axis.zero_line(false) };
        match self.range {
            Some((from, to)) if self.is_log => axis.range(vec![from.log10(), to.log10()]),
            Some((from, to)) => axis.range(vec![from, to]),
            None => axis,
        }
    }
}

impl Curve {
    /// Straight lines from point to point.
    #[must_use]
    pub fn line(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self::new(name, Shape::Line, Places::Numbers(x), y)
    }

    /// A level around each point, up to halfway to its neighbours: a histogram's outline.
    #[must_use]
    pub fn steps(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self::new(name, Shape::Steps, Places::Numbers(x), y)
    }

    /// Marked points, with lines between.
    #[must_use]
    pub fn points(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self::new(name, Shape::Points, Places::Numbers(x), y)
    }

    /// Marked points without lines.
    #[must_use]
    pub fn marks(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self::new(name, Shape::Marks, Places::Numbers(x), y)
    }

    /// Marked points over names.
    #[must_use]
    pub fn points_over(name: impl Into<String>, x: Vec<String>, y: Vec<f64>) -> Self {
        Self::new(name, Shape::Points, Places::Names(x), y)
    }

    /// Bars over numbers.
    #[must_use]
    pub fn bars(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self::new(name, Shape::Bars, Places::Numbers(x), y)
    }

    /// Bars over names.
    #[must_use]
    pub fn bars_over(name: impl Into<String>, x: Vec<String>, y: Vec<f64>) -> Self {
        Self::new(name, Shape::Bars, Places::Names(x), y)
    }

    /// The area between two curves over the same places.
    #[must_use]
    pub fn band(name: impl Into<String>, x: &[f64], low: &[f64], high: &[f64]) -> Self {
        let there_and_back = |there: &[f64], back: &[f64]| there.iter().chain(back.iter().rev()).copied().collect();
        Self::new(name, Shape::Band, Places::Numbers(there_and_back(x, x)), there_and_back(low, high))
    }

    fn new(name: impl Into<String>, shape: Shape, x: Places, y: Vec<f64>) -> Self {
        Self { name: name.into(), shape, x, y, group: None, dash: None, width: 2.0, notes: Vec::new() }
    }

    /// Puts the curve into a group: it has the group's colour, and is shown while the page's toggle of that number (from 0)
    /// is on. Without, it is grey and always shown.
    #[must_use]
    pub fn group(mut self, group: usize) -> Self {
        self.group = Some(group);
        self
    }

    /// Sets the dash; by default, it tells apart groups that share a colour.
    #[must_use]
    pub fn dash(mut self, dash: Dash) -> Self {
        self.dash = Some(dash);
        self
    }

    /// Sets the width in pixels; 2 by default.
    #[must_use]
    pub fn width(mut self, width: f64) -> Self {
        self.width = width;
        self
    }

    /// Sets what hovering over each point tells beside its place; lines are kept.
    #[must_use]
    pub fn notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    fn trace(&self, chart: &Chart) -> Box<dyn Trace> {
        match &self.x {
            Places::Numbers(x) => self.over(chart, x.clone()),
            Places::Names(x) => self.over(chart, x.iter().map(|name| plain(name)).collect()),
        }
    }

    fn over<X: Serialize + Clone + 'static>(&self, chart: &Chart, x: Vec<X>) -> Box<dyn Trace> {
        let (name, y) = (plain(&self.name), self.y.clone());
        // The curve's name comes in by reference: a template would take `%{..}` in it for its own.
        let hover = format!(
            "<b>%{{fullData.name}}</b><br>{}: %{{x}}<br>{}: %{{y}}{}<extra></extra>",
            plain(&chart.x.title),
            plain(&chart.y.title),
            if self.notes.is_empty() { "" } else { "<br>%{text}" }
        );
        if self.shape == Shape::Bars {
            let bar = Bar::new(x, y).name(name).hover_template(hover);
            return match self.group {
                Some(group) => bar.legend_group(group.to_string()),
                None => bar,
            };
        }
        let line = Line::new().width(self.width).shape(match self.shape {
            Shape::Steps => LineShape::Hvh,
            _ => LineShape::Linear,
        });
        let line = match self.dash {
            Some(Dash::Solid) => line.dash(DashType::Solid),
            Some(Dash::Dash) => line.dash(DashType::Dash),
            Some(Dash::Dot) => line.dash(DashType::Dot),
            None => line,
        };
        let mode = match self.shape {
            Shape::Points => Mode::LinesMarkers,
            Shape::Marks => Mode::Markers,
            _ => Mode::Lines,
        };
        let scatter = Scatter::new(x, y).name(name).mode(mode).line(line);
        let scatter = match self.shape {
            Shape::Band => scatter.fill(Fill::ToSelf).hover_info(HoverInfo::Skip),
            Shape::Points | Shape::Marks => scatter.marker(Marker::new().size(7)).hover_template(hover),
            _ => scatter.hover_template(hover),
        };
        let scatter = if self.notes.is_empty() {
            scatter
        } else {
            scatter.text_array(self.notes.iter().map(|note| plain(note).replace('\n', "<br>")).collect())
        };
        match self.group {
            Some(group) => scatter.legend_group(group.to_string()),
            None => scatter,
        }
    }
}

/// Plotly reads some of HTML's elements in its texts, and its entities.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
