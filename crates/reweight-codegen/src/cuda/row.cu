// What a row of adjusted logits comes to.
struct Row {
    real margin;        // z_y − logsumexp of the OTHER classes, never by way of 1 − p
    real largest;       // of the other classes
    real log_sum;       // log Σ e^(z_j − largest) over the other classes
    real inverse_sum;   // 1 / that sum
    real rest;          // this thread's part of (1/C)·Σ (z_j − largest) over the other classes, for label smoothing
    unsigned long long bad;   // this thread's first class whose logit is not finite
};
__device__ __forceinline__ void finish_row(Row& row, real own, real largest, real sum, real rest) {
    row.largest = largest;
    row.log_sum = real_log(sum);
    // The sum is 1 at least, the largest's own; a row that does not count has none.
    row.inverse_sum = inverse(sum);
    row.rest = rest;
    // Two finite logits may lie further apart than the largest float.
    row.margin = real_min(real_max((own - largest) - row.log_sum, -REAL_MAX), REAL_MAX);
}
// The first of a thread's classes first, first + step, … whose logit is not finite: for a row whose magnitudes do not add up to
// a number. Large ones that are finite add up to none, too.
__device__ __forceinline__ unsigned long long bad_class(const real* x, int first, int step, long long end) {
    #pragma unroll 1
    for (long long j = first; j < end; j += step) if (!is_finite(x[j])) return j;
    return NO_FAULT;
}
// The class index, or −1 where it is none.
__device__ __forceinline__ long long label_of(target_t target, long long classes) {
    const long long label = (long long)target;
    return label >= 0 && label < classes && target_t(label) == target ? label : -1;
}
