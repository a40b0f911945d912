"""What X12 and EDIFACT share: the grammar (data), the machine that walks it, findings, documents and writing."""
