// −∞, whose exponential is 0: in the place of a logit that is left out.
#ifdef __CUDA_ARCH__
#define NO_LOGIT __longlong_as_double(0xfff0000000000000LL)
#else
#define NO_LOGIT (-INFINITY)
#endif
// ln(1 + e) for e in [0, 1].
__device__ __forceinline__ real log_1p_of_unit(real e) { return log1p(e); }
// 1/x for x from 1.
__device__ __forceinline__ real inverse(real x) { return 1.0 / x; }
