//! Reports: one HTML file that needs no network, with charts that can be hovered over and toggled. What is common to all of
//! them is here; what a particular report says is beside the command that writes it.
//!
//! A report is built of plain text and numbers only. Every text is escaped where it is put into the page, by the templates
//! and by [`Curve`], so a name such as `<script>` is shown and not run; nobody who builds a report has to think of it.
//!
//! ```
//! use reweight_cli::report::{Axis, Cell, Chart, Curve, Page, Table};
//!
//! # fn main() -> Result<(), reweight_cli::report::ReportError> {
//! let mut page = Page::new("scores.csv").lead("1,000 rows");
//! // One toggle a strategy; a curve of group 1 is shown while the second one is on. Without toggles all are.
//! page.toggles("Strategies", [("plain CE".to_owned(), true), ("focal".to_owned(), true)]);
//! let mut table = Table::new("Samples of each region", ["region", "samples"]);
//! table.row([Cell::text("0 to 0.1"), Cell::number("900")]);
//! page.section("Gradient norms").paragraph("Most samples are easy.").chart(
//!     Chart::new("norms", "How many samples have which gradient norm", "Nine in ten lie below 0.1.")
//!         .x(Axis::new("gradient norm g = 1 − p_t").range(0.0, 1.0))
//!         .y(Axis::new("samples (log scale)").log())
//!         .curve(Curve::steps("focal", vec![0.05, 0.15], vec![900.0, 100.0]).group(1))
//!         .table(table),
//! );
//! let html = page.to_html()?;
//! # assert!(html.starts_with("<!doctype html>"));
//! # Ok(())
//! # }
//! ```
//!
//! Figures that lead to the charts belong into the command's JSON as well; [`read_charts`] gets the charts' numbers out of a
//! page again, for a test that compares the two.
//!
//! | file | what it does |
//! |---|---|
//! | `page` | title, sections, blocks: the page's outline |
//! | `table` | a table with notes beneath its numbers |
//! | `chart` | axes and curves, as Plotly takes them |
//! | `library` | Plotly and the charts, packed into the page and out of it |
//! | `palette` | the colours, for light and dark |
//! | `templates/report.html`, `.css`, `.js` | the page itself, its type, and what draws the charts in it |

mod chart;
mod library;
mod page;
mod palette;
mod table;

pub use chart::{Axis, Chart, Curve, Dash};
pub use library::read_charts;
pub use page::{Page, Section};
pub(crate) use palette::light_series;
pub use table::{Cell, Mark, Table};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The page's template failed.
    #[error("the report cannot be laid out")]
    Template(#[from] askama::Error),
    /// The charts could not be packed.
    #[error("the report's charts cannot be packed")]
    Packing(#[from] std::io::Error),
    /// The plotting library's script is not where this version of its crate had it.
    #[error(
        "the plotting library holds no script where one was expected; this program was built with a version that it does not know"
    )]
    Library,
}
