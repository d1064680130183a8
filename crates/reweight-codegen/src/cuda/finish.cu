// Sums the blocks' partial sums in a fixed order and derives the reduction's factor. One block of 256 threads.
extern "C" __global__ void reweight_finish(FinishArguments a) {
    double sums[4] = {0, 0, 0, 0};
    #pragma unroll 4
    for (long long block = threadIdx.x; block < a.blocks; block += BLOCK) {
        for (int k = 0; k < 4; ++k) sums[k] += a.partials[4 * block + k];
    }
    block_sums(sums);
    if (threadIdx.x != 0) return;
    double denominator = 1;
    if (a.reduction == 0) denominator = sums[2];                             // mean over the valid
    if (a.reduction == 2) denominator = sums[1];                             // weighted mean
    if (a.reduction == 3) denominator = sums[3] > 1 ? sums[3] : 1;           // positives
    if (a.reduction == 4) denominator = a.divisor;
    // Finite also where a sum of weights has all but vanished.
    double factor = denominator > 0 ? 1 / denominator : 0;
    if (factor > 1.7976931348623157e+308) factor = 1.7976931348623157e+308;
    for (int k = 0; k < 4; ++k) a.totals[k] = sums[k];
    a.totals[4] = factor;
    a.totals[5] = sums[0] * factor;
    if (a.fault) ((unsigned long long*)a.totals)[6] = *a.fault;
    if (a.loss) *a.loss = real(sums[0] * factor);
}
