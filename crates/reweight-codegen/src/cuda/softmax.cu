__device__ __forceinline__ void write_partials(double* partials, double loss, double weight, unsigned valid,
                                                      unsigned positives) {
    loss = block_sum(loss);
    weight = block_sum(weight);
    const double all = block_sum((double)valid);
    const double ones = block_sum((double)positives);
    if (threadIdx.x == 0) {
        double* own = partials + 4 * (long long)blockIdx.x;
        own[0] = loss;
        own[1] = weight;
        own[2] = all;
        own[3] = ones;
    }
}
__device__ __forceinline__ bool counts(const SoftmaxArguments& a, long long row) {
    return (a.valid == 0 || a.valid[row] != 0) && !(a.ignores && (long long)a.targets[row] == a.ignore_index);
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

// Validates, and sums losses, weights and counts; touches no gradient.
extern "C" __global__ void reweight_softmax_value(SoftmaxArguments a) {
    const Literals c = literals(a.constants);
    const Map map = map_of(a);
    const real smoothing = real(a.smoothing);
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    unsigned long long fault = NO_FAULT;
    for (long long base = first_row(); base < a.rows; base += row_stride()) {
        const long long at = base + row_offset();
        const bool inside = at < a.rows;
        bool on = inside && counts(a, at);
        const long long label = on ? label_of(a.targets[at], a.classes) : 0;
        // A row without a label is read as if it were of class 0, so that its first fault is the one reported.
        const real* x = a.logits + at * a.classes;
        Kept kept;
        const Row row = read_row(x, map, a.classes, label < 0 ? 0 : label, on, kept);
        const real rest = smoothing > 0 ? row_sum(row.rest) : real(0);
        const unsigned long long place = at * (a.classes + 2);
        if (row.bad != NO_FAULT) fault = smaller_fault(fault, place + row.bad);
        if (on && label < 0) {
            fault = smaller_fault(fault, place + a.classes);
            on = false;
        }
        if (inside && is_leader()) {
            real loss = 0, weight = 0;
            if (on) {
                const real unit = a.sample_weight ? a.sample_weight[at] : real(1);
                if (is_bad_weight(unit)) fault = smaller_fault(fault, place + a.classes + 1);
                const Sample s = sample_at(row.margin, label != 0 ? real(1) : real(0), label, 0);
                const Weighed w = weigh(s, c, a.constants);
                const Slopes slopes = slopes_of(row, s, w, smoothing, rest, a.classes);
                weight = unit * w.weight;
                loss = weight * slopes.value;
                // The steepest: no number where the row's sum is none, whatever the label's own.
                const real others = unit * (slopes.per_share * row.inverse_sum - slopes.level);
                const real own = unit * slopes.at_label;
                fault = result_fault(fault, a.fault, a.found, at, row.margin, weight, loss, is_finite(own) ? others : own);
                ++valid;
                positives += label != 0;
            }
            loss_sum += loss;
            weight_sum += weight;
            if (a.losses) a.losses[at] = loss;
            if (a.weights) a.weights[at] = weight;
        }
    }
    report(a.fault, fault);
    write_partials(a.partials, loss_sum, weight_sum, valid, positives);
}

// Loss and gradient in one pass over a batch that `reweight_softmax_value` or the statistics have validated: where they
// found a fault, nothing is written.
extern "C" __global__ void reweight_softmax_fused(SoftmaxArguments a) {
    if (*a.fault != NO_FAULT) return;
    const Literals c = literals(a.constants);
    const Map map = map_of(a);
    const real scale = within(*a.factor * (a.upstream && !a.upstream_each ? (double)*a.upstream : 1.0));
    const real smoothing = real(a.smoothing);
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    for (long long base = first_row(); base < a.rows; base += row_stride()) {
        const long long at = base + row_offset();
        const bool inside = at < a.rows;
        const bool on = inside && counts(a, at);
        const long long label = on ? (long long)a.targets[at] : 0;
        const real* x = a.logits + at * a.classes;
        Kept kept;
        const Row row = read_row(x, map, a.classes, label, on, kept);
        const real rest = smoothing > 0 ? row_sum(row.rest) : real(0);
        real loss = 0, weight = 0;
        if (on) {
            const real unit = a.sample_weight ? a.sample_weight[at] : real(1);
            const Sample s = sample_at(row.margin, label != 0 ? real(1) : real(0), label, 0);
            const Weighed w = weigh(s, c, a.constants);
            const Slopes slopes = slopes_of(row, s, w, smoothing, rest, a.classes);
            weight = unit * w.weight;
            loss = weight * slopes.value;
            if (a.gradient) {
                const real outer = unit * scale * (a.upstream && a.upstream_each ? a.upstream[at] : real(1));
                const real at_label = outer * slopes.at_label;
                const real per_share = outer * slopes.per_share;
                const real level = outer * slopes.level;
                real* gradient = a.gradient + at * a.classes;
                const bool accumulate = a.accumulate != 0;
                each_class(x, map, a.classes, row, kept, [=](long long j, real share) {
                    const real slope = (j == label ? at_label : share * per_share - level) * scale_at(map, j);
                    gradient[j] = accumulate ? gradient[j] + slope : slope;
                });
            }
        } else if (inside && a.gradient && !a.accumulate) {
            real* gradient = a.gradient + at * a.classes;
            each_class(x, map, a.classes, row, kept, [=](long long j, real) { gradient[j] = real(0); });
        }
        if (inside && is_leader()) {
            valid += on;
            positives += on && label != 0;
            loss_sum += loss;
            weight_sum += weight;
            if (a.losses) a.losses[at] = loss;
            if (a.weights) a.weights[at] = weight;
        }
    }
    if (a.partials) write_partials(a.partials, loss_sum, weight_sum, valid, positives);
}
