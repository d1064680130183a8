"""The peers of `cuda-bench` on the same sizes, timed with CUDA events; prints a Markdown table of both.

Peers: torch eager, torch.compile, and for GHM a loop over the bins as published code has it, and a rewrite with bincount
that is compiled. Also the device's copy speed, and which share of it our bytes reach.
"""

import json
import statistics
import sys

import torch
import torch.nn.functional as F

SIZES = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 256 << 20]
ROWS = [(64 << 10, 100), (8 << 10, 32 << 10)]
BINS, MOMENTUM = 30, 0.75


def alpha_focal(logits, targets, alpha=0.25, gamma=2.0):
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p = torch.sigmoid(logits)
    p_t = p * targets + (1 - p) * (1 - targets)
    weight = (alpha * targets + (1 - alpha) * (1 - targets)) * (1 - p_t) ** gamma
    return (weight * entropy).mean()


class GhmLoop:
    """A mask and a sum a bin, each read by the host."""

    def __init__(self, device):
        self.edges = [i / BINS for i in range(BINS)] + [1.0 + 1e-6]
        self.average = [0.0] * BINS

    def __call__(self, logits, targets):
        norm = (torch.sigmoid(logits).detach() - targets).abs()
        weights = torch.zeros_like(logits)
        total, occupied = max(logits.numel(), 1), 0
        for i in range(BINS):
            inside = (norm >= self.edges[i]) & (norm < self.edges[i + 1])
            count = inside.sum().item()
            if count > 0:
                self.average[i] = MOMENTUM * self.average[i] + (1 - MOMENTUM) * count
                weights[inside] = total / self.average[i]
                occupied += 1
        weights = weights / max(occupied, 1)
        return F.binary_cross_entropy_with_logits(logits, targets, weights, reduction="sum") / total


class GhmBincount:
    """The same by one histogram, without the host."""

    def __init__(self, device):
        self.average = torch.zeros(BINS, device=device)

    def __call__(self, logits, targets):
        norm = (torch.sigmoid(logits).detach() - targets).abs()
        region = (norm * BINS).long().clamp(max=BINS - 1)
        counts = torch.zeros(BINS, device=logits.device).scatter_add_(0, region, torch.ones_like(norm))
        occupied = counts > 0
        self.average = torch.where(occupied, MOMENTUM * self.average + (1 - MOMENTUM) * counts, self.average)
        table = torch.where(occupied, logits.numel() / self.average.clamp(min=1e-30), torch.zeros_like(counts))
        weights = table[region] / occupied.sum().clamp(min=1)
        return (weights * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")).mean()


def softmax_focal(logits, labels, gamma=2.0):
    log_p = F.log_softmax(logits, 1).gather(1, labels[:, None]).squeeze(1)
    return (-((1 - log_p.exp()) ** gamma) * log_p).mean()


def milliseconds(step):
    for _ in range(5):
        step()
    times = []
    for _ in range(30):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        begin.record()
        step()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def peers(case, size):
    if case == "alpha-focal":
        return {"torch eager": alpha_focal, "torch.compile": torch.compile(alpha_focal)}
    if case == "ghm":
        return {"published loop": GhmLoop("cuda"), "bincount, compiled": torch.compile(GhmBincount("cuda"))}
    return {"torch eager": softmax_focal, "torch.compile": torch.compile(softmax_focal)}


def batch(case, size):
    count = 1
    for length in size:
        count *= length
    golden = torch.arange(count, dtype=torch.float64, device="cuda") * 0.618033988749895
    logits = (12 * golden.frac() - 6).float().reshape(size).requires_grad_()
    del golden
    if case == "softmax-focal":
        return logits, torch.arange(size[0], device="cuda") * 7919 % size[1]
    return logits, (torch.arange(count, device="cuda") % 64 == 0).float()


def measure(case, size):
    logits, targets = batch(case, size)
    for name, loss in peers(case, size).items():
        def step():
            logits.grad = None
            loss(logits, targets).backward()

        yield name, milliseconds(step)


def main():
    ours = [json.loads(line) for line in open(sys.argv[1])]
    source = torch.empty(1 << 28, dtype=torch.float32, device="cuda")
    target = torch.empty_like(source)
    copied = 2 * source.numel() * 4 / (milliseconds(lambda: target.copy_(source)) * 1e6)
    del source, target
    print(f"torch {torch.__version__}, copy {copied:.0f} GB/s\n")
    print("| case | size | ours, ms | peers, ms (times ours) | share of the copy speed |")
    print("|---|---|---|---|---|")
    with open("peers.jsonl", "w") as out:
        for own in ours:
            case, size, time = own["case"], own["size"], own["milliseconds"]
            cells = []
            try:
                for name, other in measure(case, size):
                    out.write(json.dumps({"case": case, "size": size, "peer": name, "milliseconds": other}) + "\n")
                    cells.append(f"{name} {other:.3f} ({other / time:.1f}×)")
            except torch.cuda.OutOfMemoryError:
                cells.append("out of memory")
            torch.cuda.empty_cache()
            count = 1
            for length in size:
                count *= length
            # Value pass and gradient pass read, the gradient is zeroed, read and written; targets are bytes in BCE.
            per_logit = {"alpha-focal": 4 + 1 + 4 + 1 + 4 + 4 + 4, "ghm": 5 + 5 + 5 + 12, "softmax-focal": 4 + 4 + 12}[case]
            share = count * per_logit / (time * 1e6) / copied
            print(f"| {case} | {' × '.join(map(str, size))} | {time:.3f} | {'; '.join(cells)} | {share:.0%} |")


if __name__ == "__main__":
    main()
