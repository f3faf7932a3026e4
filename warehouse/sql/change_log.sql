-- Change log of the sources in `record_input` (all their collapsed records, in sequence; without those that
-- change_log_plain has loaded).
-- In: temp table record_input (source_id, sequence, vintage, retrieved_at, snapshot_id, vintage_basis, is_rejected,
--     is_complete, readings), $files = the Parquet files of the accepted records.
-- Out: temp tables reading, dated, record_date, event, change_log (grain: key, source, vintage), outcome (grain: record, cell).

-- every value cell of every accepted record, dated; never later than its retrieval. A cell is known by its row in the
-- file of readings: its locator may serve several (a row of a long table, say).
create or replace temp table reading as
select
    r.source_id, r.sequence, p.file_row_number as cell, r.snapshot_id, r.retrieved_at, r.is_complete,
    p.indicator_id, p.ref_area, p.freq, p.time_period, p.obs_value, p.decimals, p.unit_id,
    coalesce(p.obs_status, 'A') as obs_status,
    p.locator, p.raw_text, p.is_corrected, p.outcome, p.reason_code, p.reason_en, p.reason_zh,
    least(coalesce(p.vintage, r.vintage), cast(r.retrieved_at as date)) as vintage,
    coalesce(p.vintage_basis, r.vintage_basis) as vintage_basis,
    p.vintage_basis is not null as is_dated_each,
    p.vintage_basis is not distinct from 'assumed' as is_assumed_each
from read_parquet($files, filename = true, file_row_number = true) as p
inner join record_input as r on r.readings = p.filename and not r.is_rejected;

-- grain: one value of one key in one record. A late download dates only the first value of a key by the rule.
create or replace temp table dated as
with arrival as (
    select
        *,
        is_assumed_each and row_number() over (
            partition by source_id, indicator_id, ref_area, freq, time_period
            order by retrieved_at, snapshot_id, sequence, locator
        ) > 1 as is_later_value
    from reading
    where outcome = 'value'
)
select
    source_id, sequence, cell, snapshot_id, retrieved_at, indicator_id, ref_area, freq, time_period,
    obs_value, decimals, unit_id, obs_status, locator, is_corrected, is_dated_each,
    case when is_later_value then cast(retrieved_at as date) else vintage end as vintage,
    case when is_later_value then 'retrieved' else vintage_basis end as vintage_basis
from arrival;

-- grain: record whose values have dates of their own; its date is the newest that was given (null: it has no value)
create or replace temp table record_date as
with newest as (
    select source_id, sequence, max(vintage) as vintage, max_by(vintage_basis, (vintage, vintage_basis)) as vintage_basis
    from dated
    where is_dated_each
    group by source_id, sequence
)
select r.source_id, r.sequence, n.vintage, n.vintage_basis, bool_or(r.is_assumed_each) as is_assumed_each
from reading as r
left join newest as n on n.source_id = r.source_id and n.sequence = r.sequence
where r.is_dated_each
group by r.source_id, r.sequence, n.vintage, n.vintage_basis;

-- grain: key and record where a complete file spans the key but no longer holds it. A cell that was set aside still
-- mentions its key; a missing mark does not.
create or replace temp table withdrawal as
with several as (
    select source_id from record_input where not is_rejected group by source_id having count(*) > 1
),
complete as (
    select r.source_id, r.sequence, r.indicator_id, r.ref_area, r.freq, r.time_period, r.outcome
    from reading as r semi join several as s on s.source_id = r.source_id
    where r.is_complete
),
span_area as (
    select distinct source_id, sequence, indicator_id, ref_area, freq from complete
    where outcome in ('value', 'missing')
),
span_period as (
    select distinct source_id, sequence, indicator_id, freq, time_period from complete
    where outcome in ('value', 'missing')
),
known_key as (
    select distinct d.source_id, d.indicator_id, d.ref_area, d.freq, d.time_period
    from dated as d semi join several as s on s.source_id = d.source_id
)
select
    k.source_id, p.sequence, r.snapshot_id, r.retrieved_at, k.indicator_id, k.ref_area, k.freq, k.time_period,
    case when d.is_assumed_each then cast(r.retrieved_at as date)
         else least(coalesce(d.vintage, r.vintage), cast(r.retrieved_at as date)) end as vintage,
    case when d.is_assumed_each then 'retrieved' else coalesce(d.vintage_basis, r.vintage_basis) end as vintage_basis
from known_key as k
inner join span_period as p
    on p.source_id = k.source_id and p.indicator_id = k.indicator_id and p.freq = k.freq and p.time_period = k.time_period
inner join span_area as a
    on a.source_id = k.source_id and a.sequence = p.sequence and a.indicator_id = k.indicator_id
    and a.ref_area = k.ref_area and a.freq = k.freq
inner join record_input as r on r.source_id = k.source_id and r.sequence = p.sequence
left join record_date as d on d.source_id = k.source_id and d.sequence = p.sequence
anti join (select * from complete where outcome <> 'missing') as m
    on m.source_id = k.source_id and m.sequence = p.sequence and m.indicator_id = k.indicator_id
    and m.ref_area = k.ref_area and m.freq = k.freq and m.time_period = k.time_period;

-- grain: one value or withdrawal of one key in one record; is_final: it agrees with the last one of its date
create or replace temp table event as
with said as (
    select
        source_id, sequence, cell, snapshot_id, retrieved_at, indicator_id, ref_area, freq, time_period, vintage,
        obs_value, decimals, unit_id, obs_status, locator, vintage_basis, is_corrected
    from dated
    union all
    select
        source_id, sequence, null, snapshot_id, retrieved_at, indicator_id, ref_area, freq, time_period, vintage,
        null, null, '', 'O', '', vintage_basis, false
    from withdrawal
)
select
    *,
    obs_value is not distinct from last_value(obs_value) over same_date
    and obs_status = last_value(obs_status) over same_date as is_final
from said
window same_date as (
    partition by source_id, indicator_id, ref_area, freq, time_period, vintage
    order by retrieved_at, snapshot_id, sequence, locator
    rows between unbounded preceding and unbounded following
);

-- grain: key, source, vintage where value, status or presence changes. Of equal statements of one date the first is
-- credited; a key never starts with its withdrawal.
create or replace temp table change_log as
with statement as (
    select * from event
    where is_final
    qualify row_number() over (
        partition by source_id, indicator_id, ref_area, freq, time_period, vintage
        order by retrieved_at, snapshot_id, sequence, locator
    ) = 1
)
select * from statement
window by_date as (partition by source_id, indicator_id, ref_area, freq, time_period order by vintage)
qualify obs_value is distinct from lag(obs_value) over by_date
     or (obs_value is not null and obs_status <> lag(obs_status) over by_date);

-- grain: record and cell: what became of each value cell
create or replace temp table outcome as
select
    r.source_id, r.sequence, r.snapshot_id, r.locator, r.raw_text,
    case
        when r.outcome <> 'value' then r.outcome
        when c.cell is not null then 'loaded'
        when e.is_final then 'unchanged'
        else 'superseded'
    end as outcome,
    r.reason_code, r.reason_en, r.reason_zh
from reading as r
left join event as e
    on e.source_id = r.source_id and e.sequence = r.sequence and e.cell = r.cell
left join change_log as c
    on c.source_id = r.source_id and c.sequence = r.sequence and c.cell = r.cell;
