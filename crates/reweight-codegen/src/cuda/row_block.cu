// A row in the shared memory of a block: up to @most@ classes.
#define CLASSES_MOST @most@
typedef real* Kept;   // e^(z − largest) of the other classes, 0 for the label; a thread sees its own classes alone

__device__ __forceinline__ long long first_row() { return blockIdx.x; }
__device__ __forceinline__ long long row_stride() { return gridDim.x; }
__device__ __forceinline__ int row_offset() { return 0; }
__device__ __forceinline__ bool is_leader() { return threadIdx.x == 0; }
__device__ __forceinline__ real row_sum(real value) { return block_sum(value); }

__device__ __forceinline__ Row read_row(const real* x, const Map& map, long long classes, long long label, bool on,
                                        Kept& kept) {
    __shared__ real staged[CLASSES_MOST];
    kept = staged;
    Row row;
    row.bad = NO_FAULT;
    const real own = on ? adjusted(map, x[label], label) - margin_at(map, label) : real(0);
    const long long end = on ? classes : 0;
    real largest = -REAL_MAX;
    for (long long j = threadIdx.x; j < end; j += blockDim.x) {
        if (!is_finite(x[j])) row.bad = smaller_fault(row.bad, j);
        const real logit = adjusted(map, x[j], j);
        staged[j] = logit;
        if (j != label) largest = real_max(largest, logit);
    }
    largest = block_max(largest);
    const real share = real(1) / real(classes);
    real sum = 0, rest = 0;
    for (long long j = threadIdx.x; j < end; j += blockDim.x) {
        const bool other = j != label;
        const real fall = staged[j] - largest;
        rest += other ? fall * share : real(0);
        staged[j] = other ? real_exp(fall) : real(0);
        sum += staged[j];
    }
    finish_row(row, own, largest, block_sum(sum), rest);
    return row;
}

// A row's share of class j among the others, for this thread's classes in turn.
template <typename Write>
__device__ __forceinline__ void each_class(const real*, const Map&, long long classes, const Row& row, Kept& kept,
                                           Write write) {
    for (long long j = threadIdx.x; j < classes; j += blockDim.x) write(j, kept[j] * row.inverse_sum);
}
