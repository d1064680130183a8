"""The table of cuda-bench's times beside its peers', and what of them was asked for."""

#: Bytes a logit that a step moves: the value and the gradient pass read logits and targets, the gradient is zeroed, read
#: and written; GHM counts before. Targets are bytes in BCE, and one label a row in softmax.
BYTES = {"alpha-focal": 5 + 5 + 12, "ghm": 5 + 5 + 5 + 12, "softmax-focal": 4 + 4 + 12}
#: Case → peers of which the fastest counts, and how many times faster ours is to be, by the number of logits.
ASKED = {
    "alpha-focal": [(["torch eager"], lambda count: 4.0), (["torch.compile"], lambda count: 1.0 if count <= 1 << 20 else 0.5)],
    "ghm": [
        (["published loop"], lambda count: 15.0),
        (["bincount, compiled", "comparisons, compiled"], lambda count: 2.0),
    ],
    "softmax-focal": [(["torch.compile"], lambda count: 1.0)],
}
#: Case and number of logits → milliseconds that a step may take at most.
MOST = {("alpha-focal", 16 << 20): 0.25}

HEAD = [
    "Milliseconds of a forward and backward step, the median of 30, between two CUDA events on the stream; in brackets on the",
    "host's clock, which begins before the device has its first work. \"Times\" is a peer's time over ours, both by events.",
    "",
    "| case | size | ours | peer | its time | times | asked for | met | share of the copy speed |",
    "|---|---|---|---|---|---|---|---|---|",
]


def table(ours, theirs, copied):
    """The lines of the table. `ours` and `theirs` are records as in the .jsonl files, `copied` is in GB/s."""
    lines = list(HEAD)
    for own in ours:
        case, size, time = own["case"], own["size"], own["milliseconds"]
        count = 1
        for length in size:
            count *= length
        share = count * BYTES[case] / (time * 1e6) / copied
        first = [case, " × ".join(map(str, size)), _time(own), "", "", "", "", "", f"{share:.0%}"]
        most = MOST.get((case, count))
        if most is not None:
            first[6], first[7] = f"≤ {most} ms", _met(time <= most)
        lines.append(_line(first))
        same = [record for record in theirs if (record["case"], record["size"]) == (case, size)]
        wanted = {}
        for names, factor in ASKED[case]:
            timed = [record for record in same if record["peer"] in names and "milliseconds" in record]
            if timed:
                wanted[min(timed, key=lambda record: record["milliseconds"])["peer"]] = factor(count)
        for record in same:
            cells = ["", "", "", record["peer"], record.get("failed") or _time(record), "", "", "", ""]
            if "milliseconds" in record:
                times = record["milliseconds"] / time
                cells[5] = f"{times:.2f}"
                factor = wanted.get(record["peer"])
                if factor is not None:
                    cells[6], cells[7] = f"≥ {factor:g}", _met(times >= factor)
            if record.get("differs"):
                cells[4] += f"; **differs**: {record['differs']}"
            lines.append(_line(cells))
    return lines


def _time(record):
    return f"{record['milliseconds']:.4f} ({record['host_milliseconds']:.4f})"


def _met(is_met):
    return "yes" if is_met else "**no**"


def _line(cells):
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
