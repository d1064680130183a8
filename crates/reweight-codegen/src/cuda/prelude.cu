// Numbers. Only accurate functions (2 units in the last place or better), never their fast approximations.
typedef @real@ real;
#define REAL_MAX @real_max@
#define NO_FAULT 0xffffffffffffffffULL
__device__ __forceinline__ real real_exp(real x) { return exp@f@(x); }
__device__ __forceinline__ real real_log(real x) { return log@f@(x); }
__device__ __forceinline__ real real_expm1(real x) { return expm1@f@(x); }
__device__ __forceinline__ real real_log1p(real x) { return log1p@f@(x); }
__device__ __forceinline__ real real_sqrt(real x) { return sqrt@f@(x); }
__device__ __forceinline__ real real_abs(real x) { return fabs@f@(x); }
__device__ __forceinline__ real real_ceil(real x) { return ceil@f@(x); }
__device__ __forceinline__ real real_max(real a, real b) { return fmax@f@(a, b); }
__device__ __forceinline__ real real_min(real a, real b) { return fmin@f@(a, b); }
// False for NaN too.
__device__ __forceinline__ bool is_finite(real x) { return real_abs(x) <= REAL_MAX; }
// Whether all are finite. Where their magnitudes add up to more than the largest number it may say no of four that are.
__device__ __forceinline__ bool are_finite(real a, real b, real c, real d) {
    return (real_abs(a) + real_abs(b)) + (real_abs(c) + real_abs(d)) <= REAL_MAX;
}
// A denominator may be so small that its inverse is no `real`: 0·∞ would be no number.
__device__ __forceinline__ real within(double x) { return real_max(real_min(real(x), REAL_MAX), -REAL_MAX); }
__device__ __forceinline__ bool is_bad_weight(real w) { return !(w >= 0 && w <= REAL_MAX); }

//@functions
// log σ(s), log σ(−s), σ(s) and σ(−s) from one exponential; the smaller probability is never a difference.
struct Logistic { real log_p, log_q, p, q; };
__device__ __forceinline__ Logistic logistic(real s) {
    const real e = real_exp(-real_abs(s));
    const real log_1p = log_1p_of_unit(e);
    const real larger = inverse(real(1) + e);
    const real smaller = e * larger;
    Logistic at;
    at.log_p = real_min(s, real(0)) - log_1p;
    at.log_q = real_min(-s, real(0)) - log_1p;
    at.p = s >= 0 ? larger : smaller;
    at.q = s >= 0 ? smaller : larger;
    return at;
}
__device__ __forceinline__ real log_sigmoid(real s) { return logistic(s).log_p; }
__device__ __forceinline__ real sigmoid(real s) { return logistic(s).p; }

// One sample's quantities: of its margin (hard labels, classes) or of its logit (soft labels).
struct Sample {
    real margin, p, q, log_p, log_q, target;
    real direction;   // the margin's or adjusted logit's derivative in the logit (BCE)
    long long label, column;
};

// A weight and what it weighs, and their derivatives in the margin or adjusted logit.
struct Weighed { real weight, base, weight_slope, base_slope; };

__device__ __forceinline__ Sample sample_at(real margin, real target, long long label, long long column) {
    const Logistic at = logistic(margin);
    Sample s;
    s.margin = margin;
    s.p = at.p;
    s.q = at.q;
    s.log_p = at.log_p;
    s.log_q = at.log_q;
    s.target = target;
    s.direction = real(1);
    s.label = label;
    s.column = column;
    return s;
}

// The number of thresholds (descending) that the key does not exceed. The guess, a share of [0, 1], only shortens the
// walk: the region is decided by comparisons alone, so it is the CPU's.
__device__ __forceinline__ int region_of(real key, real guess, const real* edges, int regions) {
    if (regions == 1) return 0;
    const int last = regions - 1;
    int at = (int)(real_min(real_max(guess, real(0)), real(1)) * real(regions));
    at = at < last ? at : last;
    // Its thresholds on both sides are read at once; seldom is there anything to walk.
    const real below = edges[at > 0 ? at - 1 : 0], above = edges[at < last ? at : last - 1];
    const bool stays = ((at == 0) | (key <= below)) & ((at == last) | (key > above));
    if (!stays) {
        #pragma unroll 1
        while (at < last && key <= edges[at]) ++at;
        #pragma unroll 1
        while (at > 0 && key > edges[at - 1]) --at;
    }
    return at;
}
// The same where thresholds are evenly spaced along the key: exact, the factor is a power of two.
__device__ __forceinline__ int grid_region(real key, real origin, real factor, int regions) {
    const real at = origin - real_ceil(key * factor);
    return (int)real_min(real_max(at, real(0)), real(regions - 1));
}
