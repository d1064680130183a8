"""One worker process of the side-by-side benchmark: JSON lines in, JSON lines out. Started by `cargo xtask peers`.

    python worker.py --threads 2
    {"load": "case", "dir": DIR, "params": {"family": "bce" | "ghm" | "softmax", ...}} → {"ok": true, "peers": [...]}
    {"check": PEER, "grad": FILE.npy}  → {"ok": true, "loss": 0.1, "form": "..."}; state put back first, gradient written
    {"time": PEER, "reps": 5}          → {"ok": true, "ms": [...], "form": "..."}; loss and gradient of each call
    {"versions": true}                 → {"ok": true, "versions": {...}, "threads": 2}
    {"quit": true}                     ends

DIR holds logits.npy (float32 or float64) and targets.npy (uint8 or int64). Anything that goes wrong is {"ok": false, "error": "..."}.
Standard output carries replies only; what the libraries print goes to standard error.
"""

import argparse
import gc
import json
import os
import sys
import traceback
from importlib.metadata import version
from pathlib import Path


def configure(threads):
    """Sets the number of threads before any library that reads it is loaded."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):
        # NPROC sizes XLA's thread pool on the CPU.
        os.environ[name] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = "1"
    # A pool of XLA's or OpenMP's that ignores the variables still gets no more cores than it should.
    cores = sorted(os.sched_getaffinity(0))
    if threads < len(cores):
        os.sched_setaffinity(0, cores[-threads:])


class Worker:
    """The loaded case and its peers."""

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        # Every form of a family shares code objects that torch.compile keys its cache by.
        torch._dynamo.config.recompile_limit = 64
        self.torch, self.threads, self.peers = torch, threads, {}

    def answer(self, message):
        """The reply to one message, or None to end."""
        if "quit" in message:
            return None
        if "versions" in message:
            packages = ["torch", "torchvision", "jax", "optax", "numpy"]
            return {"versions": {name: version(name) for name in packages}, "threads": self.threads}
        if "load" in message:
            return self.load(message)
        name = message.get("check") or message.get("time")
        if name not in self.peers:
            raise KeyError(f"no peer {name!r}; this case has {sorted(self.peers)}")
        peer = self.peers[name]
        form_name, form = peer.best()
        if "check" in message:
            return {"loss": self.check(peer, form, message["grad"]), "form": form_name}
        from peer import timed

        return {"ms": timed(form, message["reps"]), "form": form_name}

    def load(self, message):
        """Reads the arrays and makes the case's peers; nothing is compiled yet."""
        import numpy as np

        self.peers = {}
        gc.collect()
        self.torch._dynamo.reset()
        if sys.modules.get("jax"):
            sys.modules["jax"].clear_caches()
        folder, params = Path(message["dir"]), message["params"]
        family = __import__(params["family"])
        self.peers = family.peers(np.load(folder / "logits.npy"), np.load(folder / "targets.npy"), params)
        return {"peers": list(self.peers)}

    def check(self, peer, form, path):
        """The loss of a first batch; its gradient goes to `path`."""
        import numpy as np

        peer.reset()
        loss, grad = form()
        grad = grad.detach().numpy() if isinstance(grad, self.torch.Tensor) else np.asarray(grad)
        np.save(path, grad)
        return float(loss)


def main():
    """Reads until told to quit or the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    threads = parser.parse_args().threads
    configure(threads)
    # Libraries, and the compilers they start, must not write between the replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(threads)
    for line in sys.stdin:
        try:
            reply = worker.answer(json.loads(line))
            if reply is None:
                return
            reply = {"ok": True, **reply}
        except Exception as error:
            traceback.print_exc()
            reply = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
