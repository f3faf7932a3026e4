-- grain: source_id, snapshot_id, locator, reason_code: cells and whole files (empty locator) that were set aside.
with known as (select * from record_known($as_of)),
cell as (
    select j.source_id, j.snapshot_id, j.locator, j.reason_code, j.reason_en, j.reason_zh, j.raw_text
    from core.reject as j
    semi join known as r on r.source_id = j.source_id and r.sequence = j.sequence
    where j.outcome = 'quarantined'
),
whole_file as (
    select source_id, snapshot_id, '' as locator, reason_code, reason_en, reason_zh, file_name as raw_text
    from known
    where is_rejected
)
select distinct on (source_id, snapshot_id, locator, reason_code)
    source_id, snapshot_id, locator, reason_code, reason_en, reason_zh, raw_text
from (select * from cell union all select * from whole_file)
order by source_id, snapshot_id, locator, reason_code, raw_text, reason_en;
