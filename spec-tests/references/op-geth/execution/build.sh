#!/bin/sh
# Builds this program with Go, unless it is there already, and prints its path. With --find it builds
# nothing, and prints nothing where it is not there.
#
# It goes to $REFERENCES, else ~/.cache/ethereumjs-op/references. Its name ends with a hash of its
# sources.
set -eu
cd "$(dirname "$0")/.."
out=${REFERENCES:-$HOME/.cache/ethereumjs-op/references}
hash=$(cat go.mod go.sum execution/main.go | git hash-object --stdin | cut -c1-12)
path=$out/op-geth-execution-$hash
if [ ! -x "$path" ]; then
  [ "${1-}" != --find ] || exit 0
  mkdir -p "$out"
  nice go build -trimpath -buildvcs=false -o "$path.new" ./execution >&2
  mv "$path.new" "$path"
fi
echo "$path"
