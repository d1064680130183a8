//! A reader's messages in the words of those who write files: no names of Rust's types.

use std::fmt::Display;

/// Letters of a message up to what was expected: what was found may be as long as the file.
const LONGEST: usize = 300;

/// What a message says was expected, and how a file's author would say it.
const EXPECTED: &[(&str, &str)] = &[
    ("u8", "a whole number from 0 to 255"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number of 0 or more"),
    ("usize", "a whole number of 0 or more"),
    ("i8", "a whole number from -128 to 127"),
    ("i16", "a whole number from -32768 to 32767"),
    ("i32", "a whole number from -2147483648 to 2147483647"),
    ("i64", "a whole number"),
    ("isize", "a whole number"),
    ("f32", "a number"),
    ("f64", "a number"),
    ("any value", "a number of at most 64 bits"),
    ("a boolean", "true or false"),
    ("a sequence", "a list"),
    ("a map", "a table"),
    ("string or map", "a name or a table"),
    ("enum", "a name"),
    ("struct", "a table"),
    ("an array of length 2", "a list of 2"),
];

/// What a message says was found.
const FOUND: &[(&str, &str)] = &[
    ("sequence", "a list"),
    ("map", "a table"),
    ("unit value", "nothing"),
    ("Option value", "something"),
    ("newtype struct", "a table"),
];

/// The message of a deserialiser, with what a file may hold in place of the names of Rust's types; for those who read files of
/// their own.
///
/// ```
/// let error = serde_json::from_str::<u32>("-1").unwrap_err();
/// assert_eq!(
///     reweight::in_plain_words(&error),
///     "invalid value: integer `-1`, expected a whole number from 0 to 4294967295 at line 1 column 2"
/// );
/// ```
pub fn in_plain_words(message: &impl Display) -> String {
    let text = message.to_string();
    // The last: a text that was found may hold the words too.
    let Some((found, expected)) = text.rsplit_once(", expected ") else { return shortened(&text) };
    let found = ["invalid type: ", "invalid value: "].iter().find_map(|begin| {
        let word = found.strip_prefix(begin)?;
        let (_, plain) = FOUND.iter().find(|(own, _)| *own == word)?;
        Some(format!("{begin}{plain}"))
    });
    let before = found.unwrap_or_else(|| {
        let own = &text[..text.len() - expected.len() - ", expected ".len()];
        // How a number is named that is too long for any other type.
        own.strip_suffix(" as i128").or_else(|| own.strip_suffix(" as u128")).unwrap_or(own).to_owned()
    });
    let after = EXPECTED.iter().find_map(|(own, plain)| {
        let rest = expected.strip_prefix(own)?;
        // The name of a struct or an enum is Rust's too.
        let rest =
            if ["struct", "enum"].contains(own) { rest.find(" at line").map_or("", |at| &rest[at..]) } else { rest };
        (rest.is_empty() || rest.starts_with(" at line") || rest.starts_with('\n')).then(|| format!("{plain}{rest}"))
    });
    let expected = after.as_deref().unwrap_or(expected);
    let decimals = before.strip_prefix("invalid type: floating point `").and_then(|number| number.strip_suffix('`'));
    match decimals.filter(|_| expected.starts_with("a whole number")) {
        Some(number) => format!("{number} has decimals, expected {expected}"),
        None => format!("{}, expected {expected}", shortened(&before)),
    }
}

/// The beginning of what quotes a file.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::in_plain_words;

    #[test]
    fn names_of_types_become_words_and_nothing_else_does() {
        for (message, plain) in [
            ("invalid type: string \"two\", expected f64", "invalid type: string \"two\", expected a number"),
            (
                "invalid type: sequence, expected u64 at line 1 column 3",
                "invalid type: a list, expected a whole number of 0 or more at line 1 column 3",
            ),
            ("invalid type: map, expected struct Config", "invalid type: a table, expected a table"),
            (
                "invalid type: string \", expected u32\", expected a sequence",
                "invalid type: string \", expected u32\", expected a list",
            ),
            ("unknown field `u32`, expected `u64` or `f64`", "unknown field `u32`, expected `u64` or `f64`"),
            (
                "invalid type: integer `1` as i128, expected any value",
                "invalid type: integer `1`, expected a number of at most 64 bits",
            ),
            (
                "invalid type: floating point `3.5`, expected u32",
                "3.5 has decimals, expected a whole number from 0 to 4294967295",
            ),
            (
                "invalid type: floating point `3.5`, expected a sequence",
                "invalid type: floating point `3.5`, expected a list",
            ),
            ("missing field `bins`", "missing field `bins`"),
        ] {
            assert_eq!(in_plain_words(&message), plain);
        }
    }
}
