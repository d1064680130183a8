"""A rule of one's own against focal, on long-tailed data with wrong labels; needs NumPy alone.

The rule weighs what is hard, as focal does, but trusts no sample that is hopelessly wrong: q^γ·(1 − q^k), which falls again where
p_t is all but 0, since there labels are more often wrong than the model. Its weights are detached: with a gradient through them the
loss would vanish where p_t does, and pull hard samples there. A small network is trained under each loss, over several seeds, and
measured on clean labels. On this data the three lie within the noise of the seeds.

    python examples/own_rule.py
"""

from __future__ import annotations

import numpy as np
import reweight_losses as rw


@rw.weighter(gamma=1.0, k=6.0)
def trusting(s, gamma, k):
    # 1 − q^k as −expm1(k·log q): no difference of two nearly equal numbers.
    return s.q**gamma * -rw.expm1(k * s.log_q)


def data(rng, samples, wrong):
    """Two rings of negatives around a cluster of positives (3 %); a share of the labels is flipped."""
    labels = (rng.random(samples) < 0.03).astype(np.uint8)
    angle, radius = rng.uniform(0, 2 * np.pi, samples), rng.normal(np.where(labels == 1, 0.5, 2.0), 0.6)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + rng.normal(0, 0.3, (samples, 2))
    flipped = rng.random(samples) < wrong
    return x, labels, np.where(flipped, 1 - labels, labels).astype(np.uint8)


def train(loss, x, labels, rng, steps=400, width=32):
    """A network of one hidden layer by Adam; returns the function that scores."""
    weights = [rng.normal(0, 0.7, (2, width)), np.zeros(width), rng.normal(0, 0.2, width), np.zeros(1)]
    first, second = [[np.zeros_like(each) for each in weights] for _ in range(2)]
    for step in range(1, steps + 1):
        at = rng.integers(0, len(x), 512)
        hidden = np.tanh(x[at] @ weights[0] + weights[1])
        grad = loss.value_and_grad(hidden @ weights[2] + weights[3], labels[at]).grad
        back = np.outer(grad, weights[2]) * (1 - hidden**2)
        for own, slope, m, v in zip(weights, [x[at].T @ back, back.sum(0), hidden.T @ grad, grad.sum(keepdims=True)], first, second):
            m += 0.1 * (slope - m)
            v += 0.001 * (slope**2 - v)
            own -= 0.02 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    return lambda points: np.tanh(points @ weights[0] + weights[1]) @ weights[2] + weights[3]


def average_precision(scores, labels):
    hits = labels[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits == 1].mean())


def main(seeds: int = 5) -> dict[str, list[float]]:
    """Prints and returns each loss's average precision, one a seed."""
    rw.testing.check(trusting)
    losses = {"plain": rw.BceLoss(), "focal": rw.BceLoss(rw.Focal(2.0)), "trusting": rw.BceLoss(trusting.detached())}
    results: dict[str, list[float]] = {name: [] for name in losses}
    for seed in range(seeds):
        x, _, noisy = data(np.random.default_rng(seed), 8000, wrong=0.03)
        points, clean, _ = data(np.random.default_rng(1000 + seed), 8000, wrong=0.0)
        for name, loss in losses.items():
            score = train(loss, x, noisy, np.random.default_rng(seed))
            results[name].append(average_precision(score(points), clean))
    for name, values in results.items():
        print(f"{name:10s} average precision {np.mean(values):.3f} ± {np.std(values):.3f} over {seeds} seeds: {losses[name]!r}")
    return results


if __name__ == "__main__":
    main()
