"""Family claims: the published statements, judged as published and with the latest data.

Not here: the judging (claims).
"""

from __future__ import annotations

from pipelines import progress
from pipelines.marts.observations import keep, kept
from pipelines.workspace import Workspace

TABLES = ("claim",)


def build(workspace: Workspace) -> dict[str, int]:
    """Build the family; returns rows by table."""
    from pipelines.claims.judge import judge

    with progress.step("claims") as note:
        frame = judge(workspace.catalogue, kept(workspace, "observation_vintage"), workspace.as_of)
        verdicts = dict(frame["verdict_latest"].value_counts(sort=True).iter_rows())
        dependent = int(frame["is_vintage_dependent"].fill_null(False).sum())
        note.say(f"{frame.height} statements; latest: " + ", ".join(f"{k} {v}" for k, v in verdicts.items())
                 + f"; {dependent} depend on the vintage")  # fmt: skip
        return keep(workspace, {"claim": frame})
