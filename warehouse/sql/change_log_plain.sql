-- Sources whose cells cannot interact, loaded without the change log: one accepted record, no cell dated by itself, no
-- key with two values, every value a number.
-- In: temp table record_input, $files = the Parquet files of the sources with one accepted record.
-- Out: rows of core.observation, core.reject, core.record; these records are taken out of record_input.

-- grain: source. A key counts as given twice where its hash comes twice: the change log then decides.
create or replace temp table plain as
with cell as not materialized (
    select
        p.filename, p.outcome = 'value' as is_value,
        p.vintage_basis is not null or (p.outcome = 'value' and p.obs_value is null) as is_special,
        hash(p.filename, p.indicator_id, p.ref_area, p.freq, p.time_period) as key
    from read_parquet($files, filename = true) as p
),
twice as (
    select key from cell where is_value group by key having count(*) > 1
)
select * from record_input as r
where not r.is_rejected
  and list_contains($files, r.readings)
  and r.readings not in (select c.filename from cell as c semi join twice as t on t.key = c.key)
  and r.readings not in (select filename from cell where is_special);

-- grain: key; in the order of the file
insert into core.observation
select
    p.indicator_id, p.ref_area, p.freq, p.time_period, r.source_id,
    least(coalesce(p.vintage, r.vintage), cast(r.retrieved_at as date)), p.obs_value, p.decimals, p.unit_id,
    coalesce(p.obs_status, 'A'), r.snapshot_id, p.locator, r.vintage_basis, p.is_corrected
from read_parquet($files, filename = true) as p
inner join plain as r on r.readings = p.filename
where p.outcome = 'value';

-- grain: source_id, sequence, locator, reason_code: every cell that is no value
insert into core.reject
select
    r.source_id, r.sequence, r.snapshot_id, r.file_name, p.locator,
    case when p.outcome = 'quarantined' then 'quarantined' else 'excluded' end as outcome,
    p.reason_code, p.reason_en, p.reason_zh, p.raw_text
from read_parquet($files, filename = true) as p
inner join plain as r on r.readings = p.filename
where p.outcome <> 'value'
order by r.source_id, r.sequence, p.locator, p.reason_code;

-- grain: source_id, sequence
insert into core.record
with counted as (
    select
        filename,
        cast(count(*) filter (where outcome = 'value') as integer) as rows_loaded,
        cast(count(*) filter (where outcome = 'quarantined') as integer) as rows_quarantined,
        cast(count(*) filter (where outcome not in ('value', 'quarantined')) as integer) as rows_excluded
    from read_parquet($files, filename = true)
    group by filename
)
select
    r.source_id, r.sequence, r.vintage, r.retrieved_at, r.snapshot_id, r.vintage_basis, r.file_name, r.media_type,
    r.size_kb, r.rows_in, coalesce(c.rows_loaded, 0), 0, coalesce(c.rows_quarantined, 0), coalesce(c.rows_excluded, 0),
    false, '', '', ''
from plain as r
left join counted as c on c.filename = r.readings
order by r.source_id, r.sequence;

delete from record_input where not is_rejected and source_id in (select source_id from plain);
