"""A folder of ready archives stands in for any network, and is checked by hash."""

from pathlib import Path

import pytest

from gitops.errors import ToolchainError
from gitops.toolchain import cache, mirror
from gitops.toolchain.cache import Installed, Origin
from gitops.toolchain.places import Places
from tests.toolchain.fakes import Toolchain, archive


def mirrored(toolchain: Toolchain, *, sums: str | None = None) -> Places:
    folder = toolchain.root / "mirror"
    digest = archive(folder / f"{toolchain.key()}.tar.gz", {"hello": b"from the mirror"})
    (folder / mirror.SUMS).write_text(f"{digest}  {toolchain.key()}.tar.gz\n" if sums is None else sums)
    return toolchain.places({}, mirror=folder)


def test_an_archive_with_the_right_hash_is_installed(toolchain: Toolchain) -> None:
    found = mirror.install(mirrored(toolchain), toolchain.hello, toolchain.key())
    assert found is not None
    assert found.origin is Origin.MIRROR
    assert (found.folder / "hello").read_text() == "from the mirror"


@pytest.mark.parametrize("sums", ["", f"{'a' * 64}  KEY.tar.gz\n"])
def test_a_wrong_or_missing_hash_is_an_error(toolchain: Toolchain, sums: str) -> None:
    places = mirrored(toolchain, sums=sums.replace("KEY", toolchain.key()))
    with pytest.raises(ToolchainError, match="its hash is") as caught:
        mirror.install(places, toolchain.hello, toolchain.key())
    assert "again" in caught.value.hint
    assert cache.stored(places, toolchain.hello, toolchain.key()) is None


def test_what_the_mirror_lacks_is_looked_for_elsewhere(toolchain: Toolchain) -> None:
    places = mirrored(toolchain)
    assert mirror.install(places, toolchain.pins.pieces["other"], toolchain.key("other")) is None
    assert mirror.install(toolchain.places({}), toolchain.hello, toolchain.key()) is None


def test_what_was_packed_on_one_machine_installs_on_another(toolchain: Toolchain, tmp_path: Path) -> None:
    built = tmp_path / "built"
    built.mkdir()
    (built / "hello").write_text("packed")
    here = toolchain.places({"GITOPS_CACHE": str(tmp_path / "here")})
    installed = Installed(toolchain.hello, "1.2.3", Origin.BUILT, built)
    for _ in range(2):  # packing again replaces, and keeps one line in the list
        mirror.pack(here, [(toolchain.key(), installed)], tmp_path / "mirror")
    assert len((tmp_path / "mirror" / mirror.SUMS).read_text().splitlines()) == 1
    there = toolchain.places({"GITOPS_CACHE": str(tmp_path / "there")}, mirror=tmp_path / "mirror")
    found = mirror.install(there, toolchain.hello, toolchain.key())
    assert found is not None
    assert (found.folder / "hello").read_text() == "packed"
