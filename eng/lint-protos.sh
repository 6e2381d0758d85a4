#!/usr/bin/env bash
# Lints protos/, checks their format, and compares them with the last commit before this one: fields may only be added.
set -euo pipefail
cd "$(dirname "$0")/.."
buf=(npx --yes @bufbuild/buf@1.75.0)
quiet() { "$@" 2> >(grep -v '^npm warn' >&2); }

quiet "${buf[@]}" lint protos
quiet "${buf[@]}" format -d --exit-code protos

base=${PROTO_BASE:-HEAD~1}
if git rev-parse --verify -q "$base:protos" >/dev/null; then
  against=$(mktemp -d)
  trap 'rm -rf "$against"' EXIT
  git archive "$base" protos | tar -x -C "$against"
  quiet "${buf[@]}" breaking protos --against "$against/protos"
else
  echo "protos: no earlier commit to compare with; breaking-change check skipped."
fi
echo "protos: lint, format and compatibility are fine."
