// Adjustments of the logits, all in one: z = δ·x + ι, and Δ taken from the label's.
struct Map {
    const real* scale = 0;
    const real* offset = 0;
    const real* margin = 0;
};
template <typename Arguments> __device__ __forceinline__ Map map_of(const Arguments& a) {
    Map map;
    map.scale = a.scale;
    map.offset = a.offset;
    map.margin = a.margin;
    return map;
}
// On the path of batches without adjustments it is known to be none.
template <bool PLAIN, typename Arguments> __device__ __forceinline__ Map map_for(const Arguments& a) {
    return PLAIN ? Map() : map_of(a);
}
// The logit of column or class `at`. Where nothing is adjusted it is the logit itself, to the bit.
__device__ __forceinline__ real adjusted(const Map& map, real logit, long long at) {
    if (map.scale) logit *= map.scale[at];
    if (map.offset) logit += map.offset[at];
    return logit;
}
__device__ __forceinline__ real scale_at(const Map& map, long long at) { return map.scale ? map.scale[at] : real(1); }
__device__ __forceinline__ real margin_at(const Map& map, long long label) {
    return map.margin ? map.margin[label] : real(0);
}
