import zipfile
from pathlib import Path

import pytest

from tests.adapters.builders.workshop import make_wheel
from tests.fakes.programs import FakePrograms, says
from towpath.adapters.builders.wheels import Target, WheelDownloads, wanted, wheel_contents
from towpath.core.errors import Refused, UsageError
from towpath.core.image import Platform
from towpath.core.lockfile import read_lock

TARGET = Target(platform=Platform(os="linux", architecture="amd64"), python="3.11")


def test_markers_are_asked_about_the_image_and_not_about_this_machine() -> None:
    lock = read_lock(
        'a==1 ; sys_platform == "linux"\nb==1 ; sys_platform == "win32"\nc==1 ; python_version < "3.11"\n'
        'd==1 ; platform_machine == "x86_64" and python_full_version >= "3.11"\n',
        "r",
    )
    assert [pin.name for pin in wanted(lock, TARGET)] == ["a", "d"]


def test_a_marker_nobody_can_read_is_refused() -> None:
    with pytest.raises(UsageError, match="not an environment marker"):
        wanted(read_lock("a==1 ; whatever", "r"), TARGET)


def test_files_land_where_an_installer_puts_them(tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path,
        "x",
        "1",
        {
            "x/__init__.py": b"",
            "x/__pycache__/x.pyc": b"bytecode",
            "x-1.data/purelib/y.py": b"",
            "x-1.data/scripts/run": b"#!python\nprint()\n",
            "x-1.data/data/share/z": b"",
            "x-1.data/headers/x.h": b"",
        },
    )
    with zipfile.ZipFile(wheel) as archive:
        found = {content.entry.path: content for content in wheel_contents([archive], "site")}
        run = found["site/bin/run"]
        assert set(found) == {"site/x/__init__.py", "site/y.py", "site/bin/run", "site/share/z"}
        assert run.open().read() == b"#!/usr/bin/env python3\nprint()\n"
    assert run.entry.executable
    assert run.entry.size == len(b"#!/usr/bin/env python3\nprint()\n")


def test_hashes_are_required_where_the_lock_has_them(tmp_path: Path) -> None:
    programs = FakePrograms(answers={("pip",): says()})
    hashed = read_lock(f"a==1 --hash=sha256:{'a' * 64}", "r")
    WheelDownloads(programs, ("pip",)).fetch(hashed, TARGET, tmp_path)
    assert "--require-hashes" in programs.asked[0].words
    assert (tmp_path / "requirements.txt").read_text() == f"a==1 --hash=sha256:{'a' * 64}\n"


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    said = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."
    programs = FakePrograms(answers={("pip",): says(stderr=said, exit_code=1)})
    with pytest.raises(Refused, match="doesn't have the hash the lock names"):
        WheelDownloads(programs, ("pip",)).fetch(read_lock("a==1", "r"), TARGET, tmp_path)


def test_tags_go_from_the_newest_glibc_a_base_must_have_to_the_oldest() -> None:
    assert TARGET.tags[0] == "manylinux_2_28_x86_64"
    assert TARGET.tags[-1] == "manylinux1_x86_64"
    assert "manylinux2014_x86_64" in TARGET.tags
