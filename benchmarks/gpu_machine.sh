#!/usr/bin/env bash
# Prepare a bare machine (Python with torch, an NVIDIA GPU, no network) and run the GPU benchmark on it.
#
#   benchmarks/gpu_machine.sh WHEELS RESULTS VIDEO ...
#
# WHEELS holds the wheels of this project's dependencies, and those over the transfer's limit in parts NAME.whl.part00,
# NAME.whl.part01, ... (split -b 60M -d NAME.whl NAME.whl.part). On a machine with network they come from:
#   python -m pip download --dest WHEELS . onnxruntime-gpu
set -euo pipefail
wheels=$1 results=$2
shift 2
cd "$(dirname "$0")/.."

for first in "$wheels"/*.part00; do
    [ -e "$first" ] || continue
    whole=${first%.part00}
    [ -e "$whole" ] || { cat "$whole".part?? > "$whole.tmp" && mv "$whole.tmp" "$whole"; }
done

# torch's own CUDA libraries serve ONNX Runtime too, hence the machine's packages.
[ -d .venv-gpu ] || python3 -m venv --system-site-packages .venv-gpu
python=.venv-gpu/bin/python
export PYTHONPATH=.
$python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' |
    $python -m pip install --quiet --no-index --find-links "$wheels" --requirement /dev/stdin
$python -m pip install --quiet --no-index --find-links "$wheels" --force-reinstall --no-deps onnxruntime-gpu
$python -c "import cv2" 2>/dev/null ||
    $python -m pip install --quiet --no-index --find-links "$wheels" --force-reinstall --no-deps opencv-python-headless
$python -m rmset_builder doctor --gpu 0
$python benchmarks/extract_gpu.py "$@"
mkdir -p "$results"
cp benchmarks/extract_gpu.json "$results"
