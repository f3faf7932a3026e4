-- grain: source_id, vintage, retrieved_at, snapshot_id: what a record brought and what became of its cells.
select
    source_id, vintage, retrieved_at, snapshot_id, vintage_basis, file_name, media_type, size_kb,
    rows_in, rows_loaded, rows_unchanged, rows_quarantined, rows_excluded
from record_known($as_of)
order by source_id, vintage, retrieved_at, snapshot_id;
