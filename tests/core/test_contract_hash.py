from dataclasses import replace

from towpath.core.contract import Canary, Endpoint, Serving, Timeouts, drawn_hash, release_id
from towpath.core.release import parse_image

IMAGE = parse_image("localhost:5055/tiny@sha256:" + "a" * 64)


def test_numbers_that_are_equal_are_drawn_alike_whoever_read_them() -> None:
    whole, real = (
        Endpoint(name="tiny", canary=Canary(release=IMAGE, serving=Serving(), traffic=traffic, replicas=1))
        for traffic in (5, 5.0)
    )
    assert drawn_hash([whole]) == drawn_hash([real])
    assert drawn_hash([whole]) != drawn_hash([replace(whole, promotion=1)])
    first, second = (Serving(timeouts=Timeouts(drain=drain)) for drain in (15, 15.0))
    assert release_id("tiny", IMAGE, first) == release_id("tiny", IMAGE, second)
