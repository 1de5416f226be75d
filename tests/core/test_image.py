import pytest

from towpath.core.errors import UsageError
from towpath.core.image import BuilderName, ImageSpec, Platform, image_problems, parse_platform

AMD64 = Platform(os="linux", architecture="amd64")


@pytest.mark.parametrize("text", ["linux/amd64", "linux/arm64", "linux/arm64/v8"])
def test_a_platform_reads_and_writes_the_same(text: str) -> None:
    assert str(parse_platform(text)) == text


@pytest.mark.parametrize("text", ["", "linux", "windows/amd64", "linux/riscv64", "linux/arm64/v8/x"])
def test_a_platform_nothing_is_built_for_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_platform(text)
    assert "linux/amd64, linux/arm64" in caught.value.hint


def test_an_unnamed_variant_fits_every_variant() -> None:
    eight, nine = (Platform(os="linux", architecture="arm64", variant=name) for name in ("v8", "v9"))
    assert Platform(os="linux", architecture="arm64").fits(eight)
    assert not eight.fits(nine)
    assert not AMD64.fits(eight)


def test_a_description_of_layers_says_all_that_is_wrong_with_it_at_once() -> None:
    problems = image_problems(ImageSpec(command="serve", base="", python="three"))
    assert [problem.partition(":")[0] for problem in problems] == ["command", "code", "base", "python"]


def test_a_complete_description_has_no_problems() -> None:
    assert image_problems(ImageSpec(command="serve.app:Model", code=("serve",))) == []
    assert image_problems(ImageSpec(builder=BuilderName.DOCKERFILE)) == []


def test_the_image_builder_needs_an_image() -> None:
    assert len(image_problems(ImageSpec(builder=BuilderName.IMAGE))) == 1
