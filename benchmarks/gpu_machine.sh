#!/usr/bin/env bash
# Prepare a bare machine (Python with torch, an NVIDIA GPU, no network) and run the GPU benchmarks on it.
#
#   benchmarks/gpu_machine.sh extract WHEELS RESULTS VIDEO ...
#   benchmarks/gpu_machine.sh train WHEELS RESULTS SHARDS FERPLUS.zip      # FERPlus.zip may be in parts, as wheels
#
# The second can be stopped and called again: runs of training that are done, or begun, are gone on with.
# WHEELS holds the wheels of this project's dependencies, and those over the transfer's limit in parts NAME.whl.part00,
# NAME.whl.part01, ... (split -b 60M -d NAME.whl NAME.whl.part). On a machine with network they come from:
#   python -m pip download --dest WHEELS ".[train]" onnxruntime-gpu
set -euo pipefail
what=$1 wheels=$2 results=$3
shift 3
cd "$(dirname "$0")/.."

join() { [ -e "$1" ] || { cat "$1".part?? > "$1.tmp" && mv "$1.tmp" "$1"; }; }
for first in "$wheels"/*.part00; do
    [ ! -e "$first" ] || join "${first%.part00}"
done

# torch's own CUDA libraries serve ONNX Runtime too, hence the machine's packages.
[ -d .venv-gpu ] || python3 -m venv --system-site-packages .venv-gpu
python=.venv-gpu/bin/python
export PYTHONPATH=.
$python -c '
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
wanted = project["dependencies"] + [w for w in project["optional-dependencies"]["train"] if not w.startswith("torch")]
print(*wanted, sep="\n")' |
    $python -m pip install --quiet --no-index --find-links "$wheels" --requirement /dev/stdin
$python -m pip install --quiet --no-index --find-links "$wheels" --force-reinstall --no-deps onnxruntime-gpu
$python -c "import cv2" 2>/dev/null ||
    $python -m pip install --quiet --no-index --find-links "$wheels" --force-reinstall --no-deps opencv-python-headless
mkdir -p "$results"
if [ "$what" = train ]; then
    join "$2"
    $python benchmarks/train_cost.py "$1" --benchmark "$2" --device cuda
    cp benchmarks/train_cost.json "$results"
    $python benchmarks/anchor_sets.py "$1" --device cuda
    cp benchmarks/anchor_sets.json "$results"
    $python benchmarks/ferplus.py --scale gpu --jobs 4 --device cuda --shards "$1" --benchmark "$2"
    cp benchmarks/ferplus_gpu.json "$results"
else
    $python -m rmset_builder doctor --gpu 0
    $python benchmarks/extract_gpu.py "$@"
    cp benchmarks/extract_gpu.json "$results"
fi
