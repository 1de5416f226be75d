"""`python -m examples.demo`: the main job on this machine, in a scratch copy. `--clean` removes all of it."""

import argparse
import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from examples.demo.clean import clean, clear
from examples.demo.scratch import Scratch
from examples.demo.screen import Screen
from examples.demo.shell import DemoFailed, Shell, clean_environment
from examples.demo.story import Story

ROOT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    """Tell the story, or clean up after it; gives back the exit code."""
    words = argparse.ArgumentParser(prog="python -m examples.demo", description="Towpath's main job, on this machine.")
    words.add_argument("--clean", action="store_true", help="remove everything the demo made")
    told = words.parse_args(argv)
    screen = Screen(stream=sys.stdout, color="NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb")
    scratch = Scratch(source=ROOT, home=ROOT / ".towpath" / "demo")
    env = clean_environment(os.environ, Path(sys.executable).parent)
    shell = Shell(screen=screen, folder=scratch.checkout, env=env)
    try:
        with alone(scratch.home), politely():
            return clean(screen, shell, scratch) if told.clean else demo(screen, shell, scratch)
    except DemoFailed as failed:
        screen.still()
        screen.line(f"\nthe demo failed: {failed}", "1;31")
        screen.line(f"What stands can be looked at in {scratch.checkout}; `make demo` begins again,", "31")
        screen.line("`make demo-clean` removes it.", "31")
        return 1
    except KeyboardInterrupt:
        screen.still()
        screen.line("\ninterrupted. `make demo` begins again, `make demo-clean` removes what was made.")
        return 130


def demo(screen: Screen, shell: Shell, scratch: Scratch) -> int:
    """Begin anew and tell the whole story."""
    begun = screen.now()
    clear(screen, scratch)
    story = Story(screen=screen, shell=shell, scratch=scratch)
    story.tell()
    screen.line()
    screen.line("What happened", "1")
    rows = [(row.what, f"{row.seconds:.1f} s", row.outcome, row.failed) for row in story.rows]
    screen.table(("WHAT", "TIME", "OUTCOME", "USERS' FAILED REQUESTS"), rows)
    screen.line(f"All as promised, in {screen.now() - begun:.0f} s. Prod goes on serving v2:")
    screen.line()
    screen.line(f"  endpoint  {story.url}")
    screen.line(f"  call it   head -n 1 {scratch.model}/holdout.jsonl | curl --data @- {story.url}")
    screen.line(f"  look      cd {scratch.checkout} && {Path(sys.executable).parent}/deploy status")
    screen.line("  clean up  make demo-clean")
    return 0


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One demo at a time in a checkout; the lock ends with its process."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoFailed("another demo is running in this checkout: wait for its end, or interrupt it") from error
        yield


@contextmanager
def politely() -> Iterator[None]:
    """A polite end is an interrupt, so that commands can tidy up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
