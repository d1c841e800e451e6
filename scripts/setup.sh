#!/usr/bin/env bash
# Makes .venv hold exactly the versions of requirements.lock (every file checked by its hash) and this project in
# editable form. A stamp of both files makes the next call quick. PYTHON names another interpreter of version 3.11.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/qingling.stamp
want=$(sha256sum requirements.lock pyproject.toml)
if [[ -f $stamp && $(<"$stamp") == "$want" ]]; then
  exit 0
fi

python=${PYTHON:-python3.11}
if [[ ! -x .venv/bin/python ]]; then
  command -v "$python" >/dev/null || { echo "setup: $python not found; Qingling runs on Python 3.11" >&2; exit 3; }
  echo "setup: making .venv, this takes a few minutes the first time"
  "$python" -m venv .venv
fi
rm -f "$stamp"
# --no-deps: the lock is whole, and pip's own resolver trips over a package that is wanted with and without an extra.
# Spark is half a gigabyte that only its parity test needs: scripts/spark.sh brings it, from the same lock.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
  -r <(awk '/^[a-z0-9]/ {take = !/^(pyspark|py4j)==/} take' requirements.lock)
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
.venv/bin/python -m pip check --quiet || .venv/bin/python -m pip check
printf '%s\n' "$want" >"$stamp"
echo "setup: .venv is ready"
