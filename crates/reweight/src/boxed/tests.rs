//! A box does what the part in it does.

use super::*;
use crate::{Chain, Decay, Ghm, GhmConfig, Link, Recorded, RecordedConfig, Step};

fn per_column() -> Recorded {
    let steps = vec![Step::PerColumn(vec![1.0, 2.0])];
    RecordedConfig { name: "rule".into(), steps, ..RecordedConfig::default() }.try_into().expect("a formula")
}

fn counted(weighter: &impl SampleWeighter, regions: &[u64]) -> BatchStatistics {
    let mut counts = BatchStatistics::zero(&weighter.statistics(), 2);
    counts.valid = regions.iter().sum();
    counts.gradient_norm[0].counts_mut().copy_from_slice(regions);
    counts
}

/// The same questions to a weighter, to it in a box, and to it as a link of a chain.
fn follow(weighter: &mut impl SampleWeighter) -> Vec<State> {
    let mut states = vec![weighter.state()];
    assert!(weighter.observes());
    weighter.observe(&counted(weighter, &[7, 0, 2])).expect("as asked for");
    states.push(weighter.state());
    weighter.reset();
    states.push(weighter.state());
    let before = states[1].clone();
    weighter.restore(&before).expect("its own");
    states.push(weighter.state());
    states
}

#[test]
fn what_a_weighter_observes_a_box_observes() {
    let ghm = || Ghm::try_from(GhmConfig { decay: Some(Decay::All), ..GhmConfig::new(3, 0.5) }).expect("valid");
    let plain = follow(&mut ghm());
    assert_eq!(plain[0], plain[2], "reset");
    assert!(plain[1] == plain[3] && plain[0] != plain[1], "restored");
    assert_eq!(follow(&mut BoxedWeighter::new(ghm()).expect("recordable")), plain);
    let link = Link::new(BoxedWeighter::new(ghm()).expect("recordable"));
    assert_eq!(follow(&mut link.clone()), plain);
    let fixed = Link::new(BoxedWeighter::new(()).expect("recordable"));
    assert!(!fixed.observes() && !vec![fixed.clone(), fixed.clone()].observes() && !Vec::<Link>::new().observes());
    assert!(vec![fixed, link].observes());
    assert_eq!(().state(), State::Chain(Vec::new()));
    assert!(().restore(&().state()).is_ok() && ().restore(&plain[1]).is_err());
}

#[test]
fn what_does_not_fit_does_not_fit_in_a_box() {
    let form = BatchForm::binary(&[4, 3], false);
    let expected = SampleWeighter::fits(&per_column(), &form);
    assert!(matches!(expected, Err(WeightError::Columns { given: 2, columns: 3, .. })), "{expected:?}");
    let boxed = BoxedWeighter::new(per_column()).expect("recordable");
    let link = Link::new(boxed.clone());
    assert_eq!(boxed.fits(&form), expected);
    assert_eq!(link.fits(&form), expected);
    assert_eq!(Chain::from(vec![boxed.clone()]).fits(&form), expected);
    assert_eq!(vec![boxed].fits(&form), expected);
    assert_eq!((per_column(), ()).fits(&form), expected);
    assert_eq!(BoxedBase::new(per_column()).fits(&form), expected);
    // The number of classes, which is asked for apart.
    let steps = vec![Step::PerClass(vec![1.0, 2.0, 3.0])];
    let per_class =
        Recorded::try_from(RecordedConfig { name: "own".into(), steps, ..Default::default() }).expect("valid");
    let refused = Err(WeightError::ClassCount { weighter: "own".into(), given: 3, classes: 2 });
    let boxed = BoxedWeighter::new(per_class).expect("recordable");
    let (link, chain) = (Link::new(boxed.clone()), Chain::from(vec![boxed.clone()]));
    assert_eq!([boxed.check(2), link.check(2), chain.check(2)], [refused.clone(), refused.clone(), refused]);
    assert_eq!([boxed.check(3), link.check(3), chain.check(3)], [Ok(()), Ok(()), Ok(())]);
}

#[test]
fn a_box_is_shown_by_its_kind_and_name() {
    let shown = |weighter: BoxedWeighter| format!("{weighter:?}");
    assert_eq!(shown(BoxedWeighter::new(per_column()).expect("recordable")), "recorded rule");
    assert_eq!(shown(BoxedWeighter::new(crate::Focal::new(2.0).expect("valid")).expect("recordable")), "focal");
    assert_eq!(shown(BoxedWeighter::new(Foreign).expect("recordable")), "Foreign");
}

#[derive(Clone, Debug)]
struct Foreign;

impl SampleWeighter for Foreign {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.q()
    }
}
