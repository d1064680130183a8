//! A formula that is data: recorded elsewhere, as by the Python package, and kept in a config or a checkpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::BaseLoss;
use crate::built_in::BuiltIn;
use crate::error::{ParameterError, WeightError};
use crate::expr::{Leaf, MOST, Node, Program, Table};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;
use crate::settings::{LAST_AXIS, is_last_axis, last_axis};
use crate::weighter::SampleWeighter;

/// A weighter or a base whose formula is a list of steps.
///
/// **Formula.** Each step makes a number of the sample, of a parameter, or of the results of earlier steps, which it names by their
/// place in the list, from 0; the last one's is the weight, or the loss.
///
/// **Stability.** That of the steps: as in any formula, stay in log space.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use reweight::{LossConfig, Recorded, RecordedConfig, Sample, SampleWeighter, Step};
///
/// // q^γ as exp(γ·log q).
/// let steps = vec![Step::LogQ, Step::Parameter("gamma".into()), Step::Mul(0, 1), Step::Exp(2)];
/// let focal = Recorded::try_from(RecordedConfig { name: "my_focal".into(), steps, ..Default::default() }.with("gamma", 2.0))?;
/// assert_eq!(focal.weight(&Sample::binary(0.0_f64, 1.0)), 0.25);
///
/// let loss = LossConfig::from_toml(r#"
///     objective = "bce"
///     [[weighter]]
///     kind = "recorded"
///     name = "my_focal"
///     parameters = { gamma = 2.0 }
///     steps = ["log-q", { parameter = "gamma" }, { mul = [0, 1] }, { exp = 2 }]
/// "#)?.build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RecordedConfig", into = "RecordedConfig")]
pub struct Recorded {
    program: Program,
    config: RecordedConfig,
}

/// A recorded formula as a config file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordedConfig {
    /// What it is called in messages.
    pub name: String,
    /// The steps; the last one's result is the formula's.
    pub steps: Vec<Step>,
    /// The values of the parameters that steps read, finite.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, f64>,
    /// The axis of the columns, where a step reads one value a column; the last where it is left out.
    #[serde(default = "last_axis", skip_serializing_if = "is_last_axis")]
    pub axis: i64,
}

impl Default for RecordedConfig {
    fn default() -> Self {
        Self { name: String::new(), steps: Vec::new(), parameters: BTreeMap::new(), axis: LAST_AXIS }
    }
}

impl RecordedConfig {
    /// The same with a parameter's value.
    #[must_use]
    pub fn with(mut self, parameter: &str, value: f64) -> Self {
        self.parameters.insert(parameter.to_owned(), value);
        self
    }
}

/// One step of a recorded formula; numbers in it are places of earlier steps, from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// The margin s.
    Margin,
    /// p_t.
    P,
    /// 1 − p_t.
    Q,
    /// log p_t.
    LogP,
    /// log(1 − p_t).
    LogQ,
    /// The unweighted cross entropy.
    CrossEntropy,
    /// |σ(x) − t|, with its gradient.
    Residual,
    /// Its logarithm.
    LogResidual,
    /// |σ(x) − t| as a constant.
    GradientNorm,
    /// softplus(−x), the loss that the label 1 would have (BCE).
    LossIfPositive,
    /// softplus(x), the loss that the label 0 would have (BCE).
    LossIfNegative,
    /// The target.
    Target,
    /// A constant, finite.
    Literal(f64),
    /// The value of the parameter of that name.
    Parameter(String),
    /// The sample's entry of a table with one value a class.
    PerClass(Vec<f64>),
    /// The sample's entry of a table with one value a column, or its only one (BCE).
    PerColumn(Vec<f64>),
    /// −a.
    Neg(u32),
    /// eᵃ.
    Exp(u32),
    /// ln a.
    Ln(u32),
    /// eᵃ − 1.
    ExpM1(u32),
    /// ln(1 + a).
    #[serde(rename = "ln-1p")]
    Ln1P(u32),
    /// √a.
    Sqrt(u32),
    /// |a|.
    Abs(u32),
    /// log σ(a).
    LogSigmoid(u32),
    /// σ(a).
    Sigmoid(u32),
    /// a as a constant: no gradient flows through it.
    Detach(u32),
    /// a + b.
    Add(u32, u32),
    /// a − b.
    Sub(u32, u32),
    /// a·b.
    Mul(u32, u32),
    /// a / b.
    Div(u32, u32),
    /// aᵇ for a ≥ 0. A small whole b that is known is a product; a probability's other powers are computed of its logarithm.
    Pow(u32, u32),
    /// The larger.
    Max(u32, u32),
    /// The smaller.
    Min(u32, u32),
    /// c where a ≤ b, else d.
    SelectLe(u32, u32, u32, u32),
}

/// Above this, repeated products round worse than the exponential and save nothing.
const LARGEST_WHOLE: f64 = 8.0;

/// Nodes and tables as steps become them, and which node each step became.
#[derive(Default)]
struct Assembly {
    nodes: Vec<Node>,
    tables: Vec<Table>,
    of_step: Vec<u32>,
}

impl Assembly {
    fn push(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    fn literal(&mut self, name: &str, value: f64) -> Result<Node, ParameterError> {
        let value = ParameterError::check(name, value, value.is_finite(), "finite")?;
        Ok(Node::Literal(value.to_bits()))
    }

    fn table(&mut self, name: &str, values: &[f64]) -> Result<u32, ParameterError> {
        let length = values.len() as f64;
        ParameterError::check(&format!("number of values of {name}"), length, length > 0.0, "at least 1")?;
        for (at, &value) in values.iter().enumerate() {
            ParameterError::check(&format!("{name}[{at}]"), value, value.is_finite(), "finite")?;
        }
        self.tables.push(Table::Values(values.into()));
        Ok(self.tables.len() as u32 - 1)
    }

    /// Where b is a constant and a small whole number, a product; else exp(b·log a), with the sample's own logarithm where it has one.
    fn power(&mut self, a: u32, b: u32) -> Node {
        let exponent = self.nodes[b as usize].literal();
        if let Some(whole) = exponent.filter(|value| value.fract() == 0.0 && (0.0..=LARGEST_WHOLE).contains(value)) {
            let one = self.push(Node::Literal(1.0_f64.to_bits()));
            let product = (1..whole as u32).fold(a, |product, _| self.push(Node::Mul(product, a)));
            return Node::Mul(if whole == 0.0 { one } else { product }, one);
        }
        let log = match self.nodes[a as usize] {
            Node::Leaf(Leaf::P) => Node::Leaf(Leaf::LogP),
            Node::Leaf(Leaf::Q) => Node::Leaf(Leaf::LogQ),
            Node::Leaf(Leaf::Residual) => Node::Leaf(Leaf::LogResidual),
            Node::Detach(of) if self.nodes[of as usize] == Node::Leaf(Leaf::Residual) => {
                Node::Detach(self.push(Node::Leaf(Leaf::LogResidual)))
            }
            _ => Node::Ln(a),
        };
        let log = self.push(log);
        Node::Exp(self.push(Node::Mul(log, b)))
    }

    fn step(&mut self, at: usize, step: &Step, parameters: &BTreeMap<String, f64>) -> Result<(), ParameterError> {
        let place = format!("steps[{at}]");
        let mut wrong = None;
        let mut of = |operand: u32| {
            self.of_step.get(operand as usize).copied().unwrap_or_else(|| {
                wrong.get_or_insert(operand);
                0
            })
        };
        let node = match *step {
            Step::Neg(a) => Node::Neg(of(a)),
            Step::Exp(a) => Node::Exp(of(a)),
            Step::Ln(a) => Node::Ln(of(a)),
            Step::ExpM1(a) => Node::ExpM1(of(a)),
            Step::Ln1P(a) => Node::Ln1P(of(a)),
            Step::Sqrt(a) => Node::Sqrt(of(a)),
            Step::Abs(a) => Node::Abs(of(a)),
            Step::LogSigmoid(a) => Node::LogSigmoid(of(a)),
            Step::Sigmoid(a) => Node::Sigmoid(of(a)),
            Step::Detach(a) => Node::Detach(of(a)),
            Step::Add(a, b) => Node::Add(of(a), of(b)),
            Step::Sub(a, b) => Node::Sub(of(a), of(b)),
            Step::Mul(a, b) => Node::Mul(of(a), of(b)),
            Step::Div(a, b) => Node::Div(of(a), of(b)),
            Step::Max(a, b) => Node::Max(of(a), of(b)),
            Step::Min(a, b) => Node::Min(of(a), of(b)),
            Step::SelectLe(a, b, c, d) => Node::SelectLe(of(a), of(b), of(c), of(d)),
            Step::Pow(a, b) => {
                let (a, b) = (of(a), of(b));
                if wrong.is_none() { self.power(a, b) } else { Node::Neg(0) }
            }
            Step::Margin => Node::Leaf(Leaf::Margin),
            Step::P => Node::Leaf(Leaf::P),
            Step::Q => Node::Leaf(Leaf::Q),
            Step::LogP => Node::Leaf(Leaf::LogP),
            Step::LogQ => Node::Leaf(Leaf::LogQ),
            Step::CrossEntropy => Node::Leaf(Leaf::CrossEntropy),
            Step::Residual => Node::Leaf(Leaf::Residual),
            Step::LogResidual => Node::Leaf(Leaf::LogResidual),
            Step::GradientNorm => Node::Detach(self.push(Node::Leaf(Leaf::Residual))),
            Step::LossIfPositive => Node::Neg(self.push(Node::Leaf(Leaf::LogPositive))),
            Step::LossIfNegative => Node::Neg(self.push(Node::Leaf(Leaf::LogNegative))),
            Step::Target => Node::Leaf(Leaf::Target),
            Step::Literal(value) => self.literal(&place, value)?,
            Step::Parameter(ref name) => match parameters.get(name) {
                Some(&value) => self.literal(name, value)?,
                None => {
                    let expected = format!("in `parameters`, which has no value for it ({place})");
                    return Err(ParameterError::new(name.as_str(), f64::NAN, expected));
                }
            },
            Step::PerClass(ref values) => Node::PerClass(self.table(&place, values)?),
            Step::PerColumn(ref values) => Node::PerColumn(self.table(&place, values)?),
        };
        if let Some(operand) = wrong {
            return Err(ParameterError::new(place, f64::from(operand), "the place of an earlier step, from 0"));
        }
        let made = self.push(node);
        self.of_step.push(made);
        Ok(())
    }
}

impl Recorded {
    fn tables(&self) -> impl Iterator<Item = (bool, &[f64])> {
        self.config.steps.iter().filter_map(|step| match step {
            Step::PerClass(values) => Some((true, &values[..])),
            Step::PerColumn(values) => Some((false, &values[..])),
            _ => None,
        })
    }

    fn check_classes(&self, classes: usize) -> Result<(), WeightError> {
        let mut lengths = self.tables().filter(|(per_class, _)| *per_class).map(|(_, values)| values.len());
        match lengths.find(|&length| length != classes) {
            Some(given) => Err(WeightError::ClassCount { weighter: self.config.name.clone(), given, classes }),
            None => Ok(()),
        }
    }

    fn check_form(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.check_classes(form.classes())?;
        let columns = self.tables().filter(|(per_class, values)| !per_class && values.len() > 1);
        columns
            .map(|(_, values)| values.len())
            .try_for_each(|given| form.ask_columns(&self.config.name, self.config.axis, given))
    }
}

impl TryFrom<RecordedConfig> for Recorded {
    type Error = ParameterError;

    fn try_from(config: RecordedConfig) -> Result<Self, ParameterError> {
        let length = config.steps.len();
        let expected = format!("from 1 to {MOST}");
        ParameterError::check("number of steps", length as f64, (1..=MOST).contains(&length), &expected)?;
        for (name, &value) in &config.parameters {
            ParameterError::check(name, value, value.is_finite(), "finite")?;
        }
        let mut assembly = Assembly::default();
        for (at, step) in config.steps.iter().enumerate() {
            assembly.step(at, step, &config.parameters)?;
        }
        let last = assembly.nodes.len() as u32 - 1;
        Ok(Self { program: Program::of_nodes(&assembly.nodes, last, &assembly.tables), config })
    }
}

impl From<Recorded> for RecordedConfig {
    fn from(formula: Recorded) -> Self {
        formula.config
    }
}

impl BuiltIn for Recorded {
    const KIND: &'static str = "recorded";
    const FORMULA: &'static str = "that of its steps";
    const SETTINGS: &'static str =
        "`name`, `steps`, `parameters`: what `rw.weighter` and `rw.base` make of a Python function";
    type Config = RecordedConfig;

    fn config(&self) -> RecordedConfig {
        self.config.clone()
    }

    fn examples(classes: usize, _: usize) -> Vec<RecordedConfig> {
        // exp(γ·log q): falls as p_t rises, so that it serves as a base too.
        let power = vec![Step::LogQ, Step::Parameter("gamma".into()), Step::Mul(0, 1), Step::Exp(2)];
        let mut balanced = power.clone();
        let values = (0..classes).map(|class| 0.5 + class as f64).collect();
        balanced.extend([Step::PerClass(values), Step::Mul(3, 4)]);
        let of = |name: &str, steps| RecordedConfig { name: name.into(), steps, ..RecordedConfig::default() };
        vec![of("root", power).with("gamma", 0.5), of("balanced", balanced).with("gamma", 2.0)]
    }
}

impl SampleWeighter for Recorded {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        self.program.evaluate(sample)
    }

    fn check(&self, classes: usize) -> Result<(), WeightError> {
        self.check_classes(classes)
    }

    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.check_form(form)
    }
}

impl BaseLoss for Recorded {
    fn loss<R: Real>(&self, sample: &Sample<R>) -> R {
        self.program.evaluate(sample)
    }

    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.check_form(form)
    }
}

#[cfg(test)]
mod tests;
