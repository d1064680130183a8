"""Plain NumPy, in float64, after the published formulas: what the package is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np


def softplus(x):
    return np.logaddexp(0.0, x)


def sigmoid(x):
    return np.exp(-softplus(-x))


def counts_weights(config: dict[str, Any]) -> np.ndarray:
    """One weight a class of `counts` (the last axis is the class)."""
    n = np.asarray(config["counts"], float)
    total, classes = n.sum(-1, keepdims=True), n.shape[-1]
    scheme = config.get("scheme", "inverse-frequency")
    if scheme == "inverse-frequency":
        return total / (classes * n)
    if scheme == "inverse-sqrt":
        return np.sqrt(total / (classes * n))
    beta = config.get("beta", 0.999)
    weights = (1 - beta) / (1 - beta**n)
    return weights * classes / weights.sum(-1, keepdims=True)


class Bce:
    """Elements of binary cross entropy: logits x, targets t, of one shape."""

    def __init__(self, x, t):
        self.x, self.t = np.asarray(x, float), np.asarray(t, float)
        self.log_positive, self.log_negative = -softplus(-self.x), -softplus(self.x)

    @property
    def q(self):
        return self.t * np.exp(self.log_negative) + (1 - self.t) * np.exp(self.log_positive)

    @property
    def p(self):
        return self.t * np.exp(self.log_positive) + (1 - self.t) * np.exp(self.log_negative)

    @property
    def cross_entropy(self):
        return -(self.t * self.log_positive + (1 - self.t) * self.log_negative)

    @property
    def norm(self):
        return np.abs((1 - self.t) * np.exp(self.log_positive) - self.t * np.exp(self.log_negative))

    def by_class(self, values):
        values = np.asarray(values, float)
        return self.t * values[..., 1] + (1 - self.t) * values[..., 0]

    def by_target(self, negative, positive):
        return self.t * positive + (1 - self.t) * negative


class Rows:
    """Rows of softmax cross entropy: logits (N, C), classes (N,)."""

    def __init__(self, z, y):
        self.z, self.y = np.asarray(z, float), np.asarray(y)
        others = np.where(np.arange(self.z.shape[1]) == self.y[:, None], -np.inf, self.z)
        largest = others.max(1)
        rest = largest + np.log(np.exp(others - largest[:, None]).sum(1))
        self.margin = self.z[np.arange(len(self.y)), self.y] - rest
        self.t = (self.y > 0).astype(float)

    @property
    def q(self):
        return np.exp(-softplus(self.margin))

    norm = q

    @property
    def p(self):
        return np.exp(-softplus(-self.margin))

    @property
    def cross_entropy(self):
        return softplus(-self.margin)

    def by_class(self, values):
        return np.asarray(values, float)[self.y]

    def by_target(self, negative, positive):
        return np.where(self.t > 0, positive, negative)


def weight(config: dict[str, Any], s) -> np.ndarray:
    """A weighter's weights of all samples; those that count see the batch as their first."""
    kind = config["kind"]
    if kind == "alpha-balance":
        if "alpha" in config:
            return s.by_target(1 - config["alpha"], config["alpha"])
        if "class_weights" in config:
            return s.by_class(config["class_weights"])
        return s.by_class(counts_weights(config))
    if kind == "focal":
        if "gamma" in config:
            return s.q ** config["gamma"]
        if "gammas" in config:
            return s.q ** s.by_class(config["gammas"])
        return s.q ** s.by_target(config["gamma_neg"], config["gamma_pos"])
    if kind == "ghm":
        # The mmdetection form in its first step: S_j = (1 − m)·R_j, n the non-empty regions.
        bins, momentum = config["bins"], config["momentum"]
        region = np.minimum((s.norm * bins).astype(int), bins - 1)
        seen = np.bincount(region.ravel(), minlength=bins)
        average = seen if momentum == 0 else (1 - momentum) * seen
        return region.size / (average[region] * (seen > 0).sum())
    if kind == "pos-weight":
        positive, negative = s.t * -s.log_positive, (1 - s.t) * -s.log_negative
        return (np.asarray(config["values"]) * positive + negative) / (positive + negative)
    if kind == "quality-focal":
        return s.norm ** config["beta"]
    if kind == "varifocal":
        alpha, gamma = config.get("alpha", 0.75), config.get("gamma", 2.0)
        return np.where(s.t > 0, s.t, alpha * sigmoid(s.x) ** gamma)
    if kind == "self-paced":
        threshold = config["threshold"]
        if config.get("form", "hard") == "hard":
            return (s.cross_entropy < threshold).astype(float)
        return np.maximum(0.0, 1 - s.cross_entropy / threshold)
    raise KeyError(kind)


def base(config: dict[str, Any] | None, s) -> np.ndarray:
    """A base's losses."""
    if config is None or config["kind"] == "cross-entropy":
        return s.cross_entropy
    if config["kind"] == "poly-1":
        return s.cross_entropy + config["epsilon"] * s.q
    if config["kind"] == "generalized-cross-entropy":
        return (1 - s.p ** config["exponent"]) / config["exponent"]
    raise KeyError(config["kind"])


def adjust(config: dict[str, Any], objective: str, x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Adjusted logits; of hard binary labels."""
    kind = config["kind"]
    counts = np.asarray(config.get("counts", [1, 1]), float)
    if kind == "logit-adjustment":
        tau = config.get("tau", 1.0)
        if objective == "bce":
            return x + tau * np.log(counts[..., 1] / counts[..., 0])
        return x + tau * np.log(counts / counts.sum())
    if kind == "ldam":
        delta = counts**-0.25
        delta *= config.get("max_margin", 0.5) / delta.max()
        scale = config.get("scale", 30.0)
        if objective == "bce":
            return scale * (x - (2 * t - 1) * delta[t.astype(int)])
        return scale * (x - delta * (np.arange(x.shape[1]) == t[:, None]))
    if kind == "vector-scaling":
        return np.asarray(config.get("scale", 1.0)) * x + np.asarray(config.get("offset", 0.0))
    raise KeyError(kind)


def losses(config: dict[str, Any], x: np.ndarray, t: np.ndarray, frozen: np.ndarray | None = None):
    """Weights and weighted losses of all samples; `frozen` stands for weights that are constant in the gradient."""
    objective = config["objective"]
    for entry in config.get("adjustment", []):
        x = adjust(entry, objective, x, t)
    s = Bce(x, t) if objective == "bce" else Rows(x, t)
    weights = np.ones(np.shape(t))
    for entry in config.get("weighter", []):
        own = weight(entry, s) * entry.get("scale", 1.0)
        if "clamp" in entry:
            own = np.clip(own, *entry["clamp"])
        weights = weights * own
    if frozen is not None:
        weights = frozen
    return weights, weights * base(config.get("base"), s)


def gradient(config: dict[str, Any], x: np.ndarray, t: np.ndarray, constant: bool) -> np.ndarray:
    """The gradient of the summed losses by central differences, element by element."""
    frozen = losses(config, x, t)[0] if constant else None
    x = np.asarray(x, float)
    step, result = 1e-6, np.empty_like(x)
    for at in np.ndindex(*x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][at] -= step
        moved[1][at] += step
        down, up = (losses(config, each, t, frozen)[1] for each in moved)
        # Differences first: a sum of all losses would round away what one logit changes.
        result[at] = (up - down).sum() / (2 * step)
    return result
