#!/bin/sh
# Writes RESULTS.md: every vector on ethereumjs-op in process, on its node over HTTP, and those of its forks
# on op-geth, if references/build.sh has built it.
set -eu
cd "$(dirname "$0")/.."
run() {
  node spec-tests/dist/bin.js spec-tests/vectors --results spec-tests/RESULTS.md "$@" |
    tail -n 1
}
rm -f spec-tests/RESULTS.md
run --build --name 'ethereumjs-op' || true
run --jobs 2 --name 'ethereumjs-op-node' --client 'exec node node/dist/bin.js node --genesis {genesis} \
  --datadir memory --authrpc.port {port} --authrpc.jwtsecret {jwt} --http.port 0 --log.level error' || true
geth=${OP_GETH-$(sh spec-tests/references/build.sh --find geth | sed -n 's/^geth=//p')}
if [ -z "$geth" ]; then
  echo 'op-geth is not built: run npm run references' >&2
  exit 1
fi
run --jobs 2 --until jovian --name 'op-geth v1.101702.3' --client "exec $geth --override.genesis {genesis} \
  --datadir {datadir} --authrpc.port {port} --authrpc.jwtsecret {jwt} --syncmode full --gcmode archive \
  --state.scheme hash --nodiscover --maxpeers 0 --port 0 --ipcdisable" || true
