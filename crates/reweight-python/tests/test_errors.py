"""What is refused is told with the core's words, and nothing is half changed."""

from __future__ import annotations

import numpy as np
import pytest
import reweight_losses as rw

LOGITS, TARGETS = np.zeros((2, 3), np.float32), np.zeros((2, 3), int)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: rw.Focal(-1.0), "weighter 1 (focal): `gamma` is -1, but must be finite and at least 0"),
        (lambda: rw.Focal(gama=1.0), "unknown field `gama`"),
        (lambda: rw.Focal(float("nan")), "finite"),
        (lambda: rw.Focal(object()), "not JSON serializable"),
        (lambda: rw.Poly1(-2.0), "base (poly-1): `epsilon` is -2, but must be finite and at least -1"),
        (lambda: rw.LogitAdjustment([1, 0]), "adjustment 1 (logit-adjustment)"),
        (lambda: rw.Weighter("focus", gamma=1.0), "unknown kind `focus`; the known kinds are alpha-balance"),
        (lambda: rw.BceLoss(reduction="average"), "average"),
        (lambda: rw.BceLoss(reduction=-1.0), "`divisor` is -1"),
        (lambda: rw.SoftmaxLoss(label_smoothing=2.0), "`label_smoothing` is 2"),
        (lambda: rw.Focal(1.0).clamped(2.0, 1.0), "clamp"),
        (lambda: rw.Focal(1.0).clamped(0.0, 1.0).scaled(2.0), "scaled() first"),
        (lambda: rw.from_toml('objective = "bce"\nreductoin = "mean"'), "line 2, column 1"),
        (lambda: rw.BceLoss().value_and_grad(LOGITS, TARGETS, hessian="newton"), '"exact", "clamped", "gauss-newton"'),
        (lambda: rw.set_threads(0), "`threads` is 0"),
    ],
)
def test_settings(make, told):
    with pytest.raises(rw.ConfigError) as error:
        make()
    assert told in str(error.value)


def test_a_file_is_named(tmp_path):
    path = tmp_path / "loss.toml"
    path.write_text("objective = 3")
    with pytest.raises(rw.ConfigError, match="loss.toml: "):
        rw.load(path)
    with pytest.raises(OSError):
        rw.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("logits", "targets", "settings", "told"),
    [
        (LOGITS, TARGETS[:1], {}, "`targets` has shape [1, 3], but must have shape [2, 3]"),
        (LOGITS + np.array([0, np.inf, 0], np.float32), TARGETS, {}, "the logit at index 1 is inf"),
        (LOGITS, TARGETS + 2, {}, "the label at index 0 is 2"),
        (LOGITS, TARGETS + 1.5, {}, "the target at index 0 is 1.5"),
        (LOGITS, TARGETS, {"sample_weight": -1.0}, "the sample weight at index 0 is -1"),
        (LOGITS, TARGETS, {"out": np.zeros((3, 2), np.float32)}, "`grad` has shape [3, 2]"),
        (LOGITS, TARGETS, {"out": LOGITS}, "one of the inputs"),
    ],
)
def test_batches(logits, targets, settings, told):
    loss = rw.BceLoss(rw.Ghm(10, 0.75))
    loss.value_and_grad(LOGITS, TARGETS)
    before = loss.state()
    with pytest.raises(rw.BatchError) as error:
        loss.value_and_grad(logits, targets, **settings)
    assert told in str(error.value)
    assert loss.state() == before


def test_a_gradient_is_as_it_was_or_zero():
    loss = rw.BceLoss(rw.Ghm(10, 0.75))
    out = np.full((2, 3), 7.0, np.float32)
    bad = LOGITS.copy()
    bad[1, 2] = np.nan
    with pytest.raises(rw.BatchError):
        loss.value_and_grad(bad, TARGETS, out=out)
    assert (out == 7).all() or (out == 0).all()


def test_a_rule_that_is_not_finite_is_named():
    @rw.weighter
    def infinite(s):
        return rw.exp(rw.exp(s.margin))

    with pytest.raises(rw.BatchError, match="the weight of the sample at index 1 is inf .*recorded infinite"):
        rw.BceLoss(infinite).value(np.array([0.0, 20.0], np.float32), [1, 1])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda loss: loss.value(LOGITS.astype(np.complex64), TARGETS), "`logits` is an array of complex64, .*float16, bfloat16 .*astype"),
        (lambda loss: loss.value(np.zeros((2, 3), int), TARGETS), "`logits` is an array of int64, which is not taken"),
        (lambda loss: loss.value(LOGITS, TARGETS.astype(complex)), "`targets` is an array of complex128"),
        (lambda loss: loss.value(LOGITS, TARGETS, valid=TARGETS), "`valid` is an array of int64, but must be of bool"),
        (lambda loss: loss.value_and_grad(LOGITS, TARGETS, out=np.zeros((2, 3))), "`grad` is an array of float64"),
        (lambda loss: loss.value(LOGITS.astype(">f4"), TARGETS), "`logits` is an array of >f4"),
        (lambda loss: rw.SoftmaxLoss().value(LOGITS, np.zeros(2)), "no class indices"),
        (lambda loss: loss.observe(np.zeros(2)), "`counts` is an array of float64, but must be of int64"),
    ],
)
def test_types(call, told):
    with pytest.raises(rw.DtypeError, match=told):
        call(rw.BceLoss())


def test_counts():
    loss = rw.BceLoss(rw.Ghm(10, 0.75))
    for counts, told in [([1, 0], "`counts` is 2, but must be as many"), ([-1] * 12, "counts are at least 0")]:
        with pytest.raises(rw.BatchError, match=told):
            loss.observe(counts)


def test_misaligned_memory_is_refused():
    raw = np.zeros(4 * 6 + 1, np.uint8)
    logits = np.frombuffer(raw.data, np.float32, 6, offset=1)
    assert not logits.flags.aligned
    with pytest.raises(rw.BatchError, match="logits.copy()"):
        rw.BceLoss().value(logits, np.zeros(6, int))


def test_parts_are_values():
    part = rw.Focal(2.0)
    with pytest.raises(AttributeError, match="make another one"):
        part.gamma = 1.0
    assert part == rw.Focal(gamma=2.0) == rw.Focal(np.float32(2.0)) and hash(part) == hash(rw.Focal(2.0))
    assert part != rw.Focal(1.0) and 2.0 * part == part.scaled(2.0) == (part * 2.0).weighters[0]
    assert part() is part
    assert rw.Weighter("focal", gamma=2.0) == part
    with pytest.raises(TypeError):
        rw.BceLoss(rw.Poly1(1.0))
    with pytest.raises(TypeError):
        rw.BceLoss(base=rw.Focal(1.0))
    with pytest.raises(TypeError):
        rw.Focal(1.0, gamma=2.0)


def test_modules_load_when_they_are_asked_for():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rw.nothing
    assert "torch" in dir(rw)
