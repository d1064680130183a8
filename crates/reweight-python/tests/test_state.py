"""What is observed: steps in three parts, over ranks; schedules of parameters."""

from __future__ import annotations

import json

import numpy as np
import pytest
import reweight_losses as rw

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0, 2, (4, 300))
TARGETS = RNG.random((4, 300)) < 0.2
COUNTING = rw.AlphaBalance(0.75) * rw.Ghm(10, 0.75) * rw.HardExamples(0.5)


def test_parts_gathered_are_the_single_run():
    single, gathered = (rw.BceLoss(COUNTING, reduction="sum") for _ in range(2))
    for _ in range(3):
        whole = single.value_and_grad(LOGITS, TARGETS, weights=True)
        parts = [gathered.statistics(x, t) for x, t in zip(LOGITS, TARGETS)]
        assert all(part.dtype == np.int64 for part in parts)
        gathered.observe(sum(parts))
        weighed = [gathered.weigh(x, t, weights=True) for x, t in zip(LOGITS, TARGETS)]
        assert gathered.state() == single.state()
        assert np.stack([part.weights for part in weighed]).tobytes() == whole.weights.tobytes()
        np.testing.assert_allclose(np.stack([part.grad for part in weighed]), whole.grad, rtol=1e-12)


def test_counts_are_as_they_are_said_to_be():
    loss = rw.BceLoss(COUNTING)
    counts = loss.statistics(LOGITS, TARGETS)
    counted = loss.counted()
    assert not counted.class_counts
    assert [regions.bins for regions in counted.histograms] == [10, 4096]
    assert [*counts[:2]] == [LOGITS.size, TARGETS.sum()]
    margins = np.where(TARGETS, LOGITS, -LOGITS)
    start = 2
    for regions in counted.histograms:
        region = (margins[..., None] <= regions.thresholds).sum(-1)
        expected = np.bincount(region.ravel(), minlength=regions.bins)
        np.testing.assert_array_equal(counts[start : start + regions.bins], expected)
        start += regions.bins
    assert start == len(counts) == len(loss._native.no_statistics())


def test_a_rank_without_samples_adds_nothing():
    one, other = (rw.BceLoss(COUNTING) for _ in range(2))
    counts = one.statistics(LOGITS, TARGETS)
    one.observe(counts)
    other.observe(counts + other.statistics(LOGITS, TARGETS, valid=False))
    assert one.state() == other.state()
    before = one.state()
    one.observe(one._native.no_statistics())
    assert one.state() == before


def test_evaluation_changes_nothing():
    loss = rw.BceLoss(rw.Ghm(10, 0.75))
    assert loss.observes and not rw.BceLoss(rw.Focal(2.0)).observes
    loss.value_and_grad(LOGITS, TARGETS)
    before = loss.state()
    previewed = loss.value(LOGITS, TARGETS)
    assert loss.state() == before
    assert loss.value_and_grad(LOGITS, TARGETS).loss == previewed
    assert loss.state() != before


def test_a_state_goes_through_json():
    loss = rw.BceLoss(COUNTING)
    loss.value_and_grad(LOGITS, TARGETS)
    other = rw.BceLoss(COUNTING)
    other.restore(json.loads(json.dumps(loss.state())))
    assert other.state() == loss.state()
    assert other.value_and_grad(LOGITS, TARGETS).grad.tobytes() == loss.value_and_grad(LOGITS, TARGETS).grad.tobytes()


def test_a_state_of_another_loss_is_refused():
    loss = rw.BceLoss(rw.Ghm(10, 0.75))
    loss.value_and_grad(LOGITS, TARGETS)
    for other in [rw.BceLoss(rw.Ghm(10, 0.5)), rw.BceLoss(rw.Focal(2.0)), rw.BceLoss()]:
        before = other.state()
        with pytest.raises(rw.StateError):
            other.restore(loss.state())
        assert other.state() == before
    with pytest.raises(rw.StateError, match="no state of a loss"):
        loss.restore({"nothing": 1})


def test_parameters_are_scheduled_and_the_state_stays():
    loss = rw.BceLoss(rw.Focal(2.0) * rw.Ghm(10, 0.75), base=rw.Poly1(0.5))
    loss.value_and_grad(LOGITS, TARGETS)
    before = loss.state()
    expected = {"focal.gamma": 2.0, "ghm.bins": 10, "ghm.momentum": 0.75, "poly-1.epsilon": 0.5}
    assert loss.parameters == expected
    loss.set_parameters({"focal.gamma": 1.5}, epsilon=0.25)
    assert loss.parameters == expected | {"focal.gamma": 1.5, "poly-1.epsilon": 0.25}
    assert loss.state() == before
    fresh = rw.BceLoss(rw.Focal(1.5) * rw.Ghm(10, 0.75), base=rw.Poly1(0.25))
    fresh.restore(before)
    assert fresh.value_and_grad(LOGITS, TARGETS).grad.tobytes() == loss.value_and_grad(LOGITS, TARGETS).grad.tobytes()
    config, state = loss.to_config(), loss.state()
    for error, change in [
        (rw.ConfigError, {"gamma": -1.0}),
        (rw.ConfigError, {"delta": 1.0}),
        (rw.StateError, {"momentum": 0.5}),
        (rw.ConfigError, {"gamma": float("nan")}),
    ]:
        with pytest.raises(error):
            loss.set_parameters(change)
        assert (loss.to_config(), loss.state()) == (config, state)


def test_parameters_of_one_name_are_told_apart():
    loss = rw.BceLoss(rw.Focal(2.0) * rw.Focal(1.0))
    assert loss.parameters == {"focal[0].gamma": 2.0, "focal[1].gamma": 1.0}
    with pytest.raises(rw.ConfigError, match="ambiguous"):
        loss.set_parameters(gamma=0.5)
    loss.set_parameters({"focal[1].gamma": 0.5})
    assert loss.weighter == rw.Focal(2.0) * rw.Focal(0.5)
