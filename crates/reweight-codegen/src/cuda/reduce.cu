// Threads of a block.
#define BLOCK @block@
// Sums and maxima over lanes and blocks, in an order that depends on the launch alone: a second run gives the same bits.
#define ALL_LANES 0xffffffffu
#define MOST_WARPS 32

// Over groups of `width` lanes (a power of two); every lane gets the result.
template <typename T> __device__ __forceinline__ T group_sum(T value, int width) {
    for (int step = width / 2; step > 0; step /= 2) value += __shfl_xor_sync(ALL_LANES, value, step);
    return value;
}
__device__ __forceinline__ real group_max(real value, int width) {
    for (int step = width / 2; step > 0; step /= 2) value = real_max(value, __shfl_xor_sync(ALL_LANES, value, step));
    return value;
}

// Over the block; every thread must call it and gets the result.
template <typename T> __device__ T block_sum(T value) {
    __shared__ T of_warp[MOST_WARPS];
    value = group_sum(value, 32);
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
    __syncthreads();
    T sum = of_warp[0];
    for (unsigned warp = 1; warp < BLOCK / 32; ++warp) sum += of_warp[warp];
    return sum;
}
// Four at once; every thread must call it, and the first gets the results.
__device__ __forceinline__ void block_sums(double (&values)[4]) {
    __shared__ double of_warp[4][MOST_WARPS];
    #pragma unroll
    for (int k = 0; k < 4; ++k) values[k] = group_sum(values[k], 32);
    __syncthreads();
    for (int k = 0; k < 4; ++k) {
        if (threadIdx.x % 32 == 0) of_warp[k][threadIdx.x / 32] = values[k];
    }
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (int k = 0; k < 4; ++k) {
        values[k] = of_warp[k][0];
        for (unsigned warp = 1; warp < BLOCK / 32; ++warp) values[k] += of_warp[k][warp];
    }
}
__device__ __forceinline__ unsigned long long smaller_fault(unsigned long long a, unsigned long long b) {
    return a < b ? a : b;
}
// The first fault of this thread joins the batch's first.
__device__ __forceinline__ void report(unsigned long long* first, unsigned long long fault) {
    if (fault != NO_FAULT) atomicMin(first, fault);
}
