"""Drives a worker by hand: every case or those named, each peer checked against numpy and timed; a table to standard output.

    python try_worker.py [--threads 2] [--reps 7] [--size 8000000] [--dtype f32] [CASE ...]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

FOCAL = {"family": "bce", "alpha": 0.25, "gamma": 2.0}
SOFTMAX = {"family": "softmax", "gamma": 2.0}
#: name → parameters and shape; None is --size
CASES = {
    "focal": (FOCAL, None),
    "focal-1.5": ({**FOCAL, "gamma": 1.5}, None),
    "bce": ({"family": "bce"}, None),
    "ghm-10": ({"family": "ghm", "bins": 10, "momentum": 0.75}, None),
    "ghm-30": ({"family": "ghm", "bins": 30, "momentum": 0.75}, None),
    "softmax-100": (SOFTMAX, (65536, 100)),
    "softmax-1000": (SOFTMAX, (8192, 1000)),
    "softmax-5": (SOFTMAX, (1048576, 5)),
    "focal-65536": (FOCAL, 65536),
    "softmax-256x10": (SOFTMAX, (256, 10)),
    "focal-256": (FOCAL, 256),
}


def truth(params, x, t):
    """Loss and gradient of a first batch in float64."""
    x = x.astype(np.float64)
    if params["family"] == "softmax":
        log_p = x - x.max(1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
        rows = np.arange(len(x))
        p, log_p_t = np.exp(log_p), log_p[rows, t]
        q, gamma = -np.expm1(log_p_t), params["gamma"]
        slope = (q**gamma - gamma * q ** (gamma - 1) * np.exp(log_p_t) * log_p_t) / len(x)
        p[rows, t] -= 1.0
        return float(-(q**gamma * log_p_t).mean()), p * slope[:, None]
    sign = 2.0 * t - 1.0
    s = sign * x
    ce, q = np.logaddexp(0, -s), 1.0 / (1.0 + np.exp(s))
    if params["family"] == "ghm":
        bins = params["bins"]
        place = np.minimum((q * bins).astype(int), bins - 1)
        counts = np.bincount(place, minlength=bins)
        moving = (1 - params["momentum"]) * counts if params["momentum"] > 0 else counts
        weight = 1.0 / (np.maximum(moving, 1e-300) * (counts > 0).sum())[place]
        return float((weight * ce).sum()), -sign * weight * q
    weight, gamma = np.ones_like(x), params.get("gamma") or 0.0
    if params.get("alpha") is not None:
        weight = np.where(t == 1, params["alpha"], 1 - params["alpha"])
    weight = weight * q**gamma / x.size
    return float((weight * ce).sum()), -sign * weight * (q + gamma * (1 - q) * ce)


def main():
    """Makes the inputs, starts a worker, prints a line a peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reps", type=int, default=7)
    parser.add_argument("--size", type=int, default=8_000_000)
    parser.add_argument("--dtype", choices=["f32", "f64"], default="f32")
    parser.add_argument("cases", nargs="*", default=list(CASES))
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    here = Path(__file__).parent
    command = [sys.executable, here / "worker.py", "--threads", str(asked.threads)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(**message):
        worker.stdin.write(json.dumps(message) + "\n")
        worker.stdin.flush()
        reply = json.loads(worker.stdout.readline())
        if not reply["ok"]:
            print(f"  {message}: {reply['error'][:200]}")
        return reply

    print(ask(versions=True))
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.cases:
            params, shape = CASES[name]
            shape = shape or asked.size
            x = (rng.standard_normal(shape) * 2.0 - 2.0).astype({"f32": np.float32, "f64": np.float64}[asked.dtype])
            soft = params["family"] == "softmax"
            t = rng.integers(0, shape[1], shape[0]) if soft else (rng.random(shape) < 0.1).astype(np.uint8)
            np.save(f"{folder}/logits.npy", x)
            np.save(f"{folder}/targets.npy", t)
            loss, grad = truth(params, x, t)
            small = x.size < 100_000
            for peer in ask(load=name, dir=folder, params=params)["peers"]:
                seen = ask(check=peer, grad=f"{folder}/grad.npy")
                if not seen["ok"]:
                    continue
                # GHM: an element within rounding of a bin's edge may fall on either side, so not the very largest.
                quantile = 0.9999 if params["family"] == "ghm" else 1.0
                off = np.quantile(np.abs(np.load(f"{folder}/grad.npy") - grad), quantile) / np.abs(grad).max()
                reps = 500 if small else asked.reps
                ms = ask(time=peer, reps=reps)["ms"]
                line = f"{name:15} {asked.dtype} {peer:15} {seen['form']:14} median {statistics.median(ms):9.3f} ms"
                line += f"  {min(ms):9.3f} to {max(ms):9.3f}   loss off {abs(seen['loss'] / loss - 1):.0e}, gradient {off:.0e}"
                print(line, flush=True)
    for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            print(line)
    worker.stdin.write(json.dumps({"quit": True}) + "\n")
    worker.stdin.flush()
    worker.wait()


if __name__ == "__main__":
    main()
