"""docs/device.md names every feature, every option with its words, every setting and every command."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args, get_origin

import msgspec
import pytest

from isthmus.device import features
from isthmus.device.device import Settings
from isthmus.device.orchestrator import MODES
from isthmus.device.result import Result

PAGE = (Path(__file__).parents[3] / "docs" / "device.md").read_text("utf-8")


@pytest.mark.parametrize("name", list(features.discover()))
def test_every_feature_and_its_options_are_described(name: str) -> None:
    assert f"`{name}`" in PAGE
    for option in msgspec.structs.fields(features.named(name).options):
        assert option.encode_name in PAGE, option.encode_name
        if get_origin(option.type) is Literal and option.name != "sampling_mode":
            row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
            assert all(word in row for word in get_args(option.type)), option.encode_name


def test_every_mode_setting_and_field_of_a_result_is_described() -> None:
    for word in (*MODES, *Settings.__struct_fields__, *Result.__struct_fields__):
        assert f"`{word}`" in PAGE, word


@pytest.mark.parametrize(
    "command", ["proofread", "rewrite", "summarize", "translate", "write", "extract", "reply", "digest", "chat"]
)
def test_every_command_is_described(command: str) -> None:
    assert f"isthmus {command} " in PAGE
