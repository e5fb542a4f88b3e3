"""The text in the bytes of a file, or the line on which it stops being text."""

from __future__ import annotations

import codecs

from ..errors import DataError, UsageError
from ..text import printable, quoted
from .files import kind


def decode(raw: bytes, who: str, encoding: str) -> tuple[str, str]:
    """The text of a file and its encoding; a byte-order mark outweighs the encoding that was asked for.

    Raises: DataError for files of other kinds, bytes that are no text, and NULs; UsageError for an encoding
    that there is none of.
    """
    if what := kind(raw):
        raise DataError(f"{who}: {what}")
    if raw.startswith(codecs.BOM_UTF8):
        start, encoding = len(codecs.BOM_UTF8), "utf-8"
    elif raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        start, encoding = 0, "utf-32"
    elif raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        start, encoding = 0, "utf-16"
    else:
        start = 0
    try:
        text = str(memoryview(raw)[start:], encoding)
    except UnicodeDecodeError as error:
        at = min(start + error.start, len(raw) - 1)
        line = len((raw[:at] + b".").splitlines())
        other = "latin-1" if encoding.lower() in ("utf-8", "utf8", "ascii") else "utf-8"
        raise DataError(
            f"{who}:{line}: byte 0x{raw[at]:02x} at offset {at} is not {encoding.upper()}; "
            f"try --encoding {other}"
        ) from None
    except UnicodeError as error:
        raise DataError(f"{who}: is not {encoding} ({printable(error)}); try --encoding latin-1") from None
    except (LookupError, ValueError):
        raise UsageError(
            f"--encoding: expected the name of a text encoding, got {quoted(encoding)}; try utf-8 or latin-1"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{who}:{line}: has a NUL byte: binary data, or UTF-16 (try --encoding utf-16)")
    if not text or text.isspace():
        raise DataError(f"{who}: is empty ({len(raw)} bytes, all of them blank); check how it was saved")
    return text, encoding
