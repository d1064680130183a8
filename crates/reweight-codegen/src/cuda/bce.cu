// Elements that a thread has in flight at once, so that the memory is kept busy.
#define ITEMS 4

struct Element { real logit, unit, arriving, before; target_t target; bool inside, on; };

__device__ __forceinline__ long long column_of(const BceArguments& a, long long index) {
    return a.columns > 1 ? index / a.inner % a.columns : 0;
}

// All that is read of one element. A tile's elements are read before the first is written: a store might, for all the
// compiler knows, change what a later load reads.
__device__ __forceinline__ Element element_at(const BceArguments& a, long long index) {
    Element e;
    e.inside = index < a.count;
    e.on = e.inside && (a.valid == 0 || a.valid[index] != 0);
    e.logit = e.on ? a.logits[index] : real(0);
    e.target = e.on ? a.targets[index] : target_t(0);
    e.unit = e.on && a.sample_weight ? a.sample_weight[index] : real(1);
    e.arriving = e.inside && a.upstream && a.upstream_each ? a.upstream[index] : real(1);
    e.before = e.inside && a.gradient && a.accumulate ? a.gradient[index] : real(0);
    return e;
}
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

// dL/dx before the reduction.
__device__ __forceinline__ real slope_of(const Sample& s, const Weighed& w, real unit) {
    return (w.weight_slope * w.base + w.weight * w.base_slope) * unit * s.direction;
}

// Validates, and sums losses, weights and counts; touches no gradient.
extern "C" __global__ void reweight_bce_value(BceArguments a) {
    const Literals c = literals(a.constants);
    const Map map = map_of(a);
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    unsigned long long fault = NO_FAULT;
    const long long tile = (long long)blockDim.x * ITEMS;
    for (long long start = blockIdx.x * tile; start < a.count; start += gridDim.x * tile) {
        Element e[ITEMS];
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) e[k] = element_at(a, start + k * blockDim.x + threadIdx.x);
        real loss_part = 0, weight_part = 0;
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            const long long index = start + k * blockDim.x + threadIdx.x;
            if (!e[k].inside) continue;
            real loss = 0, weight = 0;
            if (e[k].on) {
                if (!is_finite(e[k].logit)) fault = smaller_fault(fault, 3 * index);
                else if (!is_target(e[k].target)) fault = smaller_fault(fault, 3 * index + 1);
                else if (is_bad_weight(e[k].unit)) fault = smaller_fault(fault, 3 * index + 2);
                else {
                    const Sample s = sample_of(map, e[k].logit, e[k].target, column_of(a, index));
                    const Weighed w = weigh(s, c, a.constants);
                    weight = e[k].unit * w.weight;
                    loss = weight * w.base;
                    fault = result_fault(fault, a.fault, a.found, index, s.margin, weight, loss, slope_of(s, w, e[k].unit));
                    ++valid;
                    positives += s.label == 1;
                }
            }
            loss_part += loss;
            weight_part += weight;
            if (a.losses) a.losses[index] = loss;
            if (a.weights) a.weights[index] = weight;
        }
        loss_sum += loss_part;
        weight_sum += weight_part;
    }
    report(a.fault, fault);
    write_partials(a.partials, loss_sum, weight_sum, valid, positives);
}

// Loss and gradient in one pass over a batch that `reweight_bce_value` or the statistics have validated: where they
// found a fault, nothing is written.
extern "C" __global__ void reweight_bce_fused(BceArguments a) {
    if (*a.fault != NO_FAULT) return;
    const Literals c = literals(a.constants);
    const Map map = map_of(a);
    const real scale = within(*a.factor * (a.upstream && !a.upstream_each ? (double)*a.upstream : 1.0));
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    const long long tile = (long long)blockDim.x * ITEMS;
    for (long long start = blockIdx.x * tile; start < a.count; start += gridDim.x * tile) {
        Element e[ITEMS];
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) e[k] = element_at(a, start + k * blockDim.x + threadIdx.x);
        real loss_part = 0, weight_part = 0;
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            const long long index = start + k * blockDim.x + threadIdx.x;
            if (!e[k].inside) continue;
            real loss = 0, weight = 0, slope = 0;
            if (e[k].on) {
                const Sample s = sample_of(map, e[k].logit, e[k].target, column_of(a, index));
                const Weighed w = weigh(s, c, a.constants);
                weight = e[k].unit * w.weight;
                loss = weight * w.base;
                slope = slope_of(s, w, e[k].unit) * (e[k].arriving * scale);
                ++valid;
                positives += s.label == 1;
            }
            loss_part += loss;
            weight_part += weight;
            if (a.losses) a.losses[index] = loss;
            if (a.weights) a.weights[index] = weight;
            if (a.gradient) a.gradient[index] = e[k].before + slope;
        }
        loss_sum += loss_part;
        weight_sum += weight_part;
    }
    if (a.partials) write_partials(a.partials, loss_sum, weight_sum, valid, positives);
}
