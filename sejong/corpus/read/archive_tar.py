"""tar archives as streams, where a damaged header is an error and not the end."""

import tarfile
from typing import BinaryIO


class _Header(tarfile.TarInfo):
    """A member's header. `tarfile` takes a damaged one for the end of the archive; here it is told."""

    @classmethod
    def frombuf(cls, buf: "bytes | bytearray", encoding: str, errors: str) -> "_Header":
        """The header in a block of 512 bytes.

        Raises:
            tarfile.ReadError: it is damaged or cut off.
        """
        try:
            return super().frombuf(buf, encoding, errors)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


class TarFile(tarfile.TarFile):
    """A tar archive."""

    tarinfo = _Header


def open_tar(stream: BinaryIO) -> TarFile:
    """The archive in `stream`, which is read onwards only. Names that are not UTF-8 have lone surrogates for their bytes."""
    return TarFile.open(fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape")
