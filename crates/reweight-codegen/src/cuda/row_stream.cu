// A row too long to be kept: one pass finds maximum and sum together, the gradient reads the row again.
struct Kept { long long label; };

__device__ __forceinline__ long long first_row() { return blockIdx.x; }
__device__ __forceinline__ long long row_stride() { return gridDim.x; }
__device__ __forceinline__ int row_offset() { return 0; }
__device__ __forceinline__ bool is_leader() { return threadIdx.x == 0; }
__device__ __forceinline__ real row_sum(real value) { return block_sum(value); }

__device__ __forceinline__ Row read_row(const real* x, const Map& map, long long classes, long long label, bool on,
                                        Kept& kept) {
    kept.label = label;
    Row row;
    row.bad = NO_FAULT;
    const real own = on ? adjusted(map, x[label], label) - margin_at(map, label) : real(0);
    const long long end = on ? classes : 0;
    // sum is Σ e^(z − largest) of what was read so far, rest the sum of (z − largest)/C; a new largest rescales the one and
    // shifts the other. One exponential a logit.
    const real share = real(1) / real(classes);
    real largest = -REAL_MAX, sum = 0, rest = 0, others = 0;
    for (long long j = threadIdx.x; j < end; j += blockDim.x) {
        if (!is_finite(x[j])) row.bad = smaller_fault(row.bad, j);
        const real logit = adjusted(map, x[j], j);
        if (j != label) {
            const real rise = logit - largest;
            const real e = real_exp(-real_abs(rise));
            if (rise > 0) {
                sum = sum * e + real(1);
                // Nothing to shift before the first, and nothing times a rise without end is no number.
                rest -= others > 0 ? others * share * rise : real(0);
                largest = logit;
            } else {
                sum += e;
                rest += rise * share;
            }
            others += real(1);
        }
    }
    const real own_largest = largest;
    largest = block_max(largest);
    const real fall = own_largest - largest;
    rest += others > 0 ? others * share * fall : real(0);
    finish_row(row, own, largest, block_sum(sum * real_exp(fall)), rest);
    return row;
}

// A row's share of class j among the others, for this thread's classes in turn.
template <typename Write>
__device__ __forceinline__ void each_class(const real* x, const Map& map, long long classes, const Row& row, Kept& kept,
                                           Write write) {
    for (long long j = threadIdx.x; j < classes; j += blockDim.x) {
        write(j, j != kept.label ? real_exp(adjusted(map, x[j], j) - row.largest) * row.inverse_sum : real(0));
    }
}
