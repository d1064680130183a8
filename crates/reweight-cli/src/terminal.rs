//! What output looks like where it goes: the columns that it may take, and colours where somebody sees them.

use console::Style;

/// Where standard output is no terminal.
const WIDTH_OF_A_FILE: usize = 100;

/// The columns that output may take.
#[must_use]
pub fn width() -> usize {
    let terminal = console::Term::stdout();
    terminal.size_checked().map_or(WIDTH_OF_A_FILE, |(_, columns)| usize::from(columns).max(20))
}

/// A heading; bold where there are colours.
#[must_use]
pub fn heading(text: &str) -> String {
    Style::new().bold().apply_to(text).to_string()
}

/// What is beside the point; dim where there are colours.
#[must_use]
pub fn aside(text: &str) -> String {
    Style::new().dim().apply_to(text).to_string()
}
