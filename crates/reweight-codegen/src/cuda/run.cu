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
