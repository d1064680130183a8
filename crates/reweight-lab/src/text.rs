//! Words of messages: counts with their nouns, and what may be shown of a user's text.

/// Columns of a quoted text.
const LONGEST_EXCERPT: usize = 60;

/// A share of 1 in percent; its blank is a no-break one.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}

/// A count with commas between thousands.
#[must_use]
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let comma = |(at, digit): (usize, char)| {
        let before = at > 0 && (digits.len() - at).is_multiple_of(3);
        before.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(comma).collect()
}

/// A number, with its power of ten where it would have more digits than anybody reads.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    let long = size.is_finite() && (size >= 1e16 || size > 0.0 && size < 1e-6);
    if long { format!("{value:e}") } else { value.to_string() }
}

/// A count with its noun: `1 row`, `1,599 rows`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// What a message quotes of a user's text: on one line, and never more than a message can hold.
#[must_use]
pub fn excerpt(text: &str) -> String {
    // Cut before it is looked at letter by letter: a cell may have megabytes.
    let end = text.char_indices().nth(LONGEST_EXCERPT + 1).map_or(text.len(), |(at, _)| at);
    on_one_line(&text[..end], LONGEST_EXCERPT)
}

/// A user's text on one line: control characters are shown as what they are, and a long one is cut.
#[must_use]
pub fn on_one_line(text: &str, longest: usize) -> String {
    let shown: String = text.chars().flat_map(shown).collect();
    console::truncate_str(&shown, longest, "…").into_owned()
}

/// A text of several lines in which the lines' ends are the only control characters.
#[must_use]
pub fn on_lines(text: &str) -> String {
    text.split('\n').map(|line| line.chars().flat_map(shown).collect()).collect::<Vec<String>>().join("\n")
}

/// A letter as it may stand in the output: none that would move the cursor, change colours or begin a line.
fn shown(letter: char) -> impl Iterator<Item = char> {
    // Marks that change the direction of what follows them are as treacherous as escape sequences.
    let unseen = letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let (escaped, plain) = if unseen { (Some(letter.escape_default()), None) } else { (None, Some(letter)) };
    escaped.into_iter().flatten().chain(plain)
}

/// `text` broken at blanks (but not at no-break ones) into lines of at most `width` columns; leading blanks indent every line.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> String {
    let indent: String = text.chars().take_while(|letter| *letter == ' ').collect();
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last().map_or(0, |line| console::measure_text_width(line));
        let fits = line == 0 || indent.len() + line + 1 + console::measure_text_width(word) <= width;
        match lines.last_mut() {
            Some(last) if fits => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
}

/// A word that a shell takes for itself.
pub fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./,:=@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) { word.to_owned() } else { in_quotes(word) }
}

fn in_quotes(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// An option with a text of the file's own, as it is typed; none for a text that is too long for a message, or that holds what a
/// terminal would obey.
#[must_use]
pub fn option(name: &str, text: &str) -> Option<String> {
    (excerpt(text) == text).then(|| format!("{name} {}", in_quotes(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_obey_is_left_of_a_name() {
        assert_eq!(on_one_line("a\u{1b}[2Jb\nc", 40), "a\\u{1b}[2Jb\\nc");
        assert_eq!(on_one_line("\u{202e}abc", 40), "\\u{202e}abc");
        assert_eq!(on_one_line("日本語の名前", 5), "日本…");
        assert_eq!(on_one_line("<script> & \"quotes\" 🦀", 40), "<script> & \"quotes\" 🦀");
    }

    #[test]
    fn a_quoted_text_is_short() {
        assert_eq!(excerpt("a\nb"), "a\\nb");
        let long = excerpt(&"日".repeat(1 << 20));
        assert!(long.ends_with('…') && console::measure_text_width(&long) <= LONGEST_EXCERPT, "{long}");
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!([0, 999, 1599, 1_000_000].map(thousands), ["0", "999", "1,599", "1,000,000"]);
        assert_eq!([2.0, -0.5, 1e308, 1e-9, f64::INFINITY].map(number), ["2", "-0.5", "1e308", "1e-9", "inf"]);
        assert_eq!([0, 1, 1599].map(|count| counted(count, "row")), ["0 rows", "1 row", "1,599 rows"]);
        assert_eq!(percent(0.0394), "3.9\u{a0}%");
    }

    #[test]
    fn lines_are_broken_at_blanks_and_keep_their_indent() {
        assert_eq!(wrapped("  one two three", 9), "  one two\n  three");
        assert_eq!(wrapped("95\u{a0}% of all", 6), "95\u{a0}%\nof all");
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        assert_eq!(quoted("data/a.csv"), "data/a.csv");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's; rm *"), r"'it'\''s; rm *'");
    }

    #[test]
    fn an_option_can_be_typed_as_it_is_told() {
        assert_eq!(option("--missing", "it's").as_deref(), Some(r"--missing 'it'\''s'"));
        assert_eq!(option("--missing", "7 kg").as_deref(), Some("--missing '7 kg'"));
        assert_eq!(option("--missing", "a\nb"), None);
        assert_eq!(option("--missing", &"a".repeat(100)), None);
    }
}
