//! Shapes of a batch's files, compared before anything is read of them: what does not fit, and how to make it fit.

use reweight::LossError;
use reweight_lab::npy::NpyFile;

use super::EvalError;
use super::inputs::Files;

/// What stands for one target: an element of the logits for BCE, a row of them for softmax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    Element,
    Row,
}

/// The shape of targets and mask; sample weights are spread over it.
pub(super) fn check(files: &Files, sample: Sample) -> Result<Vec<usize>, EvalError> {
    let logits = files.logits.shape();
    let expected = match sample {
        Sample::Element => logits.to_vec(),
        Sample::Row if logits.len() < 2 || logits[1] < 2 => {
            return Err(files.refuse(LossError::Classes { found: logits.to_vec() }));
        }
        Sample::Row => [&logits[..1], &logits[2..]].concat(),
    };
    let refuse = |name: &'static str, file: &NpyFile, cure: String| EvalError::Shape {
        path: file.name().to_owned(),
        name,
        found: file.shape().to_vec(),
        expected: expected.clone(),
        cure,
    };
    if files.targets.shape() != expected {
        return Err(refuse("targets", &files.targets, targets(sample, logits, &expected, &files.targets)));
    }
    if let Some(valid) = files.valid.as_ref().filter(|valid| valid.shape() != expected) {
        let cure = match valid.shape() {
            shape if spreads(shape, &expected) => spread("valid", &expected),
            shape => reshaped("valid", shape, &expected).unwrap_or_else(|| match (shape, a_row(&expected)) {
                (&[rows], column) if expected.first() == Some(&rows) => format!(
                    "for a truth value a row, {}",
                    spread(&format!("valid.reshape({})", tuple(&column)), &expected)
                ),
                (_, column) => format!(
                    "give a truth value for each {}, or one a row, of shape {}, and {}",
                    each(sample),
                    tuple(&column),
                    spread("valid", &expected)
                ),
            }),
        };
        return Err(refuse("valid", valid, cure));
    }
    if let Some(weights) = files.sample_weight.as_ref().filter(|weights| !spreads(weights.shape(), &expected)) {
        return Err(refuse("sample_weight", weights, sample_weight(sample, logits, &expected, weights.shape())));
    }
    Ok(expected)
}

/// What was understood one way and could be meant another: one weight a column, where there are as many rows.
pub(super) fn note(files: &Files) -> Option<String> {
    let weights = files.sample_weight.as_ref()?;
    match (files.logits.shape(), weights.shape()) {
        (&[rows, columns], &[given]) if rows == columns && columns == given && given > 1 => Some(format!(
            "{}: shape [{given}] was taken for a weight a column, as NumPy does; for one a row: sample_weight.reshape(({given}, 1))",
            weights.name()
        )),
        _ => None,
    }
}

/// Whether NumPy would broadcast an array of shape `from` to the shape `to`.
fn spreads(from: &[usize], to: &[usize]) -> bool {
    from.len() <= to.len() && from.iter().rev().zip(to.iter().rev()).all(|(from, to)| from == to || *from == 1)
}

fn targets(sample: Sample, logits: &[usize], expected: &[usize], file: &NpyFile) -> String {
    let found = file.shape();
    let reshaped = reshaped("targets", found, expected);
    match sample {
        Sample::Row if found == logits && file.is_float() => {
            "softmax takes class indices: of one-hot rows targets.argmax(1); rows of probabilities are not taken, but the config's \
             `label_smoothing` is"
                .to_owned()
        }
        Sample::Row if found == logits => {
            "it looks like one-hot rows, and softmax takes class indices: targets.argmax(1)".to_owned()
        }
        Sample::Element
            if logits.get(1).is_some_and(|&classes| classes > 1)
                && found == &[&logits[..1], &logits[2..]].concat()[..] =>
        {
            format!(
                "class indices are for objective = \"softmax-ce\"; for bce make them one-hot, with numpy.eye({})[targets]",
                logits[1]
            )
        }
        _ => reshaped.unwrap_or_else(|| match sample {
            Sample::Element => "give a target for each logit".to_owned(),
            Sample::Row => "give a class index for each row of logits".to_owned(),
        }),
    }
}

fn sample_weight(sample: Sample, logits: &[usize], expected: &[usize], found: &[usize]) -> String {
    if let Some(cure) = reshaped("sample_weight", found, expected) {
        return cure;
    }
    match (sample, found) {
        (Sample::Row, [classes]) if *classes == logits[1] => {
            "a weight a class belongs into the config: kind = \"alpha-balance\", class_weights = [..]".to_owned()
        }
        (_, [rows]) if expected.first() == Some(rows) => {
            format!("for a weight a row, give it these axes: sample_weight.reshape({})", tuple(&a_row(expected)))
        }
        _ => format!(
            "give a weight for each {}, or a shape that NumPy broadcasts to this one, such as one a row, {}",
            each(sample),
            tuple(&a_row(expected))
        ),
    }
}

/// The shape of one value a row.
fn a_row(expected: &[usize]) -> Vec<usize> {
    [expected.get(..1).unwrap_or(&[]), &vec![1; expected.len().saturating_sub(1)]].concat()
}

/// How to spread an array over `to`.
fn spread(array: &str, to: &[usize]) -> String {
    format!("spread it with numpy.broadcast_to({array}, {})", tuple(to))
}

/// How to give as many elements the shape `to`; none where that would be a guess at their order.
fn reshaped(name: &str, from: &[usize], to: &[usize]) -> Option<String> {
    if from.iter().product::<usize>() != to.iter().product::<usize>() {
        return None;
    }
    let squeezed = |axis: &usize| from[*axis] == 1 && [&from[..*axis], &from[axis + 1..]].concat() == to;
    if let Some(axis) = (0..from.len()).rev().find(squeezed) {
        return Some(format!("take its axis of length 1 away with {name}.squeeze({axis})"));
    }
    let reshape = format!("{name}.reshape({})", tuple(to));
    let sizes = |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
    if sizes(from) == sizes(to) {
        return Some(format!("give it that shape with {reshape}"));
    }
    if from.iter().rev().eq(to) {
        return Some(format!("turn it with {name}.T"));
    }
    (from.len() == 1).then(|| format!("where it lies row after row, give it that shape with {reshape}"))
}

fn each(sample: Sample) -> &'static str {
    match sample {
        Sample::Element => "logit",
        Sample::Row => "row of logits",
    }
}

/// A shape as NumPy takes it.
fn tuple(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    if let [size] = &sizes[..] { format!("({size},)") } else { format!("({})", sizes.join(", ")) }
}
