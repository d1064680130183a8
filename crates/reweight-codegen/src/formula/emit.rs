//! From nodes to C.

use std::fmt::Write;

use reweight::{Leaf, Node, Program, Table};

use super::lifted;

/// The formula without its numbers, one word a node.
pub(super) fn key(program: &Program) -> String {
    let nodes = program.nodes().iter().map(|&node| match (node, lifted(node), node.literal()) {
        (_, Some(_), _) => "c".to_owned(),
        (_, None, Some(value)) => value.to_string(),
        (Node::Leaf(leaf), ..) => format!("{leaf:?}"),
        (other, ..) => format!("{other:?}").replace(' ', ""),
    });
    let tables = program.tables().iter().map(|table| match table {
        Table::Values(values) => format!("values{}", values.len()),
        Table::Regions(table) => format!("regions{}", table.regions().bins()),
    });
    let outputs = format!("{:?}", program.outputs()).replace(' ', "");
    nodes.chain(tables).chain([outputs]).collect::<Vec<_>>().join(" ")
}

fn leaf(leaf: Leaf) -> &'static str {
    match leaf {
        Leaf::Margin => "s.margin",
        Leaf::P => "s.p",
        Leaf::Q => "s.q",
        Leaf::LogP => "s.log_p",
        Leaf::LogQ => "s.log_q",
        Leaf::CrossEntropy => "s.cross_entropy",
        Leaf::Residual => "s.gradient_norm",
        Leaf::Target => "s.target",
        Leaf::Class => "real(s.label)",
        Leaf::RegionKey => "s.region_key",
        // Not of the samples that kernels make: NaN is seen at once where a guess would not be.
        Leaf::LogResidual | Leaf::LogPositive | Leaf::LogNegative | Leaf::Column => "real_log(real(-1))",
        Leaf::MarginSlope => "s.margin_slope",
        Leaf::PSlope => "s.p_slope",
        Leaf::LogPSlope => "s.log_p_slope",
        Leaf::LogQSlope => "s.log_q_slope",
        Leaf::CrossEntropySlope => "s.cross_entropy_slope",
    }
}

/// Struct `Literals`, `literals` and `weigh`.
pub(super) fn functions(program: &Program, literals: usize, soft: bool) -> String {
    let mut text = String::from("// The formula's numbers, held in registers.\nstruct Literals {");
    // Writing to a String cannot fail, here and below.
    for at in 0..literals {
        let _ = write!(text, " real c{at};");
    }
    text.push_str(" };\n");
    let parameter = if literals == 0 { "" } else { " constants" };
    let _ = writeln!(text, "__device__ __forceinline__ Literals literals(const real*{parameter}) {{");
    text.push_str("    Literals c;\n");
    for at in 0..literals {
        let _ = writeln!(text, "    c.c{at} = constants[{at}];");
    }
    text.push_str("    return c;\n}\n\n// The weighter's formula and its derivative.\n");
    let head = "__device__ __forceinline__ Weighed weigh(const Sample& s, const Literals& c, const real* constants) {";
    let _ = writeln!(text, "{head}");
    table_entries(program, literals, soft, &mut text);
    let names = statements(program, &mut text);
    let output = |at: usize| program.outputs().get(at).map_or("real(0)", |&node| names[node as usize].as_str());
    let _ = writeln!(text, "    Weighed w;\n    w.weight = {};\n    w.slope = {};", output(0), output(1));
    text.push_str("    return w;\n}\n");
    text
}

/// The sample's entry of each table; the tables lie behind the literals.
fn table_entries(program: &Program, literals: usize, soft: bool, text: &mut String) {
    let mut first = literals;
    for (at, table) in program.tables().iter().enumerate() {
        let _ = match table {
            Table::Values(values) => {
                let entry = if soft {
                    let positive = first + 1;
                    format!("s.target * constants[{positive}] + (real(1) - s.target) * constants[{first}]")
                } else {
                    format!("constants[{first} + s.label]")
                };
                first += values.len();
                writeln!(text, "    const real per_class_{at} = {entry};")
            }
            Table::Regions(table) => {
                let bins = table.regions().bins() as usize;
                let (edges, weights) = (first, first + bins - 1);
                first = weights + bins;
                let region = format!("region_of(s.region_key, s.gradient_norm, constants + {edges}, {bins})");
                writeln!(text, "    const real region_{at} = constants[{weights} + {region}];")
            }
        };
    }
}

/// One statement a node; the names of the nodes' values.
fn statements(program: &Program, text: &mut String) -> Vec<String> {
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
            Node::PerClass(table) => (format!("per_class_{table}"), None),
            Node::Region(_, table) => (format!("region_{table}"), None),
            // The derivative was taken before: there is nothing left to cut.
            Node::Detach(a) => (name(a).to_owned(), None),
            Node::Neg(a) => computed(format!("-{}", name(a))),
            Node::Exp(a) => computed(format!("real_exp({})", name(a))),
            Node::Ln(a) => computed(format!("real_log({})", name(a))),
            Node::Sqrt(a) => computed(format!("real_sqrt({})", name(a))),
            Node::Abs(a) => computed(format!("real_abs({})", name(a))),
            Node::LogSigmoid(a) => computed(format!("log_sigmoid({})", name(a))),
            Node::Sigmoid(a) => computed(format!("sigmoid({})", name(a))),
            Node::Add(a, b) => computed(format!("{} + {}", name(a), name(b))),
            Node::Sub(a, b) => computed(format!("{} - {}", name(a), name(b))),
            Node::Mul(a, b) => computed(format!("{} * {}", name(a), name(b))),
            Node::Div(a, b) => computed(format!("{} / {}", name(a), name(b))),
            Node::Max(a, b) => computed(format!("real_max({}, {})", name(a), name(b))),
            Node::Min(a, b) => computed(format!("real_min({}, {})", name(a), name(b))),
            Node::SelectLe(a, b, c, d) => computed(format!("{} <= {} ? {} : {}", name(a), name(b), name(c), name(d))),
            // The enum may grow; NaN is seen at once where a guess would not be.
            _ => computed("real_log(real(-1))".to_owned()),
        };
        if let Some(expression) = expression {
            let _ = writeln!(text, "    const real {name} = {expression};");
        }
        names.push(name);
    }
    names
}
