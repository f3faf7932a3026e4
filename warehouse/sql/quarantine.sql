-- grain: source_id, snapshot_id, locator, reason_code: cells and whole files (empty locator) that were set aside.
with cell as (
    select j.source_id, j.snapshot_id, j.locator, j.reason_code, j.reason_en, j.reason_zh, j.raw_text
    from core.reject as j
    inner join core.record as r on r.source_id = j.source_id and r.sequence = j.sequence
    where j.outcome = 'quarantined' and ($as_of is null or r.vintage <= $as_of)
),
whole_file as (
    select source_id, snapshot_id, '' as locator, reason_code, reason_en, reason_zh, file_name as raw_text
    from core.record
    where is_rejected and ($as_of is null or vintage <= $as_of)
)
select distinct on (source_id, snapshot_id, locator, reason_code)
    source_id, snapshot_id, locator, reason_code, reason_en, reason_zh, raw_text
from (select * from cell union all select * from whole_file)
order by source_id, snapshot_id, locator, reason_code, raw_text;
