"""A world whose gitops.yaml has review stacks, with the labels and rights that a code host keeps."""

from gitops.operations.review_stacks import down, up
from gitops.operations.review_stacks.down import Result, Row
from gitops.operations.review_stacks.site import Site, site_here
from gitops.views.markdown.review_stack_comment import MARKER
from tests.operations.world import World, wanting

LABEL = "review stack"
BIGGER = {"Pulumi.dev.yaml": wanting(web=20)}
GITOPS = f"""version: 1
lease: {{duration: 3s}}
environments:
  - {{name: dev, branch: main, stacks: [dev]}}
  - {{name: prod, branch: prod, stacks: [prod]}}
review_stacks:
  like: dev
  label: {LABEL}
  expires: 24h
  most: 2
  config: {{"shop:prefix": "shop-{{number}}"}}
"""


class ReviewWorld(World):
    """Everything that `World` has, and review stacks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.push_to_main({"gitops.yaml": GITOPS})

    def labelled(self, files: dict[str, str | None], branch: str = "feature") -> int:
        """A pull request with these files and the label."""
        number = self.open(files, branch)
        self.label(number)
        return number

    def label(self, number: int, *labels: str) -> None:
        """Put the label on, or have it carry exactly these others."""
        self.host.label(number, labels or (LABEL,), (LABEL,))

    def raise_up(self, number: int) -> up.Result:
        """Its review stack, up."""
        return up.up(self.context(), number, 0)

    def site(self) -> Site:
        """Where review stacks are made."""
        found = site_here(self.context())
        assert found is not None
        return found

    def take_down(self, number: int) -> Result:
        """Its review stack, destroyed."""
        return down.down(self.site(), number, 0, {})

    def sweep(self, dry_run: bool = False) -> dict[str, str]:
        """Stack → how it ended."""
        return {one.stack.name: one.done.value for one in down.sweep(self.site(), dry_run)}

    def rows(self) -> tuple[Row, ...]:
        """The review stacks that stand."""
        return down.rows(self.site())

    def comment_on(self, number: int) -> str:
        """The one comment about its review stack; empty where there is none."""
        found = [body for body in self.host.comments(number) if body.startswith(MARKER)]
        assert len(found) <= 1
        return "".join(found)


def kinds_of(world: ReviewWorld, number: int) -> list[str]:
    """What the ledger tells of a pull request's stack."""
    return [one.kind.value for one in world.records if one.stack == f"shop/review-{number}"]
