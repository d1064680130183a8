// −∞, whose exponential is 0: in the place of a logit that is left out.
#ifdef __CUDA_ARCH__
#define NO_LOGIT __int_as_float(0xff800000)
#else
#define NO_LOGIT (-INFINITY)
#endif
// ln(1 + e) for e in [0, 1]: e times a polynomial, the CPU engine's, whose coefficients keep it within 1.9e-8 of its value.
__device__ __forceinline__ real log_1p_of_unit(real e) {
    real sum = -3.318469739e-3f;
    sum = fmaf(sum, e, 2.020457573e-2f);
    sum = fmaf(sum, e, -5.766443536e-2f);
    sum = fmaf(sum, e, 1.068055555e-1f);
    sum = fmaf(sum, e, -1.535539776e-1f);
    sum = fmaf(sum, e, 1.969540119e-1f);
    sum = fmaf(sum, e, -2.495858818e-1f);
    sum = fmaf(sum, e, 3.333051205e-1f);
    sum = fmaf(sum, e, -4.999993145e-1f);
    return fmaf(sum, e, 1.0f) * e;
}
// 1/x for x from 1 to 2^100: the hardware's estimate and one step of Newton's, where a division would also look for the
// denormals and infinities that are not there.
__device__ __forceinline__ real inverse(real x) {
#ifdef __CUDA_ARCH__
    real estimate;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(estimate) : "f"(x));
    return fmaf(fmaf(-x, estimate, 1.0f), estimate, estimate);
#else
    return 1.0f / x;
#endif
}
