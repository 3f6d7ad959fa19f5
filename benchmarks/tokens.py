"""How far the estimator of tokens (policy.estimate) is from real tokenizers, on texts of this repository.

    python -m benchmarks.tokens FOLDER

FOLDER holds vocabularies under the names below; each ships in a package: o200k and deepseek and claude in litellm's
wheel (litellm_core_utils/tokenizers), qwen in dashscope's (resources/qwen.tiktoken). Needs tiktoken and tokenizers.
Printed per family: tokens in a thousand characters that fit best, and how far whole texts are off by the rates here.
"""

from __future__ import annotations

import base64
import sys
import tomllib
from pathlib import Path
from statistics import median

from isthmus.partners.tokenizers import families
from isthmus.policy.estimate import tokens

FILES = {"openai": "o200k.tiktoken", "qwen": "qwen.tiktoken", "deepseek": "deepseek.json", "claude": "claude.json"}
_PATTERN = (  # how both families cut a text before they merge
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def counter(path: Path):
    """A function from a text to its number of tokens."""
    if path.suffix == ".json":
        from tokenizers import Tokenizer

        made = Tokenizer.from_file(str(path))
        return lambda text: len(made.encode(text, add_special_tokens=False).ids)
    import tiktoken

    ranks = {}
    for line in path.read_bytes().splitlines():
        word, rank = line.split()
        ranks[base64.b64decode(word)] = int(rank)
    made = tiktoken.Encoding(path.stem, pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(made.encode_ordinary(text))


def texts() -> list[str]:
    """Pages of documentation, and texts of the features' benchmark: English and Chinese."""
    root = Path(__file__).parent
    found = [path.read_text("utf-8") for path in sorted((root.parent / "docs").glob("*.md"))]
    for path in sorted((root / "features" / "data").glob("*.toml")):
        found += [each for each in _strings(tomllib.loads(path.read_text("utf-8"))) if len(each.encode()) > 120]
    return found


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def main(folder: Path) -> None:
    """Print one row a family."""
    found = texts()
    chinese = [text for text in found if sum(ord(c) > 127 for c in text) > len(text) / 2]
    english = [text for text in found if text.isascii()]
    print(f"{len(english)} English and {len(chinese)} Chinese texts\n")
    print("| family | tokens in 1,000 ASCII characters | in 1,000 Chinese | median error | 95 % are within |")
    print("|---|---:|---:|---:|---:|")
    for family, name in FILES.items():
        count = counter(folder / name)
        plain = sum(map(count, english)) * 1000 / sum(map(len, english))
        other = []
        for text in chinese:
            marks = sum(ord(c) < 128 for c in text)
            other.append((count(text) - marks * plain / 1000) * 1000 / (len(text) - marks))
        off = sorted(
            abs(tokens(len(text), len(text.encode()), family) / count(text) - 1) for text in (*english, *chinese)
        )
        print(
            f"| {family} | {plain:.0f} ({families()[family].ascii}) | {median(other):.0f} ({families()[family].other}) "
            f"| {median(off):.0%} | {off[int(len(off) * 0.95)]:.0%} |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
