-- grain: one value cell of one snapshot; bytes that came again later (A, B, A) are judged once
create table reading as
select
    r.source_id, r.snapshot_id, p.indicator_id, p.ref_area, p.freq, p.time_period, p.obs_value, p.unit_id, p.locator,
    coalesce(p.vintage, r.vintage) as vintage, p.outcome, p.reason_code
from read_parquet($files, filename = true) as p
inner join (
    select * from record
    qualify row_number() over (partition by source_id, snapshot_id order by vintage, readings) = 1
) as r on r.readings = p.filename
