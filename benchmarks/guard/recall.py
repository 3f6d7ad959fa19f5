"""How many private details are found, and how often something else is: here, and by Presidio on the same sentences.

    python -m benchmarks.guard.recall [--count N] [--seed S] [--json] [--presidio PYTHON]

Sentences come from tests/policy/generator.py (Chinese and English, near misses, numbers of daily life); the seed is
drawn anew unless one is given, and printed. PYTHON is an interpreter that has presidio-analyzer; it runs with its
pattern recognisers alone (no language model: those know names, which this set has not) on the first 1,000 sentences.

    recall          details whose whole place is covered, of those with a check of their own (and of all)
    false positive  sentences without a detail in which something was found
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.guard.placeholders import generator
from isthmus.policy.detect import details

SHARE = 1_000  # sentences that Presidio gets: it is slow
Spans = list[tuple[int, int]]

_PRESIDIO = """
import json, sys, time
from presidio_analyzer import PatternRecognizer, RecognizerRegistry
registry = RecognizerRegistry()
registry.load_predefined_recognizers(languages=["en"])
others = ("DateRecognizer", "UrlRecognizer")  # dates and plain links are no details here
found = [r for r in registry.recognizers if isinstance(r, PatternRecognizer) or type(r).__name__ == "PhoneRecognizer"]
found = [r for r in found if type(r).__name__ not in others]
texts = json.load(sys.stdin)
start = time.process_time()
out = []
for text in texts:
    spans = []
    for recognizer in found:
        try:
            results = recognizer.analyze(text, recognizer.supported_entities, None)
        except Exception:
            results = []
        spans += [(r.start, r.end) for r in results or () if r.score >= 0.4]
    out.append(spans)
json.dump({"spans": out, "seconds": time.process_time() - start, "recognizers": len(found)}, sys.stdout)
"""


def judge(sentences, spans_of: Callable[[int], Spans]) -> dict[str, float]:
    """The figures of one finder over `sentences`."""
    checked = found_checked = every = found = clean = wrong = 0
    for number, sentence in enumerate(sentences):
        spans = spans_of(number)
        for truth in sentence.truths:
            hit = any(start <= truth.start and truth.end <= end for start, end in spans)
            every += 1
            found += hit
            checked += truth.checked
            found_checked += hit and truth.checked
        if not sentence.truths:
            clean += 1
            wrong += bool(spans)
    return {
        "sentences": len(sentences),
        "recall_checked": found_checked / max(checked, 1),
        "recall_all": found / max(every, 1),
        "false_positive": wrong / max(clean, 1),
    }


def ours(sentences) -> dict[str, float]:
    started = time.process_time()
    spans = [[(one.start, one.end) for one in details(sentence.text)] for sentence in sentences]
    seconds = time.process_time() - started
    size = sum(len(sentence.text.encode()) for sentence in sentences)
    return {**judge(sentences, spans.__getitem__), "us_per_kb": 1e6 * seconds / (size / 1024)}


def presidio(sentences, python: str) -> dict[str, float]:
    texts = json.dumps([sentence.text for sentence in sentences])
    done = subprocess.run([python, "-c", _PRESIDIO], input=texts, capture_output=True, text=True, check=True)
    got = json.loads(done.stdout)
    size = sum(len(sentence.text.encode()) for sentence in sentences)
    figures = judge(sentences, got["spans"].__getitem__)
    return {**figures, "us_per_kb": 1e6 * got["seconds"] / (size / 1024), "recognizers": got["recognizers"]}


def main() -> int:
    """Print the figures; answers 1 when recall or false positives break their promise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.recall", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--presidio", default="", metavar="PYTHON")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    sentences = generator().sentences(seed, asked.count)
    rows = {"isthmus": ours(sentences)}
    if asked.presidio:
        rows["presidio"] = presidio(sentences[:SHARE], asked.presidio)
        rows["isthmus, same sentences"] = ours(sentences[:SHARE])
    if asked.json:
        print(json.dumps({"seed": seed, **rows}))
    else:
        print(f"seed {seed}\n\n| | sentences | recall, checked kinds | recall, all | false positives | us/KB |")
        print("|---|---:|---:|---:|---:|---:|")
        for name, row in rows.items():
            shares = " | ".join(f"{row[one]:.2%}" for one in ("recall_checked", "recall_all", "false_positive"))
            print(f"| {name} | {row['sentences']} | {shares} | {row['us_per_kb']:.0f} |")
    return int(rows["isthmus"]["recall_checked"] < 0.995 or rows["isthmus"]["false_positive"] > 0.001)


if __name__ == "__main__":
    sys.exit(main())
