//! From nodes to C.

use std::fmt::Write;

use reweight::{Leaf, Node, Program, RegionAxis, Table};

use super::{Formula, Tables, is_of_samples, lifted};
use crate::statistics::region;

/// The formula without its numbers, one word a node.
pub(super) fn key(program: &Program, tables: &Tables<'_>) -> String {
    let nodes = program.nodes().iter().map(|&node| match (node, lifted(node), node.literal()) {
        (_, Some(_), _) => "c".to_owned(),
        (_, None, Some(value)) => value.to_string(),
        // Tables by where they begin: a loss's own numbers for them tell of tables that are not read here.
        (Node::PerClass(table), ..) => format!("PerClass({})", tables.first(table)),
        (Node::PerColumn(table), ..) => format!("PerColumn({})", tables.first(table)),
        (Node::Region(key, table), ..) => format!("Region({key},{})", tables.first(table)),
        (Node::Leaf(leaf), ..) => format!("{leaf:?}"),
        (other, ..) => format!("{other:?}").replace(' ', ""),
    });
    let tables = tables.iter().map(|(table, _)| match table {
        Table::Values(values) => format!("values{}", values.len()),
        Table::Regions(table) => format!("{:?}{}", table.regions().spacing(), table.regions().bins()),
    });
    let outputs = format!("{:?}", program.outputs()).replace(' ', "");
    nodes.chain(tables).chain([outputs]).collect::<Vec<_>>().join(" ")
}

/// Whether there is C for a node.
pub(super) fn is_known(node: Node) -> bool {
    match node {
        Node::Leaf(leaf) => is_of_samples(leaf),
        Node::Literal(_) | Node::PerClass(_) | Node::PerColumn(_) | Node::Region(..) | Node::Detach(_) => true,
        other => expression(other, &|_| "").is_some(),
    }
}

fn leaf(leaf: Leaf) -> &'static str {
    match leaf {
        Leaf::Margin => "s.margin",
        Leaf::P => "s.p",
        Leaf::Q => "s.q",
        Leaf::LogP => "s.log_p",
        Leaf::LogQ => "s.log_q",
        Leaf::Target => "s.target",
        Leaf::Class => "real(s.label)",
        Leaf::Column => "real(s.column)",
        // Refused before; NaN is seen at once where a guess would not be.
        _ => "real_log(real(-1))",
    }
}

/// An operation as an expression of its operands' names.
fn expression<'n>(node: Node, name: &impl Fn(u32) -> &'n str) -> Option<String> {
    Some(match node {
        Node::Neg(a) => format!("-{}", name(a)),
        Node::Exp(a) => format!("real_exp({})", name(a)),
        Node::Ln(a) => format!("real_log({})", name(a)),
        Node::ExpM1(a) => format!("real_expm1({})", name(a)),
        Node::Ln1P(a) => format!("real_log1p({})", name(a)),
        Node::Sqrt(a) => format!("real_sqrt({})", name(a)),
        Node::Abs(a) => format!("real_abs({})", name(a)),
        Node::LogSigmoid(a) => format!("log_sigmoid({})", name(a)),
        Node::Sigmoid(a) => format!("sigmoid({})", name(a)),
        Node::Add(a, b) => format!("{} + {}", name(a), name(b)),
        Node::Sub(a, b) => format!("{} - {}", name(a), name(b)),
        Node::Mul(a, b) => format!("{} * {}", name(a), name(b)),
        Node::Div(a, b) => format!("{} / {}", name(a), name(b)),
        Node::Max(a, b) => format!("real_max({}, {})", name(a), name(b)),
        Node::Min(a, b) => format!("real_min({}, {})", name(a), name(b)),
        Node::SelectLe(a, b, c, d) => format!("{} <= {} ? {} : {}", name(a), name(b), name(c), name(d)),
        _ => return None,
    })
}

/// Struct `Literals`, `literals` and `weigh`.
pub(super) fn weigh(formula: &Formula<'_>) -> String {
    let mut text = literals(formula.literals.len());
    text.push_str("\n// Weight, base and their derivatives.\n");
    let head = "__device__ __forceinline__ Weighed weigh(const Sample& s, const Literals& c, const real* constants) {";
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "{head}");
    let outputs = statements(formula, &mut text);
    text.push_str("    Weighed w;\n");
    for (field, output) in ["weight", "base", "weight_slope", "base_slope"].into_iter().zip(&outputs) {
        let _ = writeln!(text, "    w.{field} = {output};");
    }
    text.push_str("    return w;\n}\n");
    text
}

/// Struct `Literals`, `literals` and `key_of`.
pub(super) fn key_of(formula: &Formula<'_>) -> String {
    let mut text = literals(formula.literals.len());
    text.push_str("\n// What unit regions are read from.\n");
    let head = "__device__ __forceinline__ real key_of(const Sample& s, const Literals& c, const real* constants) {";
    let _ = writeln!(text, "{head}");
    let outputs = statements(formula, &mut text);
    let key = outputs.first().map_or("real(0)", String::as_str);
    let _ = writeln!(text, "    return {key};\n}}");
    text
}

fn literals(count: usize) -> String {
    let mut text = String::from("// The formula's numbers, held in registers.\nstruct Literals {");
    for at in 0..count {
        let _ = write!(text, " real c{at};");
    }
    text.push_str(" };\n");
    let parameter = if count == 0 { "" } else { " constants" };
    let _ = writeln!(text, "__device__ __forceinline__ Literals literals(const real*{parameter}) {{");
    text.push_str("    Literals c;\n");
    for at in 0..count {
        let _ = writeln!(text, "    c.c{at} = constants[{at}];");
    }
    text.push_str("    return c;\n}\n");
    text
}

/// The weight of a region, read from the constants.
fn region_weight(table: &Table, first: usize, key: &str, axis: RegionAxis) -> String {
    let Table::Regions(table) = table else { return "real_log(real(-1))".to_owned() };
    let edges = super::thresholds(table.regions(), |regions| regions.thresholds_f64(axis)).len();
    let at = region(table.regions(), axis, key, &format!("constants + {first}"));
    format!("constants[{} + {at}]", first + edges)
}

/// One statement a node; the names of the outputs' values.
fn statements(formula: &Formula<'_>, text: &mut String) -> Vec<String> {
    let Formula { program, tables, kind, .. } = formula;
    let mut names: Vec<String> = Vec::with_capacity(program.nodes().len());
    let mut literals = 0..;
    for (at, &node) in program.nodes().iter().enumerate() {
        let name = |operand: u32| names[operand as usize].as_str();
        let computed = |expression: String| (format!("v{at}"), Some(expression));
        let (name, expression) = match node {
            Node::Literal(_) => match (lifted(node), literals.start) {
                (Some(_), index) => {
                    literals.start += 1;
                    (format!("c.c{index}"), None)
                }
                (None, _) => (format!("real({})", node.literal().unwrap_or_default()), None),
            },
            Node::Leaf(quantity) => (leaf(quantity).to_owned(), None),
            Node::PerClass(table) => computed(format!("constants[{} + s.label]", tables.first(table))),
            Node::PerColumn(table) => computed(format!("constants[{} + s.column]", tables.first(table))),
            Node::Region(key, table) => {
                let first = tables.first(table);
                computed(region_weight(&tables.all[table as usize], first, name(key), kind.axis()))
            }
            // The derivative was taken before: there is nothing left to cut.
            Node::Detach(a) => (name(a).to_owned(), None),
            operation => computed(expression(operation, &name).unwrap_or_else(|| "real_log(real(-1))".to_owned())),
        };
        if let Some(expression) = expression {
            let _ = writeln!(text, "    const real {name} = {expression};");
        }
        names.push(name);
    }
    program.outputs().iter().map(|&node| names[node as usize].clone()).collect()
}
