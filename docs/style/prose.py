#!/usr/bin/env python3
"""Lints pages, help texts and messages with Vale: docs/style/prose.py PATH-OF-GWF.

Vale reads prose. So each help text, and the messages of each source file, become a file under
target/prose, where a text stands on the line on which its source has it.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

EXEMPT = pathlib.Path("docs/style/exempt.txt")
TEXTS = pathlib.Path("target/prose")
# Comments and raw strings are matched, too, so that a quote in them opens no string.
LITERAL = re.compile(r"""//[^\n]*|\br(#*)".*?"\1|'(?:\\.[^']*|[^\\'])'|"(?P<text>(?:\\.|[^"\\])*)\"""", re.S)
EXAMPLES = re.compile(r"^Examples?:\n.*?\n$", re.S | re.M)
NO_PROSE = re.compile(r"$|Usage: |\w+:$|\s+\[(default|possible values|env): |\s+Possible values:")
COMMAND = re.compile(r"^  (\w\S*)", re.M)
CODE = re.compile(r"(cli|envoy-config|examples|filters|sdk|tests/harness)/.*\.rs$")
TESTS = re.compile(r"/tests[/.]|/(benches|examples)/|/build\.rs$")
# A command, an argument or option, or a value, and what it is.
ITEM = re.compile(r"\s+(?:- \S+:\s+|[-<\[][^ ](?:\S| \S)*(?:  +|$)|[a-z]\S*  +)(.*)")


def help_texts(text):
    """The text of each line; wrapped ones are joined.

    >>> help_texts("Serve\\nmanifests\\n\\nOptions:\\n  -q, --quiet  Print less\\n      --to <DIR>\\n          A folder\\n          to fill")
    ['Serve manifests', '', '', '', 'Print less', 'A folder to fill', '', '']
    """
    texts, open_at = [], None
    for line in EXAMPLES.sub(lambda found: "\n" * found[0].count("\n"), text).splitlines():
        item = ITEM.match(line)
        texts.append("")
        if NO_PROSE.match(line):
            open_at = None
        elif item or open_at is None:
            open_at = len(texts) - 1
            texts[open_at] = item[1] if item else line.strip()
        else:
            texts[open_at] = f"{texts[open_at]} {line.strip()}".strip()
    return texts


def messages(source):
    r"""The string literals of three words and more of each line, without those of tests.

    >>> messages('// no "word of it"\n"a route has\\\n   \\"none\\""; "key"\n#[cfg(test)]\nmod tests {"is not linted"')
    ['', 'a route has"none"', '', '']
    """
    source = source.partition("#[cfg(test)]\nmod ")[0]
    texts = [""] * (source.count("\n") + 1)
    for found in LITERAL.finditer(source):
        text = re.sub(r"\\\n\s*", "", found["text"] or "").replace('\\"', '"').replace("\\n", " ")
        if re.search(r"[a-z}`:,'] \S+ \S+", text) and "Examples:" not in text:
            at = source.count("\n", 0, found.start())
            texts[at] = f"{texts[at]}. {text}".removeprefix(". ")
    return texts


def write(name, texts):
    path = TEXTS / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{text}{'' if text[-1:] in '.:?!' else '.'}\n" for text in texts))
    return str(path)


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main(gwf):
    shutil.rmtree(TEXTS, ignore_errors=True)
    # What is linted, by the name that the list of exempt files has for it.
    linted = {}
    for file in output("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if file.endswith(".md"):
            linted[file] = file
        elif CODE.match(file) and not TESTS.search(file):
            linted[file] = write(f"messages/{file}", messages(pathlib.Path(file).read_text()))
    commands = COMMAND.findall(output(gwf, "--help").partition("Commands:")[2].partition("\n\n")[0])
    for command in [[], *([name] for name in commands if name != "help")]:
        name = "-".join(["help/gwf", *command])
        linted[name] = write(name, help_texts(output(gwf, *command, "--help")))

    exempt = [line for line in EXEMPT.read_text().splitlines() if line and not line.startswith("#")]
    exempt = {name: linted.pop(name, "") for name in exempt}
    alerts = json.loads(output("vale", "--no-exit", "--output=JSON", *filter(None, exempt.values())))
    if done := [name for name, file in exempt.items() if file not in alerts]:
        sys.exit(f"{EXEMPT}: Vale has nothing to report in {', '.join(done)}: remove the lines")
    print(f"{len(exempt)} files are exempt: {EXEMPT}", flush=True)
    sys.exit(subprocess.run(["vale", *linted.values()]).returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
