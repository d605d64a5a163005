#!/usr/bin/env python3
"""Fails if a crate depends on another one, or a floor of envoy-config reads another one, against the
direction that docs/architecture.md draws. `just arrows` runs it."""

import json
import pathlib
import re
import subprocess
import sys

SDK = {"gateway-filter-sdk"}
# What each crate may depend on. All others (filters, examples, guests) may use the SDK.
ARROWS = {
    "gateway-filter-macros": set(),
    "gateway-filter-sdk": {"gateway-filter-macros"},
    "gateway-filter-modules": set(),
    "gateway-bundle": SDK,
    "gateway-harness": SDK | {"gateway-bundle"},
    "gwf": SDK | {"gateway-bundle", "gateway-harness", "gateway-filter-modules"},
}
# What their tests may use beside that.
TESTS = {"gateway-harness": {"gateway-filter-modules"}}
# The floors of envoy-config, each with those that it may read.
FLOORS = {
    "load": "load",
    "report": "load|report",
    "resolve": "load|report|resolve",
    "emit": "load|report|resolve|emit",
}


def crates():
    metadata = subprocess.check_output(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"], text=True
    )
    packages = json.loads(metadata)["packages"]
    own = {package["name"] for package in packages}
    for package in packages:
        name = package["name"]
        for dependency in package["dependencies"]:
            allowed = ARROWS.get(name, SDK)
            if dependency["kind"] == "dev":
                allowed = allowed | TESTS.get(name, set())
            if dependency["name"] in own - allowed:
                yield f"{name} must not depend on {dependency['name']}"


def floors():
    root = pathlib.Path("envoy-config/src")
    for floor, allowed in FLOORS.items():
        head = root / f"{floor}.rs"
        upward = re.compile(
            rf"\bcrate::(?!({allowed})\b)|\bcrate as\b|\bgateway_bundle::|\bsuper::\s*(\{{[^}}]*\b)?super\b"
        )
        for file in [head, *(root / floor).rglob("*.rs")]:
            text = file.read_text()
            for found in upward.finditer(text):
                yield f"{file}:{text.count(chr(10), 0, found.start()) + 1}: {found[0]} is no floor below"
        # `super` leads from the head of a floor out of it.
        if found := re.search(r"\bsuper\b", head.read_text()):
            yield f"{head}: {found[0]} leads out of the floor"


problems = [*crates(), *floors()]
print("\n".join(problems) or "all arrows hold")
sys.exit(bool(problems))
