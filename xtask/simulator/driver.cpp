// A CUDA device of the host's memory: as much of the driver, NVRTC and cuBLAS as dfdx's tensors and the losses ask for.
//
// NVRTC compiles with the host's compiler and the header that gives CUDA's words to it, a module is a shared library,
// and a launch runs the kernel's threads as fibers, one block after the other. All calls are synchronous. What is proved
// with it is everything but the device: which kernels are launched on what, in which order, with which arguments.
//
// SIMULATOR_SHIM is the header's path, SIMULATOR_CACHE a folder for compiled kernels. SIMULATED_INIT,
// SIMULATED_LOAD and SIMULATED_COMPILE make cuInit, cuModuleLoadData and nvrtcCompileProgram fail with a code,
// SIMULATED_COUNT and SIMULATED_NVRTC set the number of devices and NVRTC's version, SIMULATED_MEMORY the bytes of the
// device's memory, and of its allocations that of the number SIMULATED_ALLOCATION, from 1, finds none.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <map>
#include <string>
#include <vector>
#define SHIM_STATE   // here is what the kernels' libraries share
#include "shim.h"

typedef int Status;
enum { OK = 0, INVALID = 1, NO_MEMORY = 2, INVALID_IMAGE = 200, INVALID_HANDLE = 400, NOT_FOUND = 500 };

static long setting(const char* name, long otherwise) {
    const char* text = getenv(name);
    return text ? atol(text) : otherwise;
}

// Memory: each piece with its size, so that a copy or a free of what is no piece is an error.
static std::map<uint64_t, size_t> pieces;
static size_t used;
static Status allocate(uint64_t* address, size_t bytes) {
    static long allocations;
    if (bytes > 0 && ++allocations == setting("SIMULATED_ALLOCATION", 0)) return NO_MEMORY;
    if (used + bytes > (size_t)setting("SIMULATED_MEMORY", 4L << 30)) return NO_MEMORY;
    // Never null, and far enough from the next piece that a read past the end meets other bits than the neighbour's.
    unsigned char* piece = (unsigned char*)malloc(bytes + 512);
    if (!piece) return NO_MEMORY;
    memset(piece, 0xA5, bytes + 512);
    *address = (uint64_t)piece + 256;
    pieces[*address] = bytes;
    used += bytes;
    return OK;
}
static Status release(uint64_t address) {
    auto found = pieces.find(address);
    if (found == pieces.end()) return INVALID;
    // What a kernel wrote outside of its memory shows here.
    unsigned char* piece = (unsigned char*)address;
    for (int at = 1; at <= 256; ++at) if (piece[-at] != 0xA5 || piece[found->second + at - 1] != 0xA5) {
        fprintf(stderr, "simulator: a kernel wrote outside of %zu bytes\n", found->second);
        abort();
    }
    used -= found->second;
    pieces.erase(found);
    free(piece - 256);
    return OK;
}
static bool holds(uint64_t address, size_t bytes) {
    if (bytes == 0) return true;
    auto next = pieces.upper_bound(address);
    if (next == pieces.begin()) return false;
    --next;
    return address + bytes <= next->first + next->second;
}

// Compiled sources: a folder of shared libraries by the hash of their text.
struct Program { std::string source, image, log; };
static std::string cache() {
    const char* folder = getenv("SIMULATOR_CACHE");
    return folder ? folder : "/tmp";
}
static std::string contents(const char* path) {
    std::string all;
    FILE* file = path ? fopen(path, "r") : nullptr;
    if (!file) return all;
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;) all.append(part, got);
    fclose(file);
    return all;
}
static bool compile(Program& program) {
    // What was compiled with another header is another library.
    static const std::string header = contents(getenv("SIMULATOR_SHIM"));
    uint64_t hash = 1469598103934665603ull;
    for (unsigned char c : header + program.source) hash = (hash ^ c) * 1099511628211ull;
    char name[32];
    snprintf(name, sizeof name, "/k%016llx", (unsigned long long)hash);
    const std::string base = cache() + name, library = base + ".so";
    program.image = "simulated " + library;
    struct stat found;
    if (stat(library.c_str(), &found) == 0) return true;
    FILE* file = fopen((base + ".cpp").c_str(), "w");
    if (!file) return false;
    fprintf(file, "#define SHIM_STATE extern\n#include \"%s\"\n%s\n", getenv("SIMULATOR_SHIM"), program.source.c_str());
    // For each kernel a function that takes its struct by address.
    const std::string head = "extern \"C\" __global__ void ";
    for (size_t at = 0; (at = program.source.find(head, at)) != std::string::npos;) {
        at += head.size();
        const size_t open = program.source.find('(', at), space = program.source.find(' ', open);
        const std::string kernel = program.source.substr(at, open - at);
        const std::string type = program.source.substr(open + 1, space - open - 1);
        fprintf(file,
                "extern \"C\" void run_%s(const void* words, unsigned grid, unsigned block) {\n"
                "    %s a;\n    memcpy(&a, words, sizeof a);\n    shim::launch(%s, grid, block, a, false);\n}\n",
                kernel.c_str(), type.c_str(), kernel.c_str());
    }
    fclose(file);
    const char* compiler = getenv("CXX");
    const std::string made = base + ".tmp", log = base + ".log";
    std::string command = std::string(compiler ? compiler : "c++") +
                          " -std=c++17 -O1 -w -U_FORTIFY_SOURCE -mfma -ffp-contract=fast -shared -fPIC -o " + made + " " +
                          base + ".cpp 2> " + log;
    if (system(command.c_str()) != 0) {
        program.log = contents(log.c_str());
        return false;
    }
    return rename(made.c_str(), library.c_str()) == 0;
}

// Kernels.
typedef void (*Run)(const void* words, unsigned grid, unsigned block);
struct Function { Run run; std::string name; };
struct Module { void* library; };

// dfdx's own sum, the one of its kernels that a backward pass from per-sample losses needs.
template <typename T> static void sum_forward(void** p) {
    const size_t numel = *(size_t*)p[0], rank = *(size_t*)p[1], chunk = *(size_t*)p[3];
    const T each = *(T*)p[2];
    const size_t* info = *(size_t**)p[4];
    const T* in = *(T**)p[5];
    T* out = *(T**)p[6];
    for (size_t i = 0; i < numel; ++i) {
        size_t rest = i, place = 0;
        for (size_t axis = rank; axis-- > 0; rest /= info[axis]) place += rest % info[axis] * info[rank + axis];
        out[i / chunk] += in[place] * each;
    }
}
template <typename T> static void sum_backward(void** p) {
    const size_t numel = *(size_t*)p[0], rank = *(size_t*)p[1];
    const T each = *(T*)p[2];
    const size_t* info = *(size_t**)p[3];
    T* in = *(T**)p[4];
    const T* out = *(T**)p[5];
    for (size_t i = 0; i < numel; ++i) {
        size_t rest = i, place = 0;
        for (size_t axis = 0; axis < rank; ++axis) if (info[rank + axis] != 0) {
            place += rest / info[rank + axis] % info[axis] * info[2 * rank + axis];
        }
        in[i] += out[place] * each;
    }
}

extern "C" {
Status cuInit(unsigned) { return setting("SIMULATED_INIT", OK); }
Status cuDriverGetVersion(int* version) { *version = 12020; return OK; }
Status cuDeviceGet(int* device, int ordinal) { *device = ordinal; return OK; }
Status cuDeviceGetCount(int* count) { *count = setting("SIMULATED_COUNT", 1); return OK; }
Status cuDeviceGetAttribute(int* value, int, int) { *value = 1; return OK; }
Status cuDeviceGetDefaultMemPool(void** pool, int) { *pool = (void*)1; return OK; }
Status cuMemPoolSetAttribute(void*, int, void*) { return OK; }
Status cuDevicePrimaryCtxRetain(void** context, int) { *context = (void*)1; return OK; }
Status cuDevicePrimaryCtxRelease_v2(int) { return OK; }
Status cuCtxSetCurrent(void*) { return OK; }
// An event is the time at which it was recorded, in milliseconds; negative before.
Status cuEventCreate(double** event, unsigned) { *event = new double(-1); return OK; }
Status cuEventDestroy_v2(double* event) { delete event; return OK; }
Status cuEventRecord(double* event, void*) {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *event = now.tv_sec * 1e3 + now.tv_nsec * 1e-6;
    return OK;
}
Status cuEventSynchronize(double*) { return OK; }
Status cuEventElapsedTime(float* milliseconds, const double* begin, const double* end) {
    if (*begin < 0 || *end < 0) return INVALID_HANDLE;
    *milliseconds = *end - *begin;
    return OK;
}
Status cuStreamCreate(void** stream, unsigned) { *stream = (void*)3; return OK; }
Status cuStreamDestroy_v2(void*) { return OK; }
Status cuStreamSynchronize(void*) { return OK; }
Status cuStreamWaitEvent(void*, void*, unsigned) { return OK; }
Status cuGetErrorString(Status, const char** text) { *text = "simulated"; return OK; }
Status cuGetErrorName(Status, const char** text) { *text = "simulated"; return OK; }
Status cuMemAlloc_v2(uint64_t* address, size_t bytes) { return allocate(address, bytes); }
Status cuMemAllocAsync(uint64_t* address, size_t bytes, void*) { return allocate(address, bytes); }
Status cuMemFree_v2(uint64_t address) { return release(address); }
Status cuMemFreeAsync(uint64_t address, void*) { return release(address); }
Status cuMemsetD8_v2(uint64_t address, unsigned char value, size_t bytes) {
    if (!holds(address, bytes)) return INVALID;
    memset((void*)address, value, bytes);
    return OK;
}
Status cuMemsetD8Async(uint64_t address, unsigned char value, size_t bytes, void*) {
    return cuMemsetD8_v2(address, value, bytes);
}
Status cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t bytes) {
    if (!holds(to, bytes)) return INVALID;
    memcpy((void*)to, from, bytes);
    return OK;
}
Status cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void*) { return cuMemcpyHtoD_v2(to, from, bytes); }
Status cuMemcpyDtoH_v2(void* to, uint64_t from, size_t bytes) {
    if (!holds(from, bytes)) return INVALID;
    memcpy(to, (const void*)from, bytes);
    return OK;
}
Status cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void*) { return cuMemcpyDtoH_v2(to, from, bytes); }
Status cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t bytes) {
    if (!holds(to, bytes) || !holds(from, bytes)) return INVALID;
    memmove((void*)to, (const void*)from, bytes);
    return OK;
}
Status cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void*) { return cuMemcpyDtoD_v2(to, from, bytes); }
Status cuModuleLoadData(Module** module, const void* image) {
    if (Status code = setting("SIMULATED_LOAD", OK)) return code;
    const char* text = (const char*)image;
    void* library = nullptr;
    // What is not of this simulator's own NVRTC is dfdx's, and empty where it was built without a toolkit.
    if (strncmp(text, "simulated ", 10) == 0) {
        library = dlopen(text + 10, RTLD_NOW | RTLD_LOCAL);
        if (!library) return fprintf(stderr, "simulator: %s\n", dlerror()), INVALID_IMAGE;
    }
    *module = new Module{library};
    return OK;
}
Status cuModuleLoad(Module**, const char*) { return INVALID; }
Status cuModuleUnload(Module* module) { delete module; return OK; }
Status cuModuleGetFunction(Function** function, Module* module, const char* name) {
    Run run = module->library ? (Run)dlsym(module->library, (std::string("run_") + name).c_str()) : nullptr;
    if (module->library && !run) return NOT_FOUND;
    *function = new Function{run, name};
    return OK;
}
Status cuLaunchKernel(Function* function, unsigned grid, unsigned grid_y, unsigned grid_z, unsigned block, unsigned block_y,
                      unsigned block_z, unsigned, void*, void** parameters, void**) {
    if (grid == 0 || grid_y != 1 || grid_z != 1 || block_y != 1 || block_z != 1) return INVALID;
    if (function->run) function->run(parameters[0], grid, block);
    else if (function->name == "sum_to_fwd_f32") sum_forward<float>(parameters);
    else if (function->name == "sum_to_fwd_f64") sum_forward<double>(parameters);
    else if (function->name == "sum_to_bwd_f32") sum_backward<float>(parameters);
    else if (function->name == "sum_to_bwd_f64") sum_backward<double>(parameters);
    else return fprintf(stderr, "simulator: dfdx's kernel %s is not simulated\n", function->name.c_str()), NOT_FOUND;
    return OK;
}

Status nvrtcVersion(int* major, int* minor) { *major = setting("SIMULATED_NVRTC", 13); *minor = 0; return OK; }
Status nvrtcCreateProgram(Program** program, const char* source, const char*, int, const char**, const char**) {
    *program = new Program{source, "", ""};
    return OK;
}
Status nvrtcDestroyProgram(Program**) { return OK; }
Status nvrtcCompileProgram(Program* program, int, const char**) {
    if (Status code = setting("SIMULATED_COMPILE", OK)) return code;
    return compile(*program) ? 0 : 6;
}
Status nvrtcGetPTXSize(Program* program, size_t* size) { *size = program->image.size() + 1; return OK; }
Status nvrtcGetPTX(Program* program, char* text) { memcpy(text, program->image.c_str(), program->image.size() + 1); return OK; }
Status nvrtcGetProgramLogSize(Program* program, size_t* size) { *size = program->log.size() + 1; return OK; }
Status nvrtcGetProgramLog(Program* program, char* text) { memcpy(text, program->log.c_str(), program->log.size() + 1); return OK; }

Status cublasCreate_v2(void** handle) { *handle = (void*)4; return OK; }
Status cublasDestroy_v2(void*) { return OK; }
Status cublasSetStream_v2(void*, void*) { return OK; }
// The matrix products themselves are not simulated.
Status cublasSgemm_v2(...) { return 15; }
Status cublasDgemm_v2(...) { return 15; }
Status cublasHgemm(...) { return 15; }
Status cublasGemmEx(...) { return 15; }
Status cublasGemmStridedBatchedEx(...) { return 15; }
Status cublasSgemv_v2(...) { return 15; }
Status cublasDgemv_v2(...) { return 15; }
Status cublasSgemmStridedBatched(...) { return 15; }
Status cublasDgemmStridedBatched(...) { return 15; }
Status cublasHgemmStridedBatched(...) { return 15; }
}
