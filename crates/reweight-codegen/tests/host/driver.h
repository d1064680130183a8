// Reads a file of buffers and launches, runs the launches, writes the buffers back. Each buffer ends at a page that may
// not be touched, so that a kernel that reads or writes past an end stops the program.
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

typedef void (*Runner)(const uint64_t* words, unsigned grid, unsigned block, bool backwards);

struct Buffer { unsigned char* start; uint64_t bytes; };

static Buffer guarded(uint64_t bytes) {
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t whole = (bytes + page - 1) / page * page;
    unsigned char* area = (unsigned char*)mmap(0, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED || mprotect(area + whole, page, PROT_NONE) != 0) shim::fail("no memory");
    return Buffer{area + whole - bytes, bytes};
}
static uint64_t number(FILE* file) {
    uint64_t value = 0;
    if (fread(&value, 8, 1, file) != 1) shim::fail("the job file is too short");
    return value;
}
static int run_jobs(const Runner* runners, int argc, char** argv) {
    if (argc != 4) return 2;
    const bool backwards = argv[3][0] == 'b';
    FILE* in = fopen(argv[1], "rb");
    if (!in) return 2;
    std::vector<Buffer> buffers(number(in));
    for (Buffer& buffer : buffers) {
        buffer = guarded(number(in));
        if (buffer.bytes && fread(buffer.start, buffer.bytes, 1, in) != 1) return 2;
    }
    for (uint64_t left = number(in); left > 0; --left) {
        const uint64_t runner = number(in), grid = number(in), block = number(in), pointers = number(in);
        std::vector<uint64_t> words(number(in));
        for (size_t at = 0; at < words.size(); ++at) {
            words[at] = number(in);
            // An address is a buffer's number, counted from 1, and an offset into it above bit 32.
            if ((pointers >> at & 1) && words[at] != 0) {
                const Buffer& buffer = buffers[(words[at] & 0xffffffffu) - 1];
                words[at] = (uint64_t)(buffer.start + (words[at] >> 32));
            }
        }
        runners[runner](words.data(), (unsigned)grid, (unsigned)block, backwards);
    }
    fclose(in);
    FILE* out = fopen(argv[2], "wb");
    if (!out) return 2;
    for (const Buffer& buffer : buffers) if (buffer.bytes && fwrite(buffer.start, buffer.bytes, 1, out) != 1) return 2;
    return fclose(out);
}
