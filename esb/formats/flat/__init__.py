"""Flat files by a guide: kinds of records and loops in delimited or fixed width text, by the grammar that EDI has."""
