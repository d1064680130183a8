// Elements that lie anywhere in memory, one after the other in the order of their indices.
extern "C" __global__ void reweight_gather(GatherArguments a) {
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x; index < a.count; index += stride) {
        long long rest = index, place = 0;
        for (long long axis = a.rank - 1; axis >= 0; --axis) {
            place += rest % a.layout[axis] * a.layout[a.rank + axis];
            rest /= a.layout[axis];
        }
        a.to[index] = a.from[place];
    }
}
