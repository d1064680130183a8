#!/bin/sh
# On a GPU machine: the conformance suite on Cuda beside Cpu, a short run under compute-sanitizer where it is there, `reweight`
# on the device, then the table of timings. Writes machine.csv, conformance.log, sanitizer.log, compare-cuda.txt and -cpu.txt,
# ours.jsonl, peers.jsonl and table.md beside itself.
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

# Most of the suite's time goes into compiling kernels on one processor: its checks are dealt out to as many programs as there
# are processors and GiB of free memory on the device.
conformance() {
    free=$(nvidia-smi --query-gpu=memory.free --format=csv,noheader,nounits 2>/dev/null | head -n 1)
    shares=$(nproc 2>/dev/null || echo 1)
    [ $((${free:-1024} / 1024)) -ge "$shares" ] || shares=$((${free:-1024} / 1024))
    [ "$shares" -ge 1 ] || shares=1
    at=0 started=''
    while [ $at -lt $shares ]; do
        ./cuda-conformance --share $at/$shares > share-$at.log 2>&1 &
        started="$started $at:$!"
        at=$((at + 1))
    done
    bad=0
    : > conformance.log
    for one in $started; do
        wait "${one#*:}" || bad=1
        cat "share-${one%:*}.log" >> conformance.log && rm "share-${one%:*}.log"
    done
    return $bad
}

echo "── conformance"
if [ -n "$effort" ]; then ./cuda-conformance $effort > conformance.log 2>&1; else conformance; fi
[ $? -eq 0 ] || failed=1
grep -v '^ok ' conformance.log | grep -E '^FAILED|passed|panicked|^error' | head -n 60
echo "in all: $(grep -c '^ok ' conformance.log) passed, $(grep -c '^FAILED' conformance.log) failed"

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

# The loss of the same batch by two backends, and a comparison whose networks are trained on the device.
loss() {
    ./reweight eval --backend "$1" --config example/loss.toml --logits example/logits.npy --targets example/targets.npy |
        sed -n 's/.*"loss": *\([-+.0-9e]*\).*/\1/p'
}
echo "── the program"
ours=$(loss dfdx-cuda) host=$(loss ndarray)
echo "reweight eval: the loss is $ours on the device and $host on the CPU"
awk -v a="$ours" -v b="$host" 'BEGIN { d = a - b; if (d < 0) d = -d; if (b < 0) b = -b; exit !(b > 0 && d <= 1e-5 * b) }' || failed=1
for device in cuda cpu; do
    ./reweight compare --device $device --epochs 5 --folds 2 --repeats 1 --json compare-$device.json > compare-$device.txt 2>&1 ||
        { failed=1; tail -n 3 compare-$device.txt >&2; }
done
echo "reweight compare: what differs between the device's table and the CPU's"
diff compare-cuda.txt compare-cpu.txt | head -n 24

echo "── timings"
./cuda-bench $effort > ours.jsonl || failed=1
cat ours.jsonl
"$PYTHON" peers.py ours.jsonl > table.md || { failed=1; echo "the peers were left out: see above" >&2; }
cat machine.csv table.md
exit ${failed:-0}
