//! Losses of all parts, put together at random from the built-in kinds: every adjustment, weighter and base meets every other.

use reweight::{
    Adjustment, AdjustmentVisitor, BaseLoss, BaseVisitor, BuiltIn, Chain, ConfiguredLoss, LossConfig, Objective,
    ParameterError, Reduction, SampleWeighter, WeighterVisitor, each_adjustment, each_base, each_weighter,
};
use serde_json::{Map, Value, json};

use crate::batch::{Loss, Precision};
use crate::problem::{Kind, Numbers, Problem};

/// Every kind's examples as config entries.
#[derive(Debug, Default)]
struct Entries {
    classes: usize,
    columns: usize,
    weighters: Vec<Value>,
    bases: Vec<Value>,
    adjustments: Vec<Value>,
}

impl Entries {
    fn of<T: BuiltIn>(&self) -> Vec<Value> {
        let entry = |config: T::Config| {
            let mut settings = match serde_json::to_value(config) {
                Ok(Value::Object(settings)) => settings,
                _ => Map::new(),
            };
            settings.insert("kind".to_owned(), json!(T::KIND));
            Value::Object(settings)
        };
        T::examples(self.classes, self.columns).into_iter().map(entry).collect()
    }

    fn all(classes: usize, columns: usize) -> Self {
        let mut entries = Self { classes, columns, ..Self::default() };
        each_weighter(&mut entries);
        each_base(&mut entries);
        each_adjustment(&mut entries);
        entries
    }
}

impl WeighterVisitor for Entries {
    fn visit<T: BuiltIn + SampleWeighter + TryFrom<T::Config, Error = ParameterError>>(&mut self) {
        let own = self.of::<T>();
        self.weighters.extend(own);
    }
}

impl BaseVisitor for Entries {
    fn visit<T: BuiltIn + BaseLoss + TryFrom<T::Config, Error = ParameterError>>(&mut self) {
        let own = self.of::<T>();
        self.bases.extend(own);
    }
}

impl AdjustmentVisitor for Entries {
    fn visit<T: BuiltIn + Adjustment + TryFrom<T::Config, Error = ParameterError>>(&mut self) {
        let own = self.of::<T>();
        self.adjustments.extend(own);
    }
}

/// A loss that was drawn, and its config for messages.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The loss.
    pub loss: Loss<Chain>,
    /// Its config as JSON.
    pub config: String,
    /// Whether a weight is read off a table or a threshold, so that a sample next to an edge may fall on either side.
    pub has_edges: bool,
    /// Whether weights hold a difference that cancels: |σ − t| of soft labels.
    pub weighs_by_differences: bool,
    /// Whether a part has one value a column.
    pub by_column: bool,
    /// Whether a weight moves that no gradient flows through.
    pub is_detached: bool,
}

fn kind(entry: &Value) -> &str {
    entry["kind"].as_str().unwrap_or_default()
}

/// Draws a loss of all parts that fits `problem`: up to two adjustments, a base or none, one to three weighters.
///
/// # Panics
///
/// Where a built-in kind's own example is refused.
pub fn draw(problem: &Problem, numbers: &mut Numbers, reduction: Reduction) -> Drawn {
    let columns = problem.shape.last().copied().unwrap_or(1);
    let entries = Entries::all(problem.classes(), columns);
    let softmax = problem.kind == Kind::Classes;
    let binary = ["pos-weight", "quality-focal", "varifocal", "probability-shift"];
    let hard = ["ldam", "probability-shift"];
    let fits = |entry: &&Value| {
        let by_column = entry["counts"][0].is_array();
        let listed = entry["values"].is_array() || (!softmax && entry["scale"].is_array());
        let kind = kind(entry);
        let binary_only = binary.contains(&kind) || by_column || (softmax && listed);
        // Two classes have one pair of counts, or lists by column: a list of another length is another form's.
        (!softmax || !binary_only) && (problem.kind != Kind::Soft || !hard.contains(&kind))
    };
    let mut pick = |from: &[Value], most: usize| -> Vec<Value> {
        let from: Vec<&Value> = from.iter().filter(fits).collect();
        (0..most).map(|_| from[numbers.below(from.len())].clone()).collect()
    };
    let mut adjustment = pick(&entries.adjustments, 2);
    let weighter = pick(&entries.weighters, 3);
    let base = pick(&entries.bases, 1);
    adjustment.truncate(numbers.below(3));
    // What maps probabilities comes last, once; and no scale by column comes after a margin.
    adjustment.sort_by_key(|entry| (kind(entry) == "probability-shift", kind(entry) == "ldam"));
    adjustment.dedup_by(|second, first| kind(second) == kind(first));
    // Its own example, 4, would take logits of 7 beyond 30, up to which the accuracy of an adjusted logit is stated.
    for entry in adjustment.iter_mut().filter(|entry| kind(entry) == "ldam") {
        entry["scale"] = json!(2.0);
    }
    let weighter: Vec<Value> = weighter.into_iter().take(1 + numbers.below(3)).collect();
    let edged = ["ghm", "hard-examples", "self-paced", "probability-shift"];
    let has_edges = weighter.iter().chain(&adjustment).any(|entry| edged.contains(&kind(entry)));
    let listed = |entry: &Value| {
        let lists = ["values", "scale", "offset"].iter().any(|name| entry[name].is_array());
        entry["counts"][0].is_array() || (!softmax && lists)
    };
    let by_column = weighter.iter().chain(&adjustment).any(listed);
    let residual = weighter.iter().any(|entry| kind(entry) == "quality-focal");
    let weighs_by_differences = residual && problem.kind == Kind::Soft;
    let is_detached = weighter.iter().any(|entry| kind(entry) == "self-paced");
    let mut config = LossConfig::new(if softmax { Objective::SoftmaxCe } else { Objective::Bce });
    let read = |entries: Vec<Value>| serde_json::from_value(Value::Array(entries));
    config.reduction = reduction;
    config.weighter = serde_json::from_value(Value::Array(weighter)).expect("entries of built-in kinds");
    config.adjustment = read(adjustment).expect("entries of built-in kinds");
    if numbers.chance(0.7) {
        config.base = serde_json::from_value(base[0].clone()).expect("an entry of a built-in kind");
    }
    if softmax {
        config.ignore_index = problem.ignore_index;
        config.label_smoothing = (problem.label_smoothing > 0.0).then_some(problem.label_smoothing);
    }
    let text = config.to_json().unwrap_or_default().replace('\n', " ");
    let loss = match config.build() {
        Ok(ConfiguredLoss::Bce(loss)) => Loss::Bce(loss),
        Ok(ConfiguredLoss::Softmax(loss)) => Loss::Softmax(loss),
        Err(error) => panic!("a built-in kind's own example is refused: {error}\n{text}"),
    };
    Drawn { loss, config: text, has_edges, weighs_by_differences, by_column, is_detached }
}

impl Drawn {
    /// Whether results in this precision are comparable number by number: in `f32` a computed margin next to an edge may fall to
    /// the other side.
    pub fn is_comparable(&self, precision: Precision) -> bool {
        precision == Precision::F64 || !self.has_edges
    }
}

/// Problems of every kind, and one of several columns; logits where the stated accuracy of an adjusted logit holds.
pub fn problems() -> Vec<Problem> {
    // The parts are those that are drawn.
    let mut all: Vec<Problem> =
        Problem::moderate().into_iter().filter(|problem| problem.parts.base.is_none()).collect();
    all.push(Problem::new("columns of hard labels", Kind::Hard, &[13, 6]));
    all.push(Problem::new("columns of soft labels", Kind::Soft, &[7, 4]));
    all.push(Problem::new("rows of forty classes", Kind::Classes, &[37, 40]));
    all
}

/// Logit adjustment and focal·GHM on Poly-1, over softmax with rows to leave out and smoothed labels.
const ADJUSTED: &str = r#"
    objective = "softmax-ce"
    ignore_index = -100
    label_smoothing = 0.1
    adjustment = [{ kind = "logit-adjustment", counts = [900, 300, 100, 60, 30] }]
    weighter = [{ kind = "focal", gamma = 1.5 }, { kind = "ghm", bins = 10, momentum = 0.75 }]
    base = { kind = "poly-1", epsilon = 1.0 }
"#;

/// The asymmetric loss with one positive weight a column: shifted probabilities, focal by sign, BCE on columns.
const SHIFTED: &str = r#"
    objective = "bce"
    reduction = "weighted-mean"
    adjustment = [{ kind = "probability-shift", margin = 0.05 }]
    weighter = [{ kind = "focal", gamma_pos = 0.5, gamma_neg = 4.0 }, { kind = "pos-weight", values = [4.0, 9.0, 1.5, 1.0] }]
"#;

/// Two losses by name, with one of each part, as `loss.toml` holds them, and the problems that they are for.
pub fn chains() -> [(Problem, &'static str); 2] {
    let rows = Problem {
        masked: true,
        weighted: true,
        label_smoothing: 0.1,
        ignore_index: Some(-100),
        ..Problem::new("the adjusted chain on poly-1", Kind::Classes, &[29, 5])
    };
    // σ = m, where the shift has its kink.
    let kink = Some((0.05_f64 / 0.95).ln());
    let columns = Problem {
        masked: true,
        weighted: true,
        kink,
        ..Problem::new("the shifted chain on columns", Kind::Hard, &[3, 5, 4])
    };
    [(rows, ADJUSTED), (columns, SHIFTED)]
}
