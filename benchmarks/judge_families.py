"""Services that nothing of the judge was ever tuned on; `worse` breaks the candidate in a way typical of each."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from benchmarks.judge_cells import Array
from benchmarks.judge_figures import Limit
from benchmarks.judge_run import Case
from benchmarks.judge_scenes import Site, errors, latency, scene, scores, web_latency
from benchmarks.judge_shapes import CLASSES, SEPARATED, cached, cells, separated_scores, slower, web
from benchmarks.judge_traffic import POLL, POLLS, Batches, Independent, Scene, Sizes

Build = Callable[..., Scene]
_SWAPPED: Final = 0.3  # of the cats, taken for dogs


def cache_and_classifier(site: Site, *, worse: bool = False) -> Scene:
    """A cache answers 60 % in about 3 ms, the model the rest with a Weibull tail; scores lie near 0 and 1.

    Worse: the cache hits 10 points less often.
    """
    answers = cells(cached(0.5 if worse else 0.6))
    predicted = Independent(ruler=SEPARATED, canary=separated_scores(), stable=separated_scores())
    return scene(site, errors(0.002, 0.002), latency(answers, cells(cached())), predicted, share=0.1)


def moved_classifier(site: Site, *, worse: bool = False) -> Scene:
    """Scores near 0 and 1 of which 30 % are positive, beside a cache.

    Worse: 36 % are positive.
    """
    shares = separated_scores(0.36 if worse else 0.3), separated_scores()
    predicted = Independent(ruler=SEPARATED, canary=shares[0], stable=shares[1])
    return scene(site, errors(0.002, 0.002), latency(cells(cached()), cells(cached())), predicted, share=0.1)


def shared_dependency(site: Site, *, worse: bool = False) -> Scene:
    """A database that both arms need is away for 45 s every 15 min: 30 % fail then, and the rest takes 3 times as long.

    A two-state Markov chain by the second. Worse: the candidate fails 1 % instead of 0.1 % besides.
    """
    away = outages(site.rng, site.runs, well=900.0, ill=45.0)
    alone = 0.01 if worse else 0.001
    slow = (1 - away)[..., None] * cells(web) + away[..., None] * cells(web, 3.0)
    failing = [away * 0.3 + (1 - away) * share for share in (alone, 0.001)]
    return scene(site, errors(failing[0], failing[1]), latency(slow, slow), scores())


def outages(rng: np.random.Generator, runs: int, well: float, ill: float) -> Array:
    """Part of each poll that a dependency is away; `well` and `ill` are the mean seconds of either state."""
    seconds = int(POLL * POLLS)
    away, state = np.zeros((runs, seconds)), np.zeros(runs, bool)
    for second in range(seconds):
        turns = rng.random(runs) < np.where(state, 1 / ill, 1 / well)
        state = state ^ turns
        away[:, second] = state
    found: Array = away.reshape(runs, POLLS, int(POLL)).mean(axis=2)
    return found


def restless_minutes(site: Site, *, worse: bool = False) -> Scene:
    """Requests per second differ from minute to minute (lognormal, sigma 0.6); more load is slower and fails oftener.

    The candidate's share goes from 5 to 25 to 50 %. Worse: it takes 1.25 times as long.
    """
    per_minute = np.exp(0.6 * site.rng.standard_normal((site.runs, POLLS // 6)))
    load = np.repeat(per_minute, 6, axis=1)
    both, failing = load**0.15, 0.001 * np.sqrt(load)
    answers = slower(web, 1.25) if worse else web
    share = np.repeat([0.05, 0.25, 0.5], POLLS // 3)
    return scene(
        site,
        errors(failing, failing),
        latency(cells(answers, both), cells(web, both)),
        scores(),
        share=share,
        load=load,
    )


def drifting_classes(site: Site, *, worse: bool = False) -> Scene:
    """Six classes whose frequencies wander from minute to minute: each a Dirichlet draw around the one before.

    Worse: 30 % of the cats are taken for dogs, about 9 % of all predictions.
    """
    paths = np.empty((site.runs, POLLS, len(CLASSES.classes)))
    now = np.tile(np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05]), (site.runs, 1))
    for place in range(POLLS):
        if place and place % 6 == 0:
            drawn = site.rng.standard_gamma(3000 * now)
            now = drawn / drawn.sum(axis=1, keepdims=True)
        paths[:, place] = now
    swap = np.eye(len(CLASSES.classes))
    swap[0, :2] = 1 - _SWAPPED, _SWAPPED
    predicted = Independent(ruler=CLASSES, canary=paths @ swap if worse else paths, stable=paths)
    return scene(site, errors(0.001, 0.001), web_latency(), predicted, share=0.1)


def batch_clients(site: Site, *, worse: bool = False) -> Scene:
    """Clients send batches of 5 on average, at most 32; a batch fails, or is slow, as a whole.

    Worse: 2 % of the batches fail instead of 0.2 %.
    """
    sizes = Sizes(mean=5, most=32)
    failing = Batches(fates=errors(0.02 if worse else 0.002, 0.002), sizes=sizes)
    return scene(site, failing, Batches(fates=web_latency(), sizes=sizes), scores())


def _good(name: str, build: Build, rate: float) -> Case:
    limits = (Limit(kind="refused", at_most=1.0),)
    return Case(row="identical", name=name, rate=rate, build=build, limits=limits, runs=(600, 4000))


def _bad(name: str, build: Build, rate: float) -> Case:
    told = (Limit(kind="detected", at_most=None), Limit(kind="missed", at_most=None))
    worse = partial(build, worse=True)
    return Case(row="worse", name=name, rate=rate, build=worse, limits=told, runs=(300, 1000), until="refused")


def _clustered() -> list[Case]:
    """Requests that aren't independent are held to the limit for bursts; told apart where the judge knows of them."""
    limits = (Limit(kind="refused", at_most=2.0),)
    return [
        Case(
            row="identical",
            name=name,
            rate=rate,
            build=batch_clients,
            limits=limits,
            runs=(600, 4000),
            dispersion=dispersion,
        )
        for name, dispersion in (("batch clients", 1.0), ("batch clients, dispersion set to 9", 9.0))
        for rate in (100.0, 400.0)
    ]


CASES: Final = (
    _good("cache and well-separated classifier", cache_and_classifier, 300.0),
    _good("a shared dependency goes away", shared_dependency, 200.0),
    _good("restless minutes while the share grows", restless_minutes, 100.0),
    _good("classes that drift", drifting_classes, 500.0),
    *_clustered(),
    _bad("the cache hits 50 instead of 60 %", cache_and_classifier, 300.0),
    _bad("36 instead of 30 % of the classifier's scores are positive", moved_classifier, 300.0),
    _bad("failures 0.1 to 1 % beside a shared dependency", shared_dependency, 200.0),
    _bad("latency x1.25 in restless minutes", restless_minutes, 100.0),
    _bad("30 % of one class taken for another", drifting_classes, 500.0),
    _bad("2 instead of 0.2 % of the batches fail", batch_clients, 400.0),
)
