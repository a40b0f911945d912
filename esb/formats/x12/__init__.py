"""ASC X12: framing, envelope, transaction sets by guide, and the acknowledgments 997, 999 and TA1."""
