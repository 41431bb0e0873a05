"""The simulated code host with what people do to labels and rights; played in memory."""

from dataclasses import replace

from gitops.adapters.local_host import LocalHost
from gitops.errors import CodeHostFailed
from gitops.model import PullRequest


class LabellingHost(LocalHost):
    """A simulated host with labels, closed pull requests, and people who may not write."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.labels: dict[int, tuple[str, ...]] = {}
        self.closed: set[int] = set()
        self.strangers: set[str] = set()
        self.is_down = False

    def pull_request(self, number: int) -> PullRequest:
        found = super().pull_request(number)
        return replace(found, labels=self.labels.get(number, ()), closed=number in self.closed)

    def may_write(self, login: str) -> bool:
        return login not in self.strangers

    def labelled(self, label: str) -> tuple[PullRequest, ...]:
        if self.is_down:
            raise CodeHostFailed("The code host is down")
        found = [self.pull_request(one.number) for one in self.entries()]
        return tuple(one for one in found if label in one.labels and not one.closed and not one.merged_as)
