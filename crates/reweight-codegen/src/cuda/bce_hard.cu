__device__ __forceinline__ bool is_target(target_t target) { return target == target_t(0) || target == target_t(1); }
// The margin is ±x, to the bit where nothing is adjusted: comparisons with thresholds come out as on the CPU.
__device__ __forceinline__ Sample sample_of(const Map& map, real logit, target_t target, long long column) {
    const long long label = target != target_t(0);
    const real sign = label ? real(1) : real(-1);
    const real z = adjusted(map, logit, column);
    Sample s = sample_at((label ? z : -z) - margin_at(map, label), label ? real(1) : real(0), label, column);
    s.direction = sign * scale_at(map, column);
    return s;
}
