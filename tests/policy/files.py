"""Where the pack is."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "policy"
EXECUTABLE = FOLDER / "__main__.py"
