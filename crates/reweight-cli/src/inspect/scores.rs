//! Which columns of a file hold the scores: those named after the labels, one called as scores are, or all that may be.

use std::collections::{HashMap, HashSet};

use reweight_lab::scored::scale::is_about_one;
use reweight_lab::table::cell::bare;
use reweight_lab::table::error::listing;
use reweight_lab::table::form::Source;
use reweight_lab::table::guess::Guesses;
use reweight_lab::table::label::{Spellings, key};
use reweight_lab::table::names::ScoreKind;
use reweight_lab::table::names::{
    Stem, is_complement, is_counter_name, is_generic_label_name, is_repeat, numbered, readings, score_rank,
};
use reweight_lab::table::positive::{self, absent, are_opposites, is_answer, spoken};
use reweight_lab::text::excerpt;

use super::InspectError;
use super::layout::Look;

/// Most columns that a guess names.
const NAMED: usize = 6;

/// The score columns, and what their names say.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) columns: Vec<usize>,
    /// The key of the label that each speaks for; empty where names do not say.
    pub(super) speaks: Vec<String>,
    /// How many scores a cell holds, where it is a list.
    pub(super) vector: Option<usize>,
    /// What they are.
    pub(super) kind: Option<ScoreKind>,
}

/// The columns `given`, or else those that hold the scores.
pub(super) fn choose(
    source: &Source,
    label: usize,
    labels: &Spellings,
    given: &[usize],
    guesses: &mut Guesses,
) -> Result<Chosen, InspectError> {
    if !given.is_empty() {
        return Ok(named(source, given.to_vec(), label, labels));
    }
    let columns = &source.form.columns;
    let others: Vec<usize> = (0..columns.len()).filter(|&index| index != label).collect();
    let vectors: Vec<usize> = others.iter().copied().filter(|&index| is_vector(source, index)).collect();
    let looks: Vec<(usize, Look)> = others
        .iter()
        .filter(|&&index| !is_counter_name(&columns[index]))
        .map(|&index| (index, Look::of(source, index, labels)))
        .filter(|(index, look)| look.numbers && (!look.counts || score_rank(&columns[*index].name).is_some()))
        .collect();
    // Predictions that are labels say less than the scores that they were made from.
    let soft: Vec<usize> = looks.iter().filter(|(_, look)| !look.hard).map(|(index, _)| *index).collect();
    let candidates =
        if soft.is_empty() && vectors.is_empty() { looks.iter().map(|look| look.0).collect() } else { soft.clone() };
    // Better scores may be there, in a form that is not read: predictions in their place would say less, in silence.
    if soft.is_empty() && vectors.is_empty() {
        let unread = |&&index: &&usize| {
            let kind = score_rank(&columns[index].name).and_then(|(_, kind)| kind);
            kind == Some(ScoreKind::Probabilities) && !looks.iter().any(|(look, _)| *look == index)
        };
        if let Some(&index) = others.iter().find(unread) {
            let cell = if source.sample.rows() > 0 { source.sample.cell(0, index) } else { "" };
            return Err(InspectError::UnreadScores {
                name: source.name.clone(),
                column: index + 1,
                column_name: excerpt(&columns[index].name),
                cell: excerpt(cell),
            });
        }
    }
    let (chosen, why) = pick(source, label, labels, &candidates, &vectors)?;
    // pandas reads a second `score` as `score.1`, which is nobody's score of label 1.
    if source.form.has_header {
        let is_twin = |one: usize, other: usize| is_repeat(&columns[one].name, &columns[other].name);
        let twin = |&index: &usize| {
            candidates
                .iter()
                .copied()
                .find(|&other| is_twin(index, other) || is_twin(other, index))
                .map(|other| [index, other])
        };
        if let Some(mut pair) = chosen.columns.iter().find_map(twin) {
            pair.sort_unstable();
            return Err(same_name(source, &pair));
        }
    }
    let taken: HashSet<usize> = chosen.columns.iter().copied().collect();
    let left: Vec<usize> = others.iter().copied().filter(|index| !taken.contains(index)).collect();
    let quoted = |&index: &usize| format!("`{}`", excerpt(&columns[index].name));
    let mut taken = format!(
        "{} {}, {why}",
        if chosen.columns.len() == 1 { "column" } else { "columns" },
        listing(chosen.columns.iter().map(quoted), NAMED)
    );
    if !left.is_empty() {
        taken.push_str(&format!("; left out: {}", listing(left.iter().map(quoted), NAMED)));
    }
    guesses.guess("scores", taken, "--score COL");
    Ok(chosen)
}

fn pick(
    source: &Source,
    label: usize,
    labels: &Spellings,
    candidates: &[usize],
    vectors: &[usize],
) -> Result<(Chosen, String), InspectError> {
    let columns = &source.form.columns;
    let sets = sets(source, label, labels, candidates);
    let best = |is_known: bool, wanted: &dyn Fn(usize) -> bool| {
        let fits = |(stem, set): &(Stem, Vec<(usize, String)>)| {
            matches!(stem, Stem::Known(_)) == is_known && wanted(set.len())
        };
        // The set of most labels; of equals the stem that says that they are probabilities.
        let rank = |(stem, set): &&(Stem, Vec<(usize, String)>)| {
            (set.len(), stem.kind() == Some(ScoreKind::Probabilities), stem.kind().is_none())
        };
        sets.iter().filter(|set| fits(set)).max_by_key(rank)
    };
    let of = |(stem, set): &(Stem, Vec<(usize, String)>)| Chosen {
        columns: set.iter().map(|(column, _)| *column).collect(),
        speaks: set.iter().map(|(_, key)| key.clone()).collect(),
        vector: None,
        kind: stem.kind(),
    };
    let once = |chosen: Chosen, why: &str| -> Result<(Chosen, String), InspectError> {
        let mut seen = HashMap::new();
        for (index, key) in chosen.columns.iter().zip(&chosen.speaks) {
            if let Some(other) = seen.insert(key, *index) {
                let same = columns[other].name.eq_ignore_ascii_case(&columns[*index].name);
                let which = || InspectError::WhichScores {
                    name: source.name.clone(),
                    known: numbered(columns, chosen.columns.iter().copied()),
                };
                return Err(if same { same_name(source, &[other, *index]) } else { which() });
            }
        }
        Ok((chosen, why.to_owned()))
    };
    if let Some(set) = best(true, &|size| size >= 2) {
        return once(of(set), "named after the labels");
    }
    // A column that is called as a label is, and nothing else, is one of a set.
    let alone = sets.iter().filter(|(stem, set)| set.len() == 1 && matches!(stem, Stem::Known(1..)));
    if let Some(set) = alone.max_by_key(|(stem, _)| stem.kind() == Some(ScoreKind::Probabilities)) {
        return Ok((of(set), "named after a label".to_owned()));
    }
    let mut called: Vec<((usize, Option<ScoreKind>), usize)> = candidates
        .iter()
        .chain(vectors)
        .filter_map(|&index| Some((score_rank(&columns[index].name)?, index)))
        .collect();
    called.sort_unstable_by_key(|((rank, _), index)| (*rank, *index));
    if let Some(&((_, kind), index)) = called.first() {
        let same: Vec<usize> = called
            .iter()
            .map(|(_, other)| *other)
            .filter(|&other| columns[other].name.eq_ignore_ascii_case(&columns[index].name))
            .collect();
        if same.len() > 1 {
            return Err(same_name(source, &same));
        }
        let vector = vector_width(source, index);
        return Ok((Chosen { columns: vec![index], speaks: Vec::new(), vector, kind }, "for its name".to_owned()));
    }
    if let Some(set) = best(false, &|size| size >= 2) {
        return once(of(set), "named after the labels");
    }
    if let (&[index], []) = (vectors, candidates) {
        let vector = vector_width(source, index);
        return Ok((
            Chosen { columns: vec![index], speaks: Vec::new(), vector, kind: None },
            "the only one of lists".into(),
        ));
    }
    match candidates {
        [] => Err(InspectError::NoScores { name: source.name.clone(), known: numbered(columns, 0..columns.len()) }),
        [_] => {
            Ok((named(source, candidates.to_vec(), label, labels), "the only one of numbers that may be".to_owned()))
        }
        _ => {
            let mut names: HashMap<&str, usize> = HashMap::new();
            for &index in candidates {
                if let Some(other) = names.insert(columns[index].name.as_str(), index)
                    && source.form.has_header
                {
                    return Err(same_name(source, &[other, index]));
                }
            }
            // Names that say nothing: only an order is left, and it must be plain whose.
            let rows = source.sample.rows().min(20);
            let sums_to_one = (0..rows).all(|row| is_about_one(sum(source, row, candidates)));
            let as_many = labels.classes() > 2 && candidates.len() == labels.classes();
            // Of two columns that no name parts, either may be the positive label's: a coin.
            let coin = candidates.len() == 2 && source.form.has_header;
            if sets.is_empty() && (coin || !(sums_to_one || as_many)) {
                let known = numbered(columns, candidates.iter().copied());
                return Err(InspectError::WhichScores { name: source.name.clone(), known });
            }
            Ok((
                named(source, candidates.to_vec(), label, labels),
                "all of numbers, one a class in the labels' order".to_owned(),
            ))
        }
    }
}

/// The candidates whose names hold a label, by what else is in the name.
fn sets(source: &Source, label: usize, labels: &Spellings, candidates: &[usize]) -> Vec<(Stem, Vec<(usize, String)>)> {
    if !source.form.has_header {
        return Vec::new();
    }
    let mut sets: Vec<(Stem, Vec<(usize, String)>)> = Vec::new();
    let mut places: HashMap<Stem, usize> = HashMap::new();
    let speech = Speech::new(source, label, labels, candidates);
    // Sets of names that only mean labels.
    let mut by_meaning = HashSet::new();
    for &index in candidates {
        let name = &source.form.columns[index].name;
        let spoken = |(word, stem): (String, Stem)| Some((speech.label(&word, &stem)?, word, stem));
        let found = if is_complement(name) {
            // The label that the 1 is taken for would be the wrong one.
            speech.negative().map(|label| (label.to_owned(), String::new(), Stem::of("p")))
        } else {
            readings(name, labels.is_exact()).into_iter().find_map(spoken)
        };
        let Some((label, word, stem)) = found else { continue };
        if label != word {
            by_meaning.insert(stem.clone());
        }
        let place = *places.entry(stem.clone()).or_insert_with(|| {
            sets.push((stem, Vec::new()));
            sets.len() - 1
        });
        sets[place].1.push((index, label));
    }
    // Classes that no row of the beginning has belong to a set as well: `p_0`, `p_1`, `p_2`. So one that a label has by chance is
    // not torn from its set, where labels are counted from 1 and columns from 0.
    let are_two = speech.are_two();
    for (stem, set) in sets.iter_mut().filter(|(stem, _)| !are_two && !by_meaning.contains(stem)) {
        let taken: Vec<usize> = set.iter().map(|(index, _)| *index).collect();
        for &index in candidates {
            if taken.binary_search(&index).is_ok() {
                continue;
            }
            // A name of its own, without a stem, may be anything.
            let same = |(_, other): &(String, Stem)| other == stem && *stem != Stem::Known(0);
            if let Some((label, _)) =
                readings(&source.form.columns[index].name, labels.is_exact()).into_iter().find(same)
            {
                set.push((index, label));
            }
        }
        let rest: Vec<usize> = candidates.iter().copied().filter(|index| taken.binary_search(index).is_err()).collect();
        if *stem == Stem::Known(0) && set.len() > 1 && are_classes(source, &taken, &rest) {
            set.extend(rest.into_iter().map(|index| (index, key(&source.form.columns[index].name))));
        }
        set.sort_unstable_by_key(|(index, _)| *index);
    }
    sets
}

/// What words in the names of scores may speak for.
struct Speech<'a> {
    labels: &'a Spellings,
    /// The labels' keys by their spelling in names, where blanks and dashes are underscores.
    spelled: HashMap<String, &'a String>,
    /// The keys of two labels.
    two: Option<[&'a str; 2]>,
    /// What two labels are about: `churn` where the labels' column is called so, or a score speaks for `not churn`.
    subjects: HashSet<String>,
    /// What the labels' column is called, whether that says of what they are or not: `P_TARGET1`.
    column: String,
}

impl<'a> Speech<'a> {
    fn new(source: &Source, label: usize, labels: &'a Spellings, candidates: &[usize]) -> Self {
        let columns = &source.form.columns;
        let mut two = None;
        if labels.classes() == 2 {
            let mut keys = [""; 2];
            labels.keys().iter().for_each(|(key, &class)| keys[class] = key);
            two = Some(keys);
        }
        let mut subjects = HashSet::new();
        if !is_generic_label_name(&columns[label].name) {
            let subject = key(&columns[label].name);
            let bare =
                ["is_", "has_", "is ", "has "].iter().find_map(|verb| subject.strip_prefix(verb)).map(str::to_owned);
            subjects.extend([subject].into_iter().chain(bare));
        }
        if two.is_some() {
            let words = candidates.iter().flat_map(|&index| readings(&columns[index].name, labels.is_exact()));
            let known = words.filter(|(_, stem)| matches!(stem, Stem::Known(_)));
            subjects.extend(known.filter_map(|(word, _)| absent(&word).map(str::to_owned)));
        }
        let spelled = labels.keys().keys().map(|key| (key.replace([' ', '-', '.'], "_"), key)).collect();
        Self { labels, spelled, two, subjects, column: key(&columns[label].name) }
    }

    /// The key of the label that a word in a name speaks for, if it does.
    fn label(&self, word: &str, stem: &Stem) -> Option<String> {
        if self.labels.keys().contains_key(word) {
            return Some(word.to_owned());
        }
        if !matches!(stem, Stem::Known(_)) {
            return None;
        }
        if let Some(key) = self.spelled.get(&word.replace([' ', '-', '.'], "_")) {
            return Some((*key).clone());
        }
        let keys = self.two?;
        // A name of its own must be an answer: `no_of_rooms` says nothing about a label.
        let is_own = |word: &str| is_answer(word) || absent(word).is_some_and(|word| keys.contains(&word));
        if *stem == Stem::Known(0) && !is_own(word) {
            return None;
        }
        // `P_bad1`, `prob_churn_yes`: the subject first.
        let own = (*stem != Stem::Known(0)).then_some(&self.column);
        let behind = self.subjects.iter().chain(own).find_map(|subject| word.strip_prefix(subject.as_str()));
        if let Some(rest) = behind.map(|rest| key(rest.trim_start_matches(['_', '-', '.', ' ', '=', ':'])))
            && self.labels.keys().contains_key(&rest)
        {
            return Some(rest);
        }
        if self.subjects.iter().any(|subject| are_opposites(word, subject)) {
            return self.negative().map(str::to_owned);
        }
        spoken(word, keys, |word| self.subjects.contains(word)).map(|class| keys[class].to_owned())
    }

    /// The key of the label that says no, where two say yes and no.
    fn negative(&self) -> Option<&str> {
        let keys = self.two?;
        positive::named(keys[0], keys[1]).map(|class| keys[1 - class])
    }

    /// Whether the labels are words that say yes and no, so that there is no third.
    fn are_two(&self) -> bool {
        let are_words = |[first, second]: [&str; 2]| first.parse::<f64>().is_err() && second.parse::<f64>().is_err();
        self.two.is_some_and(|two| are_words(two) && positive::named(two[0], two[1]).is_some())
    }
}

/// Whether columns beside those that are called as labels belong to classes that the first rows do not have: probabilities of
/// all sum to 1, and where nothing does, many columns are no features.
fn are_classes(source: &Source, called: &[usize], rest: &[usize]) -> bool {
    if rest.is_empty() {
        return false;
    }
    let rows = source.sample.rows().min(20);
    // Classes that are numbers have numbers for names, and features have not.
    let is_number = |index: &usize| source.form.columns[*index].name.parse::<u32>().is_ok();
    if called.iter().chain(rest).all(is_number) {
        return true;
    }
    if (0..rows).all(|row| is_about_one(sum(source, row, called))) {
        return false;
    }
    (0..rows).all(|row| is_about_one(sum(source, row, called) + sum(source, row, rest))) || rest.len() > called.len()
}

/// The sum of a row's scores, as far as they are numbers.
fn sum(source: &Source, row: usize, columns: &[usize]) -> f64 {
    let score = |&index: &usize| source.form.columns[index].number(bare(source.sample.cell(row, index)));
    columns.iter().filter_map(score).sum()
}

/// Given columns, with the labels that their names hold if all do, and what one alone is called.
fn named(source: &Source, columns: Vec<usize>, label: usize, labels: &Spellings) -> Chosen {
    let heads = &source.form.columns;
    let vector = match columns[..] {
        [index] => vector_width(source, index),
        _ => None,
    };
    let sets = sets(source, label, labels, &columns);
    // What stands before a label is proved to be a score's by a second column, if it is not known.
    let is_proved = |stem: &Stem| columns.len() > 1 || matches!(stem, Stem::Known(_));
    let whole = sets.iter().find(|(stem, set)| set.len() == columns.len() && is_proved(stem));
    let by_name = || match columns[..] {
        [index] => score_rank(&heads[index].name).and_then(|(_, kind)| kind),
        _ => None,
    };
    match whole {
        Some((stem, set)) if vector.is_none() => {
            // In the order that was asked for.
            let key_of: HashMap<usize, &String> = set.iter().map(|(index, key)| (*index, key)).collect();
            let speaks = columns.iter().filter_map(|index| key_of.get(index).map(|key| (*key).clone())).collect();
            Chosen { columns, speaks, vector, kind: stem.kind() }
        }
        _ => Chosen { kind: by_name(), columns, speaks: Vec::new(), vector },
    }
}

fn same_name(source: &Source, columns: &[usize]) -> InspectError {
    InspectError::SameName {
        name: source.name.clone(),
        column_name: excerpt(&source.form.columns[columns[0]].name),
        columns: numbered(&source.form.columns, columns.iter().copied()),
        option: "--score",
    }
}

/// Whether a column's first cells are lists of numbers, as Spark writes vectors.
pub(super) fn is_vector(source: &Source, column: usize) -> bool {
    vector_width(source, column).is_some()
}

fn vector_width(source: &Source, column: usize) -> Option<usize> {
    let mut scores = Vec::new();
    let cells = (0..source.sample.rows().min(50)).map(|row| bare(source.sample.cell(row, column)));
    let widths: Option<Vec<usize>> = cells
        .filter(|cell| !source.form.columns[column].is_missing(&source.missing, cell))
        .map(|cell| list(cell, &mut scores).then_some(scores.len()))
        .collect();
    widths?.first().copied().filter(|&width| width >= 2)
}

/// Reads `[0.9,0.1]`, or the same with blanks or a word before it, into `scores`; whether it is one.
pub(super) fn list(cell: &str, scores: &mut Vec<f64>) -> bool {
    scores.clear();
    let word = |letter: char| letter.is_alphabetic() || letter == '(';
    let inside = cell.trim_start_matches(word).trim_end_matches(')');
    let Some(inside) = inside.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    let parts = inside.split([',', ' ', ';']).filter(|part| !part.is_empty());
    let values: Option<Vec<f64>> =
        parts.map(|part| part.parse().ok().filter(|value: &f64| value.is_finite())).collect();
    scores.extend(values.unwrap_or_default());
    !scores.is_empty()
}

/// The key of a class whose score's name is `name`.
pub(super) fn key_of(name: &str, exact: bool) -> String {
    if exact { name.to_owned() } else { key(name) }
}
