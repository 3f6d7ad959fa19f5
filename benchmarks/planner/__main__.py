"""The planner's own measurements and the tables of docs/planning.md.

python -m benchmarks.planner fit               the efficiencies of calibration.toml, from their points
python -m benchmarks.planner lengths FOLDER    lengths.toml, from the public traces in FOLDER
python -m benchmarks.planner seed              1, 3 and 10 billion queries a day on H20 and H800, and 22 bn USD
python -m benchmarks.planner speed             closed form and event loop, in CPU time of one core
python -m benchmarks.planner peers             our side of the comparison in peers.md
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import msgspec

from isthmus.planner import catalogue, engine, lengths, roofline, validate
from isthmus.planner.closed import plan
from isthmus.planner.document import budget
from isthmus.planner.scenario import Scenario

DAY = date(2026, 11, 22)
TRACES = {
    "chat": (
        "azure_2023_conv.csv",
        "Azure/AzurePublicDataset, AzureLLMInferenceTrace_conv 2023, CC BY 4.0, 19,366 requests",
    ),
    "code": (
        "azure_2023_code.csv",
        "Azure/AzurePublicDataset, AzureLLMInferenceTrace_code 2023, CC BY 4.0, 8,819 requests",
    ),
    "long": (
        "mooncake_conversation.jsonl",
        "kvcache-ai/Mooncake, FAST25 conversation trace, Apache-2.0, 12,031 requests",
    ),
}
FITS = (
    ("hopper", "tensor", "h100-prefill-2k"),
    ("blackwell", "tensor", "gb200-prefill-2k-fp8"),
    ("blackwell", "decoding", "gb200-decode-1408"),
    ("ascend", "tensor", "ascend-prefill-4k"),
)
PEERS = ("qwen3-32b", "qwen3-30b-a3b", "qwen3-8b", "deepseek-v3")


def fit():
    """Each efficiency at which its point is met exactly, by halving."""
    for family, name, point_name in FITS:
        point = validate.point(point_name)
        low, high = 0.01, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if computed(point, family, name, middle) < point.value else (low, middle)
        held = getattr(catalogue.efficiency(family), name).value
        print(f"{family}.{name} = {low:.3f} (calibration.toml: {held}), from {point_name}")


def computed(point, family, name, value):
    chip, model = catalogue.hardware(point.hardware), catalogue.model(point.model)
    eff = catalogue.efficiency(family)
    eff = msgspec.structs.replace(eff, **{name: msgspec.structs.replace(getattr(eff, name), value=value)})
    cache = point.cache_bytes or model.cache_bytes.value
    layout = roofline.Layout(point.tp, point.ep, point.weight_bytes, cache, point.attention_bytes)
    if point.quantity == "prefill":
        return roofline.prefill_tokens_s(chip, model, eff, layout, point.context)
    return roofline.decode_at(chip, model, eff, layout, point.batch, point.context).tokens_s


def make_lengths(folder):
    print(
        "# Lengths of questions and answers as joint tables (lengths.py says how they are made): share, tokens in,",
        "tokens out.",
    )
    print(
        "# Derived figures only. `python -m benchmarks.planner lengths FOLDER` makes this file from the public traces."
    )
    for name, (file, source) in TRACES.items():
        table = lengths.fit(lengths.read_trace(Path(folder) / file), source, "high")
        print(f'\n[{name}]\nsource = "{source}"\nsure = "high"\nclasses = [')
        for share, into, out in table.classes:
            print(f"  [{share:.6f}, {into}, {out}],")
        print("]")


def seed():
    print("| queries a day | hardware | spare | GPUs | MW | USD a day | USD per 1,000 | capex |")
    print("|---|---|---|---|---|---|---|---|")
    for chip in ("h800", "h20"):
        for queries in (1e9, 3e9, 1e10):
            answer = plan(Scenario(queries=queries, hardware=chip), DAY)
            for spare, head in (("none", answer.without_spare), (answer.spare, answer.headline)):
                gpus = f"{head.gpus.value:,.0f} ({head.gpus.low:,.0f} to {head.gpus.high:,.0f})"
                cells = (
                    f"{head.mw.value:,.1f}",
                    f"{head.usd_day.value / 1e6:,.2f} M",
                    f"{head.usd_per_1000.value:.3f}",
                    f"{head.capex_usd.value / 1e9:,.2f} bn",
                )
                print(f"| {queries / 1e9:g} bn | {chip} | {spare} | {gpus} | {' | '.join(cells)} |")
    print()
    for chip in ("h800", "h20", "gb200"):
        bought = budget(plan(Scenario(hardware=chip), DAY), 22e9)
        print(
            f"22 bn USD on {chip}: {bought.gpus:,.0f} GPUs, {bought.mw:,.0f} MW, {bought.queries / 1e9:,.0f} bn "
            f"queries a day, {bought.tokens_day / 1e12:,.0f} T tokens a day"
        )


def speed():
    from isthmus.planner import day, loss
    from isthmus.planner.house import House

    command = [sys.executable, "-m", "isthmus", "plan", "--queries", "1e9", "--json"]
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"isthmus plan --queries 1e9 --json: {used:.2f} s CPU, {wall:.2f} s wall")
    house = House(Scenario(), DAY)
    started = time.process_time()
    found = day.day(house, 1_200_000)
    print(
        f"a day: {found.requests:,} requests, {found.requests_s:,.0f} a second of core time in the loop, "
        f"{time.process_time() - started:.1f} s CPU in all; picker alone {found.picker.requests_s:,.0f} a second"
    )
    started = time.process_time()
    lost = loss.lose(house, loss.everything(house), 1_200_000)
    print(
        f"losses: {lost.requests:,} requests, {lost.requests_s:,.0f} a second in the loop, "
        f"{time.process_time() - started:.1f} s CPU in all; "
        f"least served {lost.least_served:.4%}, {lost.decisions_broken} decisions broken"
    )


def peers():
    chat = lengths.load("chat")
    for name in PEERS:
        started = time.perf_counter()
        found = engine.engine("h200", name, chat.mean_in, chat.mean_context, 0.05)
        read, write = found.seconds(chat.mean_in, chat.mean_out, 0.0)
        print(
            f"{name} on h200, no cache: {1 / (read + write):.2f} requests/s per GPU "
            f"in {(time.perf_counter() - started) * 1e3:.1f} ms"
        )


def main():
    words = sys.argv[1:]
    match words:
        case ["fit"]:
            fit()
        case ["lengths", folder]:
            make_lengths(folder)
        case ["seed"]:
            seed()
        case ["speed"]:
            speed()
        case ["peers"]:
            peers()
        case _:
            sys.exit(__doc__)


main()
