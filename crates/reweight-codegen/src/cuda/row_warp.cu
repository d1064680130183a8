// A row in the registers of a group of @group@ lanes, @values@ logits a lane: up to @most@ classes.
#define GROUP @group@
#define VALUES @values@
typedef real Kept[VALUES];   // e^(z − largest) of the other classes, 0 for the label

__device__ __forceinline__ long long first_row() {
    return ((long long)blockIdx.x * BLOCK + threadIdx.x) / 32 * (32 / GROUP);
}
__device__ __forceinline__ long long row_stride() { return (long long)gridDim.x * (BLOCK / GROUP); }
__device__ __forceinline__ int row_offset() { return threadIdx.x % 32 / GROUP; }
__device__ __forceinline__ bool is_leader() { return threadIdx.x % GROUP == 0; }
__device__ __forceinline__ real row_sum(real value) { return group_sum(value, GROUP); }

__device__ __forceinline__ Row read_row(const real* x, const Map& map, long long classes, long long label, bool on,
                                        Kept& kept) {
    const int lane = threadIdx.x % GROUP, end = on ? int(classes) : 0, own_class = int(label);
    Row row;
    row.bad = NO_FAULT;
    const real own = on ? adjusted(map, x[label], label) - margin_at(map, label) : real(0);
    real size = 0, largest = -REAL_MAX;
    #pragma unroll
    for (int v = 0; v < VALUES; ++v) {
        const int j = v * GROUP + lane;
        kept[v] = j < end ? x[j] : real(0);
    }
    #pragma unroll
    for (int v = 0; v < VALUES; ++v) {
        const int j = v * GROUP + lane;
        size += real_abs(kept[v]);
        kept[v] = j < end && j != own_class ? adjusted(map, kept[v], j) : NO_LOGIT;
        largest = real_max(largest, kept[v]);
    }
    if (!(size <= REAL_MAX)) row.bad = bad_class(x, lane, GROUP, end);
    largest = group_max(largest, GROUP);
    const real share = real(1) / real(classes);
    real sum = 0, rest = 0;
    #pragma unroll
    for (int v = 0; v < VALUES; ++v) {
        const int j = v * GROUP + lane;
        const real fall = kept[v] - largest;
        rest += j < end && j != own_class ? fall * share : real(0);
        kept[v] = real_exp(fall);
        sum += kept[v];
    }
    finish_row(row, own, largest, group_sum(sum, GROUP), rest);
    return row;
}

// `write` of a row's share of class j among the others and of what `read` says of it, for this lane's classes in turn. Of some
// classes all is read before the first is written: of all it would take as many registers again as the row.
#define AT_ONCE 8
template <typename Read, typename Write>
__device__ __forceinline__ void each_class(const real*, const Map&, long long classes, const Row& row, Kept& kept, Read read,
                                           Write write) {
    const int lane = threadIdx.x % GROUP, end = int(classes);
    #pragma unroll
    for (int first = 0; first < VALUES; first += AT_ONCE) {
        real found[AT_ONCE];
        #pragma unroll
        for (int v = first; v < first + AT_ONCE; ++v) {
            const int j = v * GROUP + lane;
            found[v - first] = v < VALUES && j < end ? read(j) : real(0);
        }
        #pragma unroll
        for (int v = first; v < first + AT_ONCE && v < VALUES; ++v) {
            const int j = v * GROUP + lane;
            if (j < end) write(j, kept[v] * row.inverse_sum, found[v - first]);
        }
    }
}
