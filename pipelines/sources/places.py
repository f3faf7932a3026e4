"""Places of cells as a person names them in the file.

Not here: which cells are values (layout).
"""

from __future__ import annotations

import polars as pl

from pipelines.sources.coding import gather


def locators(frame: pl.DataFrame) -> pl.Series:
    """The place of each cell: 'Sheet!C7', 'C7' where the file has no sheets, or the row's own id.

    In: sheet, row, column (1-based), raw_locator (null: none).
    """
    own = frame["raw_locator"]
    if own.null_count() < len(own) or frame.height == 0:
        return own.alias("locator")
    letters = pl.Series([column_letters(i) for i in range(frame["column"].to_numpy().max() + 1)])
    sheet = frame["sheet"]
    if sheet.n_unique() == 1:
        heads = gather((f"{sheet[0]}!" if sheet[0] else "") + letters, frame["column"].to_numpy())
    else:
        prefix = pl.when(pl.col("sheet") != "").then(pl.col("sheet") + "!").otherwise(pl.lit(""))
        heads = frame.select(prefix).to_series() + letters.gather(frame["column"])
    return (heads + frame["row"].cast(pl.String)).alias("locator")


def column_letters(column: int) -> str:
    """The letters of a 1-based column: 1 is A, 27 is AA."""
    text = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text
