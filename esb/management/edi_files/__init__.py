"""EDI files as people look at them, without a bus: what is wrong, what stands where, what answers what."""

from esb.management.edi_files.answers import Resolved, explain
from esb.management.edi_files.carets import caret, readable
from esb.management.edi_files.cuts import Skipped
from esb.management.edi_files.dialects import HEAD, Dialect, dialect, sniff, standard
from esb.management.edi_files.remarks import Remark
from esb.management.edi_files.report import Report, Seen, Shown, study
from esb.management.edi_files.segments import Segment, segments
from esb.management.edi_files.splitting import By, Cut, split
from esb.management.edi_files.strangers import stranger
from esb.management.edi_files.tree import Branch, Named, branches

__all__ = [
    "HEAD", "Branch", "By", "Cut", "Dialect", "Named", "Remark", "Report", "Resolved", "Seen", "Segment", "Shown",
    "Skipped",
    "branches", "caret", "dialect", "explain", "readable", "segments", "sniff", "split", "standard", "stranger",
    "study",
]  # fmt: skip
