"""One rank of `test_torch_ranks.py`: `ranks_worker.py RANK RANKS STORE SCENARIO OUT`."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import reweight_losses as rw
import torch
import torch.distributed as dist

STEPS = 3

#: By name: the loss, and what its denominator is.
LOSSES = {
    "mean": (rw.BceLoss(rw.AlphaBalance(0.75) * rw.Ghm(10, 0.5) * rw.HardExamples(0.5)), "global"),
    "weighted-mean": (rw.SoftmaxLoss(rw.Ghm(10, 0.5) * rw.Focal(1.0), reduction="weighted-mean", ignore_index=2), "global"),
    "positives": (rw.BceLoss(rw.Focal(2.0), reduction="positives"), "global"),
    "plain": (rw.SoftmaxLoss(rw.Focal(2.0)), "global"),
    "sum": (rw.BceLoss(rw.Ghm(10, 0.5), reduction="sum"), "local"),
    "none": (rw.SoftmaxLoss(rw.Ghm(10, 0.5), reduction="none"), "local"),
}


def batch(name, step):
    """The whole batch of a step: logits, targets, which samples count."""
    generator = torch.Generator().manual_seed(100 + step)
    logits = 2.0 * torch.randn(37, 3, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, 3, (37,), generator=generator)
    targets = classes if LOSSES[name][0].OBJECTIVE != "bce" else torch.rand(37, 3, generator=generator) < 0.3
    valid = torch.rand(targets.shape, generator=generator) < 0.9
    # The third shard has no valid sample, and the last one no row.
    valid[shards(4)[2]] = False
    return logits, targets, valid


def shards(ranks):
    edges = {2: [0, 30, 37], 4: [0, 20, 31, 37, 37]}[ranks]
    return [slice(*pair) for pair in zip(edges, edges[1:])]


def steps(rank, ranks, path):
    """Losses, gradients, weights and states of all steps."""
    own = shards(ranks)[rank]
    found = {}
    for name, (loss, denominator) in LOSSES.items():
        module = rw.torch.from_loss(loss, path=path, process_group=dist.group.WORLD, denominator=denominator)
        for step in range(STEPS):
            logits, targets, valid = (each[own] for each in batch(name, step))
            x = logits.clone().requires_grad_()
            value = module(x, targets, valid)
            value.sum().backward()
            observed = module.observed.clone() if module._plan.words else None
            weights = module.to_numpy().weigh(logits.numpy(), targets.numpy(), valid.numpy(), weights=True).weights
            found[name, step] = {"loss": value.detach(), "grad": x.grad, "weights": torch.from_numpy(weights), "observed": observed}
        # Evaluation is each rank's own affair: one rank may do it alone.
        if rank == 0:
            module.eval()(logits, targets, valid)
    return found


def trained(rank, ranks):
    """A model under DistributedDataParallel: its parameters after some steps."""
    torch.manual_seed(0)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 3).double())
    loss = rw.torch.from_loss(LOSSES["weighted-mean"][0], process_group=dist.group.WORLD, denominator="global")
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for step in range(STEPS):
        x, targets, valid = (each[shards(ranks)[rank]] for each in batch("weighted-mean", step))
        optimizer.zero_grad()
        loss(model(x), targets, valid).backward()
        optimizer.step()
    return {name: value.detach() for name, value in model.module.named_parameters()}


def dying(rank, ranks):
    """The last rank ends after a step, as by a fault; the others go on to the next."""
    loss = rw.torch.from_loss(LOSSES["mean"][0], process_group=dist.group.WORLD, denominator="global")
    for step in range(2):
        if step == 1 and rank == ranks - 1:
            os._exit(3)
        x, targets, valid = (each[shards(ranks)[rank]] for each in batch("mean", step))
        before = loss.observed.clone()
        try:
            loss(x.requires_grad_(), targets, valid)
        except RuntimeError as error:
            # Torch's own, and the module is as it was.
            assert not isinstance(error, ValueError) and torch.equal(loss.observed, before)
            print(f"torch says: {type(error).__name__}: {error}", flush=True)
            os._exit(7)


def main():
    rank, ranks, store, scenario, out = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
    torch.set_num_threads(1)
    rw.set_threads(1)
    limit = timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks, timeout=limit)
    if scenario == "dying":
        dying(rank, ranks)
    elif scenario == "trained":
        torch.save(trained(rank, ranks), out)
    else:
        torch.save(steps(rank, ranks, scenario), out)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
