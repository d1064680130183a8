// Whether there are logits and labels and nothing else: that path asks nothing else of an element.
__device__ __forceinline__ bool is_plain(const StatisticsArguments& a) {
    return !a.valid && !a.sample_weight && !a.scale && !a.offset && !a.margin && a.columns <= 1;
}

template <bool PLAIN>
__device__ __forceinline__ void statistics(const StatisticsArguments& a, unsigned* tally) {
    const Literals c = literals(a.constants);
    const Map map = map_for<PLAIN>(a);
    unsigned valid = 0, positives = 0;
    unsigned long long fault = NO_FAULT;
    //@runs
    for (long long start = (long long)blockIdx.x * TILE; start < a.rows; start += (long long)gridDim.x * TILE) {
        const int size = a.rows - start < TILE ? int(a.rows - start) : TILE;
        real logits[ITEMS];
        target_t targets[ITEMS];
        bool on[ITEMS];
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            const int at = k * BLOCK + threadIdx.x;
            on[k] = at < size && (PLAIN || a.valid == 0 || a.valid[start + at] != 0);
            logits[k] = on[k] ? a.logits[start + at] : real(0);
            targets[k] = on[k] ? a.targets[start + at] : target_t(0);
        }
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            if (!on[k]) continue;
            const long long index = start + k * BLOCK + threadIdx.x;
            if (!is_finite(logits[k])) {
                fault = smaller_fault(fault, 3 * index);
                continue;
            }
            if (!is_target(targets[k])) {
                fault = smaller_fault(fault, 3 * index + 1);
                continue;
            }
            if (!PLAIN && a.sample_weight && is_bad_weight(a.sample_weight[index])) fault = smaller_fault(fault, 3 * index + 2);
            const long long column = !PLAIN && a.columns > 1 ? index / a.inner % a.columns : 0;
            const Sample s = sample_of(map, logits[k], targets[k], column);
            ++valid;
            positives += s.label == 1;
            //@count
        }
    }
    add_to(tally, a.counts, 0, valid);
    add_to(tally, a.counts, 1, positives);
    //@flush
    report(a.fault, fault);
}

// Validates the batch and counts what the weighter asks for.
extern "C" __global__ void reweight_bce_statistics(StatisticsArguments a) {
    __shared__ unsigned tally[TALLY_SIZE];
    open_tally(tally);
    if (is_plain(a)) statistics<true>(a, tally);
    else statistics<false>(a, tally);
    close_tally(tally, a.counts);
}
