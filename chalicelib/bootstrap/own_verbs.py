"""The verbs on a store in reach. What a verb needs is imported when it is typed."""

from collections.abc import Callable
from functools import cached_property

from chalicelib.services.served import Served
from chalicelib.verbs.asked import RunVerbs, ScheduleVerbs, TimingVerbs, TokenVerbs, Views

WhoAsks = Callable[[], str]  # the actor, for the audit trail; to find it out may cost a call


class OwnVerbs:
    """verbs.asked.Verbs."""

    def __init__(self, served: Served, actor: WhoAsks) -> None:
        self._served = served
        self._actor = actor

    @cached_property
    def schedules(self) -> ScheduleVerbs:
        from chalicelib.verbs.own_schedules import OwnScheduleVerbs

        return OwnScheduleVerbs(self._served, self._actor)

    @cached_property
    def runs(self) -> RunVerbs:
        from chalicelib.verbs.own_runs import OwnRunVerbs

        return OwnRunVerbs(self._served, self._actor)

    @cached_property
    def views(self) -> Views:
        from chalicelib.verbs.own_views import OwnViews

        return OwnViews(self._served)

    @cached_property
    def timing(self) -> TimingVerbs:
        from chalicelib.verbs.own_timing import OwnTimingVerbs

        return OwnTimingVerbs(self._served, self._actor)

    @cached_property
    def tokens(self) -> TokenVerbs:
        from chalicelib.verbs.own_tokens import OwnTokenVerbs

        return OwnTokenVerbs(self._served, self._actor)
