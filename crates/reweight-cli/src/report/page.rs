//! A page: a title, toggles for the curves of all charts, and sections of paragraphs, tables and charts.

use askama::Template;

use super::ReportError;
use super::chart::Chart;
use super::library::{packed, plotly};
use super::palette;
use super::table::Table;

/// A report. All texts are plain; the page escapes them.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    lead: Vec<String>,
    toggled: String,
    toggles: Vec<Toggle>,
    sections: Vec<Section>,
}

/// A checkbox that shows and hides the curves of a group in every chart.
#[derive(Debug, Clone)]
struct Toggle {
    name: String,
    is_shown: bool,
}

/// A heading and what is beneath it.
#[derive(Debug, Clone)]
pub struct Section {
    heading: String,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
enum Block {
    Paragraph(String),
    Verdict(Vec<String>),
    List(Vec<String>),
    Code(String),
    Table(Table),
    Chart(Box<Chart>),
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lead: Vec::new(),
            toggled: String::new(),
            toggles: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Adds a line beneath the title.
    #[must_use]
    pub fn lead(mut self, line: impl Into<String>) -> Self {
        self.lead.push(line.into());
        self
    }

    /// Sets the toggles, one a group of curves: its name, and whether it is on at first. `what` says what they are, as in
    /// `Strategies`.
    pub fn toggles(&mut self, what: impl Into<String>, groups: impl IntoIterator<Item = (String, bool)>) {
        self.toggled = what.into();
        self.toggles = groups.into_iter().map(|(name, is_shown)| Toggle { name, is_shown }).collect();
    }

    /// Adds a section.
    pub fn section(&mut self, heading: impl Into<String>) -> &mut Section {
        self.sections.push(Section { heading: heading.into(), blocks: Vec::new() });
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }

    /// The whole file.
    ///
    /// The same page gives the same bytes: no time is in it.
    ///
    /// # Errors
    ///
    /// [`ReportError`] where the plotting library is not as expected.
    pub fn to_html(&self) -> Result<String, ReportError> {
        let charts: Vec<_> = self.sections.iter().flat_map(Section::charts).map(Chart::packable).collect();
        let charts = serde_json::to_vec(&charts).map_err(std::io::Error::from)?;
        let file = File {
            page: self,
            version: env!("CARGO_PKG_VERSION"),
            colours: palette::style(),
            style: include_str!("../../templates/report.css").trim_end(),
            script: include_str!("../../templates/report.js").trim_end(),
            series: palette::SERIES,
            charts: packed(&charts)?,
            library: plotly()?,
        };
        Ok(file.render()? + "\n")
    }

    fn has_toggles(&self) -> bool {
        self.toggles.len() > 1
    }
}

impl Section {
    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: impl Into<String>) -> &mut Self {
        self.add(Block::Paragraph(text.into()))
    }

    /// Adds sentences that stand out, the first of them most.
    pub fn verdict(&mut self, sentences: impl IntoIterator<Item = String>) -> &mut Self {
        self.add(Block::Verdict(sentences.into_iter().collect()))
    }

    /// Adds a list.
    pub fn list(&mut self, items: impl IntoIterator<Item = String>) -> &mut Self {
        self.add(Block::List(items.into_iter().collect()))
    }

    /// Adds a command or a file, with its line breaks.
    pub fn code(&mut self, text: impl Into<String>) -> &mut Self {
        self.add(Block::Code(text.into()))
    }

    /// Adds a table.
    pub fn table(&mut self, table: Table) -> &mut Self {
        self.add(Block::Table(table))
    }

    /// Adds a chart.
    pub fn chart(&mut self, chart: Chart) -> &mut Self {
        self.add(Block::Chart(Box::new(chart)))
    }

    fn add(&mut self, block: Block) -> &mut Self {
        self.blocks.push(block);
        self
    }

    fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Chart(chart) => Some(&**chart),
            _ => None,
        })
    }
}

#[derive(Debug, Template)]
#[template(path = "report.html")]
struct File<'a> {
    page: &'a Page,
    version: &'static str,
    colours: String,
    style: &'static str,
    script: &'static str,
    /// Colours before they repeat.
    series: usize,
    charts: String,
    library: &'static str,
}

#[cfg(test)]
mod tests;
