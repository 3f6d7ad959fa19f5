"""The law: read it, compare it, stage a change, try it on recorded answers, put it in force, take it back."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec

from isthmus.core.clock import today
from isthmus.core.errors import Refusal
from isthmus.policy import replay, supposed
from isthmus.regions import active
from isthmus.regions import load as region_files
from isthmus.regions.compare import Comparison, compare
from isthmus.regions.matrix import matrix
from isthmus.regions.schema import Region
from isthmus.web.admin.law import PACKAGED, State, Version
from isthmus.web.admin.office import Call, Office
from isthmus.web.admin.operation import Operation, plain

LONGEST = 512 << 10  # bytes of one region file


class Listed(msgspec.Struct, frozen=True):
    """One region. `rules` counts what binds it, its parents' rules included."""

    id: str
    name: str
    extends: list[str]
    rules: int
    status: str
    reviewed_by: str
    reviewed_on: str
    digest: str


class Law(msgspec.Struct, frozen=True):
    """Every region, and which version of the files is in force."""

    state: State
    regions: list[Listed]


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Region files as TOML text; each takes the place of the file with the same id."""

    files: Annotated[list[Annotated[str, msgspec.Meta(max_length=LONGEST)]], msgspec.Meta(min_length=1, max_length=64)]
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Staged(msgspec.Struct, frozen=True):
    """A version, with how each of its regions differs from the law in force."""

    version: str
    digest: str
    changes: list[Comparison]


class Compared(msgspec.Struct, frozen=True):
    """What a region owes on one day and another: rules in force, by id, and those that only one of the days has."""

    region: str
    before: str
    after: str
    begins: list[str]
    ends: list[str]
    stays: list[str]


class DaysQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two days; today where none is given."""

    before: date | None = None
    after: date | None = None


class DayQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A day; today where none is given."""

    on: date | None = None


class Preview(msgspec.Struct, frozen=True):
    """What a version would have done to recorded answers."""

    version: str
    against: str
    report: replay.Report


class Cell(msgspec.Struct, frozen=True):
    """Rules of one duty in one region: in force, and still to come."""

    region: str
    duty: str
    now: int
    later: int


def read_law(office: Office, call: Call) -> Law:
    return Law(office.law.state(), [_listed(region) for region in office.regions().values()])


def read_region(office: Office, call: Call) -> Region:
    return _region(office, call.path["id"])


def read_matrix(office: Office, call: Call) -> list[Cell]:
    table = matrix(office.regions(), call.query.on or today(office.clock))
    return [Cell(name, duty, c.now, c.later) for name, cells in table.items() for duty, c in cells.items()]


def diff_days(office: Office, call: Call) -> Compared:
    region = _region(office, call.path["id"])
    before, after = (day or today(office.clock) for day in (call.query.before, call.query.after))
    was, will = (_in_force(region, day) for day in (before, after))
    return Compared(
        region.id, before.isoformat(), after.isoformat(), sorted(will - was), sorted(was - will), sorted(was & will)
    )


def stage(office: Office, call: Call) -> Staged:
    """Check every file as strictly as the package's own, compile the law with them, and keep them."""
    try:
        drafts = _read(call.body.files)
        version = office.law.name(drafts)
        changed = region_files.load(instead=active.write(office.home, version, drafts))
        table = office.supposed(changed, today(office.clock))
    except Refusal as refusal:
        # A draft that is no law is the sender's to mend; a file of this house that is none would be ours.
        raise Refusal("not_law", reason=refusal.sentence()) from None
    office.law.stage(drafts, plain(call.body.note), call.person.id)
    now = office.regions()
    return Staged(version, table.digest, [compare(now.get(id, changed[id]), changed[id]) for id in sorted(drafts)])


def versions(office: Office, call: Call) -> list[Version]:
    return office.law.versions()


def preview(office: Office, call: Call) -> Preview:
    """Replay recorded answers: by the law of their own day, and by this version as of today."""
    version = call.path["version"]
    files = active.write(office.home, version, office.law.files(version)) if version != PACKAGED else ()
    counts, passed = replay.count(office.home / "ledger")
    now = office.regions()
    tables = supposed.ByDay(lambda day: office.supposed(now, day))
    day = today(office.clock)
    report = replay.replay(counts, tables.on, office.supposed(region_files.load(instead=files), day))
    report.passed_over += passed
    return Preview(version, day.isoformat(), report)


def activate(office: Office, call: Call) -> State:
    return office.law.activate(call.path["version"])


def roll_back(office: Office, call: Call) -> State:
    return office.law.activate(office.law.state().previous)


def _read(texts: list[str]) -> dict[str, str]:
    """Texts by the region they are for. Raises Refusal bad_law."""
    drafts: dict[str, str] = {}
    for text in texts:
        id = region_files.read("draft.toml", text.encode("utf-8", "surrogatepass")).id
        if id in drafts:
            raise Refusal("bad_law", reason=f"two files are for {id}")
        drafts[id] = text
    return drafts


def _region(office: Office, id: str) -> Region:
    region = office.regions().get(id)
    if region is None:
        raise Refusal("unknown_object", kind="region", id=id)
    return region


def _in_force(region: Region, day: date) -> set[str]:
    return {rule.id for rule in region.rules if rule.since <= day and (rule.until is None or day < rule.until)}


def _listed(region: Region) -> Listed:
    reviewed: Any = region.reviewed
    return Listed(
        region.id, region.name, list(region.chain[1:]), len(region.rules), reviewed.status, reviewed.by,
        reviewed.on.isoformat(), region.digest[:16],
    )  # fmt: skip


OPERATIONS = (
    Operation("GET", "/law", "law.read", "Regions, and the version of their files that is in force", read_law, Law),
    Operation(
        "GET", "/law/matrix", "law.read", "Jurisdictions against duties", read_matrix, list[Cell], query=DayQuery,
    ),
    Operation("GET", "/law/versions", "law.read", "Versions of the law", versions, list[Version]),
    Operation(
        "GET", "/law/regions/{id}", "law.read", "One region with every rule", read_region, Region,
        refusals=("unknown_object",),
    ),
    Operation(
        "GET", "/law/regions/{id}/days", "law.read", "Which rules begin and end between two days", diff_days, Compared,
        query=DaysQuery, refusals=("unknown_object",),
    ),
    Operation(
        "POST", "/law/versions", "law.change", "Stage region files; nothing changes yet", stage, Staged,
        body=Draft, status=201, refusals=("not_law",),
    ),
    Operation(
        "GET", "/law/versions/{version}/preview", "ledger.read", "What a version would do to recorded answers", preview,
        Preview, refusals=("unknown_object", "bad_law", "data_damaged"),
    ),
    Operation(
        "POST", "/law/versions/{version}/activate", "law.change", "Put a version in force on all nodes together",
        activate, State, status=202, refusals=("unknown_object", "not_now"),
    ),
    Operation(
        "POST", "/law/rollback", "law.change", "Put the version before in force again", roll_back, State, status=202,
        refusals=("unknown_object", "not_now"),
    ),
)  # fmt: skip
