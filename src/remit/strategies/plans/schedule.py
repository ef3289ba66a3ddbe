"""Schedule: in which order steps that depend on each other can be done, as much as possible at the same time."""

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter


def waves(depends: Mapping[str, Collection[str]]) -> tuple[tuple[str, ...], ...]:
    """Group steps so that each wave holds every step whose dependencies are all in earlier waves, in the order given.

    Every dependency must itself be a key; raise `graphlib.CycleError` for a cycle.
    """
    sorter = TopologicalSorter(depends)
    sorter.prepare()
    order = {step: place for place, step in enumerate(depends)}
    found: list[tuple[str, ...]] = []
    while sorter.is_active():
        wave = sorter.get_ready()
        sorter.done(*wave)
        found.append(tuple(sorted(wave, key=order.__getitem__)))
    return tuple(found)


def cycle(depends: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Give the steps of one cycle, each a dependency of the next, the first again at the end; empty without a cycle."""
    try:
        TopologicalSorter(depends).prepare()
    except CycleError as error:
        steps: list[str] = error.args[1]
        return tuple(steps)
    return ()
