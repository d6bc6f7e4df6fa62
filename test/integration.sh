#!/usr/bin/env bash
# Runs the tests that need real servers. A server named in the environment
# (KAFKA_BROKERS, KAFKA3_BROKERS with KAFKA3_DIR, POSTGRES_URL, NATS_URL, NATS29_URL, REDIS_URL,
# AMQP_URL, PUBSUB_EMULATOR_HOST) is used as it is; the others are started on loopback for this run and removed after it. Here a
# missing server is a failure, never a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
export REQUIRE_SERVICES=1 WIREPROOF_JAVA=1
dir=$(mktemp -d)
trap './test/services.sh clean "$dir/three" >/dev/null 2>&1 || true; ./test/services.sh clean "$dir" >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT

race=()
if [ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null 2>&1; then race=(-race); fi

# Three brokers, some of them dead, and what is tested on them have the machine for themselves.
if [ -z "${KAFKA3_BROKERS:-}" ]; then
  ./test/services.sh install kafka3
  eval "$(./test/services.sh start "$dir/three" kafka3)"
fi
mapfile -t three < <(grep -rl --include='*_test.go' '^func TestThreeBrokers' codec event registry test cmd internal | xargs -n 1 dirname | sort -u)
go test ${race[@]+"${race[@]}"} -p 1 -timeout 60m -run '^TestThreeBrokers' "${three[@]/#/./}"
./test/services.sh clean "$dir/three"

if [ -z "${KAFKA_BROKERS:-}" ]; then
  ./test/services.sh install kafka
  eval "$(./test/services.sh start "$dir" kafka)"
fi
if [ -z "${POSTGRES_URL:-}" ]; then
  ./test/services.sh install postgres
  eval "$(./test/services.sh start "$dir" postgres)"
fi
install=()
[ -n "${NATS_URL:-}" ] || install+=(nats)
[ -n "${NATS29_URL:-}" ] || install+=(nats29)
[ -n "${REDIS_URL:-}" ] || install+=(redis)
[ -n "${AMQP_URL:-}" ] || install+=(rabbitmq)
# S3_URL (http://KEY:SECRET@HOST:PORT) is used where it is named; a soak builds a server, which takes
# two minutes; else one in memory stands for it.
[ -n "${S3_URL:-}" ] || [ -z "${WIREPROOF_SOAK:-}" ] || install+=(s3)
# Google's emulator is in no package registry: its tests run where it is installed.
[ -n "${PUBSUB_EMULATOR_HOST:-}" ] || ! ./test/services.sh has pubsub || install+=(pubsub)
if [ "${#install[@]}" -gt 0 ]; then
  ./test/services.sh install "${install[@]}"
  eval "$(./test/services.sh start "$dir" "${install[@]}")"
fi
./test/services.sh install strace python node ci
eval "$(./test/services.sh start "$dir" python node ci)"
if [ -z "${BUF:-}" ]; then
  BUF=$(./test/buf.sh)
  export BUF
fi
# What is shown in CONTRIBUTING and README and has no test of its own.
before=$(git status --porcelain)
make generate
if [ "$before" != "$(git status --porcelain)" ]; then
  echo "make generate has changed files" >&2
  exit 1
fi
make bench

# The laws of witnesses and the comparisons with buf have no goroutines of their own, and would take minutes, or in full
# hours, in the race detector; so would what starts the program, or another one, again and again.
programs='Scripts|Guide|QuickStart|Runs$'
go test -timeout 90m -v ./compat/witness | { grep -v '^=== ' || true; }
go test -timeout 90m ./test/buforacle ./internal/bufgen
go test -timeout 90m -run "$programs" ./cmd/wireproof
[ -z "${WIREPROOF_SOAK:-}" ] || go test -timeout 10m -run '^TestAtomic$' ./event/kafkabus
mapfile -t others < <(go list ./codec/... ./compat/... ./event/... ./examples/... ./internal/... ./lang/... ./registry/... ./test/... | grep -vE '/(buforacle|bufgen|witness)$')
go test ${race[@]+"${race[@]}"} -timeout 60m -skip '^TestThreeBrokers' "${others[@]}"
go test ${race[@]+"${race[@]}"} -timeout 40m -skip "$programs" ./cmd/...
for mod in $(git ls-files ':(glob)event/**/go.mod' ':(glob)test/**/go.mod'); do
  (cd "$(dirname "$mod")" && go test ${race[@]+"${race[@]}"} ./...)
done
