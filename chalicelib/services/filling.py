"""Outputs of jobs, filled into the requests of those that are about to be handed over."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.core.outputs import fill_outputs, missing, missing_words, value_of
from chalicelib.core.planning import HandOver
from chalicelib.core.run import Run
from chalicelib.core.schedule import JobSpec, Reference
from chalicelib.core.sizing import is_too_large
from chalicelib.errors import BackendError
from chalicelib.ports import Ports
from chalicelib.services.claims import TELLING, is_of, key_of

_FILLED = "with the outputs that it reads it"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What can go, with the requests that something was filled into; what can't, and why.

    Jobs that are put off need an output that could not be looked for.
    """

    ready: Sequence[HandOver]
    requests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    put_off: tuple[str, ...] = ()


def prepare(ports: Ports, run: Run, jobs: Sequence[HandOver]) -> Prepared:
    """Fill in what jobs that have ended told. Raises BackendError if the store can't be read."""
    readers = {each.job: run.specs[each.job] for each in jobs if run.specs[each.job].reads}
    if not readers:
        return Prepared(jobs)
    sources = _Sources(ports, run, readers.values())
    requests: dict[str, Mapping[str, Any]] = {}
    refused: dict[str, str] = {}
    put_off = tuple(name for name, spec in readers.items() if sources.is_in_doubt(spec))
    for name, spec in readers.items():
        if name in put_off:
            continue
        lacking = next(missing(spec, sources.states), None)
        if lacking is not None:
            refused[name] = sources.why_missing(lacking)
            continue
        values = {each: value_of(spec, each, sources.states[each.job]) or "" for each in spec.reads}
        requests[name] = fill_outputs(spec.request, values)
        if why := _objection(ports, run, replace(spec, request=requests[name])):
            refused[name] = why
    ready = [each for each in jobs if each.job not in refused and each.job not in put_off]
    return Prepared(ready, requests, refused, put_off)


def _objection(ports: Ports, run: Run, spec: JobSpec) -> str:
    """Why a job that is filled can't be handed over; empty when it can."""
    if is_too_large(run.header.schedule_id, spec):
        return f"{_FILLED} is too large to be submitted; give large inputs by a file"
    lacking = ports.queue.lacks(spec.request)
    return f"{_FILLED} can't run here: it needs {lacking}" if lacking else ""


class _Sources:
    """The jobs whose outputs are read, as they are stored, with what was not read at their end."""

    def __init__(self, ports: Ports, run: Run, readers: Iterable[JobSpec]) -> None:
        # Of jobs that have ended a turn may know the status alone (RunStore.load_for_turn).
        self._claims, self._run_id = ports.claims, run.header.run_id
        names = {each.job for spec in readers for each in spec.reads}
        records = ports.runs.get_jobs(run.header.run_id, names)
        self.states = {record.spec.name: record.state for record in records}
        self._unread: frozenset[str] = frozenset()
        untold = {
            name: key_of(run.header.run_id, name, state)
            for name, state in self.states.items()
            if state.status in TELLING and state.attempt and state.told is None
        }
        if not untold:
            return
        try:
            found = ports.claims.read(untold.values())
        except BackendError as error:
            logger.warning("can't read what jobs of %s told: %s", run.header.run_id, error)
            self._unread = frozenset(untold)
            return
        for name, key in untold.items():
            if key in found and is_of(found[key], self.states[name]):
                self.states[name] = replace(self.states[name], told=found[key].told)

    def why_missing(self, lacking: Reference) -> str:
        """Why an output is missing: the claim knows names that are not kept with the job."""
        state = self.states[lacking.job]
        if state.status not in TELLING:
            return missing_words(lacking, state)
        dropped: Collection[str] = ()
        key = key_of(self._run_id, lacking.job, state)
        try:
            claim = self._claims.read([key]).get(key)
        except BackendError as error:
            logger.warning("can't read what jobs of %s told: %s", self._run_id, error)
        else:
            dropped = claim.dropped if claim and is_of(claim, state) else ()
        return missing_words(lacking, state, dropped)

    def is_in_doubt(self, spec: JobSpec) -> bool:
        """Say whether an output that the job reads may be there, and nobody can say."""
        return any(each.job in self._unread for each in spec.reads)
