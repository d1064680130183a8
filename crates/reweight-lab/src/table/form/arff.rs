//! The headers of Weka's ARFF and of KEEL's data sets, which declare the columns before the rows.

use std::collections::{HashMap, HashSet};

use crate::table::cell::bare;
use crate::table::error::TableError;
use crate::table::head::{self, ColumnHead};
use crate::table::input::Input;
use crate::table::records::{Cut, Delimiter};

/// What a header declares.
#[derive(Debug)]
pub(super) struct Declared {
    /// `ARFF` or `KEEL`.
    pub(super) format: &'static str,
    pub(super) columns: Vec<ColumnHead>,
    /// KEEL's `@outputs`, or the one attribute that is none of its `@inputs`.
    pub(super) targets: Vec<usize>,
    quote: u8,
    delimiter: u8,
}

impl Declared {
    pub(super) fn cut(&self, delimiter: Option<u8>) -> Cut {
        Cut {
            delimiter: Delimiter::Byte(delimiter.unwrap_or(self.delimiter)),
            quote: self.quote,
            escape: Some(b'\\'),
            comment: Some(b'%'),
        }
    }
}

/// Attributes that a line of KEEL's lists, and the line.
type Listed = Option<(Vec<String>, u64)>;

/// Reads such a header and takes it off; none where a file has none.
pub(super) fn declared(input: &mut Input) -> Result<Option<Declared>, TableError> {
    let first = input.start.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let is_header = |line: &[u8]| line.len() >= 9 && line[..9].eq_ignore_ascii_case(b"@relation");
    if !first.filter(|line| !line.is_empty() && !line.starts_with(b"%")).take(1).any(is_header) {
        return Ok(None);
    }
    let (mut columns, mut inputs, mut outputs): (Vec<ColumnHead>, Listed, Listed) = (Vec::new(), None, None);
    let (mut at, mut line_number) = (0, input.line);
    let data = loop {
        let Some(end) = input.line_end(at)? else {
            return Err(TableError::NoData { name: input.name.clone() });
        };
        let line = String::from_utf8_lossy(&input.start[at..end]).trim().to_owned();
        at = (end + 1).min(input.start.len());
        let (word, value) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        let listed = || Some((names(value.trim_start_matches(':').trim()), line_number));
        match word.trim_end_matches(':').to_lowercase().as_str() {
            "@data" => break at,
            "@attribute" => columns.push(attribute(&input.name, line_number, value.trim())?),
            "@output" | "@outputs" => outputs = listed(),
            "@input" | "@inputs" => inputs = listed(),
            _ => {}
        }
        line_number += 1;
    };
    if columns.is_empty() {
        return Err(TableError::NoData { name: input.name.clone() });
    }
    let format = if inputs.is_some() || outputs.is_some() { "KEEL" } else { "ARFF" };
    let places = Places::new(&columns);
    let find = |listed: &Listed, what: &'static str| -> Result<Vec<usize>, TableError> {
        let Some((names, line)) = listed else { return Ok(Vec::new()) };
        let missing = |attribute: &String| TableError::NoAttribute {
            name: input.name.clone(),
            line: *line,
            what,
            attribute: attribute.clone(),
        };
        names.iter().map(|name| places.find(name).ok_or_else(|| missing(name))).collect()
    };
    let (features, mut targets) = (find(&inputs, "@inputs")?, find(&outputs, "@outputs")?);
    if !features.is_empty() {
        let features: HashSet<usize> = features.into_iter().collect();
        let others: Vec<usize> = (0..columns.len()).filter(|index| !features.contains(index)).collect();
        others.iter().for_each(|&index| columns[index].is_no_input = true);
        // A header that names the inputs alone leaves the output over.
        if let (true, [other]) = (targets.is_empty(), &others[..]) {
            targets.push(*other);
        }
    }
    input.skip(data);
    let mut rows = input.start.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let row = rows.find(|line| !line.is_empty() && !line.starts_with(b"%")).unwrap_or_default();
    let refuse = |format: String| Err(TableError::OtherFormat { name: input.name.clone(), format });
    if row.starts_with(b"{") {
        return refuse(format!("sparse {format}"));
    }
    if row.ends_with(b"}") {
        return refuse(format!("{format} with a weight behind each instance"));
    }
    // Weka quotes by either mark; one file uses one.
    let beginning = &input.start[..input.start.len().min(1 << 16)];
    let quote = if beginning.contains(&b'\'') && !beginning.contains(&b'"') { b'\'' } else { b'"' };
    let delimiter = if row.contains(&b',') || !row.contains(&b'\t') { b',' } else { b'\t' };
    Ok(Some(Declared { format, columns, targets, quote, delimiter }))
}

/// Where attributes are, by their names.
struct Places {
    exact: HashMap<String, usize>,
    in_any_case: HashMap<String, usize>,
}

impl Places {
    fn new(columns: &[ColumnHead]) -> Self {
        let (mut exact, mut in_any_case) = (HashMap::new(), HashMap::new());
        for (index, column) in columns.iter().enumerate() {
            exact.entry(column.name.clone()).or_insert(index);
            in_any_case.entry(column.name.to_lowercase()).or_insert(index);
        }
        Self { exact, in_any_case }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.exact.get(name).or_else(|| self.in_any_case.get(&name.to_lowercase())).copied()
    }
}

/// `name type`, where a name with blanks is quoted.
fn attribute(table: &str, line: u64, text: &str) -> Result<ColumnHead, TableError> {
    let quote = text.chars().next().filter(|letter| matches!(letter, '\'' | '"'));
    let (name, kind) = match quote {
        Some(quote) => quoted(&text[1..], quote),
        // KEEL leaves the blank before a list out.
        None => {
            let end = text.find(|letter: char| letter.is_whitespace() || letter == '{').unwrap_or(text.len());
            (text[..end].to_owned(), &text[end..])
        }
    };
    let kind = kind.trim();
    if name.is_empty() || kind.is_empty() {
        return Err(TableError::Attribute { name: table.to_owned(), line, text: text.to_owned() });
    }
    let word: String = kind.chars().take_while(|letter| letter.is_alphabetic()).collect::<String>().to_lowercase();
    let declared = match word.as_str() {
        "" if kind.starts_with('{') => {
            let inside = kind[1..].rsplit_once('}').map_or(&kind[1..], |(inside, _)| inside);
            head::Declared::Names(names(inside).into_iter().collect())
        }
        "numeric" | "real" | "integer" => head::Declared::Numbers,
        "relational" => {
            let format = "ARFF with a relational attribute (a table in each cell)".to_owned();
            return Err(TableError::OtherFormat { name: table.to_owned(), format });
        }
        _ => head::Declared::Nothing,
    };
    Ok(ColumnHead { declared, ..ColumnHead::named(name) })
}

/// A text up to its closing quote, and what follows; a backslash keeps a quote from closing.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let (mut inside, mut is_escaped) = (String::new(), false);
    for (at, letter) in text.char_indices() {
        match letter {
            '\\' if !is_escaped => is_escaped = true,
            _ if letter == quote && !is_escaped => return (inside, &text[at + letter.len_utf8()..]),
            _ => {
                inside.push(letter);
                is_escaped = false;
            }
        }
    }
    (inside, "")
}

/// A list with commas between, each item bare.
fn names(list: &str) -> Vec<String> {
    let (mut rest, mut found) = (list.trim(), Vec::new());
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|letter| matches!(letter, '\'' | '"'));
        let (name, behind) = match quote {
            Some(quote) => quoted(&rest[1..], quote),
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        found.push(bare(&name).to_owned());
        rest = behind.split_once(',').map_or("", |(_, rest)| rest).trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names() {
        assert_eq!(names("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(names(r#"'a, b', "c", 'it\'s'"#), ["a, b", "c", "it's"]);
        assert_eq!(names(" -1,1 "), ["-1", "1"]);
        assert!(names("").is_empty());
    }

    #[test]
    fn attributes_of_every_kind() {
        let of = |text: &str| attribute("a", 1, text);
        assert_eq!(of("'the a' NUMERIC").unwrap().declared, head::Declared::Numbers);
        assert_eq!(of("a real[0.0,1.0]").unwrap().declared, head::Declared::Numbers);
        assert_eq!(of("'it\\'s' string").unwrap().name, "it's");
        let nominal = of("Class{negative, positive}").unwrap();
        assert_eq!((nominal.name.as_str(), nominal.check("positive"), nominal.is_nominal()), ("Class", Ok(()), true));
        assert_eq!(nominal.check("Positive"), Err("one of `negative`, `positive`".to_owned()));
        assert!(of("bag relational").unwrap_err().to_string().contains("relational"));
        assert!(of("a").is_err());
    }
}
