"""Golden files: what people read, compared with the expected file of that name beside the test, in `expected`.

`pytest <tests> --update-golden` writes them anew; read the difference before committing it.
"""

from collections.abc import Callable

import pytest

OPTION = "--update-golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="write the files that golden tests compare with anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the expected file of that name."""
    folder = request.path.parent / "expected"
    update = bool(request.config.getoption(OPTION))

    def check(name: str, text: str) -> None:
        file = folder / name
        if update:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        assert file.is_file(), f"{file} is missing: run `pytest {request.path} {OPTION}` and read what it writes"
        assert text == file.read_text(encoding="utf-8")

    return check
