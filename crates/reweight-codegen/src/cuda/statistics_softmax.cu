__device__ __forceinline__ bool counts(const StatisticsArguments& a, long long row) {
    return (a.valid == 0 || a.valid[row] != 0) && !(a.ignores && (long long)a.targets[row] == a.ignore_index);
}

// Validates the batch and counts what the weighter asks for.
extern "C" __global__ void reweight_softmax_statistics(StatisticsArguments a) {
    __shared__ unsigned tally[TALLY_SIZE];
    open_tally(tally);
    const Literals c = literals(a.constants);
    const Map map = map_of(a);
    unsigned valid = 0, positives = 0;
    unsigned long long fault = NO_FAULT;
    //@runs
    for (long long base = first_row(); base < a.rows; base += row_stride()) {
        const long long at = base + row_offset();
        const bool on = at < a.rows && counts(a, at);
        const long long label = on ? label_of(a.targets[at], a.classes) : 0;
        Kept kept;
        const Row row = read_row(a.logits + at * a.classes, map, a.classes, label < 0 ? 0 : label, on, kept);
        const unsigned long long place = at * (a.classes + 2);
        if (row.bad != NO_FAULT) fault = smaller_fault(fault, place + row.bad);
        if (on && label < 0) fault = smaller_fault(fault, place + a.classes);
        if (!on || !is_leader() || label < 0) continue;
        if (a.sample_weight && is_bad_weight(a.sample_weight[at])) fault = smaller_fault(fault, place + a.classes + 1);
        const Sample s = sample_at(row.margin, label != 0 ? real(1) : real(0), label, 0);
        ++valid;
        positives += label != 0;
        //@count
    }
    add_to(tally, a.counts, 0, valid);
    add_to(tally, a.counts, 1, positives);
    //@flush
    close_tally(tally, a.counts);
    report(a.fault, fault);
}
