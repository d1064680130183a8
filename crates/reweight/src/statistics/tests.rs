//! Counts merge whole or not at all, and come back from a row of integers as they were.

use super::*;

fn counted(bins: &[u32], classes: usize) -> BatchStatistics {
    let regions = bins.iter().map(|&bins| Regions::new(bins).expect("a number of regions"));
    let request = regions.fold(Statistics::class_counts(), |all, regions| all.and(Statistics::gradient_norm(regions)));
    let mut counts = BatchStatistics::zero(&request, classes);
    let numbers: Vec<u64> = (1..).take(counts.as_counts().len()).collect();
    counts.set_counts(&numbers).expect("as many as there are");
    counts
}

#[test]
fn a_row_of_integers_holds_all_counts_in_order() {
    let counts = counted(&[2, 3], 4);
    assert_eq!((counts.valid, counts.positives), (1, 2));
    assert_eq!(counts.class_counts, [3, 4, 5, 6]);
    assert_eq!(counts.histogram(2).expect("asked for").counts(), [7, 8]);
    assert_eq!(counts.histogram(3).expect("asked for").counts(), [9, 10, 11]);

    let row = counts.as_counts();
    assert_eq!(row, (1..=11).collect::<Vec<u64>>());
    let mut back = counts.clone();
    back.clear();
    assert_eq!(back.as_counts(), [0; 11]);
    back.set_counts(&row).expect("as many as there are");
    assert_eq!(back, counts);

    for wrong in [&row[1..], &[&row[..], &[12]].concat()] {
        assert!(back.set_counts(wrong).is_err());
        assert_eq!(back, counts, "as it was");
    }
}

#[test]
fn merging_adds_every_count() {
    let mut sum = counted(&[2, 3], 4);
    let counts = sum.clone();
    sum.merge(&counts).expect("the same layout");
    assert_eq!(sum.as_counts(), (1..=11).map(|count| 2 * count).collect::<Vec<u64>>());
}

#[test]
fn a_copy_takes_every_count_and_the_layout_with_it() {
    let counts = counted(&[2, 3], 4);
    for mut own in [BatchStatistics::zero(&Statistics::none(), 2), counted(&[2, 5], 4), {
        let mut other = counts.clone();
        other.clear();
        other
    }] {
        own.copy_from(&counts);
        assert_eq!(own, counts);
    }
}

/// Each of them shares something with what it is merged into: the classes, the number of histograms, or all but the last one.
#[test]
fn what_answers_another_request_is_refused_whole() {
    let own = counted(&[2, 3], 4);
    for other in
        [counted(&[2, 3], 5), counted(&[2], 4), counted(&[2, 3, 5], 4), counted(&[2, 5], 4), counted(&[5, 3], 4)]
    {
        let mut sum = own.clone();
        let refused = sum.merge(&other);
        assert!(matches!(refused, Err(WeightError::StatisticsMismatch { .. })), "{refused:?}");
        assert_eq!(sum, own, "as it was");
    }
}

#[test]
fn what_is_missing_is_named_beside_what_there_is() {
    let message =
        |counts: &BatchStatistics, bins| counts.histogram(bins).map(|_| ()).map_err(|error| error.to_string());
    let counts = counted(&[2, 3], 4);
    assert_eq!(message(&counts, 3), Ok(()));
    let expected = "the weighter needs a count over 5 unit regions, but the statistics hold 2 unit regions and 3 unit \
                    regions and 4 classes: gather them with the loss that observes them";
    assert_eq!(message(&counts, 5), Err(expected.to_owned()));
    let nothing = BatchStatistics::zero(&Statistics::none(), 2);
    assert!(nothing.margins().is_err_and(|error| error.to_string().contains("totals only")));
}

#[test]
fn a_request_says_what_it_asks_for() {
    let (nothing, classes) = (Statistics::none(), Statistics::class_counts());
    let regions = Statistics::gradient_norm(Regions::new(3).expect("a number of regions"));
    assert!(nothing.is_empty() && !classes.is_empty() && !regions.is_empty());
    assert!(!nothing.wants_class_counts() && classes.wants_class_counts() && !regions.wants_class_counts());
    assert!(regions.clone().and(classes.clone()).wants_class_counts() && classes.and(regions).wants_class_counts());
}

#[test]
fn counts_are_sent_as_they_are_with_no_word_of_what_is_usual() -> Result<(), serde_json::Error> {
    let text = serde_json::to_string(&counted(&[2], 2))?;
    assert_eq!(text, r#"{"valid":1,"positives":2,"class_counts":[3,4],"gradient_norm":[{"counts":[5,6]}]}"#);
    assert_eq!(serde_json::from_str::<BatchStatistics>(&text)?, counted(&[2], 2));
    let margins = BatchStatistics::zero(&Statistics::gradient_norm(Regions::margins()), 2);
    let text = serde_json::to_string(&margins)?;
    assert!(text.contains(r#""spacing":"margin""#), "{}", &text[..80]);
    assert_eq!(serde_json::from_str::<BatchStatistics>(&text)?, margins);
    Ok(())
}

#[test]
fn memory_is_used_again_for_the_same_request_only() {
    let loss = |request| crate::SoftmaxLoss::new(Counting(request));
    let mut loss = loss(Statistics::class_counts());
    let weighting = loss.weighting_mut();
    for classes in [3, 3, 5, 2] {
        let mut counts = weighting.counts(classes);
        assert_eq!(counts.class_counts, vec![0; classes], "zeros, one a class");
        counts.class_counts.fill(9);
        weighting.keep(counts);
    }
}

#[test]
fn who_asks_for_counts_observes_unless_it_says_otherwise() {
    use crate::SampleWeighter;
    assert!(Counting(Statistics::class_counts()).observes());
    assert!(!Counting(Statistics::none()).observes());
}

/// Asks for statistics, and leaves the rest to the trait.
#[derive(Clone, Debug)]
struct Counting(Statistics);

impl crate::SampleWeighter for Counting {
    fn weight<R: crate::Real>(&self, _: &crate::Sample<R>) -> R {
        R::lit(1.0)
    }
    fn statistics(&self) -> Statistics {
        self.0.clone()
    }
}
