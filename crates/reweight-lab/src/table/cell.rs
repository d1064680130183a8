//! A cell's text without what tools write around it.

/// Trims a cell and takes off one pair of quotes; some tools write labels as `'1'`, and Python bytes as `b'1'`.
#[must_use]
pub fn bare(cell: &str) -> &str {
    let cell = cell.trim();
    // A number's last letter, which nearly every cell has.
    if cell.as_bytes().last().is_none_or(|last| !matches!(last, b'\'' | b'"')) {
        return cell;
    }
    let inside = |start: &str, quote| cell.strip_prefix(start).and_then(|rest| rest.strip_suffix(quote));
    let pairs = [("'", '\''), ("\"", '"'), ("b'", '\''), ("b\"", '"')];
    pairs.iter().find_map(|(start, quote)| inside(start, *quote)).map_or(cell, str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_blanks_are_no_part_of_a_cell() {
        for cell in ["1", " 1 ", "'1'", "\"1\"", "b'1'", " ' 1 ' "] {
            assert_eq!(bare(cell), "1", "{cell}");
        }
        assert_eq!((bare("b"), bare("'"), bare("rock 'n' roll")), ("b", "'", "rock 'n' roll"));
    }
}
