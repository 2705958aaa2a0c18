#!/bin/sh
# Makes .venv-train in the repository root. torch first and alone, so that no other package chooses its version.
set -e
root=$(cd "$(dirname "$0")/../.." && pwd)
python3 -m venv "$root/.venv-train"
"$root/.venv-train/bin/pip" install "$(grep '^torch==' "$root/tools/train/requirements.txt")"
"$root/.venv-train/bin/pip" install -r "$root/tools/train/requirements.txt"
