"""How often the detector knows an edited text again, and how often it claims a text that people wrote.

Produced here: passages of the documentation under /usr/share/doc (English) and, where the package manpages-zh is
installed, of manuals in Chinese: 60 to 400 words, 120 to 500 characters. Each is edited at random, word by word: half
of the edits replace, a quarter delete, a quarter insert. What people wrote: passages of other files that copy none of
the first set, eight shingles in a row (one licence in two packages is one text, not a false claim).
"""

from __future__ import annotations

import gzip
import random
import re
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.stages.ledger import receipt
from isthmus.ledger import prints
from isthmus.ledger.prints import Printed, Prints
from isthmus.policy import fingerprint

COUNT = 10_000  # texts of people
PRODUCED = 1_000
FILES = 3_000
EDITED = 500
SHARES = (0.1, 0.2)
LENGTHS = {"en": (60, 120, 200, 400), "zh": (120, 250, 500)}
RUN = 8  # shingles in a row that two files share when one copies the other


def run(count):
    draw = random.Random(2026)
    place = Path(tempfile.mkdtemp())
    found = {}
    try:
        ours, theirs = [], []
        for language, files in (("en", english()), ("zh", chinese())):
            mine, others = shared_out(files, language, draw)
            part = 4 if language == "zh" else 1
            ours += mine[: PRODUCED // part]
            theirs += others[: count - count // 5 if language == "en" else count // 5]
            found[f"passages, {language}"] = f"{len(mine[: PRODUCED // part])} produced"
        held = Prints(place, "w0")
        for number, (_, text) in enumerate(ours):
            held.keep([Printed(named(number), lambda text=text: fingerprint.numbers(text))])
        begun = time.perf_counter()
        claimed = [match for _, text in theirs if (match := prints.find(place, fingerprint.windows(text))) is not None]
        found["texts of people"] = len(theirs)
        found["claimed by mistake"] = len(claimed)
        found["tokens in common there"] = sorted(match.tokens for match in claimed)
        found["a question, ms"] = round((time.perf_counter() - begun) / max(1, len(theirs)) * 1000, 1)
        for language in LENGTHS:
            for share in SHARES:
                found[f"known again, {language}, {share:.0%} edited"] = recall(place, ours, language, share, draw)
        found["bytes of a print"] = prints.RECORD
        text = next(text for language, text in ours if language == "en")[:2000]
        found["us to draw one of 2,000 characters"] = quickest(lambda: fingerprint.numbers(text))
    finally:
        shutil.rmtree(place)
    return found


def recall(place, ours, language, share, draw):
    tried, known = 0, 0
    for number in draw.sample(range(len(ours)), min(len(ours), EDITED * 3)):
        if ours[number][0] != language or tried == EDITED:
            continue
        tried += 1
        match = prints.find(place, fingerprint.windows(edited(ours[number][1], share, language, draw)))
        known += match is not None and match.receipt == f"w0-1-{number}"
    return f"{known} of {tried}"


def named(number):
    made = receipt(number)
    made.route = "r/one"
    return made


def edited(text, share, language, draw):
    words = list(text) if language == "zh" else text.split()
    pool = list(words)
    for _ in range(int(len(words) * share)):
        at, how = draw.randrange(len(words)), draw.random()
        if how < 0.5:
            words[at] = draw.choice(pool)
        elif how < 0.75:
            del words[at]
        else:
            words.insert(at, draw.choice(pool))
    return ("" if language == "zh" else " ").join(words)


def shared_out(files, language, draw):
    """Passages of a tenth of the files, as produced here; those of the other files that copy nothing from them."""
    draw.shuffle(files)
    mine = [(language, each) for text in files[::10] for each in passages(text, language, draw)]
    draw.shuffle(mine)
    mine = mine[:PRODUCED]
    first = {shingle for _, text in mine for shingle in fingerprint.shingles(text)}
    others = []
    for number, text in enumerate(files):
        if number % 10 and not copies(fingerprint.shingles(text), first):
            others += [(language, each) for each in passages(text, language, draw)]
    draw.shuffle(others)
    return mine, others


def copies(shingles, first):
    """Whether RUN shingles in a row are also in `first`."""
    copied = 0
    for shingle in shingles:
        copied = copied + 1 if shingle in first else 0
        if copied >= RUN:
            return True
    return False


def passages(text, language, draw):
    """Running text of random lengths; tables and code are left out."""
    words, at = (list(text) if language == "zh" else text.split()), 0
    while at < len(words):
        length = draw.choice(LENGTHS[language])
        part = words[at : at + length]
        at += length
        said = ("" if language == "zh" else " ").join(part)
        plain = sum("\u4e00" <= char <= "\u9fff" for char in said) if language == "zh" else sum(map(str.isalpha, said))
        if (
            len(part) == length
            and len(set(part)) > (0.3 if language == "en" else 0.1) * length
            and plain > 0.6 * len(said)
        ):
            yield said


def english():
    """Documentation that people wrote, a file a text."""
    names = ("readme", "faq", "howto", "news", "todo", "guide", "intro")
    found = []
    for path in sorted(Path("/usr/share/doc").rglob("*")):
        plain = path.name.lower().removesuffix(".gz")
        wanted = plain.startswith(names) or plain.endswith((".txt", ".rst", ".md", ".html"))
        if wanted and path.is_file() and not path.is_symlink() and path.stat().st_size < 200_000:
            found.append(path)
    return [read(path) for path in random.Random(1).sample(found, min(FILES, len(found)))]


def chinese():
    """Manuals in Chinese, a page a text."""
    pages = map(read, sorted(Path("/usr/share/man/zh_CN").rglob("*.gz")))
    return [re.sub(r"^[.'].*$|\\f.|\\", "", page, flags=re.MULTILINE) for page in pages]


def read(path):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data.decode("utf-8", "replace")
    return re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL) if ".html" in path.name else text


def quickest(act):
    best = float("inf")
    for _ in range(50):
        begun = time.perf_counter()
        act()
        best = min(best, time.perf_counter() - begun)
    return round(best * 1e6)
