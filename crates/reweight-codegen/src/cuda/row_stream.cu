// A row too long to be kept: one pass finds maximum and sum together, the gradient reads the row again.
struct Kept { long long label; };

__device__ __forceinline__ long long first_row() { return blockIdx.x; }
__device__ __forceinline__ long long row_stride() { return gridDim.x; }
__device__ __forceinline__ int row_offset() { return 0; }
__device__ __forceinline__ bool is_leader() { return threadIdx.x == 0; }
__device__ __forceinline__ real row_sum(real value) { return block_sum(value); }

__device__ __forceinline__ Row read_row(const real* x, long long classes, long long label, bool on, Kept& kept) {
    kept.label = label;
    Row row;
    row.bad = NO_FAULT;
    const real own = on ? x[label] : real(0);
    const long long end = on ? classes : 0;
    // sum is Σ e^(x − largest) of what was read so far; a new largest rescales it. One exponential a logit.
    const real share = real(1) / real(classes);
    real largest = -REAL_MAX, sum = 0, distance = 0;
    for (long long j = threadIdx.x; j < end; j += blockDim.x) {
        const real logit = x[j];
        if (!is_finite(logit)) row.bad = smaller_fault(row.bad, j);
        distance += (logit - own) * share;
        if (j != label) {
            const real rise = logit - largest;
            const real e = real_exp(-real_abs(rise));
            sum = rise > 0 ? sum * e + real(1) : sum + e;
            largest = real_max(largest, logit);
        }
    }
    const real own_largest = largest;
    largest = block_max(largest);
    finish_row(row, own, largest, block_sum(sum * real_exp(own_largest - largest)), distance);
    return row;
}

// A row's share of class j among the others, for this thread's classes in turn.
template <typename Write>
__device__ __forceinline__ void each_class(const real* x, long long classes, const Row& row, Kept& kept, Write write) {
    for (long long j = threadIdx.x; j < classes; j += blockDim.x) {
        write(j, j != kept.label ? real_exp(x[j] - row.largest) * row.inverse_sum : real(0));
    }
}
