-- Sources whose cells cannot interact, loaded without the change log: one accepted record, no cell dated by itself, no
-- key with two values, every value a number. Each value is a row of core.observation, every other cell one of core.reject.
-- In: temp table record_input, $files = the Parquet files of the sources with one accepted record.
-- Out: temp table plain (grain: source); its accepted records are taken out of record_input.

-- a key counts as given twice where its hash comes twice: the change log then decides
create or replace temp table plain as
with cell as (
    select p.filename, p.outcome = 'value' as is_value, p.obs_value is null as is_blank,
        p.vintage_basis is not null as is_dated_each,
        hash(p.indicator_id, p.ref_area, p.freq, p.time_period) as key
    from read_parquet($files, filename = true) as p
),
twice as (
    select filename from cell where is_value group by filename, key having count(*) > 1
),
unlike as (
    select distinct filename from cell where is_dated_each or (is_value and is_blank)
)
select r.source_id, r.readings
from record_input as r
anti join twice as t on t.filename = r.readings
anti join unlike as u on u.filename = r.readings
where not r.is_rejected and list_contains($files, r.readings);

insert into core.observation
select
    p.indicator_id, p.ref_area, p.freq, p.time_period, r.source_id,
    least(coalesce(p.vintage, r.vintage), cast(r.retrieved_at as date)), p.obs_value, p.decimals, p.unit_id,
    coalesce(p.obs_status, 'A'), r.snapshot_id, p.locator, r.vintage_basis, p.is_corrected
from read_parquet($files, filename = true) as p
inner join (select * from record_input semi join plain using (source_id, readings) where not is_rejected) as r
    on r.readings = p.filename
where p.outcome = 'value';

create or replace temp table counted as
select
    p.filename as readings,
    cast(count(*) filter (where p.outcome = 'value') as integer) as rows_loaded,
    cast(count(*) filter (where p.outcome = 'quarantined') as integer) as rows_quarantined,
    cast(count(*) filter (where p.outcome not in ('value', 'quarantined')) as integer) as rows_excluded
from read_parquet($files, filename = true) as p
group by p.filename;
