from graphlib import CycleError
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.strategies.plans.schedule import cycle, waves

Graph = dict[str, tuple[str, ...]]


@st.composite
def acyclic(draw: st.DrawFn) -> Graph:
    """Draw a graph whose edges all point back in some order, listed in another."""
    names = [f"s{place}" for place in range(draw(st.integers(0, 9)))]
    graph: Graph = {}
    for place, name in enumerate(names):
        graph[name] = tuple(draw(st.lists(st.sampled_from(names[:place]), unique=True))) if place else ()
    return {name: graph[name] for name in draw(st.permutations(names))}


@st.composite
def cyclic(draw: st.DrawFn) -> Graph:
    """Draw a graph and close a circle in it."""
    graph = draw(acyclic().filter(bool))
    circle = draw(st.lists(st.sampled_from(sorted(graph)), min_size=1, unique=True))
    for name, following in zip(circle, [*circle[1:], circle[0]], strict=True):
        graph[name] = tuple(dict.fromkeys((*graph[name], following)))
    return graph


@given(acyclic())
def test_every_step_runs_once_and_after_all_its_dependencies(graph: Graph) -> None:
    found = waves(graph)
    assert sorted(name for wave in found for name in wave) == sorted(graph)
    place = {name: number for number, wave in enumerate(found) for name in wave}
    assert all(place[before] < place[name] for name, names in graph.items() for before in names)


@given(acyclic())
def test_every_wave_holds_all_steps_that_could_run(graph: Graph) -> None:
    done: set[str] = set()
    for wave in waves(graph):
        assert wave == tuple(name for name in graph if name not in done and done.issuperset(graph[name]))
        done.update(wave)


@given(cyclic())
def test_a_circle_is_refused_and_shown(graph: Graph) -> None:
    with pytest.raises(CycleError):
        waves(graph)
    around = cycle(graph)
    assert around[0] == around[-1]
    assert all(before in graph[name] for before, name in pairwise(around))


@given(acyclic())
def test_without_a_circle_none_is_shown(graph: Graph) -> None:
    assert cycle(graph) == ()
