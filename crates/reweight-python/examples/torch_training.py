"""A PyTorch training loop with GHM and a checkpoint that goes on to the bit; needs PyTorch, and takes seconds on a CPU.

Long-tailed data of three classes, 94 %, 5 % and 1 %. The loss harmonises gradient norms (GHM) on class-balanced weights; what it has
observed is saved with model and optimizer, and a run that was broken off and taken up again ends where the whole run does.

    python examples/torch_training.py
"""

from __future__ import annotations

import pathlib
import tempfile

import reweight_losses as rw
import torch
from torch import nn

SHARES = torch.tensor([0.94, 0.05, 0.01])


def data(seed: int, rows: int = 6000) -> tuple[torch.Tensor, torch.Tensor]:
    """Three overlapping clusters on a ring."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.multinomial(SHARES, rows, replacement=True, generator=generator)
    angle = 2 * torch.pi * y / 3
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.6 * torch.randn(rows, 2, generator=generator), y


class Run:
    """All that a checkpoint holds: model, optimizer, and a loss that has observed."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        counts = [5640, 300, 60]
        self.model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 3))
        self.loss = rw.torch.SoftmaxLoss(rw.AlphaBalance(counts=counts, scheme="inverse-sqrt") * rw.Ghm(bins=10, momentum=0.75))
        self.optimizer = torch.optim.Adam(self.model.parameters(), 0.01)

    def train(self, epochs: range) -> None:
        x, y = data(0)
        self.model.train()
        self.loss.train()
        for epoch in epochs:
            for rows in torch.randperm(len(y), generator=torch.Generator().manual_seed(epoch)).split(256):
                self.optimizer.zero_grad()
                self.loss(self.model(x[rows]), y[rows]).backward()
                self.optimizer.step()

    def recalls(self) -> list[float]:
        """The share of each class that is found in fresh data."""
        x, y = data(1)
        self.model.eval()
        with torch.no_grad():
            found = self.model(x).argmax(1)
        return [(found[y == label] == label).float().mean().item() for label in range(3)]

    def save(self, path: pathlib.Path) -> None:
        torch.save({name: getattr(self, name).state_dict() for name in ("model", "loss", "optimizer")}, path)

    def load(self, path: pathlib.Path) -> None:
        for name, state in torch.load(path, weights_only=True).items():
            getattr(self, name).load_state_dict(state)


def main(epochs: int = 6) -> list[float]:
    """Prints and returns the recall of each class."""
    whole = Run()
    whole.train(range(epochs))

    with tempfile.TemporaryDirectory() as folder:
        checkpoint = pathlib.Path(folder, "checkpoint.pt")
        first = Run()
        first.train(range(epochs // 2))
        first.save(checkpoint)
        second = Run()
        second.load(checkpoint)
        second.train(range(epochs // 2, epochs))

    same = all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), second.model.parameters()))
    assert same and torch.equal(whole.loss.observed, second.loss.observed), "the checkpoint lost something"
    recalls = second.recalls()
    print(f"{whole.loss!r}\nrecall by class: {', '.join(f'{recall:.2f}' for recall in recalls)}; the same after a checkpoint")
    return recalls


if __name__ == "__main__":
    main()
