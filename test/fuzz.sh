#!/usr/bin/env bash
# Runs every fuzz target for the given time each, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
git grep -lE '^func Fuzz' -- '*_test.go' | while read -r file; do
  dir=./$(dirname "$file")
  grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | awk '{print $2}' | while read -r target; do
    echo "== $dir $target"
    (cd "$dir" && go test . -run '^$' -fuzz "^$target\$" -fuzztime "$time") # it may be of another module
  done
done
