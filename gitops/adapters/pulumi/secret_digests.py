"""Keyed digests of the secrets in a stack's documents: equal values can be told, values cannot."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gitops.adapters.pulumi import deployments, property_values
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.pulumi.settings_files import stack_settings
from gitops.adapters.system import scratch
from gitops.errors import EngineFailed
from gitops.flow import redaction

DIGEST_KEY = "gitops:digestKey"
KEY = ""
"""Stands for the key among the digests, in place of a ciphertext: its own digest, which tells two keys apart."""
_KEY_LABEL = b"gitops: the digest key itself"
_SECRETS_SETTINGS = ("secretsprovider", "encryptedkey", "encryptionsalt")


class SecretDigests:
    """Remembers digests; one ciphertext under one key has one value, so it is decrypted once.

    What it decrypts, the process's `KnownSecrets` learn, and nobody else.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._learned: set[tuple[str, str, str]] = set()

    def of(self, process: PulumiProcess, folder: Path, stack: str, *documents: Mapping[str, Any]) -> dict[str, str]:
        """A digest for each ciphertext in the documents.

        Pulumi itself decrypts them, with whatever secrets provider the stack has: they go in as the config of a
        temporary file and come back on a pipe. The key is a secret in the stack's own config, so whoever may
        preview the stack can compare digests and nobody else can guess values from them. Raises EngineFailed.
        """
        texts = sorted({text for document in documents for text in property_values.ciphertexts(document)})
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
        of_key = str(key["secure"])
        under = _under(settings, of_key)
        unknown = [text for text in texts if (under, text) not in self._known]
        if unknown:
            secret, *clear = self._reveal(process, folder, stack, settings, [of_key, *unknown])
            digests = [_keyed(secret, value.encode()) for value in clear]
            self._known |= {(under, text): digest for text, digest in zip(unknown, digests, strict=True)}
            self._known[under, KEY] = _keyed(secret, _KEY_LABEL)
        return {text: self._known[under, text] for text in (KEY, *texts)}

    def learn(self, process: PulumiProcess, folder: Path, stack: str, *documents: Mapping[str, Any]) -> None:
        """Have the process's redactor know the secrets of the stack's config and of the documents.

        Where they cannot be decrypted, it shows no free text any more.
        """
        whose = whose_secrets(folder, stack)
        try:
            settings = stack_settings(folder, stack)
            texts = {text for document in documents for text in property_values.ciphertexts(document)}
            texts |= set(_secure(settings.get("config")))
            unknown = sorted(text for text in texts if (whose, _under(settings), text) not in self._learned)
            if unknown:
                self._reveal(process, folder, stack, settings, unknown)
            process.secrets.knows_all(whose)
        except (EngineFailed, OSError, ValueError, KeyError, yaml.YAMLError):
            process.secrets.cannot_read(whose)

    def learn_read(self, process: PulumiProcess, folder: Path, stack: str, others: Iterable[str]) -> None:
        """The same of the secret outputs of other stacks, by name, that the stack's program has read."""
        whose = whose_secrets(folder, stack)
        for name in others:
            finished = process.run(folder, ["stack", "export", "--show-secrets", "--stack", name])
            try:
                outputs = deployments.stack_outputs(json.loads(finished.output))
                clear = [part for text in property_values.ciphertexts(outputs, "plaintext") for part in _leaves(text)]
            except (ValueError, AttributeError):
                process.secrets.cannot_read(whose)
            else:
                process.secrets.learn(whose, clear)

    def _reveal(
        self, process: PulumiProcess, folder: Path, stack: str, settings: Mapping[str, Any], texts: Sequence[str]
    ) -> list[str]:
        """The clear texts, as the engine stores them: JSON for a secret of the state. Raises EngineFailed."""
        config = {f"secret:{i}": {"secure": text} for i, text in enumerate(texts)}
        document = {**{name: settings[name] for name in _SECRETS_SETTINGS if name in settings}, "config": config}
        with scratch.folder("secrets") as private:
            file = private / "Pulumi.yaml"
            file.write_text(yaml.safe_dump(document))
            arguments = ["config", "--stack", stack, "--config-file", str(file), "--show-secrets", "--json"]
            told = json.loads(process.must(folder, arguments, f"compare the secrets of stack {stack}"))
        clear = [str(told[name]["value"]) for name in config]
        whose = whose_secrets(folder, stack)
        process.secrets.learn(whose, (part for text in clear for part in _leaves(text)))
        self._learned |= {(whose, _under(settings), text) for text in texts}
        return clear


def whose_secrets(folder: Path, stack: str) -> str:
    """What `KnownSecrets` call the stack."""
    return f"{folder}:{stack}"


def _under(settings: Mapping[str, Any], key: str = "") -> str:
    """What a ciphertext has its meaning by: the stack's way to keep secrets, and the digest key."""
    return json.dumps([{name: settings[name] for name in _SECRETS_SETTINGS if name in settings}, key], sort_keys=True)


def _leaves(clear: str) -> Iterator[str]:
    """The secret texts in what was decrypted: the state has JSON there, the config plain text."""
    try:
        found = json.loads(clear)
        yield from redaction.secrets_in(found)
    except (ValueError, RecursionError):
        found = clear
        yield clear
    # A password such as 12e345678 is a number to JSON, and nobody prints it as one.
    if isinstance(found, float):
        yield clear


def _secure(config: Any) -> Iterator[str]:
    """The ciphertexts in a stack's config, also inside of structured values."""
    if isinstance(config, Mapping):
        if config.keys() == {"secure"} and isinstance(config["secure"], str):
            yield config["secure"]
        else:
            for value in config.values():
                yield from _secure(value)
    elif isinstance(config, list):
        for value in config:
            yield from _secure(value)


def _keyed(key: str, value: bytes) -> str:
    return hmac.new(key.encode(), value, hashlib.sha256).hexdigest()
