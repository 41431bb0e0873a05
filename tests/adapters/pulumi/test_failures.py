"""What is kept of a failed run are typed facts; no word of a text goes into them."""

import time

import pytest

from gitops.adapters.pulumi import failures
from gitops.adapters.pulumi.failures import Surroundings
from gitops.errors import EngineFailed, FailureKind, StepFailure
from gitops.model import Diagnostic, PolicyFinding, PolicyLevel, Severity

STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
SECRET = "urn:pulumi:dev::shop::acme:app:App$kubernetes:core/v1:Secret::creds"
AROUND = Surroundings(
    operations={SECRET: ("kubernetes:core/v1:Secret", "update")},
    properties={SECRET: ("data", "metadata")},
    file_of=lambda path: path.removeprefix("/checkout/") if path.startswith("/checkout/") else "",
)


def error(message: str, urn: str = "") -> Diagnostic:
    return Diagnostic(Severity.ERROR, message, urn)


def test_a_deviation_keeps_the_paths_that_are_known_and_nothing_else() -> None:
    said = f"resource {SECRET} violates plan: properties changed: ~~data[{{map[pw:aHVudGVy]}}!={{x}}], ++hunter2[{{y}}]"
    (found,) = failures.of_run([error(said, SECRET), error("update failed")], [], AROUND)
    assert found == StepFailure(FailureKind.DEVIATES, SECRET, "kubernetes:core/v1:Secret", "update", paths=("data",))
    assert found.sentence == "update kubernetes:core/v1:Secret creds deviates from its plan, at data"


def test_a_failed_operation_is_told_once_by_what_its_provider_said() -> None:
    errors = [error("the operation failed", SECRET), error("AccessDenied: hunter2 may not", SECRET)]
    (found,) = failures.of_run([*errors, error("update failed")], [], AROUND)
    assert found.sentence == "update kubernetes:core/v1:Secret creds is not permitted to these credentials"


def test_a_program_that_raises_is_told_by_place_and_builtin_exception() -> None:
    said = (
        "Program failed with an unhandled exception:\nTraceback (most recent call last):\n"
        '  File "/usr/lib/python3/runpy.py", line 3, in x\n  File "/checkout/stacks/web.py", line 12, in build\n'
        "    raise ValueError(password)\nValueError: hunter2"
    )
    (found,) = failures.of_run([error(said, STACK)], [], AROUND)
    assert found == StepFailure(FailureKind.PROGRAM, place="stacks/web.py line 12 (ValueError)")
    assert found.sentence == "the run failed in the program, at stacks/web.py line 12 (ValueError)"


def test_an_exception_that_the_program_names_itself_is_not_quoted() -> None:
    said = "Traceback (most recent call last):\nhunter2: no"
    assert failures.of_run([error(said, STACK)], [], AROUND) == (StepFailure(FailureKind.PROGRAM),)


def test_a_violated_policy_is_named() -> None:
    finding = PolicyFinding("controls", "no-open-ports", PolicyLevel.MANDATORY, "hunter2 is open", SECRET)
    (found,) = failures.of_run([error("update failed")], [finding], AROUND)
    assert found.sentence.endswith("creds violates a mandatory policy controls/no-open-ports")


def test_a_run_that_says_nothing_known_has_failed() -> None:
    assert failures.of_run([error("update failed")], [], AROUND) == (StepFailure(FailureKind.OTHER),)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("error: incorrect passphrase", FailureKind.PASSPHRASE),
        ("the stack is currently locked by 1 lock(s)", FailureKind.LOCKED),
        ("creating S3 Bucket: BucketAlreadyOwnedByYou", FailureKind.EXISTS),
        ("ExpiredToken: the security token is expired", FailureKind.CREDENTIALS),
        ("dial tcp 10.0.0.1:443: connect: connection refused", FailureKind.UNREACHABLE),
        ("Missing required configuration variable 'shop:size'", FailureKind.CONFIG),
        ("Unable to delete resource x as it is currently marked for protection", FailureKind.PROTECTED),
        (
            'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas',
            FailureKind.FIELD_CONFLICT,
        ),
        ("context deadline exceeded", FailureKind.TIMED_OUT),
        ("whatever else", FailureKind.OTHER),
    ],
)
def test_known_classes_are_told_apart(text: str, kind: FailureKind) -> None:
    assert failures.kind_of(text) is kind


@pytest.mark.parametrize("word", ["conflict ", "cannot be deleted ", "server-side apply ", "plugin "])
def test_a_long_text_that_repeats_itself_is_read_in_no_time(word: str) -> None:
    before = time.process_time()
    failures.kind_of(word * 10_000)
    assert time.process_time() - before < 5


def test_the_hint_is_that_of_the_first_failure_that_has_one() -> None:
    known = (StepFailure(FailureKind.OTHER), StepFailure(FailureKind.PASSPHRASE))
    assert "PULUMI_CONFIG_PASSPHRASE" in failures.hint(known)
    assert failures.hint(known[:1]) == ""


def test_the_message_does_not_say_a_failure_twice() -> None:
    first, second = StepFailure(FailureKind.DENIED, SECRET), StepFailure(FailureKind.THROTTLED, SECRET)
    failed = EngineFailed(f"Could not apply: {first.sentence}.", failures=(first, second))
    assert failed.details == (second.sentence,)
