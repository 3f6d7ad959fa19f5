"""Get the peers, each into a folder of its own outside the repository; nothing of them is ever Isthmus' dependency.

    python -m benchmarks.gateway.peers.install [NAME ...]

Packages of Debian are named, not installed. What cannot be had is said, and the others go on.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.gateway.peers.recipe import Recipe, found, load


def get(recipe: Recipe) -> str:
    """Install one peer unless it is here. Returns what became of it."""
    how, _, what = recipe.get.partition(" ")
    if recipe.is_here:
        return "is here"
    if how == "apt":
        return f"missing: apt-get install {what}"
    recipe.home.mkdir(parents=True, exist_ok=True)
    if how == "pip":
        subprocess.run([sys.executable, "-m", "venv", str(recipe.home)], check=True)
        command = [str(recipe.home / "bin" / "python"), "-m", "pip", "install", "-q", "--only-binary", ":all:", what]
    elif found("npm") is None:
        return "missing: npm"
    else:
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", what]
    done = subprocess.run(command, cwd=recipe.home, capture_output=True, text=True, check=False)
    return "installed" if done.returncode == 0 and recipe.is_here else f"missing: {what} could not be installed"


def main() -> None:
    recipes = load()
    for name in sys.argv[1:] or recipes:
        print(f"{recipes[name].title:14} {get(recipes[name])}", flush=True)


if __name__ == "__main__":
    main()
