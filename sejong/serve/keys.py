"""Access keys: made once, shown once, stored only as salted hashes."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, String, create_engine, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from sejong.errors import Failed, Refused, did_you_mean
from sejong.serve.engines import reason

PREFIX = "sk-sejong-"
DATABASE = "SEJONG_DATABASE"  # environment: a SQLAlchemy URL, for PostgreSQL


class Table(DeclarativeBase):
    """The service's tables."""


class Key(Table):
    """One access key. `digest` is sha256 of salt and secret: the secret has 256 random bits, so a slow hash adds nothing."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    salt: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column()
    revoked: Mapped[datetime | None] = mapped_column(default=None)


class Keys:
    """The keys of a service. Whatever the database refuses is a `Failed` that says where it is."""

    def __init__(self, url: str) -> None:
        try:
            self._database: Engine = create_engine(url)
        except (SQLAlchemyError, ImportError) as error:
            raise Failed(f"no database of keys can be opened ({reason(error)}): set {DATABASE} to a SQLAlchemy URL") from error
        with self._failing():
            Table.metadata.create_all(self._database)

    def create(self, name: str) -> str:
        """Make a key called `name`. It is returned here and nowhere else."""
        number, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_hex(16)
        row = Key(id=number, name=name, salt=salt, digest=_digest(salt, secret), created=_now())
        with self._failing(), Session(self._database) as session, session.begin():
            session.add(row)
        return f"{PREFIX}{number}-{secret}"

    def check(self, key: str) -> str | None:
        """The name of a valid key, else None. Takes the same time for a wrong secret as for a right one."""
        number, _, secret = key.removeprefix(PREFIX).partition("-")
        with self._failing(), Session(self._database) as session:
            row = session.get(Key, number) if key.startswith(PREFIX) else None
            salt, expected = (row.salt, row.digest) if row else ("", "0" * 64)
            same = hmac.compare_digest(_digest(salt, secret).encode(), expected.encode())
            return row.name if row is not None and same and row.revoked is None else None

    def listed(self) -> list[dict[str, Any]]:
        """Name, time of making and time of revoking (or None) of every key, oldest first."""
        with self._failing(), Session(self._database) as session:
            rows = session.scalars(select(Key).order_by(Key.created, Key.id)).all()
            return [{"name": row.name, "created": _seconds(row.created), "revoked": _seconds(row.revoked)} for row in rows]

    def revoke(self, name: str) -> int:
        """Revoke every valid key called `name`; how many there were.

        Raises:
            Refused: there is none.
        """
        with self._failing(), Session(self._database) as session, session.begin():
            valid = session.scalars(select(Key).where(Key.revoked.is_(None)))
            found = {row: row.name for row in valid}
            chosen = [row for row, known in found.items() if known == name]
            if not chosen:
                raise Refused(f"there is no valid key called `{name}`: {did_you_mean(name, set(found.values()))}")
            for row in chosen:
                row.revoked = _now()
            return len(chosen)

    def forget(self, key: str) -> None:
        """Delete a key altogether: the one a service made for itself."""
        with self._failing(), Session(self._database) as session, session.begin():
            row = session.get(Key, key.removeprefix(PREFIX).partition("-")[0])
            if row is not None:
                session.delete(row)

    def close(self) -> None:
        """Let go of the database's connections."""
        self._database.dispose()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """One sentence where the database cannot be reached, read or written."""
        try:
            yield
        except SQLAlchemyError as error:
            url = self._database.url
            where = url.database if url.drivername == "sqlite" else url.render_as_string(hide_password=True)
            raise Failed(
                f"the keys in {where} cannot be read or written ({_cause(error)}): make that place writable and see that its "
                f"disk is not full, or set {DATABASE} to the SQLAlchemy URL of another database"
            ) from error


def open_keys(run: Path) -> Keys:
    """The keys of the run's service: in `RUN/service/`, or where SEJONG_DATABASE says.

    Raises:
        Refused: `run` is not a run.
        Failed: the database cannot be opened, or its folder not be made.
    """
    if not (run / "recipe.toml").exists():
        raise Refused(f"{run} is not a run: it has no recipe.toml; give a folder that `sejong build` made")
    if DATABASE in os.environ:
        return Keys(os.environ[DATABASE])
    folder = run / "service"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Failed(
            f"{folder} cannot be made ({error.strerror}): make {run} writable and see that its disk is not full, "
            f"or set {DATABASE} to the SQLAlchemy URL of another database"
        ) from error
    return Keys(f"sqlite:///{folder.resolve() / 'service.sqlite'}")


def create(run: Path, name: str) -> str:
    """`sejong keys create`: the new key."""
    return open_keys(run).create(name)


def listed(run: Path) -> list[dict[str, Any]]:
    """`sejong keys list`."""
    return open_keys(run).listed()


def revoke(run: Path, name: str) -> int:
    """`sejong keys revoke`: how many keys were revoked."""
    return open_keys(run).revoke(name)


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()


def _cause(error: SQLAlchemyError) -> str:
    """What the database's driver said, without SQLAlchemy's statement and parameters."""
    return reason(error.orig if isinstance(error, DBAPIError) and error.orig else error)


def _seconds(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
