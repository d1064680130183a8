// A row in the registers of a group of @group@ lanes, @values@ logits a lane: up to @most@ classes.
#define GROUP @group@
#define VALUES @values@
typedef real Kept[VALUES];   // e^(z − largest) of the other classes, 0 for the label

__device__ __forceinline__ long long first_row() {
    return ((long long)blockIdx.x * blockDim.x + threadIdx.x) / 32 * (32 / GROUP);
}
__device__ __forceinline__ long long row_stride() { return (long long)gridDim.x * blockDim.x / GROUP; }
__device__ __forceinline__ int row_offset() { return threadIdx.x % 32 / GROUP; }
__device__ __forceinline__ bool is_leader() { return threadIdx.x % GROUP == 0; }
__device__ __forceinline__ real row_sum(real value) { return group_sum(value, GROUP); }

__device__ __forceinline__ Row read_row(const real* x, const Map& map, long long classes, long long label, bool on,
                                        Kept& kept) {
    const int lane = threadIdx.x % GROUP;
    Row row;
    row.bad = NO_FAULT;
    const real own = on ? adjusted(map, x[label], label) - margin_at(map, label) : real(0);
    real largest = -REAL_MAX;
    #pragma unroll
    for (int v = 0; v < VALUES; ++v) {
        const long long j = v * GROUP + lane;
        const bool inside = on && j < classes;
        kept[v] = inside ? x[j] : real(0);
        if (inside && !is_finite(kept[v])) row.bad = smaller_fault(row.bad, j);
        if (inside) kept[v] = adjusted(map, kept[v], j);
        if (inside && j != label) largest = real_max(largest, kept[v]);
    }
    largest = group_max(largest, GROUP);
    const real share = real(1) / real(classes);
    real sum = 0, rest = 0;
    #pragma unroll
    for (int v = 0; v < VALUES; ++v) {
        const long long j = v * GROUP + lane;
        const bool other = on && j < classes && j != label;
        const real fall = kept[v] - largest;
        rest += other ? fall * share : real(0);
        kept[v] = other ? real_exp(fall) : real(0);
        sum += kept[v];
    }
    finish_row(row, own, largest, group_sum(sum, GROUP), rest);
    return row;
}

// A row's share of class j among the others, for this lane's classes in turn.
template <typename Write>
__device__ __forceinline__ void each_class(const real*, const Map&, long long classes, const Row& row, Kept& kept,
                                           Write write) {
    #pragma unroll
    for (int v = 0; v < VALUES; ++v) {
        const long long j = v * GROUP + threadIdx.x % GROUP;
        if (j < classes) write(j, kept[v] * row.inverse_sum);
    }
}
