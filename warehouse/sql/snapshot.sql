-- grain: source_id, vintage, retrieved_at, snapshot_id: what a record brought and what became of its cells.
-- As of a date: the records dated until then, and those that hold a value known then.
select
    source_id, vintage, retrieved_at, snapshot_id, vintage_basis, file_name, media_type, size_kb,
    rows_in, rows_loaded, rows_unchanged, rows_quarantined, rows_excluded
from core.record as r
where
    $as_of is null
    or vintage <= $as_of
    or exists (
        select 1 from core.observation as o
        where o.source_id = r.source_id and o.snapshot_id = r.snapshot_id and o.vintage <= $as_of
    )
order by source_id, vintage, retrieved_at, snapshot_id;
