"""Keys and pseudonyms of users: what makes a log readable, and what is forgotten to end that.

Payloads are sealed with a key of one tenant's one user for one month, and records name the user by
a pseudonym. Both are random, so that nothing is left to compute once they are gone. They stand in a
file of their own, which needs no long backups, and are wrapped there with a key encryption key
(KEK) from another file: either file alone opens nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sqlite3
import stat
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from time import gmtime
from typing import Final, NamedTuple, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safeconduct.audit.faults import LogFault
from safeconduct.kit import files

DIRECTORY: Final = "keys"
"""Where the keystore is, below the state directory of a gateway."""

KEK: Final = "kek"
FILE: Final = "keystore.sqlite3"

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_ID_BYTES: Final = 12
_DAY_MS: Final = 86_400_000
_CACHED: Final = 65_536
"""How many keys, and how many pseudonyms, are held in memory."""

STATE: Final = "state"
"""The state directory, where it stands beside a log."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
NOBODY: Final = "u_nobody"
"""What is asked for, and put on record, for a user whom no record names: a name that was typed
could never be erased from there.
"""

_PSEUDONYM: Final = re.compile(rf"u_[0-9a-f]{{{2 * _ID_BYTES}}}")
_CHECK: Final = b"safeconduct keystore 1"
_ITSELF: Final = ""
"""Stands for a pseudonym where others are ids of its keys."""

_K = TypeVar("_K")
_V = TypeVar("_V")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS checks (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (
  pseudonym TEXT PRIMARY KEY, tenant TEXT NOT NULL, found BLOB NOT NULL UNIQUE,
  sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (
  kid TEXT PRIMARY KEY, tenant TEXT NOT NULL, pseudonym TEXT NOT NULL, month TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  UNIQUE (pseudonym, month)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (
  pseudonym TEXT NOT NULL, kid TEXT NOT NULL, PRIMARY KEY (pseudonym, kid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erased (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Key(NamedTuple):
    """The key of one tenant's one user for one month. `data` is secret; `aead` seals with it, and
    copies of `events` derive the keys of events from it.
    """

    kid: str
    tenant: str
    data: bytes
    aead: AESGCM
    events: blake2b


class Erased(NamedTuple):
    """What is forgotten for good: a pseudonym, and the ids of its keys."""

    pseudonym: str
    kids: tuple[str, ...]


class Keystore:
    """An open keystore. Safe from several threads."""

    def __init__(self, directory: Path, *, create: bool = True) -> None:
        """Opens the keystore of a directory; `create` makes one that is not there.

        Raises:
            LogFault: "keys": the key encryption key is missing, not one, readable by others, or not
                that of this keystore.
            OSError: the directory or a file in it cannot be used.
        """
        if create:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / FILE
        kek = _kek(directory / KEK, new=create and not path.exists())
        self._wrap = AESGCM(kek)
        self._finder = hmac.digest(kek, b"find users", "sha256")
        self._gate = Lock()
        self._pseudonyms: dict[tuple[str, str], str] = {}
        self._users: dict[str, str] = {}
        self._keys: dict[tuple[str, str, int], Key] = {}
        self._found: dict[str, Key] = {}
        try:
            self._db = _opened(path, create=create)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        try:
            self._check(create=create)
        except BaseException as error:
            self._db.close()
            if isinstance(error, (sqlite3.Error, InvalidTag)):
                raise _unusable(path, error) from error
            raise

    def pseudonym(self, tenant: str, user: str) -> str:
        """What records call a user; made and durable when it is first asked for. Raises LogFault.

        A pseudonym itself stays what it is: so is written again what is read after an erasure.
        """
        known = self._pseudonyms.get((tenant, user))
        if known is not None:
            return known
        with self._gate:
            found = self._finder_of(tenant, user)
            try:
                if user.startswith("u_") and self._is_erased(user):
                    return user
                row = self._one("SELECT pseudonym FROM users WHERE found = ?", found)
                if row is None:
                    name = f"u_{secrets.token_hex(_ID_BYTES)}"
                    sealed = self._sealed(user.encode(), name)
                    values = (name, tenant, found, sealed)
                    self._db.execute("INSERT INTO users VALUES (?, ?, ?, ?)", values)
                else:
                    name = str(row[0])
            except sqlite3.Error as error:
                raise _failed(error) from error
            _remember(self._pseudonyms, (tenant, user), name)
            _remember(self._users, name, user)
            return name

    def known(self, tenant: str, user: str) -> str | None:
        """What records call a user; None where none has named this one. Raises LogFault."""
        with self._gate:
            try:
                row = self._one(
                    "SELECT pseudonym FROM users WHERE found = ?", self._finder_of(tenant, user)
                )
            except sqlite3.Error as error:
                raise _failed(error) from error
            return None if row is None else str(row[0])

    def meant(self, tenant: str, user: str) -> str:
        """What records call whoever is asked for, by id or pseudonym; NOBODY where none has named
        them. Raises LogFault.
        """
        return user if _PSEUDONYM.fullmatch(user) else self.known(tenant, user) or NOBODY

    def user(self, pseudonym: str) -> str | None:
        """Who that is; None where nobody knows any more. Raises LogFault."""
        known = self._users.get(pseudonym)
        if known is not None:
            return known
        with self._gate:
            try:
                row = self._one("SELECT sealed FROM users WHERE pseudonym = ?", pseudonym)
                user = None if row is None else self._unsealed(row[0], pseudonym).decode()
            except (sqlite3.Error, InvalidTag) as error:
                raise _failed(error) from error
            if user is not None:
                _remember(self._users, pseudonym, user)
            return user

    def key(self, tenant: str, user: str, at_ms: int) -> Key:
        """The key that seals what concerns a user at a time; made and durable when it is first
        asked for. Raises LogFault.
        """
        day = at_ms // _DAY_MS
        known = self._keys.get((tenant, user, day))
        if known is not None:
            return known
        name = self.pseudonym(tenant, user)
        moment = gmtime(at_ms / 1000)
        month = f"{moment.tm_year:04}-{moment.tm_mon:02}"
        with self._gate:
            query = "SELECT kid, wrapped FROM keys WHERE pseudonym = ? AND month = ?"
            try:
                row = self._one(query, name, month)
                if row is None:
                    kid, data = f"k_{secrets.token_hex(_ID_BYTES)}", secrets.token_bytes(KEY_BYTES)
                    values = (kid, tenant, name, month, self._sealed(data, kid))
                    self._db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", values)
                else:
                    kid = str(row[0])
                    data = self._unsealed(row[1], kid)
            except (sqlite3.Error, InvalidTag) as error:
                raise _failed(error) from error
            key = _key(kid, tenant, data)
            _remember(self._keys, (tenant, user, day), key)
            return key

    def find(self, kid: str) -> Key | None:
        """The key of an id; None where there is none, or none any more. Raises LogFault."""
        known = self._found.get(kid)
        if known is not None:
            return known
        with self._gate:
            try:
                row = self._one("SELECT wrapped, tenant FROM keys WHERE kid = ?", kid)
                if row is None:
                    return None
                data = self._unsealed(row[0], kid)
            except (sqlite3.Error, InvalidTag) as error:
                raise _failed(error) from error
            key = _key(kid, str(row[1]), data)
            _remember(self._found, kid, key)
            return key

    def erased(self, name: str) -> bool:
        """Whether this pseudonym, or the key of this id, was erased. Raises LogFault."""
        with self._gate:
            try:
                return self._is_erased(name)
            except sqlite3.Error as error:
                raise _failed(error) from error

    def concerning(self, tenant: str, user: str) -> Erased | None:
        """What `erase` would forget. Raises LogFault."""
        with self._gate:
            try:
                row = self._one(
                    "SELECT pseudonym FROM users WHERE found = ?", self._finder_of(tenant, user)
                )
                return None if row is None else Erased(str(row[0]), self._kids(str(row[0])))
            except sqlite3.Error as error:
                raise _failed(error) from error

    def ask(self, what: Erased) -> None:
        """Remembers, durably, that somebody asked to forget this. An erasure on record that nobody
        asked for is forged. Raises LogFault.
        """
        with self._gate:
            try:
                self._ask(what)
            except sqlite3.Error as error:
                raise _failed(error) from error

    def withdraw(self, pseudonym: str) -> None:
        """What was asked is not to be. Raises LogFault."""
        with self._gate:
            try:
                self._db.execute("DELETE FROM asked WHERE pseudonym = ?", (pseudonym,))
            except sqlite3.Error as error:
                raise _failed(error) from error

    def asked(self, pseudonym: str, kids: Iterable[str]) -> bool:
        """Whether somebody asked here to forget a pseudonym with these keys. Raises LogFault."""
        query = "SELECT 1 FROM asked WHERE pseudonym = ? AND kid = ?"
        with self._gate:
            try:
                return all(self._one(query, pseudonym, kid) for kid in (_ITSELF, *kids))
            except sqlite3.Error as error:
                raise _failed(error) from error

    def erase(self, tenant: str, user: str) -> Erased | None:
        """Forgets a user: all keys, and who the pseudonym was. None: there is nobody of that id.

        When it returns, the file and its write-ahead log hold none of it; what blocks of the disk
        and backups hold is not in our hands.

        Raises:
            LogFault: it failed, or a reader holds the file: then its bytes are not gone yet, and it
                has to be done again.
        """
        with self._gate:
            try:
                found = self._finder_of(tenant, user)
                row = self._one("SELECT pseudonym FROM users WHERE found = ?", found)
                gone = None if row is None else self._forget(str(row[0]))
                self._scrub()
            except sqlite3.Error as error:
                raise _failed(error) from error
            for cache in (self._pseudonyms, self._users, self._keys, self._found):
                cache.clear()
            return gone

    def close(self) -> None:
        """Closes the file."""
        with self._gate:
            self._db.close()

    def _forget(self, name: str) -> Erased:
        kids = self._kids(name)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM keys WHERE pseudonym = ?", (name,))
            self._db.execute("DELETE FROM users WHERE pseudonym = ?", (name,))
            gone = [(one,) for one in (name, *kids)]
            self._db.executemany("INSERT OR IGNORE INTO erased VALUES (?)", gone)
            self._ask(Erased(name, kids))
        return Erased(name, kids)

    def _ask(self, what: Erased) -> None:
        rows = [(what.pseudonym, kid) for kid in (_ITSELF, *what.kids)]
        self._db.executemany("INSERT OR IGNORE INTO asked VALUES (?, ?)", rows)

    def _kids(self, name: str) -> tuple[str, ...]:
        rows = self._db.execute("SELECT kid FROM keys WHERE pseudonym = ?", (name,)).fetchall()
        return tuple(sorted(str(row[0]) for row in rows))

    def _scrub(self) -> None:
        """Leaves no byte of what was deleted, in the file or in its write-ahead log."""
        self._db.execute("VACUUM")
        row = self._one("PRAGMA wal_checkpoint(TRUNCATE)")
        if row is None or row[0]:
            raise sqlite3.OperationalError("somebody reads the keystore; erase again")

    def _check(self, *, create: bool) -> None:
        row = self._one("SELECT sealed FROM checks WHERE name = 'kek'")
        if row is None and create:
            sealed = self._sealed(_CHECK, "kek")
            self._db.execute("INSERT INTO checks VALUES ('kek', ?)", (sealed,))
        elif row is None or self._unsealed(row[0], "kek") != _CHECK:
            raise sqlite3.DatabaseError("it is no keystore")

    def _finder_of(self, tenant: str, user: str) -> bytes:
        named = hashlib.sha256(tenant.encode()).digest() + user.encode()
        return hmac.digest(self._finder, named, "sha256")

    def _is_erased(self, name: str) -> bool:
        return self._one("SELECT 1 FROM erased WHERE name = ?", name) is not None

    def _one(self, query: str, *values: object) -> tuple[object, ...] | None:
        row: tuple[object, ...] | None = self._db.execute(query, values).fetchone()
        return row

    def _sealed(self, data: bytes, name: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._wrap.encrypt(nonce, data, name.encode())

    def _unsealed(self, sealed: object, name: str) -> bytes:
        data = bytes(sealed) if isinstance(sealed, bytes) else b""
        return self._wrap.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], name.encode())


def _key(kid: str, tenant: str, data: bytes) -> Key:
    # BLAKE2b has a key of its own; an HMAC takes ten times as long to set up.
    return Key(kid, tenant, data, AESGCM(data), blake2b(key=data, person=b"event"))


def near(log: Path) -> Keystore | None:
    """The keystore of the gateway that writes a log, where it stands as it usually does: beside the
    log, or in a state directory beside it. None where there is none that can be used.
    """
    above = log.absolute().parent
    for state in (above, above / STATE):
        try:
            return Keystore(state / DIRECTORY, create=False)
        except (LogFault, OSError):
            continue
    return None


def _kek(path: Path, *, new: bool) -> bytes:
    """Raises LogFault, OSError."""
    if new and not path.exists():
        files.replace(path, secrets.token_bytes(KEY_BYTES), mode=0o600)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        sentence = f"{path} is missing: without it nobody reads what was sealed"
        raise LogFault("keys", sentence) from None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            raise LogFault("keys", f"{path}: others can read this key; chmod 600 it")
        data = file.read(KEY_BYTES + 1)
    if len(data) != KEY_BYTES:
        raise LogFault("keys", f"{path} is no key of {KEY_BYTES} bytes")
    return data


def _opened(path: Path, *, create: bool) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    if create:
        # Made here, so that nobody else may ever read it, nor the files that SQLite puts beside it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    uri = f"{path.absolute().as_uri()}?mode={'rw' if create else 'ro'}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA secure_delete = ON")
        if create:
            db.execute("PRAGMA journal_mode = WAL")
            # A key must outlive what was sealed with it, in a power loss too.
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _remember(cache: dict[_K, _V], key: _K, value: _V) -> None:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = value


def _unusable(path: Path, error: Exception) -> LogFault:
    if isinstance(error, InvalidTag):
        return LogFault("keys", f"{path} was made with another key encryption key")
    return LogFault("keys", f"{path} cannot be used: {error}")


def _failed(error: Exception) -> LogFault:
    return LogFault("keys", f"the keystore failed: {str(error) or 'a key is damaged'}")
