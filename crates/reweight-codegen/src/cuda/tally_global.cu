// Too many counters for shared memory: few samples share one, so they are counted in place.
__device__ __forceinline__ void open_tally(unsigned*) {}
__device__ __forceinline__ void add_to(unsigned*, unsigned long long* counts, int counter, unsigned number) {
    if (number) atomicAdd(&counts[counter], (unsigned long long)number);
}
__device__ __forceinline__ void close_tally(const unsigned*, unsigned long long*) {}
#define TALLY_SIZE 1
