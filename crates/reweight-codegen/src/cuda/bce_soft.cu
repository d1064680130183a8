__device__ __forceinline__ bool is_target(target_t target) { return target >= target_t(0) && target <= target_t(1); }
__device__ __forceinline__ Sample sample_of(real logit, target_t target) { return soft_sample(logit, real(target)); }
// Soft labels are differentiated in the logit itself.
__device__ __forceinline__ real direction_of(const Sample&) { return real(1); }
