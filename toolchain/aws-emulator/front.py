"""The WSGI front before moto: answers the EKS calls of eks.py and keeps the tags of new buckets."""

import io
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import unescape

import eks
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

Environ = dict[str, Any]
Start = Callable[..., Any]
Application = Callable[[Environ, Start], Iterable[bytes]]

# Region and service are in the signature's scope: Credential=<key>/<date>/<region>/<service>/aws4_request
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/(eks|s3)/")
_BUCKET = re.compile(r"/[a-z0-9.-]+/?")
_SERVER_ERRORS = 500
_REMEMBERED = 2000  # answers: far more calls than are made at a time
_TAG = re.compile(r"<Tag><Key>(.*?)</Key><Value>(.*?)</Value></Tag>")


@dataclass(frozen=True)
class _Answer:
    """A whole answer, to be given once more."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def code(self) -> int:
        return int(self.status.split()[0])


def _collected(application: Application, environ: Environ) -> _Answer:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    parts = application(environ, lambda status, headers, *_: started.append((status, list(headers))))
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close:
            close()
    return _Answer(*started[-1], body)


class Front:
    """Passes every call on to moto but those that moto has no answer for."""

    def __init__(self, moto: Application) -> None:
        self._moto = moto
        self._answered: OrderedDict[str, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer a call; one that the client repeats, because its answer was lost, is not done again."""
        call = environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")
        if not call:
            return self._answer(environ, start)
        with self._lock:
            known = self._answered.get(call)
        if known is None:
            known = _collected(self._answer, environ)
            # After an error of the server, another try may well succeed.
            if known.code < _SERVER_ERRORS:
                with self._lock:
                    self._answered[call] = known
                    while len(self._answered) > _REMEMBERED:
                        self._answered.popitem(last=False)
        start(known.status, known.headers)
        return [known.body]

    def _answer(self, environ: Environ, start: Start) -> Iterable[bytes]:
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if scope is None:
            return self._moto(environ, start)
        region, service = scope.groups()
        if service == "eks":
            return self._eks(environ, start, region)
        if _creates_bucket(environ):
            return self._create_bucket(environ, start)
        return self._moto(environ, start)

    def _eks(self, environ: Environ, start: Start, region: str) -> Iterable[bytes]:
        raw = _body(environ)
        # RAW_URI keeps the %2F of an ARN that is one part of the path
        path = (environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"]).split("?")[0]
        query = parse_qs(environ.get("QUERY_STRING", ""))
        request = eks.Request(environ["REQUEST_METHOD"], region, json.loads(raw or b"{}"), query)
        try:
            answer = eks.answer(path, request)
        except eks.FaultError as fault:
            body = {"__type": fault.kind, "message": fault.text}
            return _json(start, f"{fault.status} Fault", body, ("x-amzn-ErrorType", fault.kind))
        if answer is None:
            return self._moto(environ, start)
        return _json(start, "200 OK", answer)

    def _create_bucket(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """moto forgets the tags in a CreateBucket request."""
        tags = dict(_TAG.findall(_body(environ).decode()))
        answer = self._moto(environ, start)
        name = environ["PATH_INFO"].strip("/")
        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        if tags and name in backend.buckets:
            backend.put_bucket_tagging(name, {unescape(key): unescape(value) for key, value in tags.items()})
        return answer


def _creates_bucket(environ: Environ) -> bool:
    """A PUT on the bucket itself, without a sub-resource such as ?versioning."""
    plain = environ["REQUEST_METHOD"] == "PUT" and not environ.get("QUERY_STRING")
    return plain and _BUCKET.fullmatch(environ["PATH_INFO"]) is not None


def _body(environ: Environ) -> bytes:
    """The request's body, left readable for whoever comes next."""
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(raw)
    return bytes(raw)


def _json(start: Start, status: str, body: eks.Json, *headers: tuple[str, str]) -> Iterable[bytes]:
    data = json.dumps(body).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data))), *headers])
    return [data]
