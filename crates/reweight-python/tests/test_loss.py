"""A loss's own settings: reductions, masks, weights, labels, layouts, outputs, second derivatives."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
import reweight_losses as rw

RNG = np.random.default_rng(11)
LOGITS = RNG.normal(0, 2, (50, 4))
HARD = (RNG.random((50, 4)) < 0.3).astype(np.uint8)
CLASSES = RNG.integers(0, 4, 50)


def focal_losses(x, t):
    p = 1 / (1 + np.exp(-np.where(t == 1, x, -x)))
    return -((1 - p) ** 2) * np.log(p), (1 - p) ** 2


def test_reductions_name_their_denominators():
    losses, weights = focal_losses(LOGITS, HARD)
    total = losses.sum()
    for reduction, expected in [
        ("mean", total / losses.size),
        ("sum", total),
        ("weighted-mean", total / weights.sum()),
        ("positives", total / HARD.sum()),
        (128.0, total / 128),
        ({"divisor": 3.0}, total / 3),
    ]:
        loss = rw.BceLoss(rw.Focal(2.0), reduction=reduction)
        step = loss.value_and_grad(LOGITS, HARD)
        assert step.loss == pytest.approx(expected, rel=1e-12)
        assert loss.value(LOGITS, HARD) == step.loss
        assert (step.valid, step.positives) == (losses.size, HARD.sum())
        assert step.weight_sum == pytest.approx(weights.sum())


def test_without_reduction_each_sample_has_its_loss():
    losses, _ = focal_losses(LOGITS, HARD)
    loss = rw.BceLoss(rw.Focal(2.0), reduction="none")
    step = loss.value_and_grad(LOGITS, HARD)
    np.testing.assert_allclose(step.loss, losses, rtol=1e-11)
    np.testing.assert_allclose(loss.value(LOGITS, HARD), losses, rtol=1e-11)
    summed = rw.BceLoss(rw.Focal(2.0), reduction="sum").value_and_grad(LOGITS, HARD)
    np.testing.assert_array_equal(step.grad, summed.grad)
    assert rw.SoftmaxLoss(reduction="none").value(LOGITS, CLASSES).shape == (50,)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(name):
    dtype = np.dtype(np.float16) if name == "float16" else np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    x, soft = LOGITS.astype(dtype), RNG.random((50, 4)).astype(dtype)
    wide = x.astype(np.float32)
    parts = rw.Focal(2.0) * rw.Ghm(10, 0.5)
    for half, whole, targets in [
        (rw.BceLoss(parts), rw.BceLoss(parts), HARD),
        (rw.BceLoss(parts), rw.BceLoss(parts), HARD.astype(dtype)),
        (rw.BceLoss(rw.QualityFocal(2.0)), rw.BceLoss(rw.QualityFocal(2.0)), soft),
        (rw.SoftmaxLoss(parts), rw.SoftmaxLoss(parts), CLASSES),
    ]:
        for _ in range(2):
            step = half.value_and_grad(x, targets)
            expected = whole.value_and_grad(wide, targets.astype(np.float32) if targets.dtype == dtype else targets)
            assert step.loss == expected.loss and step.grad.dtype == dtype
            # What is written is rounded once.
            assert (step.grad == expected.grad.astype(dtype)).all()
        assert half.state() == whole.state()
    before = half.state()
    with pytest.raises(rw.BatchError):
        half.value_and_grad(np.where(np.arange(4) == 1, np.nan, x).astype(dtype), CLASSES)
    assert half.state() == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", ["bool", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_types_of_logits_and_targets(dtype, target):
    loss = rw.BceLoss(rw.Focal(2.0))
    step = loss.value_and_grad(LOGITS.astype(dtype), HARD.astype(target))
    assert step.grad.dtype == dtype
    assert step.loss == pytest.approx(focal_losses(LOGITS, HARD)[0].mean(), rel=1e-6)
    if target not in ("bool", "f4", "f8"):
        assert rw.SoftmaxLoss().value(LOGITS.astype(dtype), CLASSES.astype(target)) > 0


def test_a_mask_leaves_out_and_a_weight_multiplies():
    valid = RNG.random((50, 4)) < 0.7
    factors = RNG.random((50, 4))
    logits = np.where(valid, LOGITS, np.nan)
    losses, _ = focal_losses(LOGITS, HARD)
    step = rw.BceLoss(rw.Focal(2.0)).value_and_grad(logits, HARD, valid, factors)
    assert step.loss == pytest.approx((losses * factors)[valid].sum() / valid.sum(), rel=1e-12)
    assert (step.grad[~valid] == 0).all()
    # A row's factor for all its columns, as NumPy broadcasts.
    column = factors[:, :1]
    step = rw.BceLoss(rw.Focal(2.0)).value_and_grad(LOGITS, HARD, sample_weight=column)
    assert step.loss == pytest.approx((losses * column).mean(), rel=1e-12)


def test_softmax_settings():
    z = LOGITS - LOGITS.max(1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    picked = log_p[np.arange(50), CLASSES]
    smoothed = -(0.9 * picked + 0.1 * log_p.mean(1))
    assert rw.SoftmaxLoss(label_smoothing=0.1).value(LOGITS, CLASSES) == pytest.approx(smoothed.mean(), rel=1e-12)
    labels = CLASSES.copy()
    labels[::3] = -100
    kept = labels >= 0
    step = rw.SoftmaxLoss(ignore_index=-100).value_and_grad(LOGITS, labels)
    assert step.valid == kept.sum()
    assert step.loss == pytest.approx(-picked[kept].mean(), rel=1e-12)
    assert (step.grad[~kept] == 0).all()


def test_classes_may_lie_on_any_axis():
    logits = RNG.normal(size=(3, 5, 6, 7))
    targets = RNG.integers(0, 5, (3, 6, 7))
    loss = rw.SoftmaxLoss(rw.Focal(2.0))
    first = loss.value_and_grad(logits, targets)
    last = np.ascontiguousarray(np.moveaxis(logits, 1, -1))
    other = loss.value_and_grad(last, targets, axis=-1, hessian="exact")
    assert other.grad.shape == other.hessian.shape == last.shape and other.grad.flags.c_contiguous
    np.testing.assert_allclose(np.moveaxis(other.grad, -1, 1), first.grad, rtol=1e-13)
    assert loss.value(last, targets, axis=-1) == other.loss


LAYOUTS = {
    "fortran": lambda a: np.asfortranarray(a),
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "every other": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "columns of more": lambda a: np.concatenate([a, a], axis=-1)[..., : a.shape[-1]],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_strides_give_the_same(layout):
    loss = rw.BceLoss(rw.Focal(2.0) * rw.Ghm(10, 0.5))
    expected = copy.deepcopy(loss).value_and_grad(LOGITS, HARD)
    step = loss.value_and_grad(layout(LOGITS), HARD)
    np.testing.assert_allclose(step.grad, expected.grad, rtol=1e-13)
    assert step.loss == pytest.approx(expected.loss, rel=1e-13)
    step = rw.SoftmaxLoss().value_and_grad(layout(LOGITS), CLASSES)
    np.testing.assert_allclose(step.grad, rw.SoftmaxLoss().value_and_grad(LOGITS, CLASSES).grad, rtol=1e-13)


def test_the_callers_gradient_is_filled():
    loss = rw.BceLoss(rw.Focal(2.0))
    expected = loss.value_and_grad(LOGITS, HARD).grad
    for out in [np.full((50, 4), np.nan), np.full((4, 50), np.nan).T, np.full((100, 4), np.nan)[::2]]:
        step = loss.value_and_grad(LOGITS, HARD, out=out)
        assert step.grad is out
        np.testing.assert_allclose(out, expected, rtol=1e-13)


def test_hessians():
    x, t = LOGITS, HARD
    p = 1 / (1 + np.exp(-x))
    plain = rw.BceLoss(reduction="sum")
    for form in ["exact", "clamped", "gauss-newton"]:
        np.testing.assert_allclose(plain.value_and_grad(x, t, hessian=form).hessian, p * (1 - p), rtol=1e-10)
    focal = rw.BceLoss(rw.Focal(2.0), reduction="sum")
    exact = focal.value_and_grad(x, t, hessian="exact").hessian
    step = 1e-5
    slope = (focal.value_and_grad(x + step, t).grad - focal.value_and_grad(x - step, t).grad) / (2 * step)
    np.testing.assert_allclose(exact, slope, rtol=1e-5, atol=1e-9)
    assert (exact < 0).any()
    np.testing.assert_array_equal(focal.value_and_grad(x, t, hessian="clamped").hessian, np.maximum(exact, 0))
    assert (focal.value_and_grad(x, t, hessian="gauss-newton").hessian >= 0).all()


def test_nothing_and_scalars():
    loss = rw.BceLoss(rw.Ghm(10, 0.5))
    before = loss.state()
    assert loss.value_and_grad(np.zeros((0, 3)), np.zeros((0, 3), int)).loss == 0
    assert loss.value_and_grad(LOGITS, HARD, valid=np.zeros((50, 4), bool)).loss == 0
    assert loss.state() == before
    assert rw.BceLoss().value(np.float64(0.0), 1) == pytest.approx(np.log(2))


def test_threads_give_the_same_bits():
    logits = RNG.normal(size=300_000).astype(np.float32)
    targets = RNG.random(300_000) < 0.1
    own = rw.threads()
    results = []
    try:
        for count in [1, 2, 3, 7]:
            rw.set_threads(count)
            assert rw.threads() == count
            loss = rw.BceLoss(rw.AlphaBalance(0.75) * rw.Ghm(30, 0.75))
            step = [loss.value_and_grad(logits, targets) for _ in range(2)][-1]
            results.append((step.loss, step.weight_sum, step.grad.tobytes(), loss.state()))
    finally:
        rw.set_threads(None)
    assert rw.threads() == own
    assert all(result == results[0] for result in results)


def test_a_forked_process_has_threads_of_its_own():
    import multiprocessing

    logits, targets = np.ones(100_000), np.ones(100_000, int)
    expected = rw.BceLoss().value(logits, targets)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(rw.BceLoss().value, (logits, targets)).get(60) == expected


def test_threads_of_python_may_share_a_loss():
    loss = rw.BceLoss(rw.Ghm(10, 0.0))
    logits, targets = RNG.normal(size=50_000), RNG.random(50_000) < 0.2
    expected = copy.deepcopy(loss).value_and_grad(logits, targets)
    failed = []

    def work():
        for _ in range(20):
            if loss.value_and_grad(logits, targets).grad.tobytes() != expected.grad.tobytes():
                failed.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert not failed


def test_a_loss_is_copied_and_pickled_with_what_it_observed():
    loss = rw.SoftmaxLoss(
        rw.AlphaBalance(counts=[5000, 120, 7, 9]) * rw.Ghm(10, 0.75).clamped(0.1, 5.0),
        adjustment=rw.LogitAdjustment(counts=[5000, 120, 7, 9]),
        base=rw.Poly1(1.0),
        label_smoothing=0.1,
    )
    loss.value_and_grad(LOGITS, CLASSES)
    for other in [copy.copy(loss), copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), eval(repr(loss), {"rw": rw})]:
        assert repr(other) == repr(loss)
        other.restore(loss.state())
        one, two = loss.value_and_grad(LOGITS, CLASSES), other.value_and_grad(LOGITS, CLASSES)
        assert one.grad.tobytes() == two.grad.tobytes() and loss.state() == other.state()
    other.reset()
    assert other.state() != loss.state()


def test_repr_reads_as_code():
    loss = rw.BceLoss(rw.AlphaBalance(0.75) * rw.Ghm(bins=30, momentum=0.75), reduction=128.0, adjustment=rw.LogitAdjustment([9, 1]))
    expected = "rw.BceLoss(rw.AlphaBalance(0.75) * rw.Ghm(bins=30, momentum=0.75), adjustment=rw.LogitAdjustment([9, 1]), reduction=128.0)"
    assert repr(loss) == expected
    assert repr(rw.SoftmaxLoss()) == "rw.SoftmaxLoss()"


def test_the_programs_file(tmp_path):
    text = """
        objective = "bce"
        adjustment = [{ kind = "logit-adjustment", counts = [950, 50] }]
        weighter = [{ kind = "focal", gamma = 2.0 }, { kind = "ghm", bins = 10, momentum = 0.5, clamp = [0.1, 10.0] }]
        base = { kind = "poly-1", epsilon = 1.0 }
        reduction = "weighted-mean"
    """
    path = tmp_path / "loss.toml"
    path.write_text(text)
    loss = rw.load(path)
    same = rw.BceLoss(
        rw.Focal(2.0) * rw.Ghm(10, 0.5).clamped(0.1, 10.0),
        adjustment=rw.LogitAdjustment([950, 50]),
        base=rw.Poly1(1.0),
        reduction="weighted-mean",
    )
    assert isinstance(loss, rw.BceLoss)
    assert loss.value_and_grad(LOGITS, HARD).grad.tobytes() == same.value_and_grad(LOGITS, HARD).grad.tobytes()
    assert rw.from_toml(loss.to_toml()).to_config() == loss.to_config() == rw.Loss.from_config(loss.to_config()).to_config()
