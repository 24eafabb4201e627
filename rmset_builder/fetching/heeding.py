"""What one candidate's fault means for those that follow: the queue stops, or a site is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from rmset_builder.fetching.faults import CERTIFICATE, COOKIES, PROXY, UNREACHED, FetchError, Verdict
from rmset_builder.fetching.ids import site_of
from rmset_builder.fetching.phrases import NEEDS_ACCOUNT, SIGN_IN

# So many videos or searches in a row with faults of one kind, and it is not they that are at fault.
MOST_IN_A_ROW = 3
_UNREACHED = ("network", "timeout", PROXY, CERTIFICATE)


@dataclass
class Heeded:
    """What has been learnt from faults so far.

    ``stopped`` tells why nothing more is asked of anybody; ``distrusted`` has the sites that nothing more is asked of,
    as their certificates are not trusted.
    """

    stopped: FetchError | None = None
    distrusted: dict[str, FetchError] = field(default_factory=dict)
    _kind: str = ""
    _times: int = 0

    def leaves_alone(self, url: str) -> bool:
        """Whether the site of an address is not to be asked any more."""
        return self.stopped is not None or site_of(url) in self.distrusted

    def reached(self) -> None:
        """A site has answered as it should."""
        self._kind, self._times = "", 0

    def heed(self, fault: FetchError, url: str) -> None:
        """Learn from the fault that was met at an address."""
        kind = UNREACHED if fault.reason in _UNREACHED else fault.reason
        self._times = self._times + 1 if kind == self._kind else 1
        self._kind = kind
        if fault.reason == CERTIFICATE:
            self.distrusted[site_of(url)] = fault
        if fault.verdict is Verdict.STOP:
            self.stopped = fault
        elif self._times >= MOST_IN_A_ROW and kind == UNREACHED:
            message = f"no connection {self._times} times in a row, last: {fault.message}"
            self.stopped = FetchError(UNREACHED, message, Verdict.STOP, remedy=fault.remedy or "check the connection")
        elif self._times >= MOST_IN_A_ROW and kind == NEEDS_ACCOUNT:
            message = f"{self._times} videos in a row want an account, last: {fault.message}"
            self.stopped = FetchError(SIGN_IN, message, Verdict.STOP, remedy=COOKIES)
