//! A table with a caption, whose numbers may have notes beneath them.

use askama::Template;

/// A table; the first cell of a row names it.
#[derive(Debug, Clone, Template)]
#[template(path = "table.html")]
pub struct Table {
    pub(super) caption: String,
    pub(super) head: Vec<Cell>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A cell: a text or a number, and notes beneath it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub(super) text: String,
    pub(super) is_number: bool,
    pub(super) notes: Vec<Note>,
}

/// A line beneath a cell's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) text: String,
    pub(super) mark: Mark,
}

/// What a note says of its number. The note's text must say it too: not everybody sees the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    Plain,
    /// Better, beyond noise.
    Better,
    /// Worse, beyond noise.
    Worse,
}

impl Table {
    /// A table without rows. Heads of columns after the first are set like numbers.
    #[must_use]
    pub fn new(caption: impl Into<String>, head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let cell = |(index, text): (usize, _)| if index == 0 { Cell::text(text) } else { Cell::number(text) };
        Self { caption: caption.into(), head: head.into_iter().enumerate().map(cell).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Cell {
    /// A text, set to the left.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_number: false, notes: Vec::new() }
    }

    /// A number, set to the right.
    #[must_use]
    pub fn number(text: impl Into<String>) -> Self {
        Self { is_number: true, ..Self::text(text) }
    }

    /// Adds a note beneath.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>, mark: Mark) -> Self {
        self.notes.push(Note { text: text.into(), mark });
        self
    }
}

impl Note {
    /// Further classes in the page's style.
    fn class(&self) -> &'static str {
        match self.mark {
            Mark::Plain => "",
            Mark::Better => " better",
            Mark::Worse => " worse",
        }
    }
}
