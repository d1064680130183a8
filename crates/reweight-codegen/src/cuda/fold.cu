// Adds a gradient to where its logits lie. Logits that were broadcast share memory: one thread adds up their gradients, in
// the order of their indices.
extern "C" __global__ void reweight_fold(FoldArguments a) {
    const long long* kept = a.layout;
    const long long* repeated = a.layout + 3 * a.kept_rank;
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x; index < a.count; index += stride) {
        long long rest = index, from = 0, to = 0;
        for (long long axis = a.kept_rank - 1; axis >= 0; --axis) {
            const long long at = rest % kept[axis];
            from += at * kept[a.kept_rank + axis];
            to += at * kept[2 * a.kept_rank + axis];
            rest /= kept[axis];
        }
        double sum = 0;
        for (long long copy = 0; copy < a.copies; ++copy) {
            long long place = from;
            rest = copy;
            for (long long axis = a.repeated_rank - 1; axis >= 0; --axis) {
                place += rest % repeated[axis] * repeated[a.repeated_rank + axis];
                rest /= repeated[axis];
            }
            sum += a.from[place];
        }
        a.to[to] += real(sum);
    }
}
