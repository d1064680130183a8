// Whether a fused pass adds to the gradient, times one factor, and does nothing else: the backward pass of a reduced loss.
template <typename Arguments> __device__ __forceinline__ bool only_adds(const Arguments& a) {
    return !a.partials && a.gradient && a.accumulate && !a.upstream_each;
}
// A block's sums, by which `finish` goes on.
__device__ __forceinline__ void write_partials(double* partials, double loss, double weight, unsigned valid,
                                               unsigned positives) {
    double sums[4] = {loss, weight, (double)valid, (double)positives};
    block_sums(sums);
    if (threadIdx.x != 0) return;
    for (int k = 0; k < 4; ++k) partials[4 * (long long)blockIdx.x + k] = sums[k];
}
// What the formula gave of a sample in order: a weight, loss or slope that is not finite is a fault of the formula's, behind
// all of the batch's own. The launch that finds it first keeps the place alone; the next, for the same batch, the numbers.
#define RESULT_FAULT 0x8000000000000000ULL
__device__ __forceinline__ unsigned long long result_fault(unsigned long long fault, const unsigned long long* first,
                                                           double* found, long long sample, real margin, real weight,
                                                           real loss, real slope) {
    if (is_finite(weight) && is_finite(loss) && is_finite(slope)) return fault;
    const int quantity = !is_finite(weight) ? 0 : !is_finite(loss) ? 1 : 2;
    const unsigned long long own = RESULT_FAULT + 3 * sample + quantity;
    if (found && *first == own) {
        found[0] = quantity == 0 ? weight : quantity == 1 ? loss : slope;
        found[1] = margin;
    }
    return smaller_fault(fault, own);
}
