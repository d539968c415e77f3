#!/bin/sh
# What both container recipes run: Python 3.11 of Debian 12, a compiler for the kernels that torch and vLLM write, and the
# packages of the locks by their hashes. `image.sh cpu` is the environment of `make demo`, `image.sh cuda` one for GPUs
# with vLLM.
set -eu
cd "$(dirname "$0")"
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    ca-certificates g++ git make python3.11-dev python3.11-venv
rm -rf /var/lib/apt/lists/*
python3.11 -m venv /opt/mixdistill/venv
install() { /opt/mixdistill/venv/bin/pip install --quiet --no-cache-dir --require-hashes "$@"; }
case "$1" in
cpu)
    install --no-deps -r torch-cpu.txt 2>/dev/null ||
        install --no-deps -r torch-cpu.txt --extra-index-url https://download.pytorch.org/whl/cpu
    install -r demo.txt
    ;;
cuda) install -r image-cuda.txt ;;
*) echo "image.sh: cpu or cuda, not $1" >&2; exit 2 ;;
esac
