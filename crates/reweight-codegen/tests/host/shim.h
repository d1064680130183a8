// CUDA's words for the host compiler. The threads of a block are fibers that take turns: each runs until it reaches a
// barrier or a shuffle, so collectives work as on the device, and one that not all threads reach ends the program.
#pragma once
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
// No more of the library than that: it would take longer to read than most kernels.

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static   // blocks run one after the other

// A block's state. One program has it to itself; where each kernel is a library, all share that of the program that
// loads them (SHIM_STATE is `extern` in the libraries, and empty there): stacks of its own took each library 64 MiB.
#ifndef SHIM_STATE
#define SHIM_STATE static
#endif

struct dim3_ { unsigned x; };
SHIM_STATE dim3_ threadIdx, blockIdx, blockDim, gridDim;

namespace shim {
struct Fiber {
    ucontext_t context;   // for the first entry alone: a switch by ucontext costs a system call
    jmp_buf place;
    char* stack;
    bool started, done, waits_for_block, waits_for_warp;
};
SHIM_STATE Fiber fibers[1024];
SHIM_STATE jmp_buf scheduler;
SHIM_STATE Fiber* current;
// The kernel with its arguments, and what runs it.
SHIM_STATE const void* call;
SHIM_STATE void (*body)(const void*);
// One slot a lane for the value that a shuffle hands over.
SHIM_STATE unsigned char slots[1024][8];

static void fail(const char* what) {
    fprintf(stderr, "block %u: %s\n", blockIdx.x, what);
    exit(3);
}
static void give_way() {
    if (_setjmp(current->place) == 0) _longjmp(scheduler, 1);
}
static void run_fiber() {
    // The fiber serves every block that is launched.
    for (;;) {
        body(call);
        current->done = true;
        give_way();
    }
}
static __attribute__((noinline)) void resume(Fiber& fiber) {
    current = &fiber;
    threadIdx.x = (unsigned)(&fiber - fibers);
    if (_setjmp(scheduler) != 0) return;
    if (fiber.started) _longjmp(fiber.place, 1);
    fiber.started = true;
    setcontext(&fiber.context);
}
// Lets go the fibers of [first, last) where all wait in the same way.
static bool release(unsigned first, unsigned last, bool Fiber::*waits) {
    for (unsigned t = first; t < last; ++t) if (!(fibers[t].*waits)) return false;
    for (unsigned t = first; t < last; ++t) fibers[t].*waits = false;
    return true;
}
// Each warp runs as far as it can before the next one starts: what one of them reads too late, or too early, shows in the
// result, which must be the same in both orders.
static void run_block(bool backwards) {
    const unsigned size = blockDim.x, warps = size / 32;
    for (unsigned t = 0; t < size; ++t) fibers[t].done = fibers[t].waits_for_block = fibers[t].waits_for_warp = false;
    for (unsigned finished = 0; finished < size;) {
        bool moved = false;
        for (unsigned step = 0; step < warps; ++step) {
            const unsigned first = 32 * (backwards ? warps - 1 - step : step);
            for (bool running = true; running;) {
                running = false;
                for (unsigned lane = 0; lane < 32; ++lane) {
                    Fiber& fiber = fibers[first + (backwards ? 31 - lane : lane)];
                    if (fiber.done || fiber.waits_for_block || fiber.waits_for_warp) continue;
                    running = true;
                    resume(fiber);
                    finished += fiber.done;
                }
                running |= release(first, first + 32, &Fiber::waits_for_warp);
                moved |= running;
            }
        }
        moved |= release(0, size, &Fiber::waits_for_block);
        if (!moved && finished < size) fail("a barrier or shuffle that not all threads reach");
    }
}
static void make_fibers() {
    for (Fiber& fiber : fibers) {
        // Never freed, and of no use before a thread runs on it.
        fiber.stack = (char*)malloc(64 * 1024);
        if (!fiber.stack) fail("no memory for the threads' stacks");
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack;
        fiber.context.uc_stack.ss_size = 64 * 1024;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, run_fiber, 0);
    }
}
template <typename Kernel, typename Arguments> struct Call {
    Kernel kernel;
    const Arguments& arguments;
    static void run(const void* own) { ((const Call*)own)->kernel(((const Call*)own)->arguments); }
};
template <typename Kernel, typename Arguments>
static void launch(Kernel kernel, unsigned grid, unsigned block, const Arguments& arguments, bool backwards) {
    if (block == 0 || block % 32 != 0 || block > 1024) fail("a block must be whole warps, at most 1024 threads");
    gridDim.x = grid;
    blockDim.x = block;
    if (!fibers[0].stack) make_fibers();
    const Call<Kernel, Arguments> own{kernel, arguments};
    call = &own;
    body = Call<Kernel, Arguments>::run;
    for (unsigned at = 0; at < grid; ++at) {
        blockIdx.x = backwards ? grid - 1 - at : at;
        run_block(backwards);
    }
}
static void warp_barrier() {
    current->waits_for_warp = true;
    give_way();
}
}   // namespace shim

static inline void __syncthreads() {
    shim::current->waits_for_block = true;
    shim::give_way();
}
template <typename T> static inline T __shfl_xor_sync(unsigned mask, T value, int lanes) {
    static_assert(sizeof(T) <= 8, "a shuffle hands over at most 8 bytes");
    if (mask != 0xffffffffu) shim::fail("a shuffle without all lanes");
    const unsigned thread = threadIdx.x;
    memcpy(shim::slots[thread], &value, sizeof(T));
    shim::warp_barrier();
    T other;
    memcpy(&other, shim::slots[thread ^ (unsigned)lanes], sizeof(T));
    shim::warp_barrier();
    return other;
}
template <typename T> static inline T atomicAdd(T* place, T number) {
    const T before = *place;
    *place += number;
    return before;
}
template <typename T> static inline T atomicMin(T* place, T number) {
    const T before = *place;
    if (number < before) *place = number;
    return before;
}
