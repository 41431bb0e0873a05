"""Keyed digests of the secrets in a stack's documents: equal values can be told, values cannot."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gitops.adapters import scratch
from gitops.adapters.pulumi_process import PulumiProcess
from gitops.adapters.settings_files import stack_settings
from gitops.errors import EngineFailed
from gitops.flow import values

DIGEST_KEY = "gitops:digestKey"
KEY = ""
"""Stands for the key among the digests, in place of a ciphertext: its own digest, which tells two keys apart."""
_KEY_LABEL = b"gitops: the digest key itself"
_SECRETS_SETTINGS = ("secretsprovider", "encryptedkey", "encryptionsalt")


class SecretDigests:
    """Remembers digests, never values: one ciphertext under one key has one value, so it is decrypted once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def of(self, process: PulumiProcess, folder: Path, stack: str, *documents: Mapping[str, Any]) -> dict[str, str]:
        """A digest for each ciphertext in the documents; the clear values never leave this class.

        Pulumi itself decrypts them, with whatever secrets provider the stack has: they go in as the config of a
        temporary file and come back on a pipe. The key is a secret in the stack's own config, so whoever may
        preview the stack can compare digests and nobody else can guess values from them. Raises EngineFailed.
        """
        texts = sorted({text for document in documents for text in values.ciphertexts(document)})
        if not texts:
            return {}
        settings = stack_settings(folder, stack)
        key = (settings.get("config") or {}).get(DIGEST_KEY)
        if not isinstance(key, Mapping) or "secure" not in key:
            raise EngineFailed(
                f"Stack {stack} has secrets, but no key to compare them by.",
                hint="Make one and commit it: "
                f"`openssl rand -hex 32 | pulumi config set --secret {DIGEST_KEY} --stack {stack}`.",
            )
        document = {name: settings[name] for name in _SECRETS_SETTINGS if name in settings}
        document["config"] = {DIGEST_KEY: dict(key)}
        under = json.dumps(document, sort_keys=True)
        unknown = [text for text in texts if (under, text) not in self._known]
        if unknown:
            digests = _digests(process, folder, stack, document, unknown)
            self._known |= {(under, text): digest for text, digest in zip([KEY, *unknown], digests, strict=True)}
        return {text: self._known[under, text] for text in (KEY, *texts)}


def _digests(
    process: PulumiProcess, folder: Path, stack: str, settings: Mapping[str, Any], texts: list[str]
) -> list[str]:
    config: dict[str, Any] = {f"secret:{i}": {"secure": text} for i, text in enumerate(texts)}
    with scratch.folder("secrets") as private:
        file = private / "Pulumi.yaml"
        file.write_text(yaml.safe_dump({**settings, "config": {**config, **settings["config"]}}))
        arguments = ["config", "--stack", stack, "--config-file", str(file), "--show-secrets", "--json"]
        clear = json.loads(process.must(folder, arguments, f"compare the secrets of stack {stack}"))
    secret = str(clear[DIGEST_KEY]["value"]).encode()
    found = [_KEY_LABEL, *(str(clear[f"secret:{i}"]["value"]).encode() for i in range(len(texts)))]
    return [hmac.new(secret, value, hashlib.sha256).hexdigest() for value in found]
