#!/usr/bin/env bash
# Builds the released buf from its module, once, and prints the path of the
# program: the oracle of test/buforacle.
set -euo pipefail
BUF_VERSION=${BUF_VERSION:-1.75.0}
home=${XDG_CACHE_HOME:-$HOME/.cache}/wireproof/buf-$BUF_VERSION
if [ ! -x "$home/buf" ]; then
  echo "building buf $BUF_VERSION" >&2
  mkdir -p "$home"
  tmp=$(mktemp -d "$home/get.XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  # From a folder of its own: the module of this project has nothing to do with it.
  (cd "$tmp" && GOFLAGS=-mod=mod GOWORK=off GOBIN="$tmp" go install "github.com/bufbuild/buf/cmd/buf@v$BUF_VERSION") >&2
  mv "$tmp/buf" "$home/buf"
fi
echo "$home/buf"
