#!/usr/bin/env bash
# Installs the versions of pyspark and py4j that requirements.lock names into .venv, checked by their hashes.
# Only the parity test of the KPIs needs them (and Java). Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh

want=$(grep -o '^pyspark==[0-9.]*' requirements.lock)
if .venv/bin/python -m pip freeze --disable-pip-version-check 2>/dev/null | grep -qx "$want"; then
  echo "spark: $want is there"
  exit 0
fi
# An archive of sources: the wheel is made here, with what is in .venv already.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --require-hashes \
  -r <(awk '/^[a-z0-9]/ {take = /^(pyspark|py4j)==/} take' requirements.lock)
echo "spark: $want is ready"
