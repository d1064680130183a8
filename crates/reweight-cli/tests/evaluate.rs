//! `reweight eval` as a user runs it: numbers worked by hand, state across calls, and files untouched by a failure.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

#[path = "batch/batch.rs"]
mod batch;

use std::fs;

use batch::{Batch, close, read};
use ndarray::{Array1, Array2, Array3, ArrayD, ShapeBuilder, array};
use ndarray_npy::write_npy;
use reweight::{BceLoss, Ghm};
use reweight_ndarray::BceBatch;
use serde_json::Value;

const FOCAL: &str = "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = 2.0\n";
const GHM: &str = "objective = \"bce\"\n[[weighter]]\nkind = \"ghm\"\nbins = 5\nmomentum = 0.75\n";

/// f64 against numbers worked out in f64: some roundings.
const EXACT: f64 = 1e-13;

#[test]
fn focal_bce_is_the_one_worked_by_hand() {
    // σ(0) = ½ of a positive, and σ(ln 3) = ¾ of a negative: q = ½ and ¾.
    let batch = Batch::new(FOCAL).with("logits", &array![0.0_f64, 3.0_f64.ln()]).with("targets", &array![1_u8, 0]);
    let (ln2, ln4) = (2.0_f64.ln(), 4.0_f64.ln());
    let (w1, w2) = (0.25, 0.5625);
    // dL/ds = −(w·q + ℓ·dw/ds), with ℓ = −ce and dw/ds = −2·w·p_t; ∂s/∂x = ±1; the mean halves.
    let grad = [-0.5 * (w1 * 0.5 + ln2 * 2.0 * w1 * 0.5), 0.5 * (w2 * 0.75 + ln4 * 2.0 * w2 * 0.25)];
    for backend in ["ndarray", "dfdx-cpu"] {
        let object = batch.object(&["--backend", backend, "--dtype", "f64", "--out", "out.npz"]);
        let loss = (w1 * ln2 + w2 * ln4) / 2.0;
        assert!((object["loss"].as_f64().unwrap() - loss).abs() < EXACT, "{object}");
        assert_eq!((&object["valid"], &object["backend"]), (&Value::from(2), &Value::from(backend)));
        assert!((object["weight_sum"].as_f64().unwrap() - (w1 + w2)).abs() < EXACT, "{object}");
        let out = batch.path("out.npz");
        close(&read(&out, "grad"), &grad, EXACT);
        close(&read(&out, "weight"), &[w1, w2], EXACT);
        close(&read(&out, "loss"), &[w1 * ln2, w2 * ln4], EXACT);
    }
}

#[test]
fn the_recipe_for_pos_weight_is_that_of_hard_targets() {
    // b = 3 by docs/porting.md.
    let config = "objective = \"bce\"\nweighter = [{ kind = \"alpha-balance\", alpha = 0.75, scale = 4.0 }]\n";
    let logits = [0.5_f64, -1.2, 2.0, 0.0];
    let softplus = |x: f64| x.exp().ln_1p();
    let torch = |targets: [f64; 4]| {
        let each = |(x, t): (f64, f64)| 3.0 * t * softplus(-x) + (1.0 - t) * softplus(x);
        logits.into_iter().zip(targets).map(each).sum::<f64>() / 4.0
    };
    let loss = |targets: [f64; 4]| {
        let batch = Batch::new(config).with("logits", &Array1::from(logits.to_vec()));
        let batch = batch.with("targets", &Array1::from(targets.to_vec()));
        batch.object(&["--dtype", "f64"])["loss"].as_f64().unwrap()
    };
    let (hard, soft) = ([1.0, 0.0, 0.0, 1.0], [0.3, 0.8, 0.5, 1.0]);
    assert!((loss(hard) - torch(hard)).abs() < EXACT);
    // Seven digits, as PyTorch printed the one and this program the other.
    assert!((torch(soft) - 2.001_588_8).abs() < 5e-8 && (loss(soft) - 2.208_088_8).abs() < 5e-8);
}

#[test]
fn what_is_masked_out_may_hold_anything() {
    let batch = Batch::new("objective = \"softmax-ce\"\n")
        .with("logits", &array![[1e300_f64, f64::NAN], [0.0, 0.0], [-1e300, 0.0]])
        .with("targets", &array![0.5_f64, 1.0, f64::NAN])
        .with("valid", &array![false, true, false])
        .with("sample-weight", &array![1e300_f64, 1.0, -1.0]);
    for backend in ["ndarray", "dfdx-cpu"] {
        // 1e300 is no f32.
        let object = batch.object(&["--backend", backend, "--dtype", "f32"]);
        assert!((object["loss"].as_f64().unwrap() - 2.0_f64.ln()).abs() < 1e-6, "{object}");
        batch.object(&["--backend", backend, "--dtype", "f64", "--out", "out.npz"]);
        close(&read(&batch.path("out.npz"), "grad"), &[0.0, 0.0, 0.5, -0.5, 0.0, 0.0], EXACT);
    }
    let images = Batch::new("objective = \"softmax-ce\"\n")
        .with("logits", &array![[[0.0_f64, 1e300], [0.0, 1.0]]])
        .with("targets", &array![[1_u8, 200]])
        .with("valid", &array![[true, false]]);
    assert!((images.object(&[])["loss"].as_f64().unwrap() - 2.0_f64.ln()).abs() < 1e-6);
    // The same in the other order in memory, of logits, labels and mask each.
    let mut logits = Array3::zeros((2, 2, 2).f());
    let (mut targets, mut valid) = (Array2::zeros((2, 2).f()), Array2::from_elem((2, 2).f(), false));
    logits[[0, 1, 1]] = f64::NAN;
    (targets[[0, 0]], targets[[0, 1]]) = (1_i64, 200);
    (valid[[0, 0]], valid[[1, 1]]) = (true, true);
    let turned = Batch::new("objective = \"softmax-ce\"\n").with("logits", &logits);
    let turned = turned.with("targets", &targets).with("valid", &valid);
    let object = turned.object(&[]);
    assert_eq!(object["valid"], 2);
    assert!((object["loss"].as_f64().unwrap() - 2.0_f64.ln()).abs() < 1e-6);
}

#[test]
fn mask_sample_weights_soft_targets_and_no_reduction() {
    let config = "objective = \"bce\"\nreduction = \"none\"\n";
    let batch = Batch::new(config)
        .with("logits", &array![[0.0_f32, f32::NAN], [0.0, 0.0]])
        .with("targets", &array![[0.25_f64, 7.0], [1.0, 0.5]])
        .with("valid", &array![[1_i16, 0], [1, 1]])
        .with("sample-weight", &array![[2_u8, 9], [0, 1]]);
    for backend in ["ndarray", "dfdx-cpu"] {
        let object = batch.object(&["--backend", backend, "--dtype", "f64", "--out", "out.npz"]);
        assert_eq!((&object["loss"], &object["valid"]), (&Value::Null, &Value::from(3)), "{object}");
        // softplus(0) − t·0 = ln 2 whatever t; the gradient is w·(½ − t).
        let ln2 = 2.0_f64.ln();
        let out = batch.path("out.npz");
        close(&read(&out, "loss"), &[2.0 * ln2, 0.0, 0.0, ln2], EXACT);
        close(&read(&out, "weight"), &[2.0, 0.0, 0.0, 1.0], EXACT);
        close(&read(&out, "grad"), &[0.5, 0.0, 0.0, 0.0], EXACT);
        assert_eq!(read(&out, "grad").shape(), [2, 2]);
    }
}

#[test]
fn softmax_over_rows_and_over_pictures() {
    let config = "objective = \"softmax-ce\"\nreduction = \"sum\"\nignore_index = -100\n";
    // One picture of 2 × 1 points and three classes: even logits, and logits that give ½, ¼, ¼.
    let mut logits = Array3::<f64>::zeros((1, 3, 2));
    logits[[0, 0, 1]] = 2.0_f64.ln();
    let pictures = Batch::new(config)
        .with("logits", &logits.into_shape_with_order((1, 3, 2, 1)).unwrap())
        .with("targets", &Array3::from_shape_vec((1, 2, 1), vec![2_i64, 0]).unwrap());
    let rows = Batch::new(config)
        .with("logits", &array![[0.0_f64, 0.0, 0.0], [2.0_f64.ln(), 0.0, 0.0], [1.0, 2.0, 3.0]])
        .with("targets", &array![2.0_f32, 0.0, -100.0]);
    let third = 1.0 / 3.0;
    for backend in ["ndarray", "dfdx-cpu"] {
        let options = ["--backend", backend, "--dtype", "f64", "--out", "out.npz"];
        for batch in [&pictures, &rows] {
            let object = batch.object(&options);
            assert!((object["loss"].as_f64().unwrap() - 6.0_f64.ln()).abs() < EXACT, "{object}");
            assert_eq!(object["valid"], 2);
        }
        let grad = read(&pictures.path("out.npz"), "grad");
        assert_eq!(grad.shape(), [1, 3, 2, 1]);
        close(&grad, &[third, -0.5, third, 0.25, -2.0 * third, 0.25], EXACT);
        assert_eq!(read(&pictures.path("out.npz"), "weight").shape(), [1, 2, 1]);
        close(
            &read(&rows.path("out.npz"), "grad"),
            &[third, third, -2.0 * third, -0.5, 0.25, 0.25, 0.0, 0.0, 0.0],
            EXACT,
        );
    }
}

#[test]
fn columns_are_found_along_any_axis_of_any_number() {
    // An axis of three, by itself, the first, the last, between others, from the front and from the back.
    let cases: [(&[usize], i64); 8] = [
        (&[3], 0),
        (&[3, 2], 0),
        (&[2, 3], -1),
        (&[2, 3, 2], 1),
        (&[2, 2, 3, 2], -2),
        (&[3, 1, 2, 1, 2], 0),
        (&[2, 1, 2, 3, 2], -2),
        (&[2, 2, 1, 1, 2, 3], -1),
    ];
    for (shape, axis) in cases {
        let config = format!(
            "objective = \"bce\"\nreduction = \"sum\"\n[[weighter]]\nkind = \"pos-weight\"\nvalues = [1.0, 2.0, 4.0]\naxis = {axis}\n"
        );
        let place = if axis < 0 { shape.len() - axis.unsigned_abs() as usize } else { axis as usize };
        let batch = Batch::new(&config)
            .with("logits", &ArrayD::<f64>::zeros(shape))
            .with("targets", &ArrayD::<u8>::ones(shape));
        for backend in ["ndarray", "dfdx-cpu"] {
            batch.object(&["--backend", backend, "--dtype", "f64", "--out", "out.npz"]);
            let weights = read(&batch.path("out.npz"), "weight");
            assert_eq!(weights.shape(), shape);
            for (index, &weight) in weights.indexed_iter() {
                assert_eq!(weight, [1.0, 2.0, 4.0][index[place]], "{shape:?} {axis} {index:?} {backend}");
            }
        }
    }
}

#[test]
fn the_order_in_memory_and_the_precision_make_no_difference() {
    let logits = Array2::from_shape_fn((3, 4), |(row, column)| (row as f64 - 1.0) * (column as f64 - 1.5));
    let targets = Array2::from_shape_fn((3, 4), |(row, column)| (row + column) % 3 == 0);
    let mut columns_first = Array2::zeros((3, 4).f());
    columns_first.assign(&logits);
    let rows = Batch::new(FOCAL).with("logits", &logits).with("targets", &targets);
    let columns = Batch::new(FOCAL).with("logits", &columns_first).with("targets", &targets.mapv(i32::from));
    let options = ["--dtype", "f64", "--out", "out.npz"];
    let loss = |object: Value| object["loss"].as_f64().unwrap();
    let expected = loss(rows.object(&options));
    assert!((loss(columns.object(&options)) - expected).abs() < EXACT);
    close(&read(&columns.path("out.npz"), "grad"), read(&rows.path("out.npz"), "grad").as_slice().unwrap(), EXACT);
    // Four significant roundings of f32 each.
    assert!((loss(rows.object(&[])) - expected).abs() < 1e-6);
}

#[test]
fn state_over_two_calls_is_one_run_of_two_steps() {
    let steps: [(Array1<f64>, Array1<u8>); 2] =
        [(array![-3.0, 0.2, 1.5, 4.0], array![0, 1, 1, 0]), (array![-0.1, -5.0, 2.5], array![1, 0, 0])];
    let mut loss = BceLoss::new(Ghm::new(5, 0.75).unwrap());
    let expected = steps.clone().map(|(logits, targets)| {
        BceBatch::new(&logits, &targets).value_and_grad(&mut loss).unwrap().summary.loss.unwrap()
    });
    for backend in ["ndarray", "dfdx-cpu"] {
        let batch = Batch::new(GHM);
        let options = ["--backend", backend, "--dtype", "f64", "--state-out", "state.json"];
        let mut found = Vec::new();
        for (index, (logits, targets)) in steps.iter().enumerate() {
            write_npy(batch.path("logits.npy"), logits).unwrap();
            write_npy(batch.path("targets.npy"), targets).unwrap();
            let state: &[&str] = if index == 0 { &[] } else { &["--state-in", "state.json"] };
            found.push(batch.object(&[&options, state].concat())["loss"].as_f64().unwrap());
        }
        assert_eq!(found, expected, "to the bit, under {backend}");
        assert_ne!(batch.object(&["--dtype", "f64"])["loss"].as_f64().unwrap(), expected[1], "the state matters");
    }
}

#[test]
fn an_empty_batch_is_no_error() {
    let batch = Batch::new(GHM).with("logits", &Array1::<f32>::zeros(0)).with("targets", &Array1::<u8>::zeros(0));
    for backend in ["ndarray", "dfdx-cpu"] {
        let object = batch.object(&["--backend", backend, "--out", "out.npz"]);
        assert_eq!((object["loss"].as_f64(), object["valid"].as_u64()), (Some(0.0), Some(0)));
    }
}

#[test]
fn a_failure_names_the_file_and_writes_nothing() {
    let good = || Batch::new(FOCAL).with("logits", &array![0.5_f32, 1.0]).with("targets", &array![1_u8, 0]);
    let cases = [
        (good().with("targets", &array![1_u8]), "targets.npy: `targets` has shape [1], but must have shape [2]"),
        (good().with("targets", &array![1_u8, 2]), "targets.npy: "),
        (good().with("targets", &array![0.5_f64, 1.5]), "targets.npy: the target at index 1 is 1.5"),
        (good().with("logits", &array![0.0_f32, f32::INFINITY]), "logits.npy: the logit at index 1 is inf"),
        (
            good().with("logits", &array![0.0_f64, 1e300]),
            "index 1 is 1e300, too large for 32 bits; compute with --dtype f64",
        ),
        (good().with("valid", &array![1_u8, 2]), "valid.npy: the element at index 1 is 2; use 1"),
        (good().with("sample-weight", &array![1.0_f32, -1.0]), "sample-weight.npy: the sample weight at index 1 is -1"),
    ];
    for (batch, expected) in cases {
        for backend in ["ndarray", "dfdx-cpu"] {
            let message = batch.refusal(&["--backend", backend, "--out", "out.npz", "--state-out", "state.json"]);
            assert!(message.contains(expected), "{message}");
            assert!(!batch.path("out.npz").exists() && !batch.path("state.json").exists());
        }
    }
    let softmax = Batch::new("objective = \"softmax-ce\"")
        .with("logits", &array![[0.5_f32, 1.0]])
        .with("targets", &array![0.5_f32]);
    assert!(softmax.refusal(&[]).contains("the class at index 0 is 0.5; class indices are whole numbers"));
    let flat = Batch::new("objective = \"softmax-ce\"").with("logits", &array![0.5_f32]).with("targets", &array![0_u8]);
    assert!(flat.refusal(&[]).contains("softmax needs logits of shape (N, C)"));
}

#[test]
fn configs_and_states_that_do_not_fit() {
    let batch = Batch::new(GHM).with("logits", &array![0.5_f32]).with("targets", &array![1_u8]);
    batch.object(&["--state-out", "state.json"]);
    let saved = fs::read(batch.path("state.json")).unwrap();
    for (config, expected) in [
        ("objective = \"bce\"\n[[weighter]]\nkind = \"focl\"\n", "unknown kind `focl`; the known kinds are"),
        ("objective = \"bce\"\nreducton = \"sum\"\n", "unknown field `reducton`"),
        ("objective = bce", "line 1"),
        (&GHM.replace("bins = 5", "bins = 6"), "state.json: "),
        (&GHM.replace("bce", "softmax-ce"), "saved by objective \"bce\", the config has \"softmax-ce\""),
        (FOCAL, "state.json: "),
    ] {
        fs::write(batch.path("loss.toml"), config).unwrap();
        let message = batch.refusal(&["--state-in", "state.json", "--state-out", "state.json"]);
        assert!(message.contains(expected), "{config}: {message}");
        assert_eq!(fs::read(batch.path("state.json")).unwrap(), saved, "untouched");
    }
    fs::write(batch.path("loss.toml"), GHM).unwrap();
    for (text, expected) in [
        ("{", "not a state file"),
        ("{}", "there is no \"format\": \"reweight-state\" in it"),
        ("{\"format\": \"reweight-state\", \"version\": 9}", "has version 9, this program reads 1"),
    ] {
        fs::write(batch.path("state.json"), text).unwrap();
        let message = batch.refusal(&["--state-in", "state.json"]);
        assert!(message.contains(expected), "{text}: {message}");
    }
    assert!(batch.refusal(&["--state-in", "none.json"]).contains("none.json: the state cannot be read"));
    assert!(batch.refusal(&["--state-out", "none/state.json"]).contains("cannot be written"));
}
