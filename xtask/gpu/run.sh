#!/bin/sh
# On a GPU machine: the conformance suite on Cuda beside Cpu, a short run under compute-sanitizer where it is there, then the
# table of timings. Writes conformance.log, sanitizer.log, ours.jsonl, peers.jsonl and table.md beside itself.
#
# Wanted: NVIDIA's driver, NVRTC and cuBLAS of the version that the programs were linked to (also from Python's nvidia
# wheels: their lib folders are found), and for the peers Python with a CUDA build of torch.
cd "$(dirname "$0")" || exit 2

wheels=$(python3 - 2>/dev/null <<'PY'
import glob, os, site, sys
folders = site.getsitepackages() + [site.getusersitepackages()]
print(":".join(path for folder in folders for path in sorted(glob.glob(os.path.join(folder, "nvidia", "*", "lib")))))
PY
)
[ -n "$wheels" ] && export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$wheels"
[ -n "$CUDA_PATH" ] && export LD_LIBRARY_PATH="$CUDA_PATH/lib64:$CUDA_PATH/lib:$LD_LIBRARY_PATH"

missing=$(ldd ./cuda-conformance | awk '/not found/ {print $1}')
for library in $missing; do
    case $library in
        libcuda.*) echo "error: no CUDA driver was found ($library): install NVIDIA's driver" >&2 ;;
        libnvrtc.*) echo "error: NVRTC was not found ($library): install the CUDA libraries, or the wheel nvidia-cuda-nvrtc, of that version" >&2 ;;
        *) echo "error: $library was not found: install the CUDA libraries, or the wheel nvidia-cublas, of that version" >&2 ;;
    esac
done
[ -z "$missing" ] || exit 2

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv > machine.csv 2>/dev/null
date >> machine.csv

echo "── conformance"
./cuda-conformance > conformance.log 2>&1
conformance=$?
tail -n 20 conformance.log
[ $conformance -eq 2 ] && exit 2

if command -v compute-sanitizer > /dev/null; then
    echo "── compute-sanitizer"
    for tool in memcheck racecheck; do
        compute-sanitizer --tool $tool ./cuda-conformance --short >> sanitizer.log 2>&1
        tail -n 3 sanitizer.log
    done
else
    echo "── compute-sanitizer is not there: left out"
fi

echo "── timings"
./cuda-bench > ours.jsonl || exit 1
python3 peers.py ours.jsonl > table.md || echo "the peers were left out: see above" >&2
cat machine.csv table.md
exit $conformance
