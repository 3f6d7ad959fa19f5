"""Mark and label a file so that it may leave, show what it says of itself, or check it against a region's law."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from isthmus.core import config, operator
from isthmus.core.clock import SystemClock, today
from isthmus.core.decision import Decision, Question
from isthmus.core.errors import TABLE, Refusal
from isthmus.export import c2pa, containers, demand
from isthmus.export import label as labels
from isthmus.export.demand import Demand
from isthmus.export.label import Key, Report
from isthmus.ledger import checkpoint, read
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.receipt import Export, Receipt
from isthmus.ledger.segments import Ledger
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.regions import load as region_files

NAME = "label"
SHARD = "cli"
MEANS = ("watermark", "signed_metadata", "latent")

app = typer.Typer(no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Regions = Annotated[list[str] | None, typer.Option("--region", help="Region whose law counts, e.g. CN. Repeatable.")]
Of = Annotated[str, typer.Option("--receipt", help="Receipt of the answer that the file came from.")]
Route = Annotated[str, typer.Option(help="Who made it: a route, partner or tier. Default: the receipt's.")]
Publish = Annotated[bool, typer.Option("--publish", help="It is published, not only exported.")]
Day = Annotated[str, typer.Option("--date", help="The day whose law counts, YYYY-MM-DD. Default: today.")]


@app.command()
def add(
    file: File,
    *,
    region: Regions = None,
    receipt: Of = "",
    route: Route = "",
    publish: Publish = False,
    plain: Annotated[
        str, typer.Option(help="Id of a consent of kind label_duty: export without the label for people.")
    ] = "",
    recipient: Annotated[
        str, typer.Option(help="With --plain: who gets the file, as the ledger shall name them.")
    ] = "",
    stated: Annotated[
        list[str] | None,
        typer.Option(help=f"What you vouch for although no program here can see it: {', '.join(MEANS)}. Repeatable."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM chain for signing with C2PA (needs c2pa-python).")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM private key of the certificate.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write. Default: in place of the file.")] = None,
    on: Day = "",
    json: Json = False,
) -> None:
    """Write marks for machines and the label for people; refuse where the region asks for more than can be given."""
    data = _bytes(file)
    container = containers.of(data)
    made_by = _answer(receipt)
    decision = _decision(_regions(region, made_by), container.MODALITY, _event(publish, plain), on)
    wanted = demand.of(decision, route or (made_by.route if made_by else ""))
    vouched = _vouched(stated)
    if (certificate is None) != (key is None):
        raise Refusal("usage", reason="C2PA needs both --certificate and --key.")
    if wanted.consent:
        _check_consent(plain, wanted)
    places, clock = config.load(), SystemClock()
    ledger = Ledger.open(places.ledger, SHARD, clock)
    try:
        made = ledger.next_id()
        signer = checkpoint.signer(places.ledger)
        done = labels.add(data, wanted, signer, receipt or made, clock.now(), vouched)
        if certificate is not None and key is not None:
            done = c2pa.sign(done, data, container.NAME, _bytes(certificate), _bytes(key), wanted.system)
        found = labels.check(done, wanted, Key(signer.node, signer.public))
        entry = Export(
            made, clock.epoch_ms(), receipt, wanted.regions, decision.question.event, container.NAME, wanted.route,
            tuple(found.marks), wanted.label, vouched, plain, recipient, decision.digest, keep_min=wanted.keep_min,
        )  # fmt: skip
        ledger.append(entry)
        ledger.flush()
        _write(out or file, done)
    finally:
        ledger.close()
    if json:
        _print_json({"file": str(out or file), "receipt": made, **msgspec.to_builtins(found)})
        return
    _say(found, Console(highlight=False))
    print(f"{out or file} is labelled for {', '.join(wanted.regions)}. Receipt {made}.")


@app.command()
def show(file: File, json: Json = False) -> None:
    """Print every mark in a file, whose signature it carries, and which marks of others are there."""
    found = labels.check(_bytes(file), Demand((), "", "", ""), _key())
    if json:
        _print_json(found)
        return
    _say(found, Console(highlight=False))


@app.command()
def check(
    file: File,
    *,
    region: Regions = None,
    receipt: Of = "",
    route: Route = "",
    publish: Publish = False,
    on: Day = "",
    json: Json = False,
) -> None:
    """Say what a file lacks of what a region asks for. Exit code 3 when it lacks anything."""
    data = _bytes(file)
    made_by = _answer(receipt)
    decision = _decision(_regions(region, made_by), containers.of(data).MODALITY, _event(publish, ""), on)
    wanted = demand.of(decision, route or (made_by.route if made_by else ""))
    found = labels.check(data, wanted, _key())
    if json:
        _print_json(msgspec.to_builtins(found) | {"complete": not found.missing})
    else:
        _say(found, Console(highlight=False))
        print("Nothing is missing." if not found.missing else "It may not leave like this.")
    if found.missing:
        raise typer.Exit(TABLE["export_incomplete"].exit)


def _vouched(stated: Sequence[str] | None) -> tuple[str, ...]:
    if any(each not in MEANS for each in stated or ()):
        raise Refusal("bad_field", field="--stated", reason=f"one of {', '.join(MEANS)}")
    return tuple(stated or ())


def _say(found: Report, console: Console) -> None:
    console.print(f"{found.container} ({found.modality})", style="bold")
    for name, fields in found.marks.items():
        console.print(f"  {name}: signature {found.signature[name]}")
        for each, value in fields.items():
            console.print(f"    {each}: {value}", markup=False, soft_wrap=True)
    for other in found.others:
        console.print(f"  mark of others: {other}")
    if found.label:
        console.print(f"  label: {found.label} (known by the {found.label_by})", markup=False)
    if not found.marks and not found.others:
        console.print("  no mark")
    for each in found.missing:
        console.print(f"  missing: {each}", markup=False, soft_wrap=True)


def _print_json(document: object) -> None:
    print(msgspec.json.encode(document).decode())


def _decision(regions: Sequence[str], modality: str, event: str, on: str) -> Decision:
    held = operator.load_or_rehearsal(config.load().operator)
    known = partner_files.load()
    try:
        day = date.fromisoformat(on) if on else today(SystemClock())
    except ValueError:
        raise Refusal("bad_field", field="--date", reason=f"{on!r} is not a day: YYYY-MM-DD") from None
    table = supposed.table(region_files.load(), known, held, supposed.secrets(known, os.environ), day)
    return table.decide(Question(tuple(regions), modality=modality, event=event, age="adult", data="none"))


def _regions(asked: list[str] | None, made_by: Receipt | None) -> tuple[str, ...]:
    regions = tuple(word.upper() for word in asked or ()) or (made_by.regions if made_by else ())
    if not regions:
        raise Refusal("usage", reason="Name a --region, or the --receipt of the answer.")
    return regions


def _event(publish: bool, plain: str) -> str:
    if publish and plain:
        raise Refusal("usage", reason="What is published keeps its label: use --publish or --plain.")
    return "publish" if publish else "export_plain" if plain else "export"


def _answer(id: str) -> Receipt | None:
    """The receipt of the answer; None when none is named. Raises Refusal unknown_receipt."""
    if not id:
        return None
    entry = read.find(config.load().ledger, id)
    if not isinstance(entry, Receipt) or not entry.route:
        raise Refusal("bad_field", field="--receipt", reason="it is not the receipt of an answer")
    return entry


def _check_consent(id: str, wanted: Demand) -> None:
    """Raises Refusal consent_invalid unless the consent covers an export without the label."""
    clock = SystemClock()
    held = {each.id: each for each in Accounts.open(config.load().accounts, clock).list_consents(None)}.get(id)
    if held is None:
        raise Refusal("unknown_consent", id=id)
    now = clock.now()
    if held.kind != demand.LABEL_DUTY or held.withdrawn or held.used or held.until <= now:
        raise Refusal("consent_invalid", reason="it is of another kind, or holds no more")
    if held.region not in wanted.regions:
        raise Refusal("consent_invalid", reason=f"it was given for {held.region}")


def _key() -> Key | None:
    try:
        return Key(*checkpoint.public_key(config.load().ledger))
    except FileNotFoundError:
        return None
    except checkpoint.BadCheckpointError as error:
        raise Refusal("data_damaged", reason=f"The node's public key cannot be read: {error}.") from None


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > containers.LIMIT:
            raise Refusal("bad_file", container="file", reason=f"it is larger than {containers.LIMIT} bytes")
        return path.read_bytes()
    except OSError as error:
        raise Refusal("usage", reason=f"{path} cannot be read ({error.strerror}).") from None


def _write(path: Path, data: bytes) -> None:
    """The whole file or none of it."""
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".isthmus-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(draft).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise Refusal("usage", reason=f"{path} cannot be written ({error.strerror}).") from None
