"""How delimited text is written: the marks of one file, and the way from records to values and back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from esb.errors import FormatError
from esb.formats.csv_records import Record

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?[\d.,]+", re.ASCII)


class Dialect(Struct, frozen=True):
    """The marks: `quote` and `escape` may be empty. `safe`: text that a spreadsheet would run gets a `'`."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    line_end: str = "\r\n"
    safe: bool = False

    def rows(self, records: Sequence[Record]) -> Iterator[tuple[Record, list[str]]]:
        """Give each record with its values; blank lines are no rows, faults have no values."""
        texts = (record.text for record in records if not record.fault)
        together = None if self.escape else self._parser(texts)
        for record in records:
            found: list[str] = []
            if not record.fault:
                try:
                    # an escape may swallow a line end, and the parser would then take the next record too
                    found = next(together if together is not None else self._parser(iter([record.text])))
                except (csv.Error, StopIteration) as error:
                    said = str(error) or "it ends behind an escape"
                    record.fault = f"{said}; ask the sender to quote values and to double the quotes in them"
            if found or record.fault:
                yield record, found

    def write(self, rows: Iterable[Sequence[str]], encoding: str) -> bytes:
        """Return the bytes of rows. Raises FormatError for a character that the marks or the encoding cannot say."""
        out = io.StringIO()
        writer = csv.writer(
            out,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            escapechar=self.escape or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            lineterminator=self.line_end,
        )
        try:
            writer.writerows(rows)
            return out.getvalue().encode(encoding)
        except csv.Error as error:
            raise FormatError(f"csv: {error}; declare quote: or escape:") from None
        except UnicodeEncodeError as error:
            found = error.object[error.start]
            raise FormatError(f"csv: {encoding} has no character {found!r}; choose utf-8") from None

    def guarded(self, text: str) -> str:
        """Return text that a spreadsheet leaves alone, if `safe`."""
        risky = self.safe and text.startswith(_RISKY) and _NUMBER.fullmatch(text) is None
        return f"'{text}" if risky else text

    def _parser(self, texts: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(
            texts,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape or None,
            strict=True,
        )
