"""The attack model: train it, and measure it on sentences written apart from its training.

    python -m benchmarks.guard.attacks [--json]       figures on benchmarks/guard/data/attacks.tsv, misses listed
    python -m benchmarks.guard.attacks train [--seed S]   writes isthmus/policy/data/attack_model.msgpack (NumPy needed)

Training draws 12,000 sentences (attack_sentences.py), adds the ordinary texts of benchmarks/features/data but for every
fifth, and fits a logistic regression by stochastic gradient descent. The threshold is the logit above which one in a
hundred of those left out lies, or one in a thousand of the ordinary sentences of another draw, whichever is higher.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tomllib
from pathlib import Path

import msgspec

from benchmarks.guard.attack_sentences import draw
from isthmus.policy.attack_model import FILE, AttackModel, Weights, slots_of, windows

WRITTEN = Path(__file__).parent / "data" / "attacks.tsv"
SLOTS = 1 << 14
COUNT = 12_000
ROUNDS = 6
RATE = 4.0
DECAY = 1e-4


def ordinary() -> list[str]:
    """Texts of daily life that the repository holds for other tests, Chinese and English."""
    found: list[str] = []

    def walk(value) -> None:
        if isinstance(value, str) and len(value) > 10:
            found.append(value)
        elif isinstance(value, (dict, list)):
            for inner in value.values() if isinstance(value, dict) else value:
                walk(inner)

    for path in sorted((Path(__file__).parents[1] / "features" / "data").glob("*.toml")):
        walk(tomllib.loads(path.read_text("utf-8")))
    return found


def highest(model: AttackModel, texts: list[str], share: float) -> float:
    """The logit above which `share` of the texts lie."""
    logits = sorted(max(map(model.logit, windows(text)), default=0.0) for text in texts)
    return logits[min(len(logits) - 1, int(len(logits) * (1 - share)))]


def train(seed: int) -> Weights:
    import numpy as np

    daily = ordinary()
    left_out = daily[::5]
    drawn = [*draw(seed, COUNT), *((text, False) for place, text in enumerate(daily) if place % 5)]
    weights = np.zeros(SLOTS)
    bias = 0.0
    rows = [
        (np.fromiter(slots_of(window, SLOTS), dtype=np.int64), attack)
        for text, attack in drawn
        for window in (windows(text)[:1] if attack else windows(text))
    ]
    shuffle = random.Random(seed)
    for turn in range(ROUNDS):
        shuffle.shuffle(rows)
        rate = RATE / (1 + turn)
        for slots, attack in rows:
            size = 1 / np.sqrt(len(slots))
            logit = bias + size * weights[slots].sum()
            error = float(attack) - 1 / (1 + np.exp(-logit))
            weights[slots] += rate * error * size
            bias += 0.05 * rate * error
        weights *= 1 - DECAY
    scale = float(np.abs(weights).max() / 127)
    made = Weights(SLOTS, scale, float(bias), 0.0, np.round(weights / scale).astype(np.int8).tobytes())
    model = AttackModel(made)
    plain = [text for text, attack in draw(seed + 1, 4_000) if not attack]
    threshold = max(highest(model, plain, 0.001), highest(model, left_out, 0.01))
    return msgspec.structs.replace(made, threshold=threshold)


def written() -> list[tuple[bool, str, str]]:
    """(attack, language, text) of the sentences that were written by hand."""
    lines = [line for line in WRITTEN.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [(kind == "attack", language, text) for kind, language, text in (line.split("\t") for line in lines)]


def measure() -> dict[str, dict]:
    """Per language: how many attacks are seen, how many ordinary sentences are taken for one, and which went wrong."""
    model = AttackModel.load()
    out = {}
    for language in ("zh", "en"):
        rows = [(attack, text, model.is_attack(text)) for attack, own, text in written() if own == language]
        attacks = [(text, seen) for attack, text, seen in rows if attack]
        plain = [(text, seen) for attack, text, seen in rows if not attack]
        out[language] = {
            "attacks": len(attacks),
            "caught": sum(seen for _, seen in attacks) / len(attacks),
            "plain": len(plain),
            "false": sum(seen for _, seen in plain) / len(plain),
            "missed": [text for text, seen in attacks if not seen],
            "mistaken": [text for text, seen in plain if seen],
        }
    return out


def main() -> int:
    """Measure, or train and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.attacks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("measure", "train"), default="measure")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.what == "train":
        FILE.write_bytes(msgspec.msgpack.encode(train(asked.seed)))
    figures = measure()
    if asked.json:
        print(json.dumps(figures, ensure_ascii=False))
        return 0
    print("| language | attacks | caught | ordinary | taken for one |\n|---|---:|---:|---:|---:|")
    for language, row in figures.items():
        print(f"| {language} | {row['attacks']} | {row['caught']:.0%} | {row['plain']} | {row['false']:.0%} |")
    for language, row in figures.items():
        print(f"\n{language}, missed:", *row["missed"], f"\n{language}, taken for one:", *row["mistaken"], sep="\n- ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
