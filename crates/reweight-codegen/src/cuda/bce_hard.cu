__device__ __forceinline__ bool is_target(target_t target) { return target == target_t(0) || target == target_t(1); }
// The margin is ±x, to the bit: comparisons with thresholds come out as on the CPU.
__device__ __forceinline__ Sample sample_of(real logit, target_t target) {
    const bool one = target != target_t(0);
    return hard_sample(one ? logit : -logit, one ? real(1) : real(0), one ? 1 : 0);
}
// ds/dx.
__device__ __forceinline__ real direction_of(const Sample& s) { return s.label == 1 ? real(1) : real(-1); }
