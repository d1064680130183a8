// Validates the batch and counts what the weighter asks for.
extern "C" __global__ void reweight_bce_statistics(StatisticsArguments a) {
    __shared__ unsigned tally[TALLY_SIZE];
    open_tally(tally);
    const Literals c = literals(a.constants);
    const Map map = map_of(a);
    unsigned valid = 0, positives = 0;
    unsigned long long fault = NO_FAULT;
    //@runs
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x; index < a.rows; index += stride) {
        if (a.valid && a.valid[index] == 0) continue;
        const real logit = a.logits[index];
        const target_t target = a.targets[index];
        if (!is_finite(logit)) {
            fault = smaller_fault(fault, 3 * index);
            continue;
        }
        if (!is_target(target)) {
            fault = smaller_fault(fault, 3 * index + 1);
            continue;
        }
        if (a.sample_weight && is_bad_weight(a.sample_weight[index])) fault = smaller_fault(fault, 3 * index + 2);
        const long long column = a.columns > 1 ? index / a.inner % a.columns : 0;
        const Sample s = sample_of(map, logit, target, column);
        ++valid;
        positives += s.label == 1;
        //@count
    }
    add_to(tally, a.counts, 0, valid);
    add_to(tally, a.counts, 1, positives);
    //@flush
    close_tally(tally, a.counts);
    report(a.fault, fault);
}
