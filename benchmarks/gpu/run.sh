#!/usr/bin/env bash
# Run one step of the GPU programme on a bare machine: Python 3.12 with torch, an NVIDIA GPU, no network.
#
#   run.sh receive LOAD            take one load in (prepare.sh makes them)
#   run.sh STEP [--rehearse] ...   a correctness, b throughput, c stages, d training's cost, e FERPlus
#   run.sh shards [--gpu 0]        the faces of the videos, 48 pixels wide, which step e trains on
#   run.sh background e            the same, while loads are still coming; its words go to $STORE/e.log
#   run.sh stop                    end step e wherever it runs; what it has is kept, and the next `run.sh e` goes on
#
# --rehearse runs the same programs on the CPU, at the smallest size, with the packages that are there. Every step has
# its own time limit ($LIMIT seconds), keeps results as it goes, and leaves them in $OUT (or benchmarks/) whatever
# happens. $STORE (/tmp/rmset-gpu) holds what was received and what is being made; $PYTHON is the machine's python.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-python3}
store=${STORE:-/tmp/rmset-gpu}
site=$store/site
export BENCHMARK_RESULTS=${OUT:-$root/benchmarks}
what=${1:?a step or receive LOAD}
shift
rehearse=
if [ "${1:-}" = --rehearse ]; then rehearse=--rehearse && shift; fi
mkdir -p "$store" "$site"
export PYTHONUNBUFFERED=1 PYTHONPATH=$root:$root/benchmarks:$here:$site

# Wheels beside the machine's own packages, which stay as they are.
install() {
    [ -z "$rehearse" ] || [ -n "${INSTALL:-}" ] || return 0
    "$python" "$here/loads.py" missing "$store" "$@" || exit 3
    local group wheel
    for group in "$@"; do
        [ ! -e "$store/$group.installed" ] || continue
        "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-compile --upgrade \
            --no-warn-conflicts --target "$site" "$store/$group"/*.whl
        touch "$store/$group.installed"
    done
    # ONNX Runtime finds CUDA in the wheels of NVIDIA that torch brought, which lie in another folder than its own.
    export LD_LIBRARY_PATH=$("$python" -c '
import nvidia, pathlib
print(*sorted({str(p.parent) for place in nvidia.__path__ for p in pathlib.Path(place).glob("*/lib/lib*.so*")}), sep=":")
'):${LD_LIBRARY_PATH:-}
}

videos() { ls "$store"/2-extract/videos/*.mp4; }
mashups() { videos | grep -vE "/(seed|same)" || videos; }
# The faces of the videos, so many pixels wide, for training.
shards() {
    "$python" -m rmset_builder extract $(videos) --out "$store/shards$1" --image-size "$1" "${@:2}"
}
limited() { timeout --signal=INT --kill-after=20 "${LIMIT:-$1}" "${@:2}"; }
# What runs of training found, without their weights.
deliver() {
    [ -z "${OUT:-}" ] || [ ! -d "$store/ferplus-runs" ] || (cd "$store/ferplus-runs" && find . -name "results.json" \
        -o -name "log.jsonl" -o -name "*.parquet" -path "*evaluation*" -o -name "told.txt" -o -name "config.yaml" |
        tar -czf "$OUT/ferplus-runs.tgz" -T -) || true
}
trap deliver EXIT

case $what in
receive)
    "$python" "$here/loads.py" receive "$1" "$store"
    ;;
a | correctness)
    install 1-train 2-extract 3-onnxruntime
    limited 150 "$python" "$here/correctness.py" $(mashups) $rehearse "$@"
    ;;
b | throughput)
    install 1-train 2-extract 3-onnxruntime
    limited 240 "$python" "$here/throughput.py" $(mashups) $rehearse "$@"
    ;;
c | stages)
    install 1-train 2-extract 3-onnxruntime
    limited 120 "$python" "$here/stages.py" $(mashups | grep film11 || mashups | head -1) $rehearse "$@"
    ;;
shards)
    install 1-train 2-extract 3-onnxruntime
    shards 48 "$@"
    ;;
d | train-cost)
    install 1-train 2-extract 3-onnxruntime
    [ -n "$rehearse" ] || [ -d "$store/shards260" ] || shards 260 --gpu 0
    set -- ${rehearse:+--backbone resnet10t --size 48 --steps 1 --name gpu/train_cost_rehearsed} "$@"
    [ -n "$rehearse" ] || set -- --device cuda --variants default contiguous float32 --name gpu/train_cost "$@"
    limited 120 "$python" "$here/../train_cost.py" "$store/shards$([ -n "$rehearse" ] && echo 48 || echo 260)" \
        --benchmark "$store/1-train/ferplus.zip" "$@"
    [ -n "$rehearse" ] || limited 60 "$python" "$here/../anchor_sets.py" "$store/shards260" --device cuda --rounds 1 \
        --faces 20000 --sets 60
    ;;
e | ferplus)
    install 1-train
    echo $$ > "$store/e.pid"
    if [ -n "$rehearse" ]; then set -- --scale smoke "$@"; else set -- --scale gpu --device cuda --jobs 4 "$@"; fi
    limited 480 "$python" "$here/../ferplus.py" --benchmark "$store/1-train/ferplus.zip" --shards "$store/shards48" \
        --work "$store/ferplus-runs" "$@"
    ;;
background)
    # Neither shell nor terminal shall keep an interruption from it, hence no "&".
    "$python" -c '
import subprocess, sys
with open(sys.argv[1], "a") as log:
    subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
' "$store/$1.log" bash "$0" "$@"
    ;;
stop)
    [ -e "$store/e.pid" ] || exit 0
    pkill -INT -P "$(cat "$store/e.pid")" || true
    for _ in $(seq 80); do pgrep -P "$(cat "$store/e.pid")" > /dev/null || break; sleep 0.5; done
    rm -f "$store/e.pid"
    ;;
*)
    sed -n '2,12s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
