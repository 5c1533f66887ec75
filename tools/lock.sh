#!/usr/bin/env bash
# Renews requirements/*.lock: every package with its hashes, no index named.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch"
"$scratch/bin/pip" install --quiet uv
compile=("$scratch/bin/uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links
    --no-header --no-annotate --python-version 3.11 --no-config)
"${compile[@]}" -o requirements/build.lock requirements/build.in
"${compile[@]}" -o requirements/dev.lock pyproject.toml requirements/dev.in
"${compile[@]}" -c requirements/dev.lock --extra report -o requirements/kiosk.lock pyproject.toml
