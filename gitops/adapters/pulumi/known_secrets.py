"""The secret values that a process of ours has seen in clear, kept to take them out of other people's text."""

import threading
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from gitops.flow.redaction import Redactor, secrets_of_environment


class KnownSecrets:
    """Remembers clear values, of all stacks together: what one stack's run prints may be another's secret.

    They stay in memory, and no method gives them out but through a `Redactor`. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._values: dict[str, frozenset[str]] = {}
        self._unread: set[str] = set()
        self._lock = threading.Lock()

    def learn(self, whose: str, values: Iterable[str]) -> None:
        """More of what `whose` keeps secret; not all of it, as far as this tells."""
        with self._lock:
            self._values[whose] = self._values.get(whose, frozenset()) | frozenset(values)

    def knows_all(self, whose: str) -> None:
        """What `whose` keeps secret is known now."""
        with self._lock:
            self._unread.discard(whose)

    def cannot_read(self, whose: str) -> None:
        """Some secrets of `whose` are not known: until they are, no free text may be shown."""
        with self._lock:
            self._unread.add(whose)

    def redactor(self, environment: Mapping[str, str], whose: str = "") -> Redactor:
        """For text of a process with that environment, which holds secrets too.

        With `whose` it is for text that a digest covers, which must read the same whatever else this process has seen:
        of other stacks only secrets count that are long enough to be told from other text.
        """
        with self._lock:
            own = [values for one, values in self._values.items() if whose in ("", one)]
            others = [values for one, values in self._values.items() if whose not in ("", one)]
            complete = whose not in self._unread if whose else not self._unread
        around = (secrets_of_environment(environment), _passphrase(environment))
        return Redactor(frozenset(chain(*own, *around)), complete, frozenset(chain(*others)))


def _passphrase(environment: Mapping[str, str]) -> Iterable[str]:
    """The stack's passphrase, where a file has it; a file that cannot be read has told nobody anything."""
    try:
        return [Path(environment.get("PULUMI_CONFIG_PASSPHRASE_FILE", "")).read_text().strip()]
    except (OSError, UnicodeDecodeError):
        return []
