//! Filling in the CUDA C templates of `src/cuda`.

use crate::arguments::Argument;
use crate::shape::Precision;

/// Replaces `@name@` by text, and a line `//@name` by lines at its indentation.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    for line in template.lines() {
        let block = line.trim_start().strip_prefix("//@").and_then(|name| values.iter().find(|(key, _)| *key == name));
        if let Some((_, text)) = block {
            let indentation = &line[..line.len() - line.trim_start().len()];
            for inner in text.lines() {
                filled.extend([indentation, inner, "\n"]);
            }
            continue;
        }
        let mut line = line.to_owned();
        for (key, text) in values {
            line = line.replace(&format!("@{key}@"), text);
        }
        filled.push_str(&line);
        filled.push('\n');
    }
    filled
}

/// The number type with its functions, and the sample.
pub(crate) fn prelude(precision: Precision) -> String {
    let (real, suffix, most, functions) = match precision {
        Precision::F32 => ("float", "f", "3.402823466e+38f", include_str!("cuda/functions_f32.cu")),
        Precision::F64 => ("double", "", "1.7976931348623157e+308", include_str!("cuda/functions_f64.cu")),
    };
    let own = [("real", real), ("f", suffix), ("real_max", most), ("functions", functions)];
    fill(include_str!("cuda/prelude.cu"), &own)
}

/// Sums over lanes and blocks of `block` threads.
pub(crate) fn reduce(block: u32) -> String {
    fill(include_str!("cuda/reduce.cu"), &[("block", &block.to_string())])
}

/// The struct that a kernel takes by value.
pub(crate) fn arguments(name: &str, fields: &[Argument]) -> String {
    let mut text = format!("// The kernels' one argument; every field has 8 bytes.\nstruct {name} {{\n");
    for field in fields {
        let declaration = format!("{} {};", field.c_type, field.name);
        text.push_str(&format!("    {declaration:<36} // {}\n", field.doc.trim()));
    }
    text + "};\n"
}

/// Sections of a source, with a blank line between.
pub(crate) fn join(sections: &[&str]) -> String {
    sections.iter().map(|section| section.trim_end()).collect::<Vec<_>>().join("\n\n") + "\n"
}
