//! Bad batches: the right error, the state as it was, nothing on the tape.

use dfdx::prelude::*;
use reweight_dfdx::prelude::{BceLoss, Reduction, SampleWeighter, SoftmaxLoss, TensorLoss, TensorLossError};
use reweight_dfdx::reweight::{AlphaBalance, Focal, Ghm, LossError, WeightError};
use reweight_dfdx::{BceBatch, SoftmaxBatch};

use crate::support::{CountingTape, ghm};

/// A GHM loss with a state worth keeping.
fn trained() -> BceLoss<Ghm> {
    let dev = Cpu::default();
    let mut loss = BceLoss::new(ghm());
    let _ = loss.forward(dev.tensor([1.0_f64, -2.0, 0.3]).leaky_traced(), &dev.tensor([1_u8, 0, 0])).unwrap();
    loss
}

/// Runs every way of calling the loss, and holds that each refuses and leaves everything as it was.
fn bce_refuses<S: Shape, Y, W: SampleWeighter>(
    batch: &BceBatch<'_, S, f64, Y, Cpu, CountingTape>,
    mut loss: BceLoss<W>,
) -> LossError
where
    Y: reweight_dfdx::BceTarget + Unit,
{
    let (state, recorded) = (loss.state(), CountingTape::recorded());
    let errors = [
        batch.clone().forward(&mut loss).unwrap_err(),
        batch.clone().each(&mut loss).unwrap_err(),
        batch.clone().weigh(&loss).unwrap_err(),
        batch.statistics(&loss).unwrap_err(),
        batch.value(&loss).unwrap_err(),
    ];
    assert_eq!(loss.state(), state);
    assert_eq!(CountingTape::recorded(), recorded);
    same(errors)
}

fn softmax_refuses<B: Dim, C: Dim, Y, W: SampleWeighter>(
    batch: &SoftmaxBatch<'_, (B, C), (B,), f64, Y, Cpu, CountingTape>,
    mut loss: SoftmaxLoss<W>,
) -> LossError
where
    Y: reweight_dfdx::ClassIndex + Unit,
{
    let (state, recorded) = (loss.state(), CountingTape::recorded());
    let errors = [
        batch.clone().forward(&mut loss).unwrap_err(),
        batch.clone().each(&mut loss).unwrap_err(),
        batch.clone().weigh(&loss).unwrap_err(),
        batch.statistics(&loss).unwrap_err(),
        batch.value(&loss).unwrap_err(),
    ];
    assert_eq!(loss.state(), state);
    assert_eq!(CountingTape::recorded(), recorded);
    same(errors)
}

fn same(errors: [TensorLossError; 5]) -> LossError {
    let [first, rest @ ..] = errors.map(|error| match error {
        TensorLossError::Loss(error) => error,
        other => panic!("expected a batch's error, found {other:?}"),
    });
    for other in rest {
        assert_eq!(other.to_string(), first.to_string());
    }
    first
}

fn taped<S: Shape>(logits: &Tensor<S, f64, Cpu>) -> Tensor<S, f64, Cpu, CountingTape> {
    logits.retaped()
}

fn run(values: &[f64]) -> Tensor<(usize,), f64, Cpu> {
    Cpu::default().tensor((values.to_vec(), (values.len(),)))
}

#[test]
fn a_good_batch_is_recorded_once() {
    let dev = Cpu::default();
    let before = CountingTape::recorded();
    let _ = trained().forward(taped(&dev.tensor([1.0, 2.0])), &dev.tensor([1_u8, 0])).unwrap();
    assert_eq!(CountingTape::recorded(), before + 1);
}

#[test]
fn shapes() {
    let (logits, short) = (run(&[1.0, 2.0, 3.0]), run(&[1.0, 0.0]));
    let (targets, valid) = (run(&[1.0, 0.0, 0.0]), Cpu::default().tensor((vec![true; 4], (4,))));
    let expect = |error: LossError, name: &str, length: usize| match error {
        LossError::Shape { name: found_name, expected, found } => {
            assert_eq!((found_name, expected, found), (name, vec![3], vec![length]));
        }
        other => panic!("{other:?}"),
    };
    expect(bce_refuses(&BceBatch::new(taped(&logits), &short), trained()), "targets", 2);
    expect(bce_refuses(&BceBatch::new(taped(&logits), &targets).valid(&valid), trained()), "valid", 4);
    expect(bce_refuses(&BceBatch::new(taped(&logits), &targets).sample_weight(&short), trained()), "sample_weight", 2);
}

#[test]
fn contents() {
    let (logits, targets) = (run(&[1.0, 2.0, 3.0]), run(&[1.0, 0.0, 0.0]));
    let wrong = run(&[1.0, 0.0, f64::NAN]);
    let error = bce_refuses(&BceBatch::new(taped(&wrong), &targets), trained());
    assert!(matches!(error, LossError::NonFiniteLogit { index: 2, .. }), "{error:?}");
    let wrong = run(&[1.0, 1.5, 0.0]);
    let error = bce_refuses(&BceBatch::new(taped(&logits), &wrong), trained());
    assert!(matches!(error, LossError::Target { index: 1, target: 1.5 }), "{error:?}");
    let wrong = Cpu::default().tensor((vec![0_u8, 1, 2], (3,)));
    let error = bce_refuses(&BceBatch::new(taped(&logits), &wrong), trained());
    assert!(matches!(error, LossError::Label { index: 2, label: 2, last: 1, .. }), "{error:?}");
    let wrong = run(&[-1.0, 1.0, 1.0]);
    let error = bce_refuses(&BceBatch::new(taped(&logits), &targets).sample_weight(&wrong), trained());
    assert!(matches!(error, LossError::SampleWeight { index: 0, weight: -1.0 }), "{error:?}");
}

#[test]
fn an_index_counts_row_by_row_whatever_the_layout() {
    let dev = Cpu::default();
    let logits: Tensor<Rank2<2, 3>, f64, _> = dev.tensor([[0.0, 1.0, 2.0], [f64::INFINITY, 4.0, 5.0]]);
    let targets: Tensor<Rank2<3, 2>, u8, _> = dev.zeros();
    let error = bce_refuses(&BceBatch::new(taped(&logits.permute::<Rank2<3, 2>, _>()), &targets), trained());
    assert!(matches!(error, LossError::NonFiniteLogit { index: 1, .. }), "{error:?}");
}

#[test]
fn labels() {
    let dev = Cpu::default();
    let logits = dev.tensor([[1.0_f64, 2.0, 3.0], [0.0, 1.0, 0.0]]);
    let wrong = dev.tensor([2_i64, -1]);
    let error = softmax_refuses(&SoftmaxBatch::new(taped(&logits), &wrong), SoftmaxLoss::new(ghm()));
    assert!(matches!(error, LossError::Label { index: 1, label: -1, last: 2, .. }), "{error:?}");
    let wrong = dev.tensor([3_i64, 0]);
    let error = softmax_refuses(&SoftmaxBatch::new(taped(&logits), &wrong), SoftmaxLoss::new(ghm()));
    assert!(matches!(error, LossError::Label { index: 0, label: 3, .. }), "{error:?}");
    let short = Cpu::default().tensor((vec![0_i64], (1,)));
    let run_time = logits.clone().reshape_like(&(2, Const::<3>));
    let error = softmax_refuses(&SoftmaxBatch::new(taped(&run_time), &short), SoftmaxLoss::new(ghm()));
    assert!(matches!(error, LossError::Shape { name: "targets", .. }), "{error:?}");
}

#[test]
fn classes() {
    let dev = Cpu::default();
    let labels = dev.tensor([0_i64, 0]);
    let one_class = dev.tensor([[1.0_f64], [2.0]]);
    let error = softmax_refuses(&SoftmaxBatch::new(taped(&one_class), &labels), SoftmaxLoss::new(ghm()));
    assert!(matches!(error, LossError::Classes { .. }), "{error:?}");
    let three_weights = AlphaBalance::per_class(&[1.0, 2.0, 3.0]).unwrap();
    let (logits, targets) = (dev.tensor([1.0_f64, 2.0]), dev.tensor([1_u8, 0]));
    let loss = BceLoss::new((three_weights, Focal::new(1.0).unwrap()));
    let error = bce_refuses(&BceBatch::new(taped(&logits), &targets), loss);
    assert!(matches!(error, LossError::Weight(WeightError::ClassCount { given: 3, classes: 2, .. })), "{error:?}");
}

#[test]
fn no_single_loss_without_a_reduction() {
    let dev = Cpu::default();
    let (logits, targets) = (dev.tensor([1.0_f64, 2.0]), dev.tensor([1_u8, 0]));
    let mut loss = trained().with_reduction(Reduction::None).unwrap();
    let (state, recorded) = (loss.state(), CountingTape::recorded());
    let error = loss.forward(taped(&logits), &targets).unwrap_err();
    assert!(matches!(error, TensorLossError::NotReduced), "{error:?}");
    assert!(error.to_string().contains("forward_each"), "{error}");
    assert!(BceBatch::new(taped(&logits), &targets).weigh(&loss).is_err());
    assert_eq!(loss.state(), state);
    assert_eq!(CountingTape::recorded(), recorded);
    assert_eq!(loss.value(&logits, &targets).unwrap().loss, None);
    assert_eq!(loss.forward_each(taped(&logits), &targets).unwrap().as_vec().len(), 2);
}
