"""The `isthmus` command. Each file in commands/ is one command or one group of commands; the folder is the registry.

Rules of this file. A command's file is imported only when that command runs or shows its own help; the line that
`isthmus --help` prints for it is the first of its docstring, read without importing it. With --json there is exactly
one JSON document on standard output, also when a Refusal ends the command; else its sentence goes to standard error.
Exit codes come from core.errors.TABLE.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from isthmus import __version__
from isthmus.core.errors import Refusal

FOLDER = Path(__file__).parent / "commands"


class Command(NamedTuple):
    """A command that was found but not imported: the module it lies in, and its line in `isthmus --help`."""

    module: str
    summary: str


def discover(folder: Path = FOLDER) -> dict[str, Command]:
    """Commands by name, sorted: `NAME` in the file where it has one, else the file's own name."""
    found = {}
    for path in folder.glob("*.py"):
        if path.stem.startswith("_"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        summary = (ast.get_docstring(tree) or "").partition("\n")[0]
        found[_name(tree) or path.stem] = Command(f"isthmus.commands.{path.stem}", summary)
    return dict(sorted(found.items()))


def _name(tree: ast.Module) -> str | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == "NAME":
                    return str(node.value.value)
    return None


def build(wanted: Callable[[str], bool]) -> typer.Typer:
    """The whole command line, in which only the commands that `wanted` accepts are imported."""
    app = typer.Typer(
        name="isthmus",
        help="One intelligence layer for every device and every jurisdiction.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for name, command in discover().items():
        if not wanted(name):
            app.command(name, help=command.summary)(_not_loaded)
            continue
        module = importlib.import_module(command.module)
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, help=command.summary)
        else:
            app.command(name)(module.command)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        print(f"isthmus {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """One intelligence layer for every device and every jurisdiction."""


def _not_loaded() -> None:
    """Stand in the list of commands for one that was not asked for."""


def run(app: Callable[..., Any], arguments: Sequence[str]) -> int:
    """Run `app` on `arguments` (without the program's name). Returns the exit code."""
    try:
        app(list(arguments), prog_name="isthmus")
    except Refusal as refusal:
        if "--json" in arguments:
            print(refusal.encode().decode())
        else:
            print(refusal.sentence(), file=sys.stderr)
        return refusal.row.exit
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `isthmus` command. Raises SystemExit with the code of core.errors.TABLE."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    asked = next((word for word in words if not word.startswith("-")), None)
    sys.exit(run(build(lambda name: name == asked), words))
