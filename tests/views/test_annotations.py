"""Remarks beside lines: at the one place that names a resource, else at the change that is the reason, else nowhere."""

from gitops.model import AnnotationLevel, Operation, PolicyFinding, PolicyLevel, Reason, ReasonKind
from gitops.views import annotations
from gitops.views.annotations import Place, Places
from tests.golden import reviews
from tests.support.plans import DEV, change, plan, review, reviewed, update, urn

CONFIG = Reason(ReasonKind.STACK_CONFIG, "Pulumi.dev.yaml", "holds its values")
AT_CONFIG, AT_NAME = Place("Pulumi.dev.yaml", 7, 9), Place("infra/bucket.py", 12, 12)
PLACES = Places({"Pulumi.dev.yaml": AT_CONFIG}, {"assets": AT_NAME})
NOWHERE = Places({}, {})
ASSETS = change(Operation.REPLACE, "aws:s3/bucket:Bucket", "assets", update("region", "a", "b", replaces=True))
LOGS = change(Operation.DELETE, "aws:s3/bucket:Bucket", "logs")
SIZE = change(Operation.UPDATE, "aws:s3/bucket:Bucket", "other", update("size", 1, 2))


def made(
    *changes: object, places: Places = PLACES, findings: tuple[PolicyFinding, ...] = ()
) -> list[tuple[str, int, str]]:
    found = annotations.annotations(review(reviewed(plan(*changes, findings=findings), DEV, CONFIG)), places)
    return [(one.path, one.line, one.level.value) for one in found]


def test_what_is_destroyed_is_marked_where_its_name_stands() -> None:
    assert made(ASSETS) == [("infra/bucket.py", 12, "warning"), ("Pulumi.dev.yaml", 7, "notice")]


def test_a_name_that_stands_nowhere_or_twice_is_marked_at_the_reason() -> None:
    assert made(LOGS) == [("Pulumi.dev.yaml", 7, "warning"), ("Pulumi.dev.yaml", 7, "notice")]


def test_without_a_place_there_is_no_remark() -> None:
    assert made(ASSETS, LOGS, places=NOWHERE) == []


def test_what_only_changes_is_a_notice_at_its_reason() -> None:
    assert made(SIZE) == [("Pulumi.dev.yaml", 7, "notice")]


def test_a_mandatory_finding_is_a_failure_and_comes_first() -> None:
    finding = PolicyFinding(
        "pack", "encrypted", PolicyLevel.MANDATORY, "It is not.", urn("aws:s3/bucket:Bucket", "assets")
    )
    assert made(ASSETS, findings=(finding,))[0] == ("infra/bucket.py", 12, "failure")


def test_a_failed_preview_is_marked_at_its_reason() -> None:
    places = Places({"infra/bucket.py": AT_NAME}, {})
    found = annotations.annotations(reviews.failed(), places)
    assert AnnotationLevel.FAILURE in {one.level for one in found}


def test_there_are_never_more_than_can_be_read() -> None:
    many = [change(Operation.DELETE, "aws:s3/bucket:Bucket", f"logs-{number}") for number in range(5000)]
    assert len(made(*many)) == annotations.MOST


def test_hostile_text_stays_on_its_line() -> None:
    everywhere = Places({"infra/bucket.py": AT_NAME}, {})
    for one in annotations.annotations(reviews.hostile(), everywhere):
        assert "\n::" not in one.message
        assert "##[" not in one.message
        assert "\x1b" not in one.message + one.title


def test_only_a_string_that_stands_once_names_a_place() -> None:
    sources = [
        ("a.py", b'Bucket("assets")\nBucket("twice")\n'),
        ("b.py", b'x = """two\nlines"""\nBucket("twice")\n'),
        ("broken.py", b"def ("),
        ("bytes.py", b"\xff\x00"),
    ]
    found = annotations.literals(sources)
    assert found["assets"] == Place("a.py", 1, 1)
    assert found["two\nlines"] == Place("b.py", 1, 2)
    assert "twice" not in found
