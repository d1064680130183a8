"""The peers of `cuda-bench` on the same sizes: timed with CUDA events, compared with ours, and both as a Markdown table.

    python3 peers.py ours.jsonl [--device cpu]

Peers: torch eager, torch.compile, and for GHM a loop over the bins as published code has it, and rewrites without a loop,
eager and compiled, of which the fastest counts. Also the device's copy speed, and which share of it our bytes reach.
Writes peers.jsonl. `--device cpu` tries all of it where there is no GPU; its times say nothing.
"""

import argparse
import json
import statistics
import sys
import time

import results

BINS, MOMENTUM = 30, 0.75
#: Steps before the measured ones, and measured ones.
STEPS = 5, 30
#: Relative to the largest gradient, and to the loss: f32 on both sides, and sums in another order.
TOLERANCE = 1e-4


def count_of(size):
    count = 1
    for length in size:
        count *= length
    return count


def losses(torch, F):
    """Case → name → (a fresh loss of (logits, targets), whether it is to be compiled)."""

    def alpha_focal(logits, targets, alpha=0.25, gamma=2.0):
        entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        p = torch.sigmoid(logits)
        p_t = p * targets + (1 - p) * (1 - targets)
        weight = (alpha * targets + (1 - alpha) * (1 - targets)) * (1 - p_t) ** gamma
        return (weight * entropy).mean()

    def softmax_focal(logits, labels, gamma=2.0):
        log_p = F.log_softmax(logits, 1).gather(1, labels[:, None]).squeeze(1)
        return (-((1 - log_p.exp()) ** gamma) * log_p).mean()

    def published():
        """A mask and a sum a bin, each read by the host."""
        edges = [index / BINS for index in range(BINS)] + [1.0 + 1e-6]
        moving = [0.0] * BINS

        def loss(logits, targets):
            norm = (torch.sigmoid(logits).detach() - targets).abs()
            weights = torch.zeros_like(logits)
            total, occupied = max(logits.numel(), 1), 0
            for index in range(BINS):
                inside = (norm >= edges[index]) & (norm < edges[index + 1])
                count = inside.sum().item()
                if count > 0:
                    moving[index] = MOMENTUM * moving[index] + (1 - MOMENTUM) * count
                    weights[inside] = total / moving[index]
                    occupied += 1
            weights = weights / max(occupied, 1)
            return F.binary_cross_entropy_with_logits(logits, targets, weights, reduction="sum") / total

        return loss

    def bincount(norm, region):
        return torch.bincount(region, minlength=BINS)

    def compared(norm, region):
        # From differences of "at least this edge": one reduction an edge, which the compiler can fuse into one pass.
        above = torch.stack([(norm >= index / BINS).sum() for index in range(BINS)])
        return above - torch.cat([above[1:], torch.zeros_like(above[:1])])

    def rewritten(counter, compiled):
        """The same by one histogram, without the host; the moving counts come and go as a tensor."""

        def weigh(logits, targets, moving):
            norm = (torch.sigmoid(logits.detach()) - targets).abs()
            region = (norm * BINS).long().clamp(max=BINS - 1)
            counts = counter(norm, region).to(norm.dtype)
            occupied = counts > 0
            moved = torch.where(occupied, MOMENTUM * moving + (1 - MOMENTUM) * counts, moving)
            table = torch.where(occupied, 1 / (moved * occupied.sum()), torch.zeros_like(moved))
            entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
            return (table[region] * entropy).sum(), moved

        weigh = torch.compile(weigh, dynamic=False) if compiled else weigh
        state = {}

        def loss(logits, targets):
            moving = state.get("moving")
            value, moved = weigh(logits, targets, torch.zeros(BINS, device=logits.device) if moving is None else moving)
            state["moving"] = moved.detach()
            return value

        return loss

    def both(loss):
        return {"torch eager": lambda: loss, "torch.compile": lambda: torch.compile(loss, dynamic=False)}

    return {
        "alpha-focal": both(alpha_focal),
        "softmax-focal": both(softmax_focal),
        "ghm": {
            "published loop": published,
            "bincount": lambda: rewritten(bincount, False),
            "bincount, compiled": lambda: rewritten(bincount, True),
            "comparisons, compiled": lambda: rewritten(compared, True),
        },
    }


def milliseconds(torch, step, device):
    """The median of a step, between two CUDA events, and on the host's clock."""
    before, measured = STEPS
    for _ in range(before):
        step()
    by_device, by_host = [], []
    for _ in range(measured):
        if device == "cuda":
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            torch.cuda.synchronize()
        begun = time.perf_counter()
        if device == "cuda":
            begin.record()
        step()
        if device == "cuda":
            end.record()
            torch.cuda.synchronize()
            by_device.append(begin.elapsed_time(end))
        by_host.append((time.perf_counter() - begun) * 1e3)
    host = statistics.median(by_host)
    return statistics.median(by_device) if by_device else host, host


def batch(torch, case, size, device):
    """As cuda-bench makes it."""
    count = count_of(size)
    golden = torch.arange(count, dtype=torch.float64, device=device) * 0.618033988749895
    logits = (12 * golden.frac() - 6).float().reshape(size).requires_grad_()
    del golden
    if case == "softmax-focal":
        return logits, torch.arange(size[0], device=device) * 7919 % size[1]
    return logits, (torch.arange(count, device=device) % 64 == 0).float()


def differs(own, loss, gradient):
    """How far a peer's first loss and gradient lie from ours, as a word; empty where they agree."""
    wrong = []
    if not abs(loss - own["loss"]) <= TOLERANCE * abs(own["loss"]):
        wrong.append(f"loss {loss:.6g}, ours {own['loss']:.6g}")
    first = own.get("gradient", [])
    largest = max(map(abs, first), default=0.0)
    if any(not abs(a - b) <= TOLERANCE * largest for a, b in zip(first, gradient)):
        wrong.append(f"gradient {gradient[0]:.6g}…, ours {first[0]:.6g}…")
    return "; ".join(wrong)


def measure(torch, own, peers, device):
    """Every peer of a case, as records."""
    case, size = own["case"], own["size"]
    for name, make in peers[case].items():
        record = {"case": case, "size": size, "peer": name}
        logits = targets = loss = None
        try:
            if device == "cuda":
                torch.cuda.empty_cache()
            if hasattr(torch, "_dynamo"):
                torch._dynamo.reset()
            logits, targets = batch(torch, case, size, device)
            loss = make()
            value = loss(logits, targets)
            value.backward()
            record["differs"] = differs(own, value.item(), logits.grad.flatten()[:8].tolist())
            del value

            def step():
                logits.grad = None
                loss(logits, targets).backward()

            record["milliseconds"], record["host_milliseconds"] = milliseconds(torch, step, device)
        except Exception as error:  # a peer that fails is a row that says so, not the end of the table
            record["failed"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            print(f"{case} {size} {name}: {record['failed']}", file=sys.stderr)
        yield record


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ours")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    arguments = parser.parse_args()
    with open(arguments.ours) as file:
        ours = [json.loads(line) for line in file]
    try:
        import torch
        import torch.nn.functional as F
    except ImportError as error:
        sys.exit(f"error: {error}: install torch with CUDA (`pip install torch`), or set PYTHON to a Python that has it")
    device = arguments.device
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("error: this torch sees no CUDA device: install a build with CUDA that the driver takes")
    source = torch.empty(1 << 28 if device == "cuda" else 1 << 22, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    time_of_copy, _ = milliseconds(torch, lambda: target.copy_(source), device)
    copied = 2 * source.numel() * 4 / (time_of_copy * 1e6)
    del source, target
    where = torch.cuda.get_device_name() if device == "cuda" else "the CPU: these times say nothing"
    print(f"torch {torch.__version__}, {where}, copy {copied:.0f} GB/s\n", flush=True)
    peers = losses(torch, F)
    theirs = []
    with open("peers.jsonl", "w") as out:
        for own in ours:
            for record in measure(torch, own, peers, device):
                out.write(json.dumps(record) + "\n")
                out.flush()
                theirs.append(record)
    print("\n".join(results.table(ours, theirs, copied)))
    if any(record.get("differs") or record.get("failed") for record in theirs):
        sys.exit("error: peers failed or disagree with ours: see the table")


if __name__ == "__main__":
    main()
