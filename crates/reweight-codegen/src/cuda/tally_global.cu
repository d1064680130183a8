// Too many counters for shared memory: few samples share one, so they are counted in place.
__device__ __forceinline__ void open_tally(unsigned*) {}
__device__ __forceinline__ void add_to(unsigned*, unsigned long long* counts, int counter, unsigned number) {
    if (number) atomicAdd(&counts[counter], (unsigned long long)number);
}
__device__ __forceinline__ void close_tally(const unsigned*, unsigned long long*) {}
#define TALLY_SIZE 1
// A run of samples in one counter: in a long-tailed batch most lie in one region, and would queue up for its counter.
struct Run { int counter; unsigned length; };
__device__ __forceinline__ void extend(Run& run, int counter, unsigned* tally, unsigned long long* counts) {
    if (counter != run.counter) {
        add_to(tally, counts, run.counter, run.length);
        run.counter = counter;
        run.length = 0;
    }
    ++run.length;
}
