#!/usr/bin/env bash
# Installs what the tests need beyond Python, on Debian or Ubuntu: Chromium and a Chinese font (board in a real
# browser), Mosquitto (MQTT), Java and Maven, the jars of Apache Kafka, Spark. What is there already is left alone.
# Exit codes: 0 all there, 3 no root and no sudo, 4 apt failed, 5 Kafka's jars failed, 6 Spark failed.
set -uo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
dpkg-query -W -f '${Status}' fonts-noto-cjk 2>/dev/null | grep -q ' installed$' || missing+=(fonts-noto-cjk)
[[ -x /usr/sbin/mosquitto ]] || command -v mosquitto >/dev/null || missing+=(mosquitto)
command -v java >/dev/null || missing+=(default-jre-headless)
command -v mvn >/dev/null || missing+=(maven)

if (( ${#missing[@]} )); then
  as_root=()
  if (( EUID != 0 )); then
    command -v sudo >/dev/null || { echo "install_parts: needs root or sudo to install: ${missing[*]}" >&2; exit 3; }
    as_root=(sudo)
  fi
  install() {
    "${as_root[@]}" apt-get update -q \
      && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
           apt-get install -q -y --no-install-recommends "${missing[@]}"
  }
  echo "install_parts: installing ${missing[*]}"
  install || { echo "install_parts: apt-get failed, trying once more" >&2; sleep 5; install; } \
    || { echo "install_parts: could not install ${missing[*]}" >&2; exit 4; }
else
  echo "install_parts: Chromium, font, Mosquitto, Java and Maven are there"
fi

scripts/kafka_jars.sh || exit 5
scripts/spark.sh || exit 6
