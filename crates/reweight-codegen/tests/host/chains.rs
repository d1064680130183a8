//! Random chains of random weighters, all compiled together.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reweight::{AlphaBalance, BoxedWeighter, Focal, Ghm, GhmConfig, GhmPreset, Reduction, SampleWeighter};
use reweight_codegen::{Element, Labels, Precision};

use crate::check::REDUCTIONS;
use crate::session::Session;
use crate::weighters::Everything;
use crate::{bce, softmax};

/// How many chains: each is compiled for three objectives.
const CHAINS: usize = 24;
const CLASSES: usize = 5;

fn boxed(weighter: impl SampleWeighter + 'static) -> BoxedWeighter {
    BoxedWeighter::new(weighter).unwrap()
}

/// A weighter for two classes and the same for five.
fn weighter() -> impl Strategy<Value = [BoxedWeighter; 2]> {
    let twice = |weighter: BoxedWeighter| [weighter.clone(), weighter];
    let per_class = |make: fn(&[f64]) -> BoxedWeighter| {
        proptest::collection::vec(0.0..4.0, CLASSES).prop_map(move |values| [make(&values[..2]), make(&values)])
    };
    let ghm =
        (1_u32..40, 0.0..0.9, prop_oneof![Just(GhmPreset::Mmdet), Just(GhmPreset::Paper), Just(GhmPreset::Corrected)]);
    prop_oneof![
        (0.0..=1.0).prop_map(move |alpha| twice(boxed(AlphaBalance::binary(alpha).unwrap()))),
        per_class(|values| boxed(AlphaBalance::per_class(values).unwrap())),
        (0.0..4.0).prop_map(move |gamma| twice(boxed(Focal::new(gamma).unwrap()))),
        (0_u32..9).prop_map(move |gamma| twice(boxed(Focal::new(f64::from(gamma)).unwrap()))),
        (0.0..4.0, 0.0..4.0).prop_map(move |(a, b)| twice(boxed(Focal::by_target(a, b).unwrap()))),
        per_class(|values| boxed(Focal::per_class(values).unwrap())),
        ghm.prop_map(move |(bins, momentum, preset)| {
            let ghm = Ghm::try_from(GhmConfig { preset, cap: Some(50.0), ..GhmConfig::new(bins, momentum) });
            twice(boxed(ghm.unwrap()))
        }),
        Just(()).prop_map(move |()| twice(boxed(Everything))),
    ]
}

/// A weighter, perhaps changed by an adapter.
fn link() -> impl Strategy<Value = [BoxedWeighter; 2]> {
    (weighter(), 0_u8..6, 0.0..3.0).prop_map(|(pair, adapter, number)| {
        pair.map(|weighter| match adapter {
            0 => boxed(weighter.detached()),
            1 => boxed(weighter.scaled(number).unwrap()),
            2 => boxed(weighter.clamped(0.01 * number, 1.0 + number).unwrap()),
            _ => weighter,
        })
    })
}

#[test]
fn random_chains() {
    let mut runner = TestRunner::deterministic();
    let chain =
        (proptest::collection::vec(link(), 0..4), proptest::sample::select(REDUCTIONS.as_slice()), any::<u64>());
    let mut session = Session::default();
    let (mut elements, mut rows) = (Vec::new(), Vec::new());
    for at in 0..CHAINS {
        let (links, reduction, seed): (Vec<[BoxedWeighter; 2]>, Reduction, u64) =
            chain.new_tree(&mut runner).unwrap().current();
        let of = |index: usize| boxed(links.iter().map(|pair| pair[index].clone()).collect::<Vec<_>>());
        let what = format!("chain {at}, {reduction:?}: {:?}", of(0));
        let batch = bce::Batch::new(400, seed, at % 2 == 0);
        for (labels, targets) in [(Labels::Hard, Element::U8), (Labels::Soft, Element::F32)] {
            let uploaded = bce::upload(&mut session, &batch, Precision::F32, targets, labels);
            elements.push(bce::step(&mut session, &what, &mut bce::weighed(of(0), reduction), &batch, uploaded));
        }
        let mut batch = softmax::Batch::new(40, CLASSES, seed, at % 2 == 0);
        batch.smoothing = if at % 3 == 0 { 0.1 } else { 0.0 };
        let uploaded = softmax::upload(&mut session, &batch, Precision::F32, Element::I64);
        rows.push(softmax::step(&mut session, &what, &mut batch.weighed(of(1), reduction), &batch, uploaded));
    }
    let results = session.run("chains");
    elements.iter().for_each(|step| step.check(&results));
    rows.iter().for_each(|step| step.check(&results));
}
