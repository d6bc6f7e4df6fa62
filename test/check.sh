#!/usr/bin/env bash
# Fails when a generated file is stale, or vet, staticcheck or gofmt complain.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
go run -tags bootstrap ./cmd/wireproof generate --check
(cd examples/orders && go run -tags bootstrap ../../cmd/wireproof generate --check)
go run ./cmd/wireproof docs --check docs
unformatted=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
if [ -n "$unformatted" ]; then
  echo "gofmt would change:" >&2
  echo "$unformatted" >&2
  exit 1
fi
go vet ./...
go tool staticcheck ./...
go mod verify >/dev/null
for mod in $(git ls-files ':(glob)event/**/go.mod' ':(glob)test/**/go.mod'); do
  (cd "$(dirname "$mod")" && go vet ./... && go tool -modfile="$OLDPWD/go.mod" staticcheck ./... && go mod verify >/dev/null)
done
echo "check: generated files current, vet, staticcheck and gofmt clean"
