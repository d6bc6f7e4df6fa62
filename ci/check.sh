#!/usr/bin/env bash
# What the GitHub action runs: wireproof check, with the reports that GitHub shows.
# All of the logic is in the command.
#
#   AGAINST    baseline; empty is the merge base with the target branch
#   DIRECTORY  folder of wireproof.yaml
#   VERSION    of wireproof; empty is the one that go.mod names as a tool
#   ARGUMENTS  more arguments for wireproof check, split at spaces
#   WIREPROOF  the command to run; empty finds it as VERSION says
set -euo pipefail

cd "${DIRECTORY:-.}"
if [ -n "${WIREPROOF:-}" ]; then
	run=("$WIREPROOF")
elif [ -n "${VERSION:-}" ]; then
	run=(go run "github.com/wireproof/wireproof/cmd/wireproof@$VERSION")
else
	run=(go tool wireproof)
fi
arguments=(check --fetch)
[ -z "${AGAINST:-}" ] || arguments+=(--against "$AGAINST")
arguments+=(--output text)
if [ "${GITHUB_ACTIONS:-}" = true ]; then
	report="${RUNNER_TEMP:-/tmp}/wireproof.sarif"
	arguments+=(--output github --output "sarif=$report")
	echo "sarif=$report" >>"${GITHUB_OUTPUT:-/dev/null}"
fi
read -r -a more <<<"${ARGUMENTS:-}"
exec "${run[@]}" "${arguments[@]}" ${more[@]+"${more[@]}"}
