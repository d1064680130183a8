struct Element { real logit, unit, arriving, before; target_t target; bool inside, on; };

template <bool PLAIN> __device__ __forceinline__ long long column_of(const BceArguments& a, long long index) {
    return !PLAIN && a.columns > 1 ? index / a.inner % a.columns : 0;
}
// Whether there are logits and hard or soft labels and nothing else, as in most steps. Kernels have a path of their own for
// that: to ask of every element whether there is a mask, a weight, an adjustment and so on takes longer than its loss does.
__device__ __forceinline__ bool is_plain(const BceArguments& a) {
    return !a.valid && !a.sample_weight && !a.scale && !a.offset && !a.margin && a.columns <= 1 && !a.losses && !a.weights;
}

// The tile that begins at `start`, of which the first `size` elements are there.
struct Tile { long long start; int size; };
__device__ __forceinline__ Tile tile_at(const BceArguments& a, long long start) {
    Tile tile;
    tile.start = start;
    tile.size = a.count - start < TILE ? int(a.count - start) : TILE;
    return tile;
}

// All that is read of one element. A tile's elements are read before the first is written: a store might, for all the
// compiler knows, change what a later load reads.
template <bool PLAIN>
__device__ __forceinline__ Element element_at(const BceArguments& a, const Tile& tile, int at, bool each, bool adds) {
    const long long index = tile.start + at;
    Element e;
    e.inside = at < tile.size;
    e.on = e.inside && (PLAIN || a.valid == 0 || a.valid[index] != 0);
    e.logit = e.on ? a.logits[index] : real(0);
    e.target = e.on ? a.targets[index] : target_t(0);
    e.unit = !PLAIN && e.on && a.sample_weight ? a.sample_weight[index] : real(1);
    e.arriving = each && e.inside ? a.upstream[index] : real(1);
    e.before = adds && e.inside ? a.gradient[index] : real(0);
    return e;
}

// dL/dx before the reduction.
__device__ __forceinline__ real slope_of(const Sample& s, const Weighed& w, real unit) {
    return (w.weight_slope * w.base + w.weight * w.base_slope) * unit * s.direction;
}

// The first fault of this thread's elements of a tile, which are looked at once more, one by one and exactly.
template <bool PLAIN>
__device__ __forceinline__ unsigned long long fault_in(const BceArguments& a, const Tile& tile, const Map& map,
                                                       const Literals& c) {
    unsigned long long fault = NO_FAULT;
    #pragma unroll 1
    for (int at = threadIdx.x; at < TILE; at += BLOCK) {
        const long long index = tile.start + at;
        const Element e = element_at<PLAIN>(a, tile, at, false, false);
        if (!e.on) continue;
        if (!is_finite(e.logit)) fault = smaller_fault(fault, 3 * index);
        else if (!is_target(e.target)) fault = smaller_fault(fault, 3 * index + 1);
        else if (is_bad_weight(e.unit)) fault = smaller_fault(fault, 3 * index + 2);
        else {
            const Sample s = sample_of(map, e.logit, e.target, column_of<PLAIN>(a, index));
            const Weighed w = weigh(s, c, a.constants);
            const real weight = e.unit * w.weight;
            fault = result_fault(fault, a.fault, a.found, index, s.margin, weight, weight * w.base, slope_of(s, w, e.unit));
        }
    }
    return fault;
}

template <bool PLAIN> __device__ __forceinline__ void value(const BceArguments& a) {
    const Literals c = literals(a.constants);
    const Map map = map_for<PLAIN>(a);
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    unsigned long long fault = NO_FAULT;
    for (long long start = (long long)blockIdx.x * TILE; start < a.count; start += (long long)gridDim.x * TILE) {
        const Tile tile = tile_at(a, start);
        Element e[ITEMS];
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) e[k] = element_at<PLAIN>(a, tile, k * BLOCK + threadIdx.x, false, false);
        bool all_fine = true;
        real loss_part = 0, weight_part = 0;
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            const long long index = start + k * BLOCK + threadIdx.x;
            real loss = 0, weight = 0;
            if (e[k].on) {
                const Sample s = sample_of(map, e[k].logit, e[k].target, column_of<PLAIN>(a, index));
                const Weighed w = weigh(s, c, a.constants);
                weight = e[k].unit * w.weight;
                loss = weight * w.base;
                const bool fine = are_finite(e[k].logit, weight, loss, slope_of(s, w, e[k].unit));
                all_fine = all_fine && fine && is_target(e[k].target) && !is_bad_weight(e[k].unit);
                ++valid;
                positives += s.label == 1;
            }
            loss_part += loss;
            weight_part += weight;
            if (!PLAIN && a.losses && e[k].inside) a.losses[index] = loss;
            if (!PLAIN && a.weights && e[k].inside) a.weights[index] = weight;
        }
        if (!all_fine) fault = smaller_fault(fault, fault_in<PLAIN>(a, tile, map, c));
        loss_sum += loss_part;
        weight_sum += weight_part;
    }
    report(a.fault, fault);
    write_partials(a.partials, loss_sum, weight_sum, valid, positives);
}

template <bool PLAIN> __device__ __forceinline__ void fused(const BceArguments& a) {
    const Literals c = literals(a.constants);
    const Map map = map_for<PLAIN>(a);
    const real scale = within(*a.factor * (a.upstream && !a.upstream_each ? (double)*a.upstream : 1.0));
    const bool each = !PLAIN && a.upstream && a.upstream_each, adds = PLAIN || (a.gradient && a.accumulate);
    double loss_sum = 0, weight_sum = 0;
    unsigned valid = 0, positives = 0;
    for (long long start = (long long)blockIdx.x * TILE; start < a.count; start += (long long)gridDim.x * TILE) {
        const Tile tile = tile_at(a, start);
        Element e[ITEMS];
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) e[k] = element_at<PLAIN>(a, tile, k * BLOCK + threadIdx.x, each, adds);
        real loss_part = 0, weight_part = 0;
        #pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            const long long index = start + k * BLOCK + threadIdx.x;
            real loss = 0, weight = 0, slope = 0;
            if (e[k].on) {
                const Sample s = sample_of(map, e[k].logit, e[k].target, column_of<PLAIN>(a, index));
                const Weighed w = weigh(s, c, a.constants);
                weight = e[k].unit * w.weight;
                loss = weight * w.base;
                slope = slope_of(s, w, e[k].unit) * (e[k].arriving * scale);
                ++valid;
                positives += s.label == 1;
            }
            loss_part += loss;
            weight_part += weight;
            if (!PLAIN && a.losses && e[k].inside) a.losses[index] = loss;
            if (!PLAIN && a.weights && e[k].inside) a.weights[index] = weight;
            if ((PLAIN || a.gradient) && e[k].inside) a.gradient[index] = e[k].before + slope;
        }
        loss_sum += loss_part;
        weight_sum += weight_part;
    }
    if (!PLAIN && a.partials) write_partials(a.partials, loss_sum, weight_sum, valid, positives);
}

// Validates, and sums losses, weights and counts; touches no gradient.
extern "C" __global__ void reweight_bce_value(BceArguments a) {
    if (is_plain(a)) value<true>(a);
    else value<false>(a);
}

// Loss and gradient in one pass over a batch that `reweight_bce_value` or the statistics have validated: where they
// found a fault, nothing is written.
extern "C" __global__ void reweight_bce_fused(BceArguments a) {
    if (*a.fault != NO_FAULT) return;
    if (is_plain(a) && only_adds(a)) fused<true>(a);
    else fused<false>(a);
}
