// A row too long to be kept: one pass finds maximum and sum together, the gradient reads the row again.
#define AT_ONCE 4   // logits that a thread has in flight
struct Kept { long long label; };

__device__ __forceinline__ long long first_row() { return blockIdx.x; }
__device__ __forceinline__ long long row_stride() { return gridDim.x; }
__device__ __forceinline__ int row_offset() { return 0; }
__device__ __forceinline__ bool is_leader() { return threadIdx.x == 0; }
__device__ __forceinline__ real row_sum(real value) { return block_sum(value); }

// Where the label stands among the classes first, first + BLOCK, …; −1 for nowhere.
__device__ __forceinline__ int label_among(long long label, long long first) {
    const long long past = label - first;
    return past >= 0 && past < AT_ONCE * BLOCK && past % BLOCK == 0 ? int(past / BLOCK) : -1;
}

__device__ __forceinline__ Row read_row(const real* x, const Map& map, long long classes, long long label, bool on,
                                        Kept& kept) {
    kept.label = label;
    Row row;
    row.bad = NO_FAULT;
    const real own = on ? adjusted(map, x[label], label) - margin_at(map, label) : real(0);
    const long long end = on ? classes : 0;
    // sum is Σ e^(z − largest) of what was read so far, rest the sum of (z − largest)/C; a new largest rescales the one and
    // shifts the other, once for several logits.
    const real share = real(1) / real(classes);
    real size = 0, largest = -REAL_MAX, sum = 0, rest = 0, others = 0;
    for (long long first = threadIdx.x; first < end; first += AT_ONCE * BLOCK) {
        const int label_at = label_among(label, first);
        real z[AT_ONCE], highest = -REAL_MAX;
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            const long long j = first + k * BLOCK;
            z[k] = j < end ? x[j] : real(0);
        }
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            const long long j = first + k * BLOCK;
            size += real_abs(z[k]);
            z[k] = j < end && k != label_at ? adjusted(map, z[k], j) : NO_LOGIT;
            highest = real_max(highest, z[k]);
        }
        if (highest > largest) {
            const real rise = highest - largest;
            sum *= real_exp(-rise);
            // Nothing to shift before the first, and nothing times a rise without end is no number.
            rest -= others > 0 ? others * share * rise : real(0);
            largest = highest;
        }
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            const bool other = first + k * BLOCK < end && k != label_at;
            const real fall = z[k] - largest;
            sum += real_exp(fall);
            rest += other ? fall * share : real(0);
            others += other ? real(1) : real(0);
        }
    }
    if (!(size <= REAL_MAX)) row.bad = bad_class(x, threadIdx.x, BLOCK, end);
    const real own_largest = largest;
    largest = block_max(largest);
    const real fall = own_largest - largest;
    rest += others > 0 ? others * share * fall : real(0);
    finish_row(row, own, largest, block_sum(sum * real_exp(fall)), rest);
    return row;
}

// `write` of a row's share of class j among the others and of what `read` says of it, for this thread's classes in turn; of
// several classes all is read before the first is written.
template <typename Read, typename Write>
__device__ __forceinline__ void each_class(const real* x, const Map& map, long long classes, const Row& row, Kept& kept,
                                           Read read, Write write) {
    for (long long first = threadIdx.x; first < classes; first += AT_ONCE * BLOCK) {
        const int label_at = label_among(kept.label, first);
        real z[AT_ONCE], found[AT_ONCE];
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            const long long j = first + k * BLOCK;
            z[k] = j < classes ? x[j] : real(0);
            found[k] = j < classes ? read(j) : real(0);
        }
        #pragma unroll
        for (int k = 0; k < AT_ONCE; ++k) {
            const long long j = first + k * BLOCK;
            const real share = j < classes && k != label_at ? real_exp(adjusted(map, z[k], j) - row.largest) * row.inverse_sum : real(0);
            if (j < classes) write(j, share, found[k]);
        }
    }
}
