#!/bin/sh
# Builds the reference programs that this machine has tools for, and prints where they are, one a line:
#
#   op-geth=PATH   says what op-geth makes of vectors (Go)
#   op-revm=PATH   says what op-revm makes of vectors (Rust)
#   geth=PATH      op-geth itself (Go)
#
# build.sh [--find] [NAME…]    --find builds nothing and prints those that are there
#
# They go to $REFERENCES, else ~/.cache/ethereumjs-op/references. Their names end with a hash of their
# sources, so that none is built twice. What it does is told on standard error.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${REFERENCES:-$HOME/.cache/ethereumjs-op/references}
mkdir -p "$out"

find_only=
if [ "${1-}" = --find ]; then
  find_only=1
  shift
fi
[ $# -gt 0 ] || set -- op-geth op-revm geth

say() {
  echo "$*" >&2
}

# Hash of the sources in a folder. Files that are not sources have other endings.
hash_of() {
  (cd "$1" && find . -path ./target -prune -o -type f \( -name '*.go' -o -name 'go.*' -o -name '*.rs' \
    -o -name 'Cargo.*' \) -print | LC_ALL=C sort | xargs cat | git hash-object --stdin | cut -c1-12)
}

# The program of this name, built if need be: NAME FOLDER TOOL COMMAND…, which writes it to the path in
# its last argument.
program() {
  name=$1 folder=$here/$2 tool=$3
  shift 3
  path=$out/$name-$(hash_of "$folder")
  if [ ! -x "$path" ]; then
    [ -z "$find_only" ] || return 0
    if ! command -v "$tool" >/dev/null; then
      say "$name: skipped, since this machine has no $tool"
      return 0
    fi
    say "$name: is built, which takes minutes"
    (cd "$folder" && "$@" "$path.new") >&2
    mv "$path.new" "$path"
  fi
  echo "$name=$path"
}

go_build() {
  package=$1
  nice go build -trimpath -buildvcs=false -o "$2" "$package"
}

cargo_build() {
  export CARGO_TARGET_DIR="$out/target"
  nice cargo build --locked --release && cp "$CARGO_TARGET_DIR/release/witness-op-revm" "$1"
}

for name; do
  case $name in
    op-geth) program op-geth op-geth go go_build . ;;
    geth) program geth op-geth go go_build github.com/ethereum/go-ethereum/cmd/geth ;;
    op-revm) program op-revm op-revm cargo cargo_build ;;
    *) say "build.sh: there is no $name" && exit 2 ;;
  esac
done
