//! A loss's weight, and its loss times weight, over p_t: from the library's formula, a curve for each class that differs.

use reweight::{ConfiguredLoss, Objective, WeightError};

use reweight_lab::seen::Seen;
use reweight_lab::table::error::listing;

/// Steps from p_t = 0 to 1.
const STEPS: u32 = 400;

/// The first step that is drawn: below it the loss grows without bound. The paper's figure ends there too.
const FIRST: u32 = 2;

/// Most classes or columns that a table is expected to have.
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
    /// Each step's p_t and weight times base loss, in nats.
    pub loss: Vec<(f64, f64)>,
    /// Whether that loss is weight · (−log p_t).
    pub is_plain: bool,
}

/// What is drawn as the weighted loss, in a formula.
pub(super) fn loss_formula(curves: &[Curve]) -> &'static str {
    if curves.iter().all(|curve| curve.is_plain) { "w · (−log p_t)" } else { "w · (adjusted base loss)" }
}

/// The curves of a loss, one for each class and column that is weighed otherwise than those before.
///
/// p_t is that of the raw logits, weight and loss are those of the adjusted ones; see `Seen` for softmax.
///
/// # Errors
///
/// Where a part of the loss does not fit any number of classes and columns.
pub fn curves(name: &str, group: usize, loss: &ConfiguredLoss) -> Result<Vec<Curve>, WeightError> {
    let objective = match loss {
        ConfiguredLoss::Bce(_) => Objective::Bce,
        ConfiguredLoss::Softmax(_) => Objective::SoftmaxCe,
    };
    let of = |many: usize| match objective {
        Objective::Bce => (2, many - 1),
        Objective::SoftmaxCe => (many, 1),
    };
    // As many classes or columns as its tables hold; without tables two classes, of softmax the background and all others.
    let fits = |many: &usize| Seen::new(loss, of(*many).0, of(*many).1).is_ok();
    let many = (2..=MOST_CLASSES).find(fits).unwrap_or(2);
    let (classes, columns) = of(many);
    let (seen, fits_any) = (Seen::new(loss, classes, columns)?, fits(&(many + 1)));
    let mut found: Vec<(Vec<(usize, usize)>, Curve)> = Vec::new();
    for at in (0..columns).flat_map(|column| (0..classes).map(move |class| (class, column))) {
        let own = curve(group, found.len(), &seen, at);
        match found.iter_mut().find(|(_, other)| other.weight == own.weight && other.loss == own.loss) {
            Some((places, _)) => places.push(at),
            None => found.push((vec![at], own)),
        }
    }
    let alone = found.len() == 1;
    let title = |places: &[(usize, usize)]| match (objective, places) {
        _ if alone => name.to_owned(),
        (Objective::Bce, [(target, _), ..]) if columns == 1 => format!("{name}, target {target}"),
        (Objective::Bce, places) => {
            let place = |&(target, column): &(usize, usize)| format!("target {target} of column {column}");
            format!("{name}, {}", listing(places.iter().map(place), 2))
        }
        (_, [(0, _)]) if fits_any => format!("{name}, class 0"),
        _ if fits_any => format!("{name}, other classes"),
        (_, [(class, _)]) => format!("{name}, class {class}"),
        (_, several) => format!("{name}, classes {}", listing(several.iter().map(|(class, _)| class.to_string()), 4)),
    };
    Ok(found.into_iter().map(|(places, curve)| Curve { name: title(&places), ..curve }).collect())
}

/// The weights that a loss gives to class `class` at each of these p_t of the raw logits, which lie between 0 and 1.
pub(crate) fn weights(seen: &Seen<'_>, class: usize, p_t: &[f64]) -> Vec<f64> {
    p_t.iter().map(|&p_t| seen.weight(margin(p_t), class, 0)).collect()
}

fn curve(group: usize, member: usize, seen: &Seen<'_>, (class, column): (usize, usize)) -> Curve {
    let over = |figure: &dyn Fn(f64) -> f64| grid().into_iter().map(|p_t| (p_t, figure(margin(p_t)))).collect();
    Curve {
        name: String::new(),
        group,
        member,
        weight: over(&|margin| seen.weight(margin, class, column)),
        loss: over(&|margin| seen.loss(margin, class, column)),
        is_plain: seen.is_plain(),
    }
}

fn margin(p_t: f64) -> f64 {
    p_t.ln() - (-p_t).ln_1p()
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
        curves("x", 3, &LossConfig::from_toml(toml).unwrap().build().unwrap()).unwrap()
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
        let values = "objective = \"bce\"\nweighter = [{ kind = \"pos-weight\", values = [1.0, 3.0] }]";
        let alike = "x, target 0 of column 0, target 1 of column 0 and 1 more";
        assert_eq!(names(values), [alike, "x, target 1 of column 1"]);
    }

    #[test]
    fn bases_and_adjustments_are_drawn_over_the_raw_probability() {
        let poly = of("objective = \"bce\"\nbase = { kind = \"poly-1\", epsilon = 1.0 }\n");
        let [curve] = &poly[..] else { panic!("one curve") };
        assert_eq!(
            (loss_formula(&poly), loss_formula(&of("objective = \"bce\""))),
            ("w · (adjusted base loss)", "w · (−log p_t)")
        );
        for (&(p_t, weight), &(_, loss)) in curve.weight.iter().zip(&curve.loss) {
            assert!(weight == 1.0 && !curve.is_plain && (loss - (1.0 - p_t - p_t.ln())).abs() < 1e-12, "p_t = {p_t}");
        }
        // Nine to one: a positive's odds are seen as a ninth of what they are.
        let adjusted = "objective = \"bce\"\nadjustment = [{ kind = \"logit-adjustment\", counts = [9, 1] }]\n";
        assert_eq!(names(adjusted), ["x, target 0", "x, target 1"]);
        for &(p_t, loss) in &of(adjusted)[1].loss {
            let odds = p_t / (1.0 - p_t) / 9.0;
            assert!((loss - (1.0 + 1.0 / odds).ln()).abs() < 1e-9, "p_t = {p_t}");
        }
        let softmax = adjusted.replace("bce", "softmax-ce").replace("[9, 1]", "[5, 5, 10]");
        assert_eq!(names(&softmax), ["x, classes 0, 1", "x, class 2"]);
    }
}
