//! What `reweight eval` says of batches, configs and states that are wrong: what, where, and how to mend it.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

#[path = "batch/batch.rs"]
mod batch;

use std::fs;

use batch::{Batch, close, read};
use ndarray::{Array1, Array2, array};

const BCE: &str = "objective = \"bce\"\n";
const SOFTMAX: &str = "objective = \"softmax-ce\"\n";

/// Four rows of three classes.
fn logits() -> Array2<f64> {
    Array2::from_shape_fn((4, 3), |(row, column)| (row as f64 - 1.5) * (column as f64 - 0.5) / 2.0)
}

#[test]
fn targets_of_another_shape_are_told_how_to_have_the_right_one() {
    let one_hot = array![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]];
    let cases = [
        (
            Batch::new(SOFTMAX).with("targets", &array![[0_i64], [2], [1], [0]]),
            "[4, 1], but must have shape [4]: take its axis of length 1 away with targets.squeeze(1)",
        ),
        (Batch::new(SOFTMAX).with("targets", &one_hot), "targets.argmax(1)"),
        (Batch::new(SOFTMAX).with("targets", &array![0_i64, 1, 2]), "give a class index for each row of logits"),
        (Batch::new(BCE).with("targets", &array![0_i64, 2, 1, 0]), "numpy.eye(3)[targets]"),
        (Batch::new(BCE).with("targets", &one_hot.t().to_owned()), "turn it with targets.T"),
        (Batch::new(BCE).with("targets", &Array1::<u8>::zeros(12)), "where it lies row after row"),
        (Batch::new(BCE).with("targets", &Array2::<u8>::zeros((2, 6))), "give a target for each logit"),
        (Batch::new(BCE).with("targets", &array![0_i64, 1]), "give a target for each logit"),
    ];
    for (batch, cure) in cases {
        let message = batch.with("logits", &logits()).refusal(&["--out", "out.npz"]);
        assert!(message.contains("targets.npy: `targets` has shape") && message.contains(cure), "{message}");
    }
    let column = Batch::new(BCE).with("logits", &array![0.5, 1.0]).with("targets", &array![[1_u8], [0]]);
    assert!(column.refusal(&[]).contains("targets.squeeze(1)"));
    let row = Batch::new(BCE).with("logits", &array![[0.5], [1.0]]).with("targets", &array![1_u8, 0]);
    assert!(row.refusal(&[]).contains("targets.reshape((2, 1))"));
    let mask = Batch::new(BCE).with("logits", &logits()).with("targets", &Array2::<u8>::zeros((4, 3)));
    let of_rows = Batch::new(BCE).with("logits", &logits()).with("targets", &Array2::<u8>::zeros((4, 3)));
    let message = of_rows.with("valid", &array![1_u8, 0, 1, 1]).refusal(&[]);
    assert!(
        message.contains("for a truth value a row, spread it with numpy.broadcast_to(valid.reshape((4, 1)), (4, 3))"),
        "{message}"
    );
    let odd = Batch::new(BCE).with("logits", &logits()).with("targets", &Array2::<u8>::zeros((4, 3)));
    let message = odd.with("valid", &array![1_u8, 0]).refusal(&[]);
    assert!(message.contains("or one a row, of shape (4, 1), and spread it with numpy.broadcast_to"), "{message}");
    assert!(
        mask.with("valid", &array![[1_u8], [0], [1], [1]]).refusal(&[]).contains("numpy.broadcast_to(valid, (4, 3))")
    );
}

#[test]
fn sample_weights_are_spread_as_numpy_spreads_them() {
    let targets = Array2::from_shape_fn((4, 3), |(row, column)| u8::from((row + column) % 3 == 0));
    let bce = |reduction: &str| {
        let config = format!("{BCE}reduction = \"{reduction}\"\n");
        Batch::new(&config).with("logits", &logits()).with("targets", &targets)
    };
    let (rows, columns) = (array![[1.0], [2.0], [3.0], [4.0]], array![0.5, 0.0, 2.0]);
    let spread = |weights: &Array2<f64>| weights.broadcast((4, 3)).unwrap().to_owned();
    for backend in ["ndarray", "dfdx-cpu"] {
        let options = ["--backend", backend, "--dtype", "f64", "--out", "out.npz"];
        for reduction in ["mean", "weighted-mean"] {
            let cases = [
                (bce(reduction).with("sample-weight", &rows), spread(&rows)),
                (
                    bce(reduction).with("sample-weight", &columns),
                    spread(&columns.clone().insert_axis(ndarray::Axis(0))),
                ),
                (bce(reduction).with("sample-weight", &array![3.0]), spread(&array![[3.0]])),
            ];
            for (batch, whole) in cases {
                let found = batch.object(&options);
                let same = bce(reduction).with("sample-weight", &whole);
                assert_eq!(found, same.object(&options));
                for name in ["grad", "weight", "loss"] {
                    let expected = read(&same.path("out.npz"), name);
                    close(&read(&batch.path("out.npz"), name), expected.as_slice().unwrap(), 0.0);
                }
                // Without --out nothing but the loss is computed, and it is the same.
                assert_eq!(found, batch.object(&options[..4]));
            }
        }
    }
    // In a square it could be meant either way.
    let square = Batch::new(BCE)
        .with("logits", &Array2::<f32>::zeros((2, 2)))
        .with("targets", &Array2::<u8>::zeros((2, 2)))
        .with("sample-weight", &array![1.0, 3.0]);
    let output = square.run(&["--dtype", "f64", "--out", "out.npz"]);
    let note = String::from_utf8(output.stderr).unwrap();
    assert!(note.contains("was taken for a weight a column") && note.contains("reshape((2, 1))"), "{note}");
    close(&read(&square.path("out.npz"), "weight"), &[1.0, 3.0, 1.0, 3.0], 0.0);
    // (4) against (4, 3) is nothing that NumPy knows.
    let message = bce("mean").with("sample-weight", &array![1.0, 2.0, 3.0, 4.0]).refusal(&[]);
    assert!(message.contains("for a weight a row, give it these axes: sample_weight.reshape((4, 1))"), "{message}");
    let softmax = |weights| {
        Batch::new(SOFTMAX)
            .with("logits", &logits())
            .with("targets", &array![0_u8, 1, 2, 0])
            .with("sample-weight", &weights)
    };
    assert!(softmax(array![1.0, 2.0, 3.0]).refusal(&[]).contains("class_weights = [..]"));
}

#[test]
fn a_configs_fault_is_the_configs() {
    let weights = "[[weighter]]\nkind = \"alpha-balance\"\nclass_weights = [1.0, 2.0, 3.0]\n";
    let batch = Batch::new(&format!("{BCE}{weights}")).with("logits", &array![0.5]).with("targets", &array![1_u8]);
    let message = batch.refusal(&[]);
    assert!(message.contains("loss.toml: the weighter `alpha-balance` holds 3 values"), "{message}");
    for (config, expected) in [
        (
            "kind = \"ghm\"\nbins = -1",
            "`bins`: invalid value: integer `-1`, expected a whole number from 0 to 4294967295",
        ),
        (
            "kind = \"alpha-balance\"\ncounts = [5, -2]",
            "`counts`: -2 is no count; expected a whole number of at least 1 a class",
        ),
        ("kind = \"ghm\"\nbins = 3.5", "`bins`: 3.5 has decimals, expected a whole number"),
        ("kind = \"focal\"", "γ is not given; give `gamma` alone, or"),
        ("kind = \"focal\"\ngamma = 1e308", "`gamma` is 1e308, too large for 32 bits; compute with --dtype f64"),
        ("kind = \"focal\"\ngamma = \"two\"", "`gamma`: invalid type: string \"two\", expected a number"),
        ("kind = \"focal\"\ngammas = 2.0", "expected a list"),
        ("kind = \"focal\"\ngamma = 1.0\nclamp = [1.0]", "expected a list of 2"),
        ("kind = \"ghm\"\nbins = 5\ncap = nan", "`cap` is NaN, but must be finite"),
        ("kind = \"alpha-balance\"\nclass_weights = [1.0, -inf]", "`class_weights[1]` is -inf, but must be finite"),
        ("kind = \"focal\"\ngamma = -1e308", "`gamma` is -1e308, but must be"),
    ] {
        fs::write(batch.path("loss.toml"), format!("{BCE}[[weighter]]\n{config}\n")).unwrap();
        let message = batch.refusal(&[]);
        assert!(message.contains("loss.toml: ") && message.contains(expected), "{config}: {message}");
    }
    for (config, expected) in [
        ("reduction = \"divisor\"", "`divisor` needs its number: reduction = { divisor = 128.0 }"),
        ("reduction = { divisor = \"two\" }", "`divisor` needs its number"),
        ("reduction = { mean = 2 }", "`mean` takes no number: reduction = \"mean\""),
        ("reduction = { divisor = 1e-320, mean = 1 }", "reduction"),
        ("reduction = { divisor = -1e308 }", "`divisor` is -1e308, but must be finite and above 0"),
        ("reduction = 3", "reduction"),
        ("weighter = 3", "expected a list"),
    ] {
        fs::write(batch.path("loss.toml"), format!("{BCE}{config}\n")).unwrap();
        let message = batch.refusal(&[]);
        assert!(message.contains("loss.toml: ") && message.contains(expected), "{config}: {message}");
        assert!(!["variant,", "u32", "u64", "f64"].iter().any(|word| message.contains(word)), "{message}");
    }
    fs::write(batch.path("loss.toml"), b"objective = \"bce\"\n# caf\xE9\n").unwrap();
    assert!(batch.refusal(&[]).contains("loss.toml: line 2 of the config is not UTF-8; save it as UTF-8 text"));
    fs::write(batch.path("loss.toml"), format!("{BCE}reduction = \"{}\"", "x".repeat(1_000_000))).unwrap();
    let message = batch.refusal(&[]);
    assert!(message.contains("line 2, column 13") && message.len() < 8000, "{}", message.len());
}

#[test]
fn a_label_that_marks_what_has_no_class_is_known() {
    let softmax = Batch::new(SOFTMAX).with("logits", &logits()).with("targets", &array![0_u8, 255, 2, 0]);
    let message = softmax.refusal(&[]);
    assert!(message.contains("the label at index 1 is 255") && message.contains("`ignore_index = 255`"), "{message}");
    fs::write(softmax.path("loss.toml"), format!("{SOFTMAX}ignore_index = 255\n")).unwrap();
    assert_eq!(softmax.object(&[])["valid"], 3);
    let bce = Batch::new(BCE).with("logits", &array![0.5, 1.0]).with("targets", &array![1_u8, 255]);
    assert!(bce.refusal(&[]).contains("valid mask"));
    for (targets, found) in [(array![1_i64, -100], "-100"), (array![1, 1 << 40], "1099511627776")] {
        let bce = Batch::new(BCE).with("logits", &array![0.5, 1.0]).with("targets", &targets);
        assert!(bce.refusal(&[]).contains(&format!("the label at index 1 is {found}")));
    }
}

#[test]
fn overflow_is_an_error_that_names_the_value() {
    let weights = |weights: &str| format!("[[weighter]]\nkind = \"alpha-balance\"\nclass_weights = {weights}\n");
    let batch = |config: &str, logits: Array1<f64>| {
        Batch::new(&format!("{BCE}{config}")).with("logits", &logits).with("targets", &array![1_u8, 0])
    };
    let cases = [
        // 3e38 is a 32-bit float; twice the cross entropy of it is none.
        (weights("[1.0, 3e38]"), array![-2.0, 0.5], "the weighted loss at index 0 is inf (its weight is 3e38)"),
        (weights("[1000.0, 1.0]"), array![0.5, 1e37], "the weighted loss at index 1 is inf (its weight is 1000.0)"),
        (
            weights("[1.0, 1e39]"),
            array![0.5, 0.5],
            "loss.toml: weighter 1 (alpha-balance): `class_weights[1]` is 1e39, too large for 32 bits",
        ),
        (
            "[[weighter]]\nkind = \"focal\"\ngamma = 2.0\nscale = 1e39\n".to_owned(),
            array![0.5, 0.5],
            "`scale` is 1e39, too large for 32 bits",
        ),
    ];
    for (config, logits, expected) in cases {
        let batch = batch(&config, logits);
        for backend in ["ndarray", "dfdx-cpu"] {
            let state = ["--backend", backend, "--state-out", "state.json"];
            for more in [&state[..], &["--backend", backend, "--out", "out.npz"]] {
                let message = batch.refusal(more);
                assert!(message.contains(expected) && message.contains("--dtype f64"), "{message}");
            }
            assert!(!batch.path("state.json").exists() && !batch.path("out.npz").exists());
            assert!(batch.object(&["--backend", backend, "--dtype", "f64"])["loss"].as_f64().unwrap().is_finite());
        }
    }
    let even_then = batch(&weights("[1.0, 1.7e308]"), array![-20.0, 0.5]).refusal(&["--dtype", "f64"]);
    assert!(even_then.contains("64-bit floats; lower class weights"), "{even_then}");
    let sum = Batch::new(&format!("{BCE}reduction = \"sum\"\n"))
        .with("logits", &array![1e308, 1e308, 1e308])
        .with("targets", &array![0_u8, 0, 0]);
    let message = sum.refusal(&["--dtype", "f64"]);
    assert!(message.contains("losses is inf, of which the largest is 1e308 at index"), "{message}");
    let many = Batch::new(BCE).with("logits", &Array1::from_elem(512, 1e38)).with("targets", &Array1::<u8>::zeros(512));
    let message = many.refusal(&[]);
    assert!(message.contains("the largest is 1e38 at index") && message.contains("--dtype f64"), "{message}");
    assert!((many.object(&["--dtype", "f64"])["loss"].as_f64().unwrap() / 1e38 - 1.0).abs() < 1e-13);
}

#[test]
fn a_state_that_nothing_can_have_written_is_damaged() {
    let ghm = "[[weighter]]\nkind = \"ghm\"\nbins = 3\nmomentum = 0.5\npreset = \"corrected\"\n";
    let batch = Batch::new(&format!("{BCE}{ghm}")).with("logits", &array![0.5, -1.0]).with("targets", &array![1_u8, 0]);
    batch.object(&["--state-out", "state.json"]);
    let own: serde_json::Value = serde_json::from_slice(&fs::read(batch.path("state.json")).unwrap()).unwrap();
    let place = "/state/chain/0/record/data";
    for (pointer, value, expected) in [
        (
            "density/averages",
            serde_json::json!([1e308, 1e308, 1e308]),
            "a fraction of samples is 1e308, but at most 1 is possible",
        ),
        ("density/averages", serde_json::json!([0.75, 0.75, 0.0]), "sum to 1.5,"),
        ("density/updates", serde_json::json!([1, 7, 1]), "more often than there were steps"),
        ("density/updates", serde_json::json!([0, 0, 0]), "never averaged"),
        ("density/steps", serde_json::json!(-1), "a whole number of 0 or more"),
        ("weights", serde_json::json!([1.0, -1.0, 1.0]), "negative or not finite"),
    ] {
        let mut damaged = own.clone();
        *damaged.pointer_mut(&format!("{place}/{pointer}")).unwrap() = value;
        fs::write(batch.path("damaged.json"), damaged.to_string()).unwrap();
        let message = batch.refusal(&["--state-in", "damaged.json"]);
        assert!(
            message.contains("damaged.json: the state of `ghm` is damaged") && message.contains(expected),
            "{message}"
        );
    }
    for (version, found) in
        [("\"1\"", "version \"1\","), ("1.5", "version 1.5,"), ("-1", "version -1,"), ("2", "version 2,")]
    {
        let text = format!("{{\"format\": \"reweight-state\", \"version\": {version}}}");
        fs::write(batch.path("damaged.json"), text).unwrap();
        let message = batch.refusal(&["--state-in", "damaged.json"]);
        assert!(message.contains(found) && message.contains("this program reads 1"), "{message}");
    }
    fs::write(batch.path("damaged.json"), "{\"format\": \"reweight-state\"}").unwrap();
    assert!(batch.refusal(&["--state-in", "damaged.json"]).contains("version none"));
}

#[test]
fn what_the_environment_asks_for_is_the_environments_fault() {
    let batch = Batch::new(BCE).with("logits", &array![0.5]).with("targets", &array![1_u8]);
    for (variable, value, expected) in [
        ("REWEIGHT_ISA", "avx1024", "REWEIGHT_ISA: unknown instruction set `avx1024`"),
        ("RAYON_NUM_THREADS", "1000000", "RAYON_NUM_THREADS is `1000000`, but must be a whole number from 1 to 1024"),
        ("RAYON_NUM_THREADS", "many", "RAYON_NUM_THREADS is `many`"),
    ] {
        for backend in ["ndarray", "dfdx-cpu"] {
            let output = batch.command(&["--backend", backend]).env(variable, value).output().unwrap();
            let message = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{message}");
            assert!(message.contains(expected) && !message.contains("logits.npy"), "{message}");
        }
    }
    assert!(batch.command(&[]).env("RAYON_NUM_THREADS", "1").output().unwrap().status.success());
}

#[test]
fn a_header_is_not_taken_at_its_word() {
    let batch = Batch::new(BCE).with("targets", &array![1_u8]);
    let header = |version: &[u8], length: &[u8], shape: &str| {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY", version, length, text.as_bytes()].concat()
    };
    let length = |shape: &str| u16::try_from(header(&[], &[], shape).len() - 6).unwrap().to_le_bytes();
    for (bytes, expected) in [
        (
            header(&[1, 0], &length("(0, 18446744073709551615)"), "(0, 18446744073709551615)"),
            "larger than memory can be",
        ),
        (header(&[2, 0], &[0xFF; 4], "(2,)"), "4294967295 bytes long"),
        (header(&[1, 0], &length("(250000000000,)"), "(250000000000,)"), "it was cut off"),
    ] {
        fs::write(batch.path("logits.npy"), bytes).unwrap();
        let message = batch.refusal(&[]);
        assert!(message.contains("logits.npy: ") && message.contains(expected), "{message}");
    }
}

#[test]
fn a_batch_that_weighs_nothing_is_told() {
    let batch =
        |config: &str| Batch::new(config).with("logits", &array![1.0_f32, -1.0]).with("targets", &array![1_u8, 0]);
    let focal = batch(&format!("{BCE}[[weighter]]\nkind = \"focal\"\ngamma = 1e308\n"));
    let weights = batch(BCE).with("sample-weight", &array![0.0_f32, 0.0]);
    for output in [focal.run(&["--dtype", "f64"]), weights.run(&[])] {
        let note = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && note.contains("each of the 2 valid samples weighs 0"), "{note}");
    }
    let soft = Batch::new(SOFTMAX).with("logits", &array![[1.0_f32, 0.0]]).with("targets", &array![[0.5_f32, 0.5]]);
    let message = soft.refusal(&[]);
    assert!(message.contains("rows of probabilities are not taken") && !message.contains("looks like"), "{message}");
}
