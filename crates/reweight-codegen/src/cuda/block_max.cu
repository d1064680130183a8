__device__ __forceinline__ real block_max(real value) {
    __shared__ real of_warp[MOST_WARPS];
    value = group_max(value, 32);
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
    __syncthreads();
    real largest = of_warp[0];
    for (unsigned warp = 1; warp < BLOCK / 32; ++warp) largest = real_max(largest, of_warp[warp]);
    return largest;
}
