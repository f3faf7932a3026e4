-- grain: source_id, sequence of the rejected records: all their cells are quarantined with the file
insert into core.record
select
    source_id, sequence, vintage, retrieved_at, snapshot_id, vintage_basis, file_name, media_type, size_kb,
    rows_in, 0, 0, rows_in, 0, true, reason_code, reason_en, reason_zh
from record_input
where is_rejected
order by source_id, sequence
