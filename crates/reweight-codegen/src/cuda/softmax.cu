// Whether there are logits and labels and nothing else, as in most steps: kernels have a path of their own for that.
__device__ __forceinline__ bool is_plain(const SoftmaxArguments& a) {
    return !a.valid && !a.sample_weight && !a.scale && !a.offset && !a.margin && !a.ignores && a.smoothing == 0 &&
           !a.losses && !a.weights;
}
template <bool PLAIN> __device__ __forceinline__ bool counts(const SoftmaxArguments& a, long long row) {
    return PLAIN || ((a.valid == 0 || a.valid[row] != 0) && !(a.ignores && (long long)a.targets[row] == a.ignore_index));
}
// What a row's samples come to: its loss before the weight, and dL/dz before sample weight and reduction, of the label and
// of a class among the others with a share of 1; of such a class with any share it is that share of it, less `level`.
struct Slopes { real value, at_label, per_share, level; };

// With ε: S = (1−ε)·b + (ε/C)·Σ −log p_j, and w·((1−ε)·db + ε·(p_j − 1/C)) + S·dw. All terms of the sum have one sign.
__device__ __forceinline__ Slopes slopes_of(const Row& row, const Sample& s, const Weighed& w, real smoothing, real rest,
                                            long long classes) {
    Slopes slopes;
    slopes.value = w.base;
    real base_slope = w.base_slope, level = 0;
    if (smoothing > 0) {
        const real share = real(1) / real(classes);
        const real uniform = -(s.log_p * share + (s.log_q - row.log_sum) * (real(classes - 1) * share) + rest);
        slopes.value = (real(1) - smoothing) * w.base + smoothing * uniform;
        base_slope *= real(1) - smoothing;
        level = smoothing * share;
    }
    const real through = slopes.value * w.weight_slope;
    slopes.at_label = w.weight * (base_slope + smoothing * s.p - level) + through;
    slopes.per_share = w.weight * (smoothing * s.q - base_slope) - through;
    slopes.level = w.weight * level;
    return slopes;
}

template <bool PLAIN> __device__ __forceinline__ void value(const SoftmaxArguments& a) {
    const Literals c = literals(a.constants);
    const Map map = map_for<PLAIN>(a);
    const real smoothing = PLAIN ? real(0) : real(a.smoothing);
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    unsigned long long fault = NO_FAULT;
    for (long long base = first_row(); base < a.rows; base += row_stride()) {
        const long long at = base + row_offset();
        const bool inside = at < a.rows;
        bool on = inside && counts<PLAIN>(a, at);
        const long long label = on ? label_of(a.targets[at], a.classes) : 0;
        // A row without a label is read as if it were of class 0, so that its first fault is the one reported.
        const real* x = a.logits + at * a.classes;
        Kept kept;
        const Row row = read_row(x, map, a.classes, label < 0 ? 0 : label, on, kept);
        const real rest = smoothing > 0 ? row_sum(row.rest) : real(0);
        if (row.bad != NO_FAULT) fault = smaller_fault(fault, at * (a.classes + 2) + row.bad);
        if (on && label < 0) {
            fault = smaller_fault(fault, at * (a.classes + 2) + a.classes);
            on = false;
        }
        if (inside && is_leader()) {
            real loss = 0, weight = 0;
            if (on) {
                const real unit = !PLAIN && a.sample_weight ? a.sample_weight[at] : real(1);
                if (is_bad_weight(unit)) fault = smaller_fault(fault, at * (a.classes + 2) + a.classes + 1);
                const Sample s = sample_at(row.margin, label != 0 ? real(1) : real(0), label, 0);
                const Weighed w = weigh(s, c, a.constants);
                const Slopes slopes = slopes_of(row, s, w, smoothing, rest, a.classes);
                weight = unit * w.weight;
                loss = weight * slopes.value;
                // The steepest: no number where the row's sum is none, whatever the label's own.
                const real others = unit * (slopes.per_share * row.inverse_sum - slopes.level);
                const real own = unit * slopes.at_label;
                if (!are_finite(weight, loss, others, own)) {
                    const real slope = is_finite(own) ? others : own;
                    fault = result_fault(fault, a.fault, a.found, at, row.margin, weight, loss, slope);
                }
                ++valid;
                positives += label != 0;
            }
            loss_sum += loss;
            weight_sum += weight;
            if (!PLAIN && a.losses) a.losses[at] = loss;
            if (!PLAIN && a.weights) a.weights[at] = weight;
        }
    }
    report(a.fault, fault);
    write_partials(a.partials, loss_sum, weight_sum, valid, positives);
}

template <bool PLAIN> __device__ __forceinline__ void fused(const SoftmaxArguments& a) {
    const Literals c = literals(a.constants);
    const Map map = map_for<PLAIN>(a);
    const real scale = within(*a.factor * (a.upstream && !a.upstream_each ? (double)*a.upstream : 1.0));
    const real smoothing = PLAIN ? real(0) : real(a.smoothing);
    const bool adds = PLAIN || a.accumulate != 0;
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    for (long long base = first_row(); base < a.rows; base += row_stride()) {
        const long long at = base + row_offset();
        const bool inside = at < a.rows;
        const bool on = inside && counts<PLAIN>(a, at);
        const long long label = on ? (long long)a.targets[at] : 0;
        const real* x = a.logits + at * a.classes;
        real* gradient = a.gradient + at * a.classes;
        Kept kept;
        const Row row = read_row(x, map, a.classes, label, on, kept);
        const real rest = smoothing > 0 ? row_sum(row.rest) : real(0);
        real loss = 0, weight = 0;
        if (on) {
            const real unit = !PLAIN && a.sample_weight ? a.sample_weight[at] : real(1);
            const Sample s = sample_at(row.margin, label != 0 ? real(1) : real(0), label, 0);
            const Weighed w = weigh(s, c, a.constants);
            const Slopes slopes = slopes_of(row, s, w, smoothing, rest, a.classes);
            weight = unit * w.weight;
            loss = weight * slopes.value;
            if (PLAIN || a.gradient) {
                const real outer = unit * scale * (!PLAIN && a.upstream && a.upstream_each ? a.upstream[at] : real(1));
                const real at_label = outer * slopes.at_label;
                const real per_share = outer * slopes.per_share;
                const real level = outer * slopes.level;
                each_class(
                    x, map, a.classes, row, kept, [=](long long j) { return adds ? gradient[j] : real(0); },
                    [=](long long j, real share, real before) {
                        const real slope = (j == label ? at_label : share * per_share - level) * scale_at(map, j);
                        gradient[j] = adds ? before + slope : slope;
                    });
            }
        } else if (inside && a.gradient && !adds) {
            each_class(
                x, map, a.classes, row, kept, [=](long long) { return real(0); },
                [=](long long j, real, real) { gradient[j] = real(0); });
        }
        if (!PLAIN && inside && is_leader()) {
            valid += on;
            positives += on && label != 0;
            loss_sum += loss;
            weight_sum += weight;
            if (a.losses) a.losses[at] = loss;
            if (a.weights) a.weights[at] = weight;
        }
    }
    if (!PLAIN && a.partials) write_partials(a.partials, loss_sum, weight_sum, valid, positives);
}

// Validates, and sums losses, weights and counts; touches no gradient.
extern "C" __global__ void reweight_softmax_value(SoftmaxArguments a) {
    if (is_plain(a)) value<true>(a);
    else value<false>(a);
}

// Loss and gradient in one pass over a batch that `reweight_softmax_value` or the statistics have validated: where they
// found a fault, nothing is written.
extern "C" __global__ void reweight_softmax_fused(SoftmaxArguments a) {
    if (*a.fault != NO_FAULT) return;
    if (is_plain(a) && only_adds(a)) fused<true>(a);
    else fused<false>(a);
}
