#!/bin/sh
# On a GPU machine: the conformance suite on Cuda beside Cpu, a short run under compute-sanitizer where it is there, then the
# table of timings. Writes machine.csv, conformance.log, sanitizer.log, ours.jsonl, peers.jsonl and table.md beside itself.
# It ends with code 0 where all was run and held, 1 where something did not, 2 where nothing could be run.
# `sh run.sh --short` sees whether it runs at all, in a minute.
#
# Wanted: NVIDIA's driver; NVRTC and cuBLAS of CUDA 11 to 13, of the system, of Conda or of Python's nvidia wheels; for the
# peers Python with a CUDA build of torch.
case $1 in
    '' | --short) effort=$1 ;;
    *) echo "error: \`$1\` is no option; there is --short" >&2; exit 2 ;;
esac
cd "$(dirname "$0")" || exit 2
PYTHON=${PYTHON:-python3}

# Where CUDA's libraries may lie, one folder a line.
wheels=$("$PYTHON" - 2>/dev/null <<'PY'
import glob, os, site, sys
roots = site.getsitepackages() + [site.getusersitepackages()] + sys.path
for root in dict.fromkeys(root for root in roots if root):
    print(*sorted(glob.glob(os.path.join(root, "nvidia", "*", "lib"))), sep="\n")
PY
)
cached=$(ldconfig -p 2>/dev/null | sed -n 's,.*=> \(/.*\)/lib\(nvrtc\|cublas\)\.so[^/]*$,\1,p' | sort -u)
installed=$(ls -d /usr/local/cuda*/lib64 /usr/local/cuda*/targets/*/lib /opt/cuda/lib64 2>/dev/null)
all=$(printf '%s\n' "$CUDA_PATH/lib64" "$CUDA_PATH/lib" "$CUDA_HOME/lib64" "$CONDA_PREFIX/lib" "$wheels" "$installed" "$cached" |
    awk 'NF && !seen[$0]++')
all=$all$(printf '%s' ":$LD_LIBRARY_PATH" | tr ':' '\n')

# first NAME VERSION: the first such library.
first() {
    printf '%s\n' "$all" | while read -r folder; do
        [ -e "$folder/lib$1.so.$2" ] && echo "$folder/lib$1.so.$2" && break
    done
}

driver=$(LC_ALL=C ldconfig -p 2>/dev/null | grep -c 'libcuda\.so\.1')
for folder in $(printf '%s' "$LD_LIBRARY_PATH" | tr ':' ' ') /usr/local/nvidia/lib64 /usr/lib/wsl/lib; do
    [ -e "$folder/libcuda.so.1" ] && driver=1 && export LD_LIBRARY_PATH="$folder:$LD_LIBRARY_PATH"
done
[ "$driver" = 0 ] && echo "error: no CUDA driver was found (libcuda.so.1): install NVIDIA's driver, or, in a container, let it see the GPU" >&2

# The programs ask for libnvrtc.so and libcublas.so of no particular version: the newest that the driver takes will do.
given=$LD_LIBRARY_PATH
found='' chosen=''
mkdir -p libraries
for version in 13 12 11.2 11; do
    cublas=$(first cublas "${version%.*}") nvrtc=$(first nvrtc "$version")
    [ -n "$cublas" ] && [ -n "$nvrtc" ] || continue
    found="$found $version"
    [ "$driver" = 0 ] && continue
    ln -sf "$nvrtc" libraries/libnvrtc.so && ln -sf "$cublas" libraries/libcublas.so
    # Their own folders, too: they load others beside themselves.
    export LD_LIBRARY_PATH="$PWD/libraries:$(dirname "$nvrtc"):$(dirname "$cublas")${given:+:$given}"
    if ./cuda-conformance --one-step > try.log 2>&1; then chosen=$version; break; fi
    echo "with the libraries of CUDA $version: $(tail -n 1 try.log)" >&2
done
if [ -z "$found" ]; then
    echo "error: no pair of NVRTC and cuBLAS of one CUDA version was found: set CUDA_PATH to a toolkit, or install the wheels" \
        "nvidia-cuda-nvrtc and nvidia-cublas (for CUDA 12: nvidia-cuda-nvrtc-cu12 and nvidia-cublas-cu12)" >&2
    exit 2
fi
[ "$driver" = 0 ] && exit 2
if [ -z "$chosen" ]; then
    echo "error: a step could be made with none of them:$found" >&2
    exit 2
fi
echo "the libraries of CUDA $chosen: $(readlink libraries/libnvrtc.so), $(readlink libraries/libcublas.so)"

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv > machine.csv 2>/dev/null
{ echo "CUDA libraries $chosen"; date -u; } >> machine.csv

echo "── conformance"
./cuda-conformance $effort > conformance.log 2>&1
conformance=$?
tail -n 20 conformance.log
[ $conformance -eq 0 ] || failed=1

if command -v compute-sanitizer > /dev/null; then
    : > sanitizer.log
    for tool in memcheck racecheck; do
        echo "── compute-sanitizer, $tool"
        # A quarter of an hour is far more than it takes, and less than for ever.
        timeout 900 compute-sanitizer --tool $tool --error-exitcode 9 ./cuda-conformance --short >> sanitizer.log 2>&1 || failed=1
        tail -n 3 sanitizer.log
    done
else
    echo "── compute-sanitizer is not there: left out"
fi

echo "── timings"
./cuda-bench $effort > ours.jsonl || failed=1
cat ours.jsonl
"$PYTHON" peers.py ours.jsonl > table.md || { failed=1; echo "the peers were left out: see above" >&2; }
cat machine.csv table.md
exit ${failed:-0}
