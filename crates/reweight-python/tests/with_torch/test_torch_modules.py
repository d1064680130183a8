"""As modules: in place of torch's own losses, with states that checkpoints, copies and modes treat as they should."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import reweight_losses as rw
import torch
import torch.nn.functional as F

GENERATOR = torch.Generator().manual_seed(17)
LOGITS = 2.0 * torch.randn(50, 3, generator=GENERATOR)
HARD = torch.rand(50, 3, generator=GENERATOR) < 0.3
CLASSES = torch.randint(0, 3, (50,), generator=GENERATOR)


@pytest.mark.parametrize("path", ["engine", "torch"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_without_weighters_they_are_torchs(reduction, path):
    factors = torch.rand(50, 3, generator=GENERATOR)
    for targets in (HARD.float(), torch.rand(50, 3, generator=GENERATOR)):
        loss = rw.torch.BceLoss(reduction=reduction, path=path)
        expected = F.binary_cross_entropy_with_logits(LOGITS, targets, factors, reduction=reduction)
        torch.testing.assert_close(loss(LOGITS, targets, sample_weight=factors), expected)
        pos_weight = torch.tensor([1.0, 3.0, 0.5])
        weighed = rw.torch.BceLoss(rw.PosWeight(pos_weight.tolist()), reduction=reduction, path=path)
        expected = F.binary_cross_entropy_with_logits(LOGITS, targets, pos_weight=pos_weight, reduction=reduction)
        torch.testing.assert_close(weighed(LOGITS, targets), expected)
    ignored = torch.where(CLASSES == 2, -100, CLASSES)
    for targets in (CLASSES, ignored):
        for smoothing in (0.0, 0.1):
            loss = rw.torch.SoftmaxLoss(reduction=reduction, label_smoothing=smoothing, path=path)
            expected = F.cross_entropy(LOGITS, targets, reduction=reduction, label_smoothing=smoothing)
            torch.testing.assert_close(loss(LOGITS, targets), expected)
    # Torch's `mean` with class weights divides by their sum.
    weights = [0.5, 1.0, 4.0]
    loss = rw.torch.SoftmaxLoss(
        rw.AlphaBalance(class_weights=weights), reduction={"mean": "weighted-mean"}.get(reduction, reduction), path=path
    )
    torch.testing.assert_close(loss(LOGITS, CLASSES), F.cross_entropy(LOGITS, CLASSES, torch.tensor(weights), reduction=reduction))


@pytest.mark.parametrize("path", ["engine", "torch"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_shapes_as_cross_entropy_has_them(reduction, path):
    loss = rw.torch.SoftmaxLoss(reduction=reduction, path=path)
    for shape, targets in [((3,), ()), ((4, 3), (4,)), ((2, 3, 5), (2, 5)), ((2, 3, 2, 5), (2, 2, 5))]:
        x = torch.randn(shape, generator=GENERATOR, requires_grad=True)
        y = torch.randint(0, 3, targets, generator=GENERATOR)
        value, expected = loss(x, y), F.cross_entropy(x, y, reduction=reduction)
        assert value.shape == expected.shape
        torch.testing.assert_close(value, expected)
        (own,) = torch.autograd.grad(value.sum(), x)
        torch.testing.assert_close(own, torch.autograd.grad(expected.sum(), x)[0])


def test_what_does_not_go_together_is_refused():
    bce, softmax = rw.torch.BceLoss(), rw.torch.SoftmaxLoss(rw.AlphaBalance(class_weights=[1.0, 2.0, 3.0]), path="torch")
    for error, text, call in [
        (rw.BatchError, r"targets have the shape \(49, 3\)", lambda: bce(LOGITS, HARD[1:])),
        (rw.BatchError, "`targets` on meta", lambda: bce(LOGITS, HARD.to("meta"))),
        (rw.BatchError, "asks for a gradient", lambda: bce(LOGITS, HARD.float().requires_grad_())),
        (rw.DtypeError, "`valid` is float32", lambda: bce(LOGITS, HARD, HARD.float())),
        (rw.DtypeError, "logits are int64", lambda: bce(HARD.long(), HARD)),
        (rw.DtypeError, "class probabilities", lambda: softmax(LOGITS, LOGITS)),
        (rw.BatchError, "no class axis", lambda: softmax(LOGITS[0, 0], CLASSES[0])),
        (rw.BatchError, "4 classes", lambda: softmax(torch.zeros(2, 4), CLASSES[:2])),
        (rw.BatchError, "index", lambda: bce(torch.full((2,), torch.nan), torch.zeros(2))),
    ]:
        with pytest.raises(error, match=text):
            call()


def test_a_step_that_fails_leaves_the_state_as_it_was():
    for path in ("engine", "torch"):
        loss = rw.torch.BceLoss(rw.Ghm(10, 0.75), path=path)
        loss(LOGITS, HARD)
        before = loss.observed.clone()
        with pytest.raises(rw.BatchError):
            loss(LOGITS, HARD, torch.tensor(True), torch.ones(50, 3, requires_grad=True))
        if path == "engine":
            with pytest.raises(rw.BatchError):
                loss(LOGITS, HARD, sample_weight=torch.full((50, 3), -1.0))
        assert torch.equal(loss.observed, before)


def test_evaluation_changes_nothing_and_gives_what_the_step_would():
    loss = rw.torch.BceLoss(rw.Ghm(10, 0.75))
    loss(LOGITS, HARD)
    before = loss.observed.clone()
    previewed = loss.eval()(LOGITS, HARD)
    assert torch.equal(loss.observed, before)
    with torch.no_grad():
        assert loss.train()(LOGITS, HARD) == previewed
    assert not torch.equal(loss.observed, before)


def test_a_checkpoint_goes_on_to_the_bit(tmp_path):
    def loss():
        return torch.nn.ModuleDict({"loss": rw.torch.SoftmaxLoss(rw.Ghm(10, 0.75) * rw.HardExamples(0.5) * rw.Focal(2.0))})

    first, other = loss(), loss()
    first["loss"](LOGITS, CLASSES)
    torch.save(first.state_dict(), tmp_path / "checkpoint.pt")
    other.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    copied, pickled = copy.deepcopy(first), pickle.loads(pickle.dumps(first))
    expected = first["loss"](LOGITS, CLASSES)
    for each in (other, copied, pickled):
        assert each["loss"](LOGITS, CLASSES) == expected
        assert torch.equal(each["loss"].observed, first["loss"].observed)
    first["loss"].reset()
    assert torch.equal(first["loss"].observed, loss()["loss"].observed)


def test_a_state_of_other_settings_is_refused():
    saved = rw.torch.BceLoss(rw.Ghm(10, 0.75)).state_dict()
    for other in [rw.torch.BceLoss(rw.Ghm(10, 0.5)), rw.torch.BceLoss(rw.Ghm(12, 0.75)), rw.torch.BceLoss(rw.Focal(2.0))]:
        before = copy.deepcopy(other.state_dict())
        with pytest.raises(RuntimeError, match="the saved state is not one of this loss"):
            other.load_state_dict(saved)
        assert all(torch.equal(each, before[name]) for name, each in other.state_dict().items())
    # What else a loss is made of may change from one run to the next.
    rw.torch.BceLoss(rw.Focal(2.0) * rw.Ghm(10, 0.75), reduction="sum").load_state_dict(saved)
    assert not rw.torch.BceLoss(rw.Focal(2.0)).state_dict()


def test_a_models_change_of_type_leaves_state_and_constants_alone():
    loss = rw.torch.SoftmaxLoss(rw.Ghm(10, 0.75), adjustment=rw.LogitAdjustment([900, 80, 20]), path="torch")
    loss(LOGITS, CLASSES)
    own = copy.deepcopy(loss).half()
    assert loss(LOGITS, CLASSES) == own(LOGITS, CLASSES)


def test_between_numpy_and_torch():
    plain = rw.BceLoss(rw.Ghm(10, 0.75) * rw.Focal(2.0))
    plain.value_and_grad(LOGITS.numpy(), HARD.numpy())
    module = rw.torch.from_loss(plain)
    assert module.to_numpy().state() == plain.state()
    value = module(LOGITS, HARD).item()
    assert value == np.float32(plain.value_and_grad(LOGITS.numpy(), HARD.numpy()).loss)
    assert module.to_numpy().state() == plain.state()
    assert repr(module) == "rw.torch.BceLoss(rw.Ghm(bins=10, momentum=0.75) * rw.Focal(2.0))"


def test_parameters_are_scheduled_and_the_state_stays():
    loss = rw.torch.BceLoss(rw.Focal(2.0) * rw.Ghm(10, 0.75))
    loss(LOGITS, HARD)
    before = loss.observed.clone()
    loss.set_parameters({"focal.gamma": 1.0})
    assert torch.equal(loss.observed, before)
    expected = rw.torch.BceLoss(rw.Focal(1.0) * rw.Ghm(10, 0.75))
    expected.load_state_dict(loss.state_dict())
    for path in ("engine", "torch"):
        loss.path = expected.path = path
        assert loss(LOGITS, HARD) == expected(LOGITS, HARD)
    with pytest.raises(rw.StateError):
        loss.set_parameters(momentum=0.5)
    assert "focal" in repr(loss).lower() and "momentum=0.75" in repr(loss)


def test_autocast_is_taken_as_it_comes():
    model, loss = torch.nn.Linear(3, 3), rw.torch.SoftmaxLoss(rw.Focal(2.0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(LOGITS)
        value = loss(logits, CLASSES)
    value.backward()
    assert logits.dtype == torch.bfloat16 and value.dtype == torch.float32
    assert model.weight.grad.dtype == torch.float32 and model.weight.grad.abs().sum() > 0


def test_numpy_alone_imports_no_torch():
    code = "import sys, reweight_losses; assert 'torch' not in sys.modules; reweight_losses.torch; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
