#!/bin/sh
# Runs op-geth as a server of the Engine API: run.sh GENESIS JWT PORT, for instance
#
#   op-spec-test --client 'spec-tests/references/op-geth/run.sh {genesis} {jwt} {port}' VECTORS
#
# Its database is in a folder of its own, which goes when it ends.
set -eu
genesis=$1 jwt=$2 port=$3
geth=$("$(dirname "$0")/../build.sh" --find geth | sed -n 's/^geth=//p')
if [ -z "$geth" ]; then
  echo 'run.sh: op-geth is not built: run spec-tests/references/build.sh' >&2
  exit 1
fi
datadir=$(mktemp -d)
child=
finish() {
  trap - EXIT INT TERM
  [ -z "$child" ] || kill "$child" 2>/dev/null || true
  [ -z "$child" ] || wait "$child" 2>/dev/null || true
  rm -rf "$datadir"
}
trap finish EXIT
trap 'finish; exit 0' INT TERM
# Full synchronization, since it would not execute payloads before a snap synchronization; peers would
# be looked for on a network that does not exist.
"$geth" --datadir "$datadir" --override.genesis "$genesis" --db.engine pebble --state.scheme hash \
  --syncmode full --gcmode archive --cache 64 --nodiscover --maxpeers 0 --port 0 --ipcdisable \
  --rollup.disabletxpoolgossip --authrpc.addr 127.0.0.1 --authrpc.port "$port" \
  --authrpc.vhosts '*' --authrpc.jwtsecret "$jwt" --verbosity 2 &
child=$!
wait "$child"
