-- grain: one value cell of one record
create table reading as
select
    r.source_id, r.snapshot_id, p.indicator_id, p.ref_area, p.freq, p.time_period, p.obs_value, p.unit_id, p.obs_status,
    p.decimals, p.locator, coalesce(p.vintage, r.vintage) as vintage, p.outcome, p.reason_code
from read_parquet($files, filename = true) as p
inner join record as r on r.readings = p.filename
