from benchmarks.downtime import Refused
from examples.load import Answer, Load
from examples.traffic import Traffic
from tests.e2e.support.traffic import Sent

CANDIDATE, STABLE = "0badcafe", "600df00d"


class Ended(Traffic):
    """A load that was sent, with these answers."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(Load(url="http://127.0.0.1:1", bodies=(b"{}",), rate=1, seconds=1))
        self._answers = list(answers)


def refused(*answers: Answer) -> Refused:
    return Refused(sent=Sent(traffic=Ended(*answers)), candidate=CANDIDATE, away=1.0)


def answer(release: str, status: int) -> Answer:
    return Answer(due=0.0, seconds=0.1, status=status, release=release)


def test_what_a_refused_candidate_failed_is_its_own() -> None:
    found = refused(answer(CANDIDATE, 500), answer(CANDIDATE, 200), answer(STABLE, 200))

    assert (found.strange, found.failed) == ([], "1 by the candidate, 0.00 by others (limit 0 by others: kept)")


def test_a_failed_answer_of_stable_and_one_that_never_came_are_no_candidates() -> None:
    lost = Answer(due=0.0, seconds=15.0, error="no answer in 15 s")
    found = refused(answer(CANDIDATE, 503), answer(STABLE, 503), lost)

    assert found.strange == [answer(STABLE, 503), lost]
    assert found.failed == "1 by the candidate, 2.00 by others (limit 0 by others: NOT KEPT)"
