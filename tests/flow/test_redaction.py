"""Known secrets are taken out of other people's text, in every spelling; what cannot be told is left out."""

import base64
import hashlib
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.flow.redaction import REPLACEMENT, Redactor, secrets_in, secrets_of_environment

SECRET = 'hunter2-"<canary>&\\x'
KEY = "-----BEGIN KEY-----\nTUlJQ2FuYXJ5TGluZU9uZQ==\nQ2FuYXJ5TGluZVR3bw\n-----END KEY-----\n"


def shown(secret: str, text: str) -> str:
    return "\n".join(Redactor(frozenset([secret])).clean([text]).lines)


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(json.dumps(SECRET))[3:-3],
        json.dumps(SECRET)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        repr(SECRET)[1:-1],
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_replaced_in_the_spellings_of_tools(spelled: str) -> None:
    assert shown(SECRET, f"data[map[password:{{{spelled}}}]] is wrong").startswith(f"data[map[password:{{{REPLACEMENT}")
    assert "canary" not in shown(SECRET, spelled)


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", "!", "@host"])
def test_a_secret_inside_of_base64_is_replaced(before: str, after: str) -> None:
    text = base64.b64encode(f"{before}a-long-canary-value{after}".encode()).decode()
    clean = shown("a-long-canary-value", f"auth: {text}")
    assert REPLACEMENT in clean
    assert len(clean) < len(f"auth: {text}")


def test_each_line_of_a_secret_is_one_itself() -> None:
    assert shown(KEY, "cannot parse Q2FuYXJ5TGluZVR3bw") == f"cannot parse {REPLACEMENT}"
    assert "Canary" not in shown(KEY, json.dumps(KEY))


def test_what_a_base64_secret_says_is_secret() -> None:
    data = base64.b64encode(b"correct horse battery").decode()
    assert shown(data, "login failed for correct horse battery") == f"login failed for {REPLACEMENT}"


def test_the_leaves_of_a_json_secret_are_secret() -> None:
    login = json.dumps({"user": "someone-else", "password": "open sesame", "port": 5432})
    assert shown(login, "refused: open sesame") == f"refused: {REPLACEMENT}"
    assert Redactor(frozenset([login])).clean(["at port 5432", "at port 80"]).lines == ("at port 80",)


def test_a_part_of_a_long_secret_is_replaced() -> None:
    assert shown("0123456789abcdefghijklmnop", 'invalid value "0123456789abcdef…"') == f'invalid value "{REPLACEMENT}…"'


def test_lines_that_could_hold_a_short_secret_are_left_out_and_counted() -> None:
    text = Redactor(frozenset(["4711"])).clean(["the pin is 4711\nall else is well", "pin: NDcxMQ=="])
    assert text.lines == ("all else is well",)
    assert text.left_out == 2


def test_a_number_is_found_as_go_prints_it() -> None:
    spelled = frozenset(secrets_in({"pin": 1234567, "on": True, "none": None}))
    assert spelled == {"1234567", "1.234567e+06"}
    assert Redactor(spelled).clean(["pin {1.234567e+06}", "pin 1234567"]).lines == (f"pin {{{REPLACEMENT}}}",)


def test_values_of_a_deviation_are_cut_off_whether_known_or_not() -> None:
    text = "resource urn:x violates plan: properties changed: ~~data[{never seen}!={before}]\nand more of it"
    assert Redactor().clean([text]).lines == ("resource urn:x violates plan",)


def test_nothing_is_shown_where_secrets_are_not_known() -> None:
    text = Redactor(complete=False).clean(["one\ntwo", "three"])
    assert (text.lines, text.left_out) == ((), 3)


def test_what_the_engine_says_twice_is_shown_once() -> None:
    assert Redactor().clean(["one\n\ntwo\n\nthree", "two"]).lines == ("one", "", "two", "", "three")


def test_a_redactor_does_not_show_what_it_knows() -> None:
    assert "canary" not in repr(Redactor(frozenset(["a canary in a cage"])))


def test_variables_with_a_secret_name_and_passwords_in_addresses_are_secret() -> None:
    environment = {
        "GITHUB_TOKEN": "ghs_canary",
        "AWS_SECRET_ACCESS_KEY": "aws-canary",
        "PULUMI_CONFIG_PASSPHRASE": "phrase-canary",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "/a/file",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "HOME": "/root",
        "DATABASE_URL": "postgres://shop:url%2Fcanary@db/shop",
    }
    in_address = {"url%2Fcanary", "url/canary"}
    assert set(secrets_of_environment(environment)) == {"ghs_canary", "aws-canary", "phrase-canary", *in_address}


@given(st.text(min_size=1).filter(lambda text: any(map(str.isalnum, text))), st.text(), st.text())
def test_no_text_shows_a_secret(secret: str, before: str, after: str) -> None:
    """In clear or as JSON, wherever it stands; a line break is another spelling of a line's end."""
    redactor = Redactor(frozenset([secret]))
    lines = redactor.clean([before + secret + after, json.dumps(before + secret + after)]).lines
    core = secret.strip()
    for line in lines:
        assert core not in line.replace(REPLACEMENT, "")


@given(st.text("ab", min_size=30, max_size=60), st.integers(0, 18), st.integers(12, 30), st.text("ab", max_size=9))
def test_each_fragment_is_found_wherever_it_lies(secret: str, start: int, length: int, around: str) -> None:
    part = secret[start : start + length]
    shown = Redactor(frozenset([secret])).replaced(f"{around}[{part}]{around}")
    assert part not in shown.replace(REPLACEMENT, "")


def test_a_large_secret_does_not_make_every_message_slow() -> None:
    redactor = Redactor(frozenset("".join(hashlib.sha512(f"{n} {part}".encode()).hexdigest() for part in range(80))
                                  for n in range(10)))  # fmt: skip
    redactor.line("the first one prepares what all need")
    before = time.process_time()
    for number in range(200):
        redactor.line(f"message {number} of a policy, as long as such messages are, about a bucket that is public")
    assert time.process_time() - before < 5


def test_many_secrets_take_no_time_to_speak_of() -> None:
    redactor = Redactor(frozenset(f"secret number {n} of very many" * 40 for n in range(500)))
    assert redactor.clean(["a line without any\n" * 100]).left_out == 0
