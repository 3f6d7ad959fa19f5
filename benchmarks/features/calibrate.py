"""What the model's belief in its words is worth: a curve fitted on the dev split, judged on the held-out one.

    python -m benchmarks.features.calibrate [--model NAME] [--write]

Reads the answers that `python -m benchmarks.features` kept. Prints, for the held-out answers: the Brier score and the
expected calibration error (five bins of equal size) of the raw belief, of the curve, and of the base rate alone, and
the area under the curve (how often a right answer has more belief than a wrong one; 50 % is chance).
"""

from __future__ import annotations

import argparse
import math
import sys

from benchmarks.features.__main__ import KEPT, read
from isthmus.device.calibration import FILE, Curve, odds


def fit(rows: list[tuple[float, bool]]) -> Curve:
    """Newton's method on the log-likelihood, with Platt's soft targets, so that a clean sweep does not run away."""
    right = sum(good for _, good in rows)
    high, low = (right + 1) / (right + 2), 1 / (len(rows) - right + 2)
    points = [(odds(belief), high if good else low) for belief, good in rows]
    offset, slope = math.log(max(right, 1) / max(len(rows) - right, 1)), 0.0
    for _ in range(50):
        g0 = g1 = h00 = h01 = h11 = 0.0
        for x, target in points:
            p = 1 / (1 + math.exp(-(offset + slope * x)))
            w = p * (1 - p)
            g0, g1 = g0 + target - p, g1 + (target - p) * x
            h00, h01, h11 = h00 + w, h01 + w * x, h11 + w * x * x
        whole = (h00 + 1e-6) * (h11 + 1e-6) - h01 * h01
        step0 = ((h11 + 1e-6) * g0 - h01 * g1) / whole
        step1 = ((h00 + 1e-6) * g1 - h01 * g0) / whole
        offset, slope = offset + step0, slope + step1
        if abs(step0) + abs(step1) < 1e-9:
            break
    return Curve(round(offset, 4), round(slope, 4), len(rows))


def brier(pairs: list[tuple[float, bool]]) -> float:
    return sum((p - good) ** 2 for p, good in pairs) / len(pairs)


def error(pairs: list[tuple[float, bool]], bins: int = 5) -> float:
    ranked = sorted(pairs)
    parts = [ranked[len(ranked) * n // bins : len(ranked) * (n + 1) // bins] for n in range(bins)]
    return sum(abs(sum(p for p, _ in part) - sum(good for _, good in part)) for part in parts if part) / len(pairs)


def area(pairs: list[tuple[float, bool]]) -> float:
    good = [p for p, ok in pairs if ok]
    bad = [p for p, ok in pairs if not ok]
    wins = sum((a > b) + 0.5 * (a == b) for a in good for b in bad)
    return wins / max(len(good) * len(bad), 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features.calibrate", description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--write", action="store_true", help="write isthmus/device/calibration.toml")
    asked = parser.parse_args()
    kept = [row for row in read(KEPT.with_suffix(f".{asked.model}.jsonl")) if row["confidence"] is not None]
    split = {
        name: [(row["confidence"], row["right"]) for row in kept if row["split"] == name]
        for name in ("dev", "held-out")
    }
    if not split["dev"] or not split["held-out"]:
        print("answers of both splits are needed: python -m benchmarks.features", file=sys.stderr)
        return 1
    curve = fit(split["dev"])
    if asked.write:
        head = FILE.read_text("utf-8").partition("\n")[0]
        FILE.write_text(
            f'{head}\n\n["{asked.model}"]\noffset = {curve.offset}\nslope = {curve.slope}\nitems = {curve.items}\n',
            "utf-8",
        )
    held = split["held-out"]
    base = sum(good for _, good in split["dev"]) / len(split["dev"])

    def curved(belief: float) -> float:
        return 1 / (1 + math.exp(-(curve.offset + curve.slope * odds(belief))))

    print(f"{asked.model}: offset {curve.offset}, slope {curve.slope}, fitted on {curve.items} dev answers")
    print(f"{len(held)} held-out answers, {sum(good for _, good in held) / len(held):.0%} right; area {area(held):.0%}")
    for name, say in (("belief", lambda b: b), ("curve", curved), ("base rate", lambda _: base)):
        pairs = [(say(belief), good) for belief, good in held]
        print(f"{name:10} Brier {brier(pairs):.3f}   calibration error {error(pairs):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
