//! A loss's recorded formula as Python data, for who evaluates it by other means than the engine.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use reweight::{
    BatchForm, Chain, ConfiguredLoss, Leaf, Node, Program, Quantities, RegionAxis, Regions, SampleKind, Spacing, Table,
    Weighting,
};

use crate::error;

/// What the samples of a loss are.
pub(crate) fn kind(loss: &ConfiguredLoss, soft: bool) -> PyResult<SampleKind> {
    match (loss, soft) {
        (ConfiguredLoss::Bce(_), false) => Ok(SampleKind::Binary),
        (ConfiguredLoss::Bce(_), true) => Ok(SampleKind::SoftBinary),
        (ConfiguredLoss::Softmax(_), false) => Ok(SampleKind::Class),
        (ConfiguredLoss::Softmax(_), true) => {
            Err(error::config("softmax cross entropy has no soft labels here: its targets are class indices"))
        }
    }
}

/// Names of what is computed, and of its outputs.
const WANTED: [(&str, Quantities, &[&str]); 4] = [
    ("step", Quantities::Step, &["weight", "base", "weight_slope", "base_slope"]),
    (
        "second",
        Quantities::Second,
        &["weight", "base", "weight_slope", "base_slope", "weight_curvature", "base_curvature"],
    ),
    ("gauss-newton", Quantities::GaussNewton, &["weight", "base", "weight_slope", "base_slope", "newton", "steepness"]),
    ("key", Quantities::Key, &["key"]),
];

fn leaf(leaf: Leaf) -> PyResult<&'static str> {
    Ok(match leaf {
        Leaf::Margin => "margin",
        Leaf::P => "p",
        Leaf::Q => "q",
        Leaf::LogP => "log_p",
        Leaf::LogQ => "log_q",
        Leaf::Target => "target",
        Leaf::Class => "class",
        Leaf::Column => "column",
        // A whole loss is recorded over those alone.
        other => return Err(error::config(format!("the formula reads {other:?}, which has no name"))),
    })
}

fn node<'py>(py: Python<'py>, node: Node) -> PyResult<Bound<'py, PyTuple>> {
    let of = |name: &'static str| (name, node.operands().collect::<Vec<u32>>());
    let (name, operands) = match node {
        Node::Literal(bits) => return ("literal", f64::from_bits(bits)).into_pyobject(py),
        Node::Leaf(of) => return ("leaf", leaf(of)?).into_pyobject(py),
        Node::PerClass(table) => return ("per_class", table).into_pyobject(py),
        Node::PerColumn(table) => return ("per_column", table).into_pyobject(py),
        Node::Region(key, table) => return ("region", key, table).into_pyobject(py),
        Node::Neg(_) => of("neg"),
        Node::Exp(_) => of("exp"),
        Node::Ln(_) => of("log"),
        Node::ExpM1(_) => of("expm1"),
        Node::Ln1P(_) => of("log1p"),
        Node::Sqrt(_) => of("sqrt"),
        Node::Abs(_) => of("abs"),
        Node::LogSigmoid(_) => of("log_sigmoid"),
        Node::Sigmoid(_) => of("sigmoid"),
        Node::Detach(_) => of("detach"),
        Node::Add(..) => of("add"),
        Node::Sub(..) => of("sub"),
        Node::Mul(..) => of("mul"),
        Node::Div(..) => of("div"),
        Node::Max(..) => of("maximum"),
        Node::Min(..) => of("minimum"),
        Node::SelectLe(..) => of("where_le"),
        other => return Err(error::config(format!("the formula has an operation without a name: {other:?}"))),
    };
    let all = std::iter::once(name.into_pyobject(py)?.into_any());
    let operands = operands.into_iter().map(|at| Ok(at.into_pyobject(py)?.into_any()));
    PyTuple::new(py, all.map(PyResult::Ok).chain(operands).collect::<PyResult<Vec<_>>>()?)
}

/// Nodes and outputs.
pub(crate) fn formula<'py>(
    py: Python<'py>,
    weighting: &Weighting<Chain>,
    kind: SampleKind,
    wanted: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let found = WANTED.into_iter().find(|(name, ..)| *name == wanted);
    let (_, quantities, outputs) = found.ok_or_else(|| {
        let names = WANTED.map(|(name, ..)| format!("\"{name}\"")).join(", ");
        error::config(format!("`wanted` is \"{wanted}\", but must be one of {names}"))
    })?;
    let program: &Program = weighting.program(kind, quantities).map_err(error::config)?;
    let nodes = program.nodes().iter().map(|&of| node(py, of)).collect::<PyResult<Vec<_>>>()?;
    let result = PyDict::new(py);
    result.set_item("nodes", nodes)?;
    let places = PyDict::new(py);
    for (name, place) in outputs.iter().zip(program.outputs()) {
        places.set_item(name, place)?;
    }
    result.set_item("outputs", places)?;
    Ok(result)
}

/// Thresholds of regions in both precisions, and what they are of.
fn regions<'py>(py: Python<'py>, regions: &Regions, axis: RegionAxis) -> PyResult<Bound<'py, PyDict>> {
    let spacing = match regions.spacing() {
        Spacing::GradientNorm => "gradient-norm",
        Spacing::Margin => "margin",
    };
    let result = PyDict::new(py);
    result.set_item("spacing", spacing)?;
    result.set_item("bins", regions.bins())?;
    result.set_item("thresholds", PyArray1::from_slice(py, regions.thresholds_f64(axis)))?;
    result.set_item("thresholds_f32", PyArray1::from_slice(py, regions.thresholds_f32(axis)))?;
    Ok(result)
}

/// The tables, in the order that nodes name them by.
pub(crate) fn tables<'py>(
    py: Python<'py>,
    weighting: &Weighting<Chain>,
    kind: SampleKind,
) -> PyResult<Bound<'py, PyAny>> {
    let tables = weighting.formula(kind).map_err(error::config)?.tables();
    let list = PyList::empty(py);
    for table in tables {
        let entry = match table {
            Table::Values(values) => {
                let entry = PyDict::new(py);
                entry.set_item("values", PyArray1::from_slice(py, values))?;
                entry
            }
            Table::Regions(table) => {
                let entry = regions(py, table.regions(), kind.axis())?;
                entry.set_item("values", PyArray1::from_slice(py, table.weights()))?;
                entry
            }
        };
        list.append(entry)?;
    }
    Ok(list.into_any())
}

/// The histograms that are counted, and whether class counts are.
pub(crate) fn counted<'py>(
    py: Python<'py>,
    weighting: &Weighting<Chain>,
    kind: SampleKind,
) -> PyResult<Bound<'py, PyDict>> {
    let request = weighting.request();
    let histograms =
        request.histograms().iter().map(|of| regions(py, of, kind.axis())).collect::<PyResult<Vec<_>>>()?;
    let result = PyDict::new(py);
    result.set_item("class_counts", request.wants_class_counts())?;
    result.set_item("histograms", histograms)?;
    Ok(result)
}

/// The affine map of the logits, and which column a logit stands in.
pub(crate) fn fit<'py>(
    py: Python<'py>,
    weighting: &Weighting<Chain>,
    kind: SampleKind,
    shape: &[usize],
) -> PyResult<Bound<'py, PyDict>> {
    let form = match kind {
        SampleKind::Class => BatchForm::softmax(shape, shape.get(1).copied().unwrap_or(0)),
        _ => BatchForm::binary(shape, kind == SampleKind::SoftBinary),
    };
    let fit = weighting.fit(&form).map_err(error::batch)?;
    let affine = fit.affine.unwrap_or_default();
    let result = PyDict::new(py);
    for (name, values) in [("scale", &affine.scale), ("offset", &affine.offset), ("margin", &affine.margin)] {
        result.set_item(name, PyArray1::from_slice(py, values))?;
    }
    result.set_item("columns", fit.columns.count)?;
    result.set_item("inner", fit.columns.inner)?;
    Ok(result)
}
