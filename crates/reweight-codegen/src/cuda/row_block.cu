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
    const int end = on ? int(classes) : 0, own_class = int(label);
    real size = 0, largest = -REAL_MAX;
    #pragma unroll 4
    for (int j = threadIdx.x; j < end; j += BLOCK) {
        const real logit = x[j];
        size += real_abs(logit);
        staged[j] = j != own_class ? adjusted(map, logit, j) : NO_LOGIT;
        largest = real_max(largest, staged[j]);
    }
    if (!(size <= REAL_MAX)) row.bad = bad_class(x, threadIdx.x, BLOCK, end);
    largest = block_max(largest);
    const real share = real(1) / real(classes);
    real sum = 0, rest = 0;
    #pragma unroll 4
    for (int j = threadIdx.x; j < end; j += BLOCK) {
        const real fall = staged[j] - largest;
        rest += j != own_class ? fall * share : real(0);
        staged[j] = real_exp(fall);
        sum += staged[j];
    }
    finish_row(row, own, largest, block_sum(sum), rest);
    return row;
}

// `write` of a row's share of class j among the others and of what `read` says of it, for this thread's classes in turn; of
// four classes all is read before the first is written.
template <typename Read, typename Write>
__device__ __forceinline__ void each_class(const real*, const Map&, long long classes, const Row& row, Kept& kept, Read read,
                                           Write write) {
    const int end = int(classes);
    for (int first = threadIdx.x; first < end; first += 4 * BLOCK) {
        real found[4];
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int j = first + k * BLOCK;
            found[k] = j < end ? read(j) : real(0);
        }
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int j = first + k * BLOCK;
            if (j < end) write(j, kept[j] * row.inverse_sum, found[k]);
        }
    }
}
