"""The documents say what the code does: every name that a person can meet stands in them, and every name in them exists."""

from __future__ import annotations

import importlib
import re
import runpy
import shlex
from pathlib import Path

import pytest

from isthmus import cli
from isthmus.core.errors import TABLE

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "isthmus"
LIFE = DOCS / "life-of-a-request.md"
PAGE_LINES = 60
REFERENCE = runpy.run_path(str(DOCS / "reference.py"))

# Words in backticks on the page that are the wire's or the shell's, not the package's.
FOREIGN = re.compile(r"^(?:[a-z]+-[a-z-]+|/v1/\S*|[A-Z]+ /\S*|--\S+|isthmus( \S+)*|make \S+|\[DONE\]|data:|\d+|v\d+)$")


def everything() -> str:
    """The text of all pages a person reads."""
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages if page.parent.name != "decisions")


def settings_in_code() -> set[str]:
    return {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"\bISTHMUS_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }


def duties() -> list[str]:
    return sorted(
        path.stem
        for path in (PACKAGE / "policy").glob("*.py")
        if re.search(r"^VERBS\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    )


@pytest.mark.parametrize("page", list(REFERENCE["PAGES"]))
def test_a_page_made_from_the_code_is_what_the_code_says_now(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == REFERENCE["PAGES"][page](), "run `make docs`"


@pytest.mark.parametrize("words", list(REFERENCE["leaves"]()))
def test_every_command_and_every_option_says_what_it_is_for(words: str) -> None:
    leaf = REFERENCE["leaves"]()[words]
    assert leaf.help
    assert leaf.help.strip().endswith((".", ".)"))
    for parameter in leaf.params:
        assert getattr(parameter, "help", None), f"{words}: {parameter.name}"


def test_exit_codes_are_those_of_the_table() -> None:
    assert {row.exit for row in TABLE.values()} <= set(REFERENCE["EXITS"])


@pytest.mark.parametrize("setting", sorted(settings_in_code()))
def test_every_setting_has_its_line(setting: str) -> None:
    assert f"`{setting}`" in (DOCS / "operating.md").read_text(encoding="utf-8")


def test_every_setting_in_the_documents_exists() -> None:
    told = set(re.findall(r"\bISTHMUS_[A-Z_]*[A-Z]\b", everything()))
    assert told - {"ISTHMUS_LONG", "ISTHMUS_LONG_SECONDS", "ISTHMUS_SEED", "ISTHMUS_TRACES"} <= settings_in_code()


@pytest.mark.parametrize("region", sorted(path.stem for path in (PACKAGE / "regions" / "data").glob("[a-z]*.toml")))
def test_every_region_has_its_page(region: str) -> None:
    assert (DOCS / "regions" / f"{region.replace('_', '-')}.md").exists()


@pytest.mark.parametrize("partner", sorted(path.stem for path in (PACKAGE / "partners" / "data").glob("*.toml")))
def test_every_partner_is_described(partner: str) -> None:
    told = (DOCS / "partners.md").read_text(encoding="utf-8")
    assert f"`{partner}`" in told or f"`{partner.replace('_', '-')}`" in told


@pytest.mark.parametrize("duty", duties())
def test_every_duty_is_described(duty: str) -> None:
    assert f"policy/{duty}.py" in everything()


@pytest.mark.parametrize("model", ["qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m"])
def test_every_model_is_described(model: str) -> None:
    assert f"`{model}`" in (DOCS / "operating.md").read_text(encoding="utf-8")


def exists(name: str) -> bool:
    """Whether `name` is a path of the repository, or a dotted name of the package (with or without `isthmus.`)."""
    if any((base / name).exists() for base in (ROOT, PACKAGE)):
        return True
    parts = name.removeprefix("isthmus.").removesuffix("()").split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(["isthmus", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None) or getattr(found, "__annotations__", {}).get(part)
        return found is not None
    return False


def test_the_life_of_a_request_fits_a_page() -> None:
    assert len(LIFE.read_text(encoding="utf-8").splitlines()) <= PAGE_LINES


def test_every_name_in_the_life_of_a_request_exists() -> None:
    names = re.findall(r"`([^`\n]+)`", LIFE.read_text(encoding="utf-8"))
    mine = [name for name in names if ("." in name or "/" in name) and not FOREIGN.match(name)]
    assert mine
    assert [name for name in mine if not exists(name)] == []


def test_the_search_for_names_can_fail() -> None:
    assert exists("core.errors.Refusal.body")
    assert exists("core/errors.py")
    assert exists("core.config.Config.port")
    assert not exists("core.errors.Nothing")
    assert not exists("gateway/nothing.py")
    assert not exists("nowhere.at_all")


@pytest.mark.parametrize("line", sorted({
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.strip() and not line.strip().startswith("#")
}))  # fmt: skip
def test_every_command_in_the_readme_exists(line: str) -> None:
    words = shlex.split(line, comments=True)
    while "=" in words[0]:
        words = words[1:]
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    elif words[0].endswith("isthmus"):
        plain = [word for word in words[1:] if not word.startswith("-")]
        groups = {leaf.split()[0] for leaf in REFERENCE["leaves"]()}
        assert not plain or plain[0] in groups
        if plain and plain[0] not in REFERENCE["leaves"]():
            assert len(plain) == 1 or f"{plain[0]} {plain[1]}" in REFERENCE["leaves"]()
        known = {option for leaf in REFERENCE["leaves"]().values() for p in leaf.params for option in p.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known | {"--help", "--version"}
    else:
        assert words[0] in {".", "git", "cd", "curl", "export", "pip", "python"}


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} -> {target}"


def test_the_commands_folder_is_the_registry() -> None:
    assert set(cli.discover()) == {words.split()[0] for words in REFERENCE["leaves"]()}
