"""esb edi: EDI files at the command line, in a project or outside of any."""

from __future__ import annotations

import typer

from esb.cli import edi_ack, edi_desk, edi_explain, edi_guides, edi_lint, edi_show, edi_split, edi_stats, edi_write

app = typer.Typer(no_args_is_help=True, help="EDI files and guides, in a project or outside of any.")
app.command("lint")(edi_lint.command)
app.command("show")(edi_show.command)
app.command("ack")(edi_ack.command)
app.command("write")(edi_write.command)
app.command("split")(edi_split.command)
app.command("explain")(edi_explain.command)
app.command("stats")(edi_stats.command)
app.command("lint-guide")(edi_guides.lint_guide)
app.command("diff")(edi_guides.diff)
app.command("doc")(edi_guides.doc)
app.command("numbers")(edi_desk.numbers)
app.command("owed")(edi_desk.owed)
