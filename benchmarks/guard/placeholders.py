"""Do models keep placeholders? Masked prompts through a local model, and what came back.

    python -m benchmarks.guard.placeholders [--count N] [--seed S] [--minutes M] [--plain] [--json] [--write]

Each prompt holds one to three private details (the generator of tests/policy/generator.py), is masked as a question to
a partner is, and asks for something that keeps them: polish, translate, list, reply, JSON. Per prompt:

    intact      every placeholder came back, sign by sign
    restorable  every placeholder came back, some of them without brackets or in small letters, and was restored
    damaged     something like a placeholder came back that is none of ours: it stays, and a notice counts it
    left out    the answer does without a detail
    wrong       a value was restored where its placeholder did not stand (must be none)

`--plain` asks with the details as they are: how often the model leaves one out anyway. Answers are kept in
build/placeholders.<model>.<seed>.jsonl, so that a run can be ended and gone on with.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from isthmus.core.config import load
from isthmus.device.engine import LocalEngine
from isthmus.policy.placeholders import Placeholders
from isthmus.policy.privacy import masked

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "placeholders.md"
SLOTS = 4
LONGEST = 400  # tokens of an answer: one cut short has left nothing out
PATIENCE_S = 1800  # on a busy machine an answer may wait for its turn
TASKS = {
    "zh": (
        "请把下面的话改得更礼貌，保留所有信息：\n{}",
        "把下面这段话翻译成英文：\n{}",
        "请改正下面文字中的错别字，只输出改好的文字：\n{}",
        "把下面的信息列成要点：\n{}",
        "给同事写一封简短的邮件，把下面的每一条信息都转告他，号码照原样写：\n{}",
    ),
    "en": (
        "Make this more polite and keep every detail:\n{}",
        "Translate this into Chinese:\n{}",
        "Correct the spelling of this text and print only the text:\n{}",
        "Turn this into a bulleted list:\n{}",
        (
            "Write a short email to a colleague that passes on every one of these notes, "
            "with each number as it stands:\n{}"
        ),
    ),
}
FRAMES = {
    "zh": ("张先生的{}是{}。", "请记下{}：{}。", "他说{}换成了{}。"),
    "en": ("Mr Smith's {} is {}. ", "Please note the {}: {}. ", "She says her {} is now {}. "),
}
NAMES = {
    "cn_mobile": ("手机号", "mobile number"), "email": ("邮箱", "e-mail address"), "card": ("银行卡号", "card number"),
    "cn_id": ("身份证号", "ID number"), "iban": ("银行账户", "IBAN"), "plate": ("车牌号", "licence plate"),
    "phone": ("国外电话", "phone number"), "hk_id": ("香港身份证", "Hong Kong ID"),
}  # fmt: skip


def generator():
    """The generator of the tests, loaded by its place: tests are no package."""
    spec = importlib.util.spec_from_file_location("generator", ROOT / "tests" / "policy" / "generator.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generator"] = module
    spec.loader.exec_module(module)
    return module


def prompts(seed: int, count: int) -> list[str]:
    """`count` prompts with one to three details each."""
    make = generator()
    draw = random.Random(seed)
    out = []
    for number in range(count):
        language = "zh" if number % 2 else "en"
        text = ""
        for kind in draw.sample(sorted(NAMES), draw.choice((1, 1, 2, 3))):
            value = (make.CHECKED.get(kind) or make.FREE[kind])(draw)
            text += draw.choice(FRAMES[language]).format(NAMES[kind][language == "en"], value)
        out.append(draw.choice(TASKS[language]).format(text.strip()))
    return out


def judge(answer: str, made: Placeholders, sent: list[str], values: list[str]) -> dict:
    """What became of the placeholders of one prompt."""
    restored = made.restore(answer, escape=False)
    intact = all(placeholder in answer for placeholder in sent)
    back = all(value in restored for value in values)
    found = sum(restored.count(value) for value in values)
    there = made.restored
    return {
        "intact": intact,
        "restorable": back,
        "damaged": made.lost,
        "left_out": sum(value not in restored for value in values),
        "wrong": max(0, found - there - sum(answer.count(value) for value in values)),
    }


def ask(engine: LocalEngine, prompt: str) -> str:
    messages = [{"role": "user", "content": prompt}]
    body = {"model": "local", "messages": messages, "temperature": 0, "max_tokens": LONGEST}
    request = urllib.request.Request(
        f"{engine.base_url}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {engine.key}"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        return json.load(reply)["choices"][0]["message"]["content"]


def away(prompt: str) -> dict:
    """The prompt as a partner would see it, with the map that brings it back."""
    made = Placeholders()
    sent = masked(prompt, made, {})
    assert not any(value in sent for value in made.originals().values())
    return {"sent": sent, "map": made.originals()}


def run(asked: argparse.Namespace, kept: Path) -> list[dict]:
    asked_for = prompts(asked.seed, asked.count)
    rows = {row["n"]: row for row in read(kept) if row["n"] < asked.count and same(row, asked_for[row["n"]])}
    todo = [{"n": n, **away(prompt)} for n, prompt in enumerate(asked_for) if n not in rows]  # one thread scans
    if not todo or not asked.minutes:
        return list(rows.values())
    config = load()
    index = json.loads((config.models / "index.json").read_text("utf-8"))
    model = config.models / "sha256" / index[asked.model]["sha256"]
    until = time.monotonic() + 60 * asked.minutes
    with (
        LocalEngine(model, log=ROOT / "build" / "engine.log", slots=SLOTS, context=1024) as engine,
        ThreadPoolExecutor(SLOTS) as pool,
        kept.open("a", encoding="utf-8") as out,
    ):
        engine.wait_ready()

        def answer(row: dict) -> dict | None:
            prompt = asked_for[row["n"]] if asked.plain else row["sent"]
            return {**row, "answer": ask(engine, prompt)} if time.monotonic() < until else None

        for row in filter(None, pool.map(answer, todo)):
            rows[row["n"]] = row
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()
    return list(rows.values())


def read(kept: Path) -> list[dict]:
    return [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept.exists() else []


def same(row: dict, prompt: str) -> bool:
    """Whether a kept answer is to this prompt: its task's words are the same (details are drawn from the seed)."""
    return row["sent"].partition("\n")[0] == prompt.partition("\n")[0]


def report(rows: list[dict]) -> dict:
    """The figures of all rows, judged by today's rules of restoring."""
    judged = []
    for row in rows:
        made = Placeholders.of(row["map"])
        judged.append(judge(row["answer"], made, list(row["map"]), list(row["map"].values())))
    total = max(len(judged), 1)
    return {
        "prompts": len(judged),
        "intact": sum(one["intact"] for one in judged) / total,
        "intact_or_restorable": sum(one["intact"] or one["restorable"] for one in judged) / total,
        "with_damage": sum(one["damaged"] > 0 for one in judged),
        "left_out": sum(one["left_out"] > 0 for one in judged),
        "wrongly_restored": sum(one["wrong"] for one in judged),
    }


def report_plain(rows: list[dict]) -> dict:
    """As `report`, of answers to prompts that held the details themselves."""
    whole = sum(all(value in row["answer"] for value in row["map"].values()) for row in rows)
    return {"prompts": len(rows), "with_every_detail": whole / max(len(rows), 1)}


def page(rows: list[dict], asked: argparse.Namespace) -> str:
    """docs/placeholders.md: what the page says, and one line a task."""
    lines = [
        PAGE.read_text("utf-8").partition("| task |")[0] + "| task | prompts | sign by sign | intact or restorable |"
    ]
    lines[0] += " damaged | left out | wrongly restored |"
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["sent"].partition("\n")[0], []).append(row)
    lines += [_line(task, report(group)) for task, group in groups.items()]
    lines += [_line(f"**all** of {asked.count} that were run, {asked.model}, seed {asked.seed}", report(rows)), ""]
    return "\n".join(lines)


def _line(task: str, figures: dict) -> str:
    number, *shares, damaged, left, wrong = figures.values()
    told = " | ".join(f"{share:.1%}" for share in shares)
    return f"| {task} | {number} | {told} | {damaged} | {left} | {wrong} |"


def main() -> int:
    """Run what is left, then print the figures; answers 1 below 98 %."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.placeholders", description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=120.0, help="end after so many minutes; 0 only prints")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--plain", action="store_true", help="ask with the details as they are, for comparison")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the table into docs/placeholders.md")
    asked = parser.parse_args()
    (ROOT / "build").mkdir(exist_ok=True)
    plain = ".plain" if asked.plain else ""
    rows = run(asked, ROOT / "build" / f"placeholders.{asked.model}.{asked.seed}{plain}.jsonl")
    figures = report_plain(rows) if asked.plain else report(rows)
    if asked.write and not asked.plain:
        PAGE.write_text(page(rows, asked), "utf-8")
    if asked.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:22} {value:.4g}" for name, value in figures.items()))
    if asked.plain:
        return 0
    return int(figures["intact_or_restorable"] < 0.98 or figures["wrongly_restored"] > 0)


if __name__ == "__main__":
    sys.exit(main())
