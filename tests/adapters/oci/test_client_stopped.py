"""A push that goes wrong or is interrupted ends at once, whatever the registry does."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.registry import FakeRegistry
from towpath.adapters.oci.blobs import BytesBlob, MadeBlob
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.parallel import in_parallel
from towpath.adapters.oci.transport import Transport
from towpath.adapters.oci.upload import Uploads
from towpath.core.errors import Refused

LONG = 10.0  # seconds until a test that would hang gives up


@pytest.fixture
def answer(fake: FakeRegistry) -> Iterator[threading.Event]:
    """The registry says nothing to a blob until this is set."""
    event = threading.Event()
    fake.silent = lambda _: _asked_for(event)
    yield event
    event.set()


def _asked_for(event: threading.Event) -> None:
    event.wait(2 * LONG)


def test_an_interrupt_ends_a_push_to_a_registry_that_says_nothing(client: RegistryClient, fake: FakeRegistry) -> None:
    answer = threading.Event()

    def interrupt(_: str) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        _asked_for(answer)

    fake.silent = interrupt
    with pytest.raises(KeyboardInterrupt):
        client.push_blobs(f"{fake.host}/m", [BytesBlob(content=b"x")])
    assert not answer.is_set()
    left = [thread for thread in threading.enumerate() if thread.name == "parallel"]
    answer.set()
    assert left, "the upload waits still"
    assert all(thread.daemon for thread in left), "and the process may end without it"


def test_a_failure_is_said_while_another_upload_gets_no_answer(
    client: RegistryClient, fake: FakeRegistry, answer: threading.Event
) -> None:
    waits = BytesBlob(content=b"x")
    corrupt = MadeBlob(digest="sha256:" + "0" * 64, size=1, make=lambda: iter([b"y"]))
    with ThreadPoolExecutor() as pool:
        push = pool.submit(client.push_blobs, f"{fake.host}/m", [waits, corrupt])
        failure = push.exception(LONG)
    assert isinstance(failure, Refused)
    assert "corrupt" in failure.message
    assert not answer.is_set()


def test_a_stopped_upload_is_not_tried_again(transport: Transport, fake: FakeRegistry, clock: FakeClock) -> None:
    uploads = Uploads(transport, f"{fake.host}/m", stopped=lambda: bool(clock.slept))
    fake.faults["HEAD /blobs/"] = [(503, {})] * 5
    with pytest.raises(Refused, match=rf"the upload to {fake.host}/m was stopped"):
        uploads.put(BytesBlob(content=os.urandom(10)))
    assert len(fake.requests) == 1


def test_results_come_in_the_order_of_the_items_and_from_so_many_threads() -> None:
    meeting = threading.Barrier(3, timeout=LONG)

    def work(item: int) -> int:
        meeting.wait()
        return item * 2

    assert in_parallel(work, range(6), 3) == (0, 2, 4, 6, 8, 10)


def test_what_was_not_begun_is_left_out_after_a_failure() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        raise Refused("no")

    with pytest.raises(Refused):
        in_parallel(work, range(3), 1)
    assert begun == [0]
