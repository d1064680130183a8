//! A loss's weight, and its loss times weight, over p_t: from the library's formula, a curve for each class that differs.

use reweight::{Chain, ConfiguredLoss, Objective, Sample, SampleWeighter};

use crate::table::error::listing;

/// Steps from p_t = 0 to 1.
const STEPS: u32 = 400;

/// The first step that is drawn: below it the loss grows without bound. The paper's figure ends there too.
const FIRST: u32 = 2;

/// Most classes that a table of weights is expected to have.
const MOST_CLASSES: usize = 1000;

/// A curve over p_t.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What the legend calls it.
    pub name: String,
    /// Which loss it is of; curves of one loss have one colour.
    pub group: usize,
    /// Which of the loss's curves it is.
    pub member: usize,
    /// Each step's p_t and weight.
    pub weight: Vec<(f64, f64)>,
    /// Each step's p_t and weight · (−log p_t), in nats.
    pub loss: Vec<(f64, f64)>,
}

/// The curves of a loss, one for each class that is weighed otherwise than those before.
#[must_use]
pub fn curves(name: &str, group: usize, loss: &ConfiguredLoss) -> Vec<Curve> {
    let (chain, objective) = match loss {
        ConfiguredLoss::Bce(loss) => (loss.weighter(), Objective::Bce),
        ConfiguredLoss::Softmax(loss) => (loss.weighter(), Objective::SoftmaxCe),
    };
    // As many classes as its tables hold; without tables, the background and all others.
    let classes = (2..=MOST_CLASSES).find(|&classes| chain.check(classes).is_ok()).unwrap_or(2);
    let fits_any = chain.check(classes + 1).is_ok();
    let mut found: Vec<(Vec<usize>, Curve)> = Vec::new();
    for class in 0..classes {
        let weight = weights(chain, objective, class, &grid());
        match found.iter_mut().find(|(_, other)| other.weight.iter().map(|at| at.1).eq(weight.iter().copied())) {
            Some((classes, _)) => classes.push(class),
            None => found.push((vec![class], curve(group, found.len(), &weight))),
        }
    }
    let alone = found.len() == 1;
    let title = |classes: &[usize]| match (objective, classes) {
        _ if alone => name.to_owned(),
        (Objective::Bce, [target, ..]) => format!("{name}, target {target}"),
        (_, [0]) if fits_any => format!("{name}, class 0"),
        _ if fits_any => format!("{name}, other classes"),
        (_, [class]) => format!("{name}, class {class}"),
        (_, several) => format!("{name}, classes {}", listing(several.iter().map(usize::to_string), 4)),
    };
    found.into_iter().map(|(classes, curve)| Curve { name: title(&classes), ..curve }).collect()
}

/// The weights that a chain gives to class `class` at each of these p_t, which lie between 0 and 1.
#[must_use]
pub fn weights(chain: &Chain, objective: Objective, class: usize, p_t: &[f64]) -> Vec<f64> {
    let weight = |&p_t: &f64| chain.weight(&sample(objective, p_t, class));
    p_t.iter().map(weight).collect()
}

fn curve(group: usize, member: usize, weights: &[f64]) -> Curve {
    let pairs = || grid().into_iter().zip(weights);
    // The class does not change the cross entropy.
    let loss = |(p_t, weight): (f64, &f64)| (p_t, weight * sample(Objective::Bce, p_t, 1).cross_entropy());
    Curve {
        name: String::new(),
        group,
        member,
        weight: pairs().map(|(p_t, weight)| (p_t, *weight)).collect(),
        loss: pairs().map(loss).collect(),
    }
}

fn sample(objective: Objective, p_t: f64, class: usize) -> Sample<f64> {
    let margin = p_t.ln() - (-p_t).ln_1p();
    match objective {
        Objective::Bce => Sample::binary(margin, class as f64),
        Objective::SoftmaxCe => Sample::class_of(margin, class as f64),
    }
}

fn grid() -> Vec<f64> {
    // The last one just before 1, where the margin is finite still.
    let last = 1.0 - f64::from(f32::EPSILON);
    (FIRST..=STEPS).map(|step| (f64::from(step) / f64::from(STEPS)).min(last)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reweight::LossConfig;

    fn of(toml: &str) -> Vec<Curve> {
        curves("x", 3, &LossConfig::from_toml(toml).unwrap().build().unwrap())
    }

    fn names(toml: &str) -> Vec<String> {
        of(toml).into_iter().map(|curve| curve.name).collect()
    }

    #[test]
    fn focals_curves_are_those_of_the_paper() {
        for gamma in [0.0, 0.5, 1.0, 2.0, 5.0] {
            let toml = format!("objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = {gamma:.1}\n");
            let [curve] = &of(&toml)[..] else { panic!("both targets are weighed alike") };
            for (&(p_t, weight), &(_, loss)) in curve.weight.iter().zip(&curve.loss) {
                let expected = (1.0 - p_t).powf(gamma);
                // The margin's rounding, up to 16 in size, and γ times that of its logarithm.
                assert!((weight - expected).abs() <= 1e-13 + 1e-7 * expected, "γ = {gamma}, p_t = {p_t}");
                assert!((loss - expected * -p_t.ln()).abs() <= 1e-13 + 1e-7 * loss, "γ = {gamma}, p_t = {p_t}");
            }
            assert_eq!((curve.weight.len(), curve.group), (399, 3));
        }
    }

    #[test]
    fn classes_that_are_weighed_alike_share_a_curve() {
        let alpha = "[[weighter]]\nkind = \"alpha-balance\"\n";
        assert_eq!(names(&format!("objective = \"bce\"\n{alpha}alpha = 0.25")), ["x, target 0", "x, target 1"]);
        assert_eq!(names(&format!("objective = \"bce\"\n{alpha}alpha = 0.5")), ["x"]);
        assert_eq!(
            names(&format!("objective = \"softmax-ce\"\n{alpha}alpha = 0.25")),
            ["x, class 0", "x, other classes"]
        );
        let weights = "class_weights = [1.0, 2.0, 1.0, 3.0]";
        let expected = ["x, classes 0, 2", "x, class 1", "x, class 3"];
        assert_eq!(names(&format!("objective = \"softmax-ce\"\n{alpha}{weights}")), expected);
        assert_eq!(names("objective = \"softmax-ce\""), ["x"]);
    }
}
