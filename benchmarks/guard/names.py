"""What the optional recogniser of names and addresses reaches, on sentences that were written apart from it.

    python -m benchmarks.guard.names [--json]

Recall: marked names and addresses that are covered whole. False: sentences without one in which something was found.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from isthmus.policy.names import names

WRITTEN = Path(__file__).parent / "data" / "names.tsv"
_MARKED = re.compile(r"\[\[(.+?)\]\]")


def written() -> list[tuple[str, str, list[tuple[int, int]]]]:
    """(language, text, places of what should be found)."""
    rows = []
    for line in WRITTEN.read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        language, marked = line.split("\t")
        places, text, at = [], "", 0
        for match in _MARKED.finditer(marked):
            text += marked[at : match.start()]
            places.append((len(text), len(text) + len(match[1])))
            text += match[1]
            at = match.end()
        rows.append((language, text + marked[at:], places))
    return rows


def measure() -> dict[str, dict]:
    """The figures per language, with what was missed and what was taken for a name."""
    out = {}
    for language in ("zh", "en"):
        wanted = found = clean = wrong = 0
        missed, mistaken = [], []
        for own, text, places in written():
            if own != language:
                continue
            spans = [(one.start, one.end) for one in names(text)]
            for start, end in places:
                covered = any(first <= start and end <= last for first, last in spans)
                wanted += 1
                found += covered
                if not covered:
                    missed.append(text[start:end])
            if not places:
                clean += 1
                wrong += bool(spans)
                mistaken += [text[start:end] for start, end in spans]
        out[language] = {
            "names": wanted, "recall": found / wanted, "ordinary": clean, "false": wrong / clean,
            "missed": missed, "mistaken": mistaken,
        }  # fmt: skip
    return out


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.names", description=__doc__)
    parser.add_argument("--json", action="store_true")
    figures = measure()
    if parser.parse_args().json:
        print(json.dumps(figures, ensure_ascii=False))
        return 0
    print("| language | names | recall | ordinary | taken for one |\n|---|---:|---:|---:|---:|")
    for language, row in figures.items():
        print(f"| {language} | {row['names']} | {row['recall']:.0%} | {row['ordinary']} | {row['false']:.0%} |")
    for language, row in figures.items():
        print(
            f"\n{language}: missed {', '.join(row['missed'])}; taken for one: {', '.join(row['mistaken']) or 'nothing'}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
