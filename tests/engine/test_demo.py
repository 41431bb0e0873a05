"""The demo is a test: it insists on its own story."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.engine
@pytest.mark.long
def test_the_story_goes_as_told(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "gitops", "-C", str(REPOSITORY), "demo", "--clean"]
    told = subprocess.run(
        [*command, "--folder", str(tmp_path / "sandbox")], capture_output=True, text=True, timeout=2400, check=False
    )
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-2000:]
    assert "✓ the refused apply touched nothing" in told.stdout
    assert "✓ seven releases and one refusal are on record" in told.stdout
    assert not (tmp_path / "sandbox").exists()
