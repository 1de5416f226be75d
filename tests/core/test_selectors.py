import pytest

from towpath.core.selectors import Matcher, Selector, parse_selector


def test_a_bare_name_means_every_label_set() -> None:
    found = parse_selector(" answers_total ")
    assert found == Selector(name="answers_total")
    assert found.fits({"kind": "anything"})


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ('a{kind="fallback"}', {"kind": "fallback"}, True),
        ('a{kind="fallback"}', {"kind": "model"}, False),
        ('a{kind="fallback"}', {}, False),
        ('a{kind!="fallback"}', {}, True),
        ('a{kind=~"fall.*|none"}', {"kind": "none"}, True),
        ('a{kind=~"fall"}', {"kind": "fallback"}, False),
        ('a{kind!~"fall.*"}', {"kind": "fallback"}, False),
        ('a{kind="x", lang = "en",}', {"kind": "x", "lang": "en"}, True),
        ('a{kind="x",lang="en"}', {"kind": "x", "lang": "de"}, False),
        ("a{}", {"kind": "x"}, True),
        ('a{kind="a\\"b\\\\c\\n"}', {"kind": 'a"b\\c\n'}, True),
    ],
)
def test_labels_are_matched_as_prometheus_does(text: str, labels: dict[str, str], *, expected: bool) -> None:
    found = parse_selector(text)
    assert found.fits(labels) is expected
    assert parse_selector(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", "1a", "a b", "a{", 'a{kind="x"', "a{kind}", "a{kind=x}", 'a{kind="x" lang="y"}', 'a{kind=="x"}', "a}"]
)
def test_what_is_no_selector_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="a name, with labels where needed, such as answers_total"):
        parse_selector(text)


def test_a_broken_regular_expression_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="a regular expression for kind: "):
        parse_selector('a{kind=~"("}')


def test_a_counter_is_found_whether_or_not_its_ending_was_added() -> None:
    assert Selector(name="answers").names("answers_total")
    assert Selector(name="answers_total").names("answers_total")
    assert not Selector(name="answers").names("answers_created")
    assert str(Matcher(label="a", how="=", value='"')) == 'a="\\""'
