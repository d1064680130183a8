// Each block counts in shared memory and adds up once.
__device__ __forceinline__ void open_tally(unsigned* tally) {
    for (int k = threadIdx.x; k < COUNTERS; k += blockDim.x) tally[k] = 0;
    __syncthreads();
}
__device__ __forceinline__ void add_to(unsigned* tally, unsigned long long*, int counter, unsigned number) {
    if (number) atomicAdd(&tally[counter], number);
}
// Lanes of a warp that meet in a counter are counted together by the hardware, where they add a constant 1.
__device__ __forceinline__ void count_one(unsigned* tally, int counter) { atomicAdd(&tally[counter], 1u); }
__device__ __forceinline__ void close_tally(const unsigned* tally, unsigned long long* counts) {
    __syncthreads();
    for (int k = threadIdx.x; k < COUNTERS; k += blockDim.x) {
        if (tally[k]) atomicAdd(&counts[k], (unsigned long long)tally[k]);
    }
}
#define TALLY_SIZE COUNTERS
