from infra.naming import host_name, object_name


def test_names_say_whose_they_are() -> None:
    assert object_name("i1", "prod", "router") == "towpath-i1-prod-router"


def test_names_are_labels_that_dns_takes_and_stay_apart() -> None:
    long = [object_name("i1", "prod", "x" * 60, number) for number in ("0", "1")]
    assert all(len(name) <= 63 for name in long)
    assert len(set(long)) == 2


def test_the_same_release_in_two_stacks_has_two_hosts() -> None:
    assert host_name("dev", "abc", "1") != host_name("prod", "abc", "1")
