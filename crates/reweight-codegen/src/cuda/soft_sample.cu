// log(e^a + e^b) and its derivative: a mixture of the two derivatives, so bounded whatever underflows.
struct LogSum { real value, slope; };
__device__ __forceinline__ LogSum log_sum(real a, real a_slope, real b, real b_slope) {
    const real e = real_exp(-real_abs(a - b));
    const real larger = real(1) / (real(1) + e);
    const real smaller = e * larger;
    LogSum sum;
    sum.value = real_max(a, b) + real_log1p(e);
    sum.slope = a >= b ? larger * a_slope + smaller * b_slope : smaller * a_slope + larger * b_slope;
    return sum;
}

// A BCE sample with a target in [0, 1], differentiated in the logit.
__device__ __forceinline__ Sample soft_sample(real logit, real target) {
    const real rest = real(1) - target;
    const real log_target = target > 0 ? real_log(target) : real(-1e30);
    const real log_rest = rest > 0 ? real_log(rest) : real(-1e30);
    const Logistic at = logistic(logit);
    const LogSum log_p = log_sum(log_target + at.log_p, at.q, log_rest + at.log_q, -at.p);
    const LogSum log_q = log_sum(log_target + at.log_q, -at.p, log_rest + at.log_p, at.q);
    // σ − t without the difference of nearly equal numbers.
    const real residual = rest * at.p - target * at.q;
    Sample s;
    s.margin = log_p.value - log_q.value;
    s.p = target * at.p + rest * at.q;
    s.q = target * at.q + rest * at.p;
    s.log_p = log_p.value;
    s.log_q = log_q.value;
    s.cross_entropy = -(target * at.log_p + rest * at.log_q);
    s.gradient_norm = real_abs(residual);
    s.target = target;
    s.margin_slope = log_p.slope - log_q.slope;
    s.p_slope = (target - rest) * at.p * at.q;
    s.log_p_slope = log_p.slope;
    s.log_q_slope = log_q.slope;
    s.cross_entropy_slope = residual;
    s.region_key = -real_abs(residual);
    s.label = target >= real(0.5) ? 1 : 0;
    return s;
}
