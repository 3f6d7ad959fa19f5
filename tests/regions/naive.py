"""An evaluator written a second time, from the schema's words alone: no index, no bits, no shared outcome.

It takes the files as TOML tables and walks every rule and every route for every question. Nothing of policy/ is used, so
that a mistake there cannot hide here.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import msgspec

import isthmus.partners
import isthmus.regions

REGIONS = Path(isthmus.regions.__file__).parent / "data"
PARTNERS = Path(isthmus.partners.__file__).parent / "data"
ALIASES = {"chat": "assistant", "reply": "smart_reply", "summarise": "summarize"}
UNION = {
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "HU",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL",
    "PL",
    "PT",
    "RO",
    "SE",
    "SI",
    "SK",
}
YEARS = {
    "under13": (0, 12),
    "13": (13, 13),
    "13-15": (13, 15),
    "14-15": (14, 15),
    "16-17": (16, 17),
    "adult": (18, 999),
    "unknown": (0, 999),
}
MONTH = 31
UP = {"min_days", "min_months", "terms_min", "log_months"}
DOWN = {
    "max_days",
    "in_a_row",
    "per_day",
    "every_hours",
    "text_over_tokens",
    "max_taps",
    "reply_days",
    "takedown_hours",
}


FIGURES = UP | DOWN


def files(folder):
    return {
        table["id"]: table for table in (tomllib.loads(p.read_text("utf-8")) for p in sorted(folder.glob("*.toml")))
    }


def members(places):
    out = set()
    for place in places:
        out |= UNION if place == "EU" else UNION | {"IS", "LI", "NO"} if place == "EEA" else {place}
    return out


def inside(inner, outer):
    return "*" in outer or (bool(members(inner)) and members(inner) <= members(outer))


class World:
    """`operator` is the plain table of operator.toml; `keys` the names of partner keys that are set."""

    def __init__(self, regions, partners, operator, keys=()):
        self.regions = regions
        self.partners = partners
        self.operator = operator
        self.keys = set(keys)
        self.rehearsing = operator.get("mode", "rehearsal") == "rehearsal"

    def facts(self, region):
        """The operator's word, from the region itself or its nearest parent."""
        chain = []
        while region:
            chain.append(region)
            region = self.regions[region].get("extends", "")
        found = {"filing": {}, "transfer": {}}
        for name in chain:
            for key, value in self.operator.get("region", {}).get(name, {}).items():
                if key in ("filing", "transfer"):
                    for partner, word in value.items():
                        found[key].setdefault(partner, word)
                elif value and key not in found:
                    found[key] = value
        return found

    def rules(self, region):
        """(file, name, rule, sources) of a region and its parents, replaced ones left out, parents first."""
        table = self.regions[region]
        own = [(region, name, rule, table["source"]) for name, rule in table["rule"].items()]
        parent = table.get("extends", "")
        if not parent:
            return own
        gone = {rule["replaces"].lower() for _, _, rule, _ in own if "replaces" in rule}
        return [r for r in self.rules(parent) if f"{r[0]}.{r[1]}".lower() not in gone] + own

    def held(self, value):
        return bool(value) and (value != "rehearsal" or self.rehearsing)


def in_force(rule, sources, day, facts):
    since = rule.get("from") or sources[rule["law"][0].partition("#")[0]][2]
    if day < since or ("until" in rule and day >= rule["until"]):
        return False
    if "grace" in rule and day < rule["grace"]["until"]:
        placed = facts.get("market_date", "")
        limit = dt.date.fromisoformat(rule["grace"]["if"].split("<")[1])
        if isinstance(placed, str) and placed not in ("", "rehearsal"):
            placed = dt.date.fromisoformat(placed)
        if isinstance(placed, dt.date) and placed < limit:
            return False
    return True


def age_says(when, age):
    """no: does not bind, yes: binds, ask: binds until the age is known."""
    if "age_under" not in when:
        return "yes"
    low, high = YEARS[age]
    line = when["age_under"]
    if high < line:
        return "yes"
    if low >= line:
        return "no"
    return {"ask": "ask", "minor": "yes", "adult": "no"}[when["unknown_age"]]


def asked_about(rule, question):
    when, but = rule.get("when", {}), rule.get("except", {})
    for key in ("feature", "modality", "event", "data", "content"):
        word = question[key]
        wanted = [ALIASES.get(w, w) for w in when.get(key, [])]
        if wanted and word not in wanted:
            return "no"
        if word in [ALIASES.get(w, w) for w in but.get(key, [])]:
            return "no"
    return age_says(when, question["age"])


def routes(world):
    """Every route in order: tier, real ones before stand-ins, partner's order, default model first, as listed."""
    out = []
    for name, partner in world.partners.items():
        tier = partner.get("tier", "partner")
        for model, about in partner["model"].items():
            doors = about.get("endpoints") or list(partner["endpoint"])
            for door in doors:
                full = f"{name}/{model}" + (f"@{door}" if len(doors) > 1 else "")
                rank = {"device": 0, "private": 1, "partner": 2}[tier]
                key = partner["endpoint"][door].get("key_env") or partner.get("key_env", "")
                played = tier == "partner" and key not in world.keys
                place = (rank, played, partner.get("order", 100), 0 if about.get("default") else 1, name)
                out.append(
                    (
                        place,
                        {
                            "name": full,
                            "tier": tier,
                            "partner": name,
                            "door": partner["endpoint"][door],
                            "about": about,
                            "model": model,
                            "file": partner,
                        },
                    )
                )
    return [route for _, route in sorted(out, key=lambda pair: pair[0])]


def where(world, route, places):
    """Does it run there?"""
    if route["tier"] == "device":
        return True
    if route["tier"] == "private":
        location = world.operator.get("location", "rehearsal")
        return (location == "rehearsal" and world.rehearsing) or inside([location], places)
    return inside([route["door"]["region"], *route["door"]["inference"]], places)


def from_age(file):
    """The age from which on a partner's own terms let it answer."""
    return max(file.get("least_age", 0), 18 if file.get("adults_only") else 0)


def objects(world, rule, facts, route):
    """Does this rule take this route away?"""
    values = rule.get("with", {})
    who = route["partner"]
    check = rule["check"]
    if check == "feature.forbid":
        return True
    if check == "route.forbid":
        return (
            not values
            or who in values.get("partner", [])
            or ("runs_in" in values and where(world, route, values["runs_in"]))
            or ("least_age" in values and from_age(route["file"]) >= values["least_age"])
        )
    if check == "route.require":
        for fact in values.get("partner", []):
            number = route["file"].get("filings", {}).get(fact) or (
                facts["filing"].get(who) if fact.endswith("_filing_no") else ""
            )
            if not world.held(number):
                return True
        for fact in values.get("operator", []):
            word = {"registration_no": "registration", "code": "producer_code", "representative": "representative"}
            if not world.held(facts.get(word.get(fact.partition("_")[2], ""), "")):
                return True
        return "runs_in" in values and not where(world, route, values["runs_in"])
    if check == "label.embed":
        for text in values.get("fields", {}).values():
            if text == "{cn_code}" and not world.held(facts.get("producer_code", "")):
                return True
        return False
    if check == "residency":
        fine = where(world, route, values["process"])
        if route["tier"] == "partner":
            fine = fine and inside(route["door"]["storage"], values.get("store", values["process"]))
        if not fine:
            basis = facts["transfer"].get(who, "")
            if not values.get("or_basis") or not world.held(basis):
                return True
            if basis != "rehearsal" and basis not in values["or_basis"]:
                return True
        if values.get("dpa") and route["tier"] == "partner":
            return who not in facts.get("entrusted", []) and not world.rehearsing
    return False


def terms_object(world, region, route):
    door = route["door"]
    countries = world.regions[region].get("countries", [region[:2]])
    if not inside(countries, door["end_users"]) or members(countries) & members(door.get("end_users_not", [])):
        return True
    if door.get("owners_barred"):
        owner = world.operator.get("owner_country", "rehearsal")
        if owner == "rehearsal":
            return not world.rehearsing
        return owner in members(door["owners_barred"])
    return False


def no_address(world, route):
    if route["tier"] != "partner":
        return False
    return not world.rehearsing and (route["door"].get("key_env") or route["file"].get("key_env", "")) not in world.keys


def filled(world, text, facts, route):
    if "{" not in text:
        return text
    known = {
        "model_name": route["about"].get("title") or route["model"],
        "partner": route["partner"],
        "legal_name": route["file"].get("legal_name", "not stated"),
        "operator_name": world.operator.get("name", "rehearsal"),
        "complaints": facts.get("complaints", ""),
    }
    for region, held in world.operator.get("region", {}).items():
        known[f"{region.lower()}_filing_no"] = held.get("filing", {}).get(route["partner"], "")
    known |= route["file"].get("filings", {})
    for gap, value in known.items():
        if value:
            text = text.replace("{" + gap + "}", value)
    for suffix, word in (
        ("registration_no", "registration"),
        ("code", "producer_code"),
        ("representative", "representative"),
    ):
        if facts.get(word):
            text = text.replace("{cn_" + suffix + "}", facts[word])
    return text


def owed_values(world, rule, facts, route, says):
    out = {}
    for key, value in rule.get("with", {}).items():
        if value == "{operator}":
            if isinstance(facts.get("log_max_days"), int):
                out[key] = facts["log_max_days"]
        elif isinstance(value, str):
            out[key] = filled(world, value, facts, route)
        elif isinstance(value, dict):
            out[key] = {name: filled(world, text, facts, route) for name, text in value.items()}
        else:
            out[key] = value
    if "age_under" in rule.get("when", {}):
        out["unknown_age"] = rule["when"]["unknown_age"]
    if says == "ask":
        out["ask_age"] = True
    return out


def evaluate(world, regions, question, day):
    """verdict, [(route, {rule: [values]})] of the gateway, the device's routes, {(route, rule)} ruled out."""
    bound = []
    for region in [*sorted(set(regions)), "HOUSE"]:
        facts = world.facts(region)
        for file, name, rule, sources in world.rules(region):
            if not in_force(rule, sources, day, facts):
                continue
            says = asked_about(rule, question)
            if says != "no":
                bound.append((f"{file}.{name}", rule, facts, says))
    if clash(bound):
        return "conflict", [], [], set()
    serving, device, out = [], [], set()
    for route in routes(world):
        mine = [b for b in bound if on_route(b, route)]
        against = {
            (route["name"], name)
            for name, rule, facts, says in mine
            if says != "ask" and objects(world, rule, facts, route)
        }
        if no_address(world, route) or any(terms_object(world, region, route) for region in regions):
            against.add((route["name"], ""))
        if against:
            out |= against
            continue
        duties = {}
        for name, rule, facts, says in mine:
            values = owed_values(world, rule, facts, route, says)
            same = duties.setdefault(name, [])
            if all(values != other for _, other in same):
                same.append((rule["check"], values))
        strictest(duties)
        (device if route["tier"] == "device" else serving).append((route["name"], duties))
    if not serving:
        return "refuse", [], device, out
    return ("serve_after" if all(must_wait(d) for _, d in serving) else "serve"), serving, device, out


def on_route(b, route):
    _, rule, facts, _ = b
    wanted = rule.get("when", {}).get("route", [])
    if (wanted and route["tier"] not in wanted) or route["tier"] in rule.get("except", {}).get("route", []):
        return False
    if rule.get("unless") == "partner.role=entrusted":
        return route["partner"] not in facts.get("entrusted", [])
    if rule.get("unless") == "editor.reviewed":
        return not facts.get("editor") or facts["editor"] == "rehearsal"
    return True


def must_wait(duties):
    for same in duties.values():
        for check, values in same:
            if check == "consent.require" and not values.get("ask_age"):
                return True
            if check == "feature.forbid" and values.get("ask_age"):
                return True
    return False


def clash(bound):
    logs = []
    for _, rule, facts, _ in bound:
        if rule["check"] == "log.keep":
            values = dict(rule.get("with", {}))
            if values.get("max_days") == "{operator}":
                values["max_days"] = facts.get("log_max_days")
            logs.append(values)
    for a in logs:
        for b in logs:
            least = max(a.get("min_days", 0), a.get("min_months", 0) * MONTH)
            kinds = (a.get("what"), b.get("what"))
            if isinstance(b.get("max_days"), int) and least > b["max_days"] and (kinds[0] == kinds[1] or None in kinds):
                return True
    return False


def strictest(duties):
    """Figures of one verb and kind: the largest minimum, the smallest maximum."""
    found = [
        (check, kind(values), key, values)
        for same in duties.values()
        for check, values in same
        for key, value in values.items()
        if key in FIGURES and isinstance(value, int)
    ]
    for check, word, key, values in found:
        others = [v[key] for c, w, k, v in found if (c, w, k) == (check, word, key)]
        values[key] = max(others) if key in UP else min(others)


def kind(values):
    word = values.get("what") or values.get("taxonomy") or values.get("kind") or ""
    return word if isinstance(word, str) else ",".join(word)


def canonical(values):
    return msgspec.json.encode(values, order="sorted")
