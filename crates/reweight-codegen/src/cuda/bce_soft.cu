__device__ __forceinline__ bool is_target(target_t target) { return target >= target_t(0) && target <= target_t(1); }
// Soft labels are differentiated in the logit itself, and have no margin of their own.
__device__ __forceinline__ Sample sample_of(const Map& map, real logit, target_t target, long long column) {
    const real t = real(target);
    Sample s = sample_at(adjusted(map, logit, column), t, t >= real(0.5) ? 1 : 0, column);
    s.direction = scale_at(map, column);
    return s;
}
