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
// −(1−ε)·log p_y − (ε/C)·Σ log p_j, with log p_j = x_j − x_y + log p_y.
__device__ __forceinline__ real smoothed(const Sample& s, real smoothing, real distance) {
    return s.cross_entropy - smoothing * distance;
}

// Validates, and sums losses, weights and counts; touches no gradient.
extern "C" __global__ void reweight_softmax_value(SoftmaxArguments a) {
    const Literals c = literals(a.constants);
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
        const Row row = read_row(x, a.classes, label < 0 ? 0 : label, on, kept);
        const real distance = smoothing > 0 ? row_sum(row.distance) : real(0);
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
                const Sample s = hard_sample(row.margin, label != 0 ? real(1) : real(0), label);
                weight = unit * weigh(s, c, a.constants).weight;
                loss = weight * smoothed(s, smoothing, distance);
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
    const real scale = within(*a.factor * (a.upstream && !a.upstream_each ? (double)*a.upstream : 1.0));
    const real smoothing = real(a.smoothing);
    const real floor = smoothing / real(a.classes);
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    for (long long base = first_row(); base < a.rows; base += row_stride()) {
        const long long at = base + row_offset();
        const bool inside = at < a.rows;
        const bool on = inside && counts(a, at);
        const long long label = on ? (long long)a.targets[at] : 0;
        const real* x = a.logits + at * a.classes;
        Kept kept;
        const Row row = read_row(x, a.classes, label, on, kept);
        const real distance = smoothing > 0 ? row_sum(row.distance) : real(0);
        real loss = 0, weight = 0;
        if (on) {
            const real unit = a.sample_weight ? a.sample_weight[at] : real(1);
            const Sample s = hard_sample(row.margin, label != 0 ? real(1) : real(0), label);
            const Weighed w = weigh(s, c, a.constants);
            const real cross_entropy = smoothed(s, smoothing, distance);
            weight = unit * w.weight;
            loss = weight * cross_entropy;
            if (a.gradient) {
                // w·(p_j − target_j) + ce·(dw/ds)·(ds/dx_j), with p_j = q·share_j and ds/dx_j = −share_j off the label.
                const real outer = unit * scale * (a.upstream && a.upstream_each ? a.upstream[at] : real(1));
                const real at_label = outer * (w.weight * (smoothing - s.q - floor) + cross_entropy * w.slope);
                const real per_share = outer * (w.weight * s.q - cross_entropy * w.slope);
                const real level = outer * w.weight * floor;
                real* gradient = a.gradient + at * a.classes;
                const bool accumulate = a.accumulate != 0;
                each_class(x, a.classes, row, kept, [=](long long j, real share) {
                    const real slope = j == label ? at_label : share * per_share - level;
                    gradient[j] = accumulate ? gradient[j] + slope : slope;
                });
            }
        } else if (inside && a.gradient && !a.accumulate) {
            real* gradient = a.gradient + at * a.classes;
            each_class(x, a.classes, row, kept, [=](long long j, real) { gradient[j] = real(0); });
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
