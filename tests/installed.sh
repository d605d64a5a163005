#!/usr/bin/env bash
# Installs gwf and runs it in an empty folder, with the checkout hidden: nothing that it needs may lie there.
# `just installed [--release]` runs it; a debug build is what the other tests have built already.
set -euo pipefail
cd "$(dirname "$0")/.."

checkout=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
profile=--debug
[ "${1:-}" = --release ] && profile=

# shellcheck disable=SC2086
cargo install --quiet --locked $profile --path cli --root "$scratch/installed"
gwf=$scratch/installed/bin/gwf
cp -r envoy-config/examples/shop "$scratch/shop"
cp -r tests/scenarios/path-routing "$scratch/scenario"

# Debug information names the sources, and panics of dependencies the code that their build scripts
# generated below target/; nothing else may name this checkout.
strip --strip-debug "$gwf"
if strings "$gwf" | grep --fixed-strings "$checkout" | grep --invert-match "$checkout/target/.*/build/.*/out/"; then
    echo "$gwf contains these paths of $checkout" >&2
    exit 1
fi

cat >"$scratch/try.sh" <<'TRY'
set -euo pipefail
mount -t tmpfs none "$1"
cd "$2"
export GWF_DATA_DIR=$2/data
gwf=$2/installed/bin/gwf
"$gwf" version
"$gwf" modules --quiet --output-dir modules
test -s modules/route-match.wasm
mkfifo events
"$gwf" serve -f shop --port 80=0 --port 443=0 --install-envoy -o json >events &
exec 3<events
read -r event <&3
[[ $event == *'"event":"ready"'* ]]
kill -INT $!
wait $!
"$gwf" replay scenario --host core,wasmtime,envoy
"$gwf" explain -f shop --request http://app.example.com/ >explained
"$gwf" bundle -f shop --output-dir deploy --image 'oci://registry.example/{name}:1'
test -s deploy/kustomization.yaml
TRY
unshare --mount --map-root-user bash "$scratch/try.sh" "$checkout" "$scratch"
