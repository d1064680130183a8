"""Ranks that step together, over gloo on this machine: the weights are the single run's to the bit, the gradients to rounding."""

from __future__ import annotations

import copy
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import reweight_losses as rw
import torch
import torch.distributed as dist
from ranks_worker import LOSSES, STEPS, batch, shards

WORKER = pathlib.Path(__file__).with_name("ranks_worker.py")


def launch(folder, ranks, scenario):
    """Starts the ranks and waits for them, for a bounded time."""
    outs = [folder / f"{rank}.pt" for rank in range(ranks)]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(WORKER)]
    started = [
        subprocess.Popen(
            [*command, str(rank), str(ranks), str(folder / "store"), scenario, str(outs[rank])],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(ranks)
    ]
    try:
        said = [process.communicate(timeout=240)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    return [process.returncode for process in started], said, outs


def gathered(folder, ranks, scenario):
    codes, said, outs = launch(folder, ranks, scenario)
    assert codes == [0] * ranks, "\n".join(said)
    return [torch.load(out) for out in outs]


@pytest.mark.parametrize("ranks, path", [(2, "engine"), (4, "engine"), (2, "torch")])
def test_ranks_step_as_one(tmp_path, ranks, path):
    found = gathered(tmp_path, ranks, path)
    for name, (loss, denominator) in LOSSES.items():
        whole = rw.Loss.from_config(loss.to_config())
        for step in range(STEPS):
            logits, targets, valid = batch(name, step)
            expected = whole.value_and_grad(logits.numpy(), targets.numpy(), valid.numpy(), weights=True)
            parts = [part[name, step] for part in found]
            weights = torch.cat([part["weights"] for part in parts]).numpy()
            assert weights.tobytes() == expected.weights.tobytes(), (name, step)
            state = rw.torch.from_loss(whole)
            for part in parts:
                assert part["observed"] is None or torch.equal(part["observed"], state.observed)
            # Of the average over ranks, which is what DistributedDataParallel takes.
            share = 1.0 / ranks if denominator == "global" else 1.0
            grad = share * torch.cat([part["grad"] for part in parts])
            np.testing.assert_allclose(grad, expected.grad, rtol=1e-11, atol=1e-13)
            if denominator == "global":
                assert sum(part["loss"].item() for part in parts) / ranks == pytest.approx(expected.loss, rel=1e-12)


def test_a_model_under_ddp_is_the_single_runs(tmp_path):
    found = gathered(tmp_path, 2, "trained")
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 3).double()
    loss = rw.torch.from_loss(LOSSES["weighted-mean"][0])
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for step in range(STEPS):
        x, targets, valid = batch("weighted-mean", step)
        optimizer.zero_grad()
        loss(model(x), targets, valid).backward()
        optimizer.step()
    for parameters in found:
        for name, value in model.named_parameters():
            torch.testing.assert_close(parameters[name], value.detach(), rtol=1e-10, atol=1e-12)
    assert shards(2)[1].stop == len(x)


def test_a_rank_that_dies_is_torchs_own_error(tmp_path):
    codes, said, _ = launch(tmp_path, 2, "dying")
    assert codes == [7, 3], "\n".join(said)
    assert "torch says" in said[0]


def test_what_ranks_cannot_do_is_said():
    with pytest.raises(rw.ConfigError, match="needs the ranks"):
        rw.torch.BceLoss(denominator="global")
    with pytest.raises(rw.ConfigError, match='"local" or "global"'):
        rw.torch.BceLoss(denominator="all")


def test_a_group_is_shared_by_copies_and_not_pickled(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        with pytest.raises(rw.ConfigError, match="has none to share"):
            rw.torch.BceLoss(reduction="sum", process_group=dist.group.WORLD, denominator="global")
        module = rw.torch.BceLoss(rw.Ghm(10, 0.5), process_group=dist.group.WORLD, denominator="global")
        own = copy.deepcopy(module)
        logits, targets, _ = batch("mean", 0)
        assert own(logits, targets) == pytest.approx(rw.torch.BceLoss(rw.Ghm(10, 0.5))(logits, targets).item(), rel=1e-12)
        with pytest.raises(TypeError, match="state_dict"):
            torch.save(module, tmp_path / "module.pt")
    finally:
        dist.destroy_process_group()
