//! The laws of any formula of one sample, a weighter's or a base's: checked over every number that it is evaluated over.

use std::fmt::Debug;

use reweight::{BatchForm, Dual, Node, Program, Real, Sample, SampleKind};

use crate::compare::{Check, Tolerance};

/// A formula, and what its laws are called.
pub(crate) trait Formula {
    /// The laws' names.
    const LAWS: Laws;

    /// Its value for a sample.
    fn of<R: Real>(&self, sample: &Sample<R>) -> R;
}

/// What the laws of a kind of formula are called in messages.
pub(crate) struct Laws {
    pub(crate) finite: &'static str,
    pub(crate) narrow: &'static str,
    pub(crate) alike: &'static str,
}

/// What a sample is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Origin {
    Binary { margin: f64, target: f64 },
    Class { margin: f64, class: usize },
    Soft { logit: f64, target: f64 },
}

impl Origin {
    pub(crate) fn of<R: Real>(self, variable: impl Fn(f64) -> R) -> Sample<R> {
        match self {
            Self::Binary { margin, target } => Sample::binary(variable(margin), R::lit(target)),
            Self::Class { margin, class } => Sample::class_of(variable(margin), R::lit(class as f64)),
            Self::Soft { logit, target } => Sample::soft(variable(logit), R::lit(target)),
        }
    }

    pub(crate) fn moved(self, by: f64) -> Self {
        match self {
            Self::Binary { margin, target } => Self::Binary { margin: margin + by, target },
            Self::Class { margin, class } => Self::Class { margin: margin + by, class },
            Self::Soft { logit, target } => Self::Soft { logit: logit + by, target },
        }
    }

    pub(crate) fn at(self) -> f64 {
        match self {
            Self::Binary { margin, .. } | Self::Class { margin, .. } => margin,
            Self::Soft { logit, .. } => logit,
        }
    }
}

/// Margins from −1e4 to 1e4, with zeros and denormals, under every label.
pub(crate) fn origins(classes: usize) -> Vec<Origin> {
    let sizes = [0.0, 1e-310, 1e-9, 0.3, 1.0, 4.0, 17.0, 40.0, 90.0, 150.0, 700.0, 746.0, 1e4];
    let margins: Vec<f64> = sizes.iter().flat_map(|&x| [x, -x]).collect();
    let mut all = Vec::new();
    for &margin in &margins {
        for class in 0..classes {
            all.push(Origin::Class { margin, class });
        }
        if classes == 2 {
            all.extend([0.0, 1.0].map(|target| Origin::Binary { margin, target }));
            all.extend([0.0, 1e-30, 0.2, 0.5, 1.0].map(|target| Origin::Soft { logit: margin, target }));
        }
    }
    all
}

/// A part for messages; a chain's own form may be pages long.
pub(crate) fn name(part: &impl Debug) -> String {
    let full = format!("{part:?}");
    match full.char_indices().nth(160) {
        Some((at, _)) => format!("{} …", &full[..at]),
        None => full,
    }
}

/// A form of batches that parts are asked whether they fit.
pub(crate) struct Form {
    pub(crate) kind: SampleKind,
    shape: [usize; 2],
}

impl Form {
    /// It, as parts are asked.
    pub(crate) fn form(&self) -> BatchForm<'_> {
        match self.kind {
            SampleKind::Class => BatchForm::softmax(&self.shape, self.shape[1]),
            kind => BatchForm::binary(&self.shape, kind == SampleKind::SoftBinary),
        }
    }
}

/// Rows of `classes` classes, and `classes` columns of hard and of soft labels.
pub(crate) fn forms(classes: usize) -> [Form; 3] {
    [SampleKind::Binary, SampleKind::SoftBinary, SampleKind::Class].map(|kind| Form { kind, shape: [7, classes] })
}

/// Checks a formula on these samples; `boxed` is the same in a box.
pub(crate) fn check_formula<F: Formula>(formula: &F, boxed: &impl Formula, name: &str, origins: &[Origin]) {
    let program_of = |kind| {
        let program = Program::record_of_kind(kind, |sample| vec![formula.of(sample)]);
        Check::new("a formula can be recorded", name).unwrap(program)
    };
    let programs = [SampleKind::Binary, SampleKind::SoftBinary, SampleKind::Class].map(|kind| (kind, program_of(kind)));
    for &origin in origins {
        let case = format!("{name}, sample {origin:?}");
        let value = formula.of(&origin.of(|x: f64| x));
        let dual = formula.of(&origin.of(Dual::variable));
        let check = Check::new(F::LAWS.finite, case.as_str());
        check.holds(value.is_finite() && value >= 0.0, || format!("value {value}"));
        check.holds(dual.slope.is_finite(), || format!("slope {}", dual.slope));
        let second = formula.of(&origin.of(|x: f64| Dual::variable(Dual::variable(x))));
        check.holds(second.slope.slope.is_finite(), || format!("second derivative {}", second.slope.slope));
        check_narrow(formula, origin, &case);
        let kind = origin.of(|x: f64| x).kind();
        let Some((_, program)) = programs.iter().find(|(of, _)| *of == kind) else { continue };

        let check = Check::new(F::LAWS.alike, case.as_str());
        let tolerance = Tolerance { relative: 1e-12, floor: 1.0 };
        check.close("dual numbers", &[dual.value], &[value], tolerance);
        check.close("nested duals", &[second.value.value, second.slope.value], &[value, dual.slope], tolerance);
        let recorded = program.evaluate(&origin.of(|x: f64| x));
        check.close("the recorded formula", &[recorded], &[value], tolerance);
        let recorded = program.evaluate(&origin.of(Dual::<f64>::variable));
        let found = [recorded.value, recorded.slope];
        check.close("the recorded formula in duals", &found, &[value, dual.slope], tolerance);
        let of_box = boxed.of(&origin.of(Dual::<f64>::variable));
        check.close("the box", &[of_box.value, of_box.slope], &[value, dual.slope], tolerance);
        // A formula that detaches a part has a slope by its own rule, which is no derivative of the whole.
        if !program.nodes().iter().any(|node| matches!(node, Node::Detach(_))) {
            check_slope(formula, origin, &case, dual);
        }
    }
}

/// The same in the floats that people train with: a guard at a margin of 200, or a term of 1e-100, is none there.
fn check_narrow<F: Formula>(formula: &F, origin: Origin, case: &str) {
    let check = Check::new(F::LAWS.narrow, case);
    let value = formula.of(&origin.of(|x: f64| x as f32));
    check.holds(value.is_finite() && value >= 0.0, || format!("value {value}"));
    let dual = formula.of(&origin.of(|x: f64| Dual::variable(x as f32)));
    check.holds(dual.slope.is_finite(), || format!("slope {}", dual.slope));
    let second = formula.of(&origin.of(|x: f64| Dual::variable(Dual::variable(x as f32))));
    check.holds(second.slope.slope.is_finite(), || format!("second derivative {}", second.slope.slope));
}

/// The slope against central differences, where both one-sided ones agree: not at a kink, and not where it is 0, as that
/// of a counted weight is by definition.
fn check_slope(formula: &impl Formula, origin: Origin, case: &str, dual: Dual<f64>) {
    let step = 1e-6;
    if dual.slope == 0.0 || origin.at().abs() > 100.0 {
        return;
    }
    let value = |by: f64| formula.of(&origin.moved(by).of(|x: f64| x));
    let (left, right) = ((value(0.0) - value(-step)) / step, (value(step) - value(0.0)) / step);
    // Truncation is step·w″, rounding 1e-16·w/step: both below 1e-5 of value and slope together.
    let allowed = 1e-5 * (dual.value.abs() + dual.slope.abs() + left.abs());
    if (left - right).abs() > allowed {
        return;
    }
    let (slope, difference) = (dual.slope, 0.5 * (left + right));
    let check = Check::new("a slope is the derivative", case);
    check.holds((slope - difference).abs() <= allowed, || {
        format!("slope {slope:e}, central difference {difference:e}, {allowed:e} allowed")
    });
}
