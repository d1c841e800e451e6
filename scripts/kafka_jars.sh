#!/usr/bin/env bash
# Fetches the jars of Apache Kafka's broker (version: scripts/kafka/pom.xml) from Maven Central into .kafka/libs.
# Does nothing when they are there already. Needs Java 17+ and Maven.
set -euo pipefail
cd "$(dirname "$0")/.."

libs=.kafka/libs
pom=scripts/kafka/pom.xml

if [[ -d $libs ]] && cmp -s "$pom" "$libs/pom.xml"; then
  echo "kafka_jars: $libs is up to date"
  exit 0
fi
for tool in java mvn; do
  command -v "$tool" >/dev/null || { echo "kafka_jars: $tool not found; install Java 17+ and Maven" >&2; exit 3; }
done

# Copied beside and moved: a broken download must not look like a broker.
rm -rf "$libs.new"
fetch() {
  mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/$libs.new"
}
fetch || { echo "kafka_jars: Maven failed, trying once more" >&2; sleep 3; fetch; } \
  || { echo "kafka_jars: could not fetch Kafka's jars" >&2; exit 4; }
cp "$pom" "$libs.new/pom.xml"
rm -rf "$libs"
mv "$libs.new" "$libs"
echo "kafka_jars: $(find "$libs" -name '*.jar' | wc -l) jars in $libs"
