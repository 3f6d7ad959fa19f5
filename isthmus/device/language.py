"""Which language is this text in? By script, then by the small words and letters that each language cannot do without.

No model and no table of a foreign origin: a few hundred words, written for this file. Scripts settle most languages;
among those that share one, the small words decide. Short texts stay uncertain, and the confidence says so.
Source of the idea: Grefenstette (1995), "Comparing two language identification schemes".
"""

from __future__ import annotations

import re
from typing import NamedTuple

UNKNOWN = "und"


class Guess(NamedTuple):
    """A language (BCP 47) and how likely it is, 0 to 1."""

    language: str
    confidence: float


_SCRIPTS = {
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "hangul": re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"),
    "han": re.compile(r"[\u3400-\u9fff\uf900-\ufaff]"),
    "cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "arabic": re.compile(r"[\u0600-\u06ff]"),
    "hebrew": re.compile(r"[\u0590-\u05ff]"),
    "greek": re.compile(r"[\u0370-\u03ff]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
    "latin": re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
}
_ONLY = {"hangul": "ko", "hebrew": "he", "greek": "el", "thai": "th", "devanagari": "hi"}
# A Han character or kana says about as much as three Latin letters.
_WEIGHT = {"han": 3.0, "kana": 3.0, "hangul": 3.0, "thai": 1.5}

_LATIN = {
    "en": "the of and to in is that it for was with you are this have not be on as at from they we his but or an will "
    "can my what which their has been please would there i your me our by if do all so tomorrow when he she",
    "fr": "le la les des et est en un une du que qui dans pour pas sur avec au ce je vous nous il elle ne se plus sont "
    "mais ou cette mon votre être demain où très aux à",
    "de": "der die das und ist nicht ein eine zu den von mit für auf dem des sich im es ich sie wir wird auch als an "
    "haben hat bitte morgen über nach bei um kein sind war am zum zur",
    "es": "el la los las de que y en un una es por con para no se del al lo su más como pero está este mañana yo muy "
    "son fue ya mi gracias también qué tiene",
    "pt": "o os as de que e em um uma é do da no na por com para não se dos das ao mais como mas está você seu muito "
    "amanhã eu são foi também obrigado pelo pela",
    "it": "il lo la gli le di che e in un una è per con non si del della dei al da sono come più ma questo anche "
    "domani io mi nel alla grazie molto ho ha ci",
    "nl": "de het een van en is dat niet op te zijn met voor ik je we er aan om ook als maar wordt bij naar heeft "
    "morgen deze dit wat nog wij graag",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam akan pada saya kami anda adalah ke juga besok bisa ada "
    "sudah kita atau",
    "vi": "và của là có không được cho một người các trong với này tôi bạn đã để những sẽ ngày khi ở",
    "tr": "ve bir bu için ile çok ne de da ben sen biz değil var yarın olarak gibi daha kadar ama",
    "pl": "i w na z się nie to jest że do o jak po co tak czy dla jutro przez ale są ja już",
}
_LETTERS = {
    "fr": "çœêèàùîôë", "de": "ßäöü", "es": "ñ¿¡áíóú", "pt": "ãõçâêô", "it": "èòìù",
    "vi": "ơưđạảấầậắặẹẻếềệỉịọỏốồộớờợụủứừựỳỹ",
    "tr": "ğışç", "pl": "łąęśżźćń",
}  # fmt: skip
_WORDS = {language: frozenset(words.split()) for language, words in _LATIN.items()}
_CYRILLIC = {"uk": "іїєґ", "ru": "ыэёъ"}
_PERSIAN = "پچژگ"
# Characters that only one of the two Chinese scripts writes.
_HANT = frozenset(
    "這個們來時會後對學為國說過還沒開關門問間見話請謝號機電車書買賣點錢樣經給長東業與從單萬專無實現發電歲"
)
_HANS = frozenset("这个们来时会后对学为国说过还没开关门问间见话请谢号机电车书买卖点钱样经给长东业与从单万专无实现发岁")
_TOKEN = re.compile(r"[^\W\d_]+")


def detect(text: str) -> list[Guess]:
    """Languages of `text`, likeliest first; the last is always "und", with what is left of certainty."""
    weights: dict[str, float] = {}
    for script, letters in _SCRIPTS.items():
        count = len(letters.findall(text))
        if count:
            weights[script] = count * _WEIGHT.get(script, 1.0)
    whole = sum(weights.values())
    if not whole:
        return [Guess(UNKNOWN, 1.0)]
    scores: dict[str, float] = {}
    east = sum(weights.pop(name, 0.0) for name in ("kana", "han"))
    if east:
        _add(scores, _eastern(text), east / whole)
    for script, weight in weights.items():
        _add(scores, _of_script(script, text), weight / whole)
    ranked = sorted((Guess(language, round(part, 4)) for language, part in scores.items() if part > 0.01), key=_worst)
    rest = max(0.0, 1.0 - sum(guess.confidence for guess in ranked))
    return [*ranked, Guess(UNKNOWN, round(rest, 4))]


def primary(text: str) -> str:
    """The likeliest language's primary subtag ("zh", "en"), or "und" when nothing is likely."""
    best = detect(text)[0]
    return best.language.partition("-")[0] if best.confidence >= 0.3 else UNKNOWN


def _worst(guess: Guess) -> float:
    return -guess.confidence


def _add(scores: dict[str, float], found: dict[str, float], weight: float) -> None:
    for language, part in found.items():
        scores[language] = scores.get(language, 0.0) + part * weight


def _eastern(text: str) -> dict[str, float]:
    han = len(_SCRIPTS["han"].findall(text))
    kana = len(_SCRIPTS["kana"].findall(text))
    if kana and kana * 8 >= han:
        return {"ja": 0.99}
    hant = sum(letter in _HANT and letter not in _HANS for letter in text)
    hans = sum(letter in _HANS and letter not in _HANT for letter in text)
    sure = min(0.99, 0.7 + 0.06 * han)
    if hant > hans:
        return {"zh-Hant": sure, "zh": round(0.99 - sure, 4)}
    return {"zh": sure}


def _of_script(script: str, text: str) -> dict[str, float]:
    if script in _ONLY:
        return {_ONLY[script]: 0.99}
    if script == "cyrillic":
        return {"uk": 0.9} if any(letter in text for letter in _CYRILLIC["uk"]) else {"ru": 0.9}
    if script == "arabic":
        return {"fa": 0.9} if any(letter in text for letter in _PERSIAN) else {"ar": 0.9}
    return _latin(text.lower())


def _latin(text: str) -> dict[str, float]:
    """Small words count by how many languages share them; letters of one language's own count half a word."""
    tokens = [token for token in _TOKEN.findall(text) if _SCRIPTS["latin"].match(token)]
    scores = dict.fromkeys(_WORDS, 0.0)
    for token in tokens:
        owners = [language for language, words in _WORDS.items() if token in words]
        for language in owners:
            scores[language] += 1.0 / len(owners)
    for language, letters in _LETTERS.items():
        scores[language] += 0.5 * sum(text.count(letter) for letter in letters)
    whole = sum(scores.values())
    if whole < 0.5:
        return {"en": 0.35} if len(tokens) > 1 else {}
    certainty = min(0.99, 0.45 + 0.15 * whole)
    return {language: certainty * score / whole for language, score in scores.items() if score}
