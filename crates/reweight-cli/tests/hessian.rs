//! `reweight eval --hessian`: second derivatives beside gradient, weights and losses, in the same file.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

#[path = "batch/batch.rs"]
mod batch;

use std::fs;

use batch::{Batch, close, read};
use ndarray::{Array1, array};
use ndarray_npy::write_npy;

const EXACT: f64 = 1e-12;
const FOCAL: &str = "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = 2.0\n";

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn plain_cross_entropys_is_p_times_q_with_the_reductions_factor() {
    let logits = [2.0_f64, -1.0, 0.3, -4.0];
    let batch = Batch::new("objective = \"bce\"\n")
        .with("logits", &Array1::from(logits.to_vec()))
        .with("targets", &array![0.25_f64, 0.0, 1.0, 1.0]);
    let expected = logits.map(|x| sigmoid(x) * sigmoid(-x) / 4.0);
    for backend in ["ndarray", "dfdx-cpu"] {
        for form in ["exact", "clamped", "gauss-newton"] {
            let options = ["--backend", backend, "--dtype", "f64", "--out", "out.npz", "--hessian", form];
            assert_eq!(batch.object(&options)["hessian"], form);
            close(&read(&batch.path("out.npz"), "hessian"), &expected, EXACT);
            assert_eq!(read(&batch.path("out.npz"), "grad").shape(), [4]);
        }
    }
}

#[test]
fn clamped_is_exact_where_that_is_above_zero_and_masks_are_zero() {
    let batch = Batch::new(FOCAL)
        .with("logits", &array![[-6.0_f64, -3.0, 0.0], [1.0, 5.0, f64::NAN]])
        .with("targets", &array![[1_u8, 1, 1], [1, 0, 9]])
        .with("valid", &array![[true, true, true], [true, true, false]])
        .with("sample-weight", &array![[1.0_f64, 2.0, 1.0], [1.0, 0.5, 7.0]]);
    for backend in ["ndarray", "dfdx-cpu"] {
        let hessian = |form| {
            batch.object(&["--backend", backend, "--dtype", "f64", "--out", "out.npz", "--hessian", form]);
            read(&batch.path("out.npz"), "hessian")
        };
        let exact = hessian("exact");
        assert!(exact[[0, 0]] < 0.0 && exact[[1, 1]] < 0.0 && exact[[1, 0]] > 0.0, "{exact}");
        assert_eq!(exact[[1, 2]], 0.0);
        assert_eq!(hessian("clamped"), exact.mapv(|value| value.max(0.0)));
        assert!(hessian("gauss-newton").iter().all(|&value| value >= 0.0));
        // What it does to the rest is nothing.
        let grad = read(&batch.path("out.npz"), "grad");
        batch.object(&["--backend", backend, "--dtype", "f64", "--out", "plain.npz"]);
        assert_eq!(read(&batch.path("plain.npz"), "grad"), grad);
    }
}

#[test]
fn the_diagonal_of_softmax_over_pictures() {
    // One picture of two points and three classes: π = (½, ¼, ¼) and (⅓, ⅓, ⅓).
    let mut logits = ndarray::Array3::<f64>::zeros((1, 3, 2));
    logits[[0, 0, 0]] = 2.0_f64.ln();
    let batch = Batch::new("objective = \"softmax-ce\"\nreduction = \"sum\"\n")
        .with("logits", &logits)
        .with("targets", &array![[0_i64, 2]]);
    let (quarter, three, third) = (0.25, 3.0 / 16.0, 2.0 / 9.0);
    for backend in ["ndarray", "dfdx-cpu"] {
        batch.object(&["--backend", backend, "--dtype", "f64", "--out", "out.npz", "--hessian", "exact"]);
        let hessian = read(&batch.path("out.npz"), "hessian");
        assert_eq!(hessian.shape(), [1, 3, 2]);
        close(&hessian, &[quarter, third, three, third, three, third], EXACT);
    }
}

#[test]
fn it_is_of_the_step_that_the_state_takes() {
    let config = "objective = \"bce\"\n[[weighter]]\nkind = \"ghm\"\nbins = 5\nmomentum = 0.75\n";
    let batch =
        Batch::new(config).with("logits", &array![-3.0_f64, 0.2, 1.5, 4.0]).with("targets", &array![0_u8, 1, 1, 0]);
    batch.object(&["--dtype", "f64", "--state-out", "state.json"]);
    write_npy(batch.path("logits.npy"), &array![-0.1_f64, -5.0, 2.5]).unwrap();
    write_npy(batch.path("targets.npy"), &array![1_u8, 0, 0]).unwrap();
    for backend in ["ndarray", "dfdx-cpu"] {
        let options = ["--backend", backend, "--dtype", "f64", "--state-in", "state.json", "--state-out", "next.json"];
        batch.object(&[&options[..], &["--out", "out.npz", "--hessian", "exact"]].concat());
        // GHM's weights are constants.
        let weights = read(&batch.path("out.npz"), "weight");
        let logits = [-0.1_f64, -5.0, 2.5];
        let expected: Vec<f64> =
            logits.iter().zip(&weights).map(|(&x, weight)| weight * sigmoid(x) * sigmoid(-x) / 3.0).collect();
        close(&read(&batch.path("out.npz"), "hessian"), &expected, EXACT);
        let stepped = fs::read(batch.path("next.json")).unwrap();
        batch.object(&options);
        assert_eq!(fs::read(batch.path("next.json")).unwrap(), stepped, "one step, not two");
    }
}

#[test]
fn a_table_of_columns_is_one_on_every_backend() {
    let batch = Batch::new("objective = \"bce\"\nweighter = [{ kind = \"pos-weight\", values = [2.0, 5.0] }]\n")
        .with("logits", &array![[0.5_f64, -1.0], [2.0, 0.1], [-3.0, 0.0]])
        .with("targets", &array![[1.0_f64, 0.3], [0.0, 1.0], [0.5, 0.0]]);
    let found = ["ndarray", "dfdx-cpu"].map(|backend| {
        let loss =
            batch.object(&["--backend", backend, "--dtype", "f64", "--out", "out.npz"])["loss"].as_f64().unwrap();
        (loss, read(&batch.path("out.npz"), "grad"))
    });
    let softplus = |x: f64| x.exp().ln_1p();
    let each = |(x, t, b): (f64, f64, f64)| b * t * softplus(-x) + (1.0 - t) * softplus(x);
    let all = [(0.5, 1.0, 2.0), (-1.0, 0.3, 5.0), (2.0, 0.0, 2.0), (0.1, 1.0, 5.0), (-3.0, 0.5, 2.0), (0.0, 0.0, 5.0)];
    let torch = all.into_iter().map(each).sum::<f64>() / 6.0;
    for (loss, grad) in &found {
        assert!((loss - torch).abs() < EXACT, "{loss} instead of {torch}");
        close(grad, found[0].1.as_slice().unwrap(), EXACT);
    }
}

#[test]
fn what_has_no_second_derivative_is_refused_and_nothing_written() {
    let soft = Batch::new("objective = \"bce\"\nbase = { kind = \"poly-1\", epsilon = 1.0 }\n")
        .with("logits", &array![0.5_f64, 1.0])
        .with("targets", &array![0.5_f64, 1.0]);
    for backend in ["ndarray", "dfdx-cpu"] {
        let options =
            ["--backend", backend, "--out", "out.npz", "--state-out", "state.json", "--hessian", "gauss-newton"];
        let message = soft.refusal(&options);
        assert!(
            message.contains("loss.toml") && message.contains("leave the base out, or take `clamped`"),
            "{message}"
        );
    }
    let cuda = ["--backend", "dfdx-cuda", "--out", "out.npz", "--state-out", "state.json", "--hessian", "exact"];
    assert!(soft.refusal(&cuda).contains("--backend dfdx-cuda has no second derivatives; use --backend ndarray"));
    assert!(!soft.path("out.npz").exists() && !soft.path("state.json").exists());
    assert!(soft.refusal(&["--hessian", "exact"]).contains("--out <FILE.npz>"), "there is no other place for it");
}
