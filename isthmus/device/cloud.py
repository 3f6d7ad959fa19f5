"""The way off the device: the gateway, asked only with a person's consent where the law wants one.

Rules of this file. Nothing is sent but what the feature rendered. A refusal for want of consent carries the sheet; the
person's answer comes from `agree`, and is given to the gateway before the question is asked again. The gateway alone
decides who may answer; this side never names a partner that it does not offer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Literal

from isthmus.core.errors import Refusal
from isthmus.device.client import Client
from isthmus.device.task import Abort, Prompt
from isthmus.device.voice import Said, Voice

Agree = Callable[[dict[str, Any]], Literal["once", "always", ""]]
ASKS = ("consent_required", "guardian_required")


class Cloud:
    """The gateway at `url` for the owner of `key`. `model`: auto, partner, or a name that the gateway lists.

    `consent` is a consent's id, or several joined by commas; `agree` shows a sheet to the person and returns the scope
    of the consent, "" for no.
    """

    def __init__(
        self, url: str, key: str, *, headers: dict[str, str] | None = None, model: str = "auto", consent: str = "",
        agree: Agree | None = None,
    ) -> None:  # fmt: skip
        self._headers = {name: value for name, value in (headers or {}).items() if value}
        self._consent = consent
        self._agree = agree
        self._key = key
        self.url = url
        self.voice = Voice(
            url, key, model=model, tier="partner", source="in_cloud", badge="In the cloud", headers=self._headers
        )

    def speak(self, prompt: Prompt, feature: str, abort: Abort) -> Generator[str, None, Said]:
        """Ask, with consent where it is needed. Raises Refusal; consent_required carries the sheet."""
        try:
            return (yield from self.voice.speak(prompt, headers=self._asking(feature), abort=abort))
        except Refusal as refusal:
            sheet = (refusal.extra or {}).get("sheet")
            if refusal.code not in ASKS or sheet is None or self._agree is None:
                raise
            scope = self._agree(sheet)
            if not scope:
                raise
            self._give(sheet, scope, feature)
        return (yield from self.voice.speak(prompt, headers=self._asking(feature), abort=abort))

    def _asking(self, feature: str) -> dict[str, str]:
        headers = {"isthmus-feature": feature, "isthmus-label": "metadata"}
        return {**headers, "isthmus-consent": self._consent} if self._consent else headers

    def _give(self, sheet: dict[str, Any], scope: str, feature: str) -> None:
        client = Client(self.url, self._key, headers=self._headers)
        fields = {**sheet["consent"], "scope": scope, "feature": feature, "language": sheet.get("language", "")}
        self._consent = ",".join(filter(None, (self._consent, client.give_consent(**fields))))
