"""Invented law and invented partners, as files: whatever the schema allows may be written, so it is drawn at random."""

import datetime as dt

from isthmus.core.decision import CONTENTS, DATA, EVENTS, FEATURES, MODALITIES, TIERS

PLACES = ["CN", "US", "DE", "EU", "EEA", "SG", "*"]
PARTNERS = ["doubao", "openai", "qwen", "deepseek", "local", "device", "invented"]
WORDS = {
    "feature": FEATURES,
    "modality": MODALITIES,
    "event": EVENTS,
    "data": DATA,
    "content": CONTENTS,
    "route": TIERS,
}
VERBS = [
    "route.require", "route.forbid", "residency", "consent.require", "feature.forbid", "scan", "log.keep", "mask",
    "user.strike", "label.embed", "label.show", "disclose", "channel.offer", "remind",
]  # fmt: skip
BASES = ["dpf", "scc_tia", "consent"]


def word(value):
    """A value as TOML."""
    match value:
        case bool():
            return str(value).lower()
        case dt.date():
            return value.isoformat()
        case list():
            return "[" + ", ".join(map(word, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}={word(inner)}" for key, inner in value.items()) + "}"
        case int():
            return str(value)
        case _:
            return f'"{value}"'


def some(draw, words, most=3):
    return draw.sample(sorted(words), draw.randint(1, min(most, len(words))))


def day(draw):
    return dt.date(2026, 1, 1) + dt.timedelta(days=draw.randrange(500))


def check(draw):
    """A verb and its values. Retention never contradicts itself within one file, which would be refused."""
    verb = draw.choice(VERBS)
    match verb:
        case "route.require":
            every = {"partner": ["zz_filing_no"], "operator": ["zz_registration_no"], "runs_in": some(draw, PLACES)}
            return verb, {key: every[key] for key in some(draw, every)}
        case "route.forbid":
            every = {"partner": some(draw, PARTNERS), "runs_in": some(draw, PLACES)}
            return verb, {key: every[key] for key in some(draw, every)}
        case "residency":
            values = {"process": some(draw, PLACES), "dpa": draw.random() < 0.3}
            more = {"store": some(draw, PLACES), "or_basis": some(draw, BASES)}
            return verb, values | {key: more[key] for key in more if draw.random() < 0.5}
        case "consent.require":
            return verb, {"kind": draw.choice(["separate", "sensitive", "guardian"])}
        case "scan":
            return verb, {
                "side": ["input"],
                "taxonomy": draw.choice("ab"),
                "on_error": "block",
                "terms_min": draw.randrange(9),
            }
        case "log.keep":
            limit = draw.choice(
                [{"min_days": draw.randrange(20)}, {"max_days": draw.randint(40, 90)}, {"max_days": "{operator}"}]
            )
            return verb, limit | draw.choice([{}, {"what": "network"}, {"what": "content"}])
        case "user.strike":
            return verb, {"in_a_row": draw.randint(1, 5), "per_day": draw.randint(1, 9)}
        case "label.embed":
            return verb, {"fields": draw.choice([{"by": "{legal_name}"}, {"by": "{cn_code}", "id": "{ledger_id}"}])}
        case "label.show":
            return verb, {"text": "{model_name} AI {operator_name}", "at": ["top"]}
        case "disclose":
            return verb, {"text": "AI {partner} {complaints}", "at": "first_message"}
        case "channel.offer":
            return verb, {"kind": some(draw, ["access", "erasure", "human"]), "reply_days": draw.randint(1, 40)}
        case "remind":
            return verb, {"text": "AI", "every_hours": draw.randint(1, 4)}
        case _:
            return verb, {}


def rule(draw, name, parents):
    verb, values = check(draw)
    lines = [f"[rule.{name}]", 'duty = "Invented."', 'law = ["act#1"]', 'sure = "low"', f'check = "{verb}"']
    when = {key: some(draw, words) for key, words in WORDS.items() if draw.random() < 0.2}
    if draw.random() < 0.3:
        when |= {
            "age_under": draw.choice([10, 13, 14, 15, 16, 18]),
            "unknown_age": draw.choice(["ask", "minor", "adult"]),
        }
    lines += [f"when = {word(when)}"] if when else []
    lines += [f"with = {word(values)}"] if values else []
    if draw.random() < 0.3:
        lines.append(f"except = {word({key: some(draw, WORDS[key]) for key in some(draw, WORDS, 2)})}")
    if draw.random() < 0.2:
        lines.append(f"unless = {word(draw.choice(['partner.role=entrusted', 'editor.reviewed']))}")
    since = day(draw)
    lines.append(f"from = {since}")
    if draw.random() < 0.2:
        lines.append(f"until = {since + dt.timedelta(days=draw.randint(1, 200))}")
    if draw.random() < 0.2:
        lines.append(f'grace = {{until={since + dt.timedelta(days=60)}, if="placed_on_market<{since}"}}')
    lines.append(f"delegable = {word(draw.random() < 0.5)}")
    if parents and draw.random() < 0.5:
        lines.append(f'replaces = "{parents.pop()}"')
    return "\n".join(lines)


def region(draw, name, extends="", delegable=()):
    """A region file with up to eight rules; an overlay may replace what `delegable` names."""
    parents = list(delegable)
    head = [f'id = "{name}"', f"countries = {word(some(draw, ['CN', 'US', 'DE', 'IT', 'SG'], 2))}"]
    head += [f'extends = "{extends}"'] if extends else []
    head += ['fallback = ["device", "refuse"]', 'reviewed = {by="", on=2026-11-22, status="draft"}']
    head += ["[source]", 'act = ["Invented Act", "law", 2026-01-01]']
    return "\n".join([*head, *(rule(draw, f"r{n}", parents) for n in range(draw.randint(1, 8)))])


def partner(draw):
    """A partner file with one or two doors anywhere."""
    head = ['id = "invented"', 'title = "Invented"', 'key_env = "INVENTED_KEY"', f"order = {draw.randrange(60)}"]
    if draw.random() < 0.3:
        head.append('filings = {cn_filing_no="PUBLIC-1"}')
    for door in ("a", "b")[: draw.randint(1, 2)]:
        head += [
            f"[endpoint.{door}]",
            'host = "invented.example"',
            'path = "/v1"',
            f"region = {word(draw.choice(PLACES))}",
        ]
        head += [f"{key} = {word(some(draw, PLACES))}" for key in ("inference", "storage", "end_users")]
        head += [
            f"{key} = {word(some(draw, ['CN', 'SG', 'EU']))}"
            for key in ("end_users_not", "owners_barred")
            if draw.random() < 0.3
        ]
    return "\n".join([*head, "[model.one]", "[model.two]", "default = true"])
