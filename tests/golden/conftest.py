"""Golden files: what people read, compared with an expected file beside the test.

`pytest tests/golden --update-golden` writes them anew; read the difference before committing it.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "expected"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the expected files of tests/golden anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the expected file of that name."""
    # The option is unknown when pytest was started on a folder above this one.
    update = bool(request.config.getoption("--update-golden", default=False))

    def check(name: str, text: str) -> None:
        file = FOLDER / name
        if update:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        assert file.is_file(), f"{file} is missing: run `pytest tests/golden --update-golden` and read what it writes"
        assert text == file.read_text(encoding="utf-8")

    return check
