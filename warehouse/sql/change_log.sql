-- Change log of the sources in `record_input` (all their collapsed records, in sequence).
-- In: temp table record_input (source_id, sequence, vintage, retrieved_at, snapshot_id, vintage_basis, is_rejected,
--     is_complete, readings), $files = the Parquet files of the accepted records.
-- Out: temp tables reading, change_log (grain: key, source, vintage), outcome (grain: record, locator).

-- every value cell of every accepted record, dated; never later than its retrieval
create or replace temp table reading as
select
    r.source_id, r.sequence, r.snapshot_id, r.retrieved_at, r.is_complete,
    p.indicator_id, p.ref_area, p.freq, p.time_period, p.obs_value, p.decimals, p.unit_id, p.obs_status,
    p.locator, p.raw_text, p.is_corrected, p.outcome, p.reason_code, p.reason_en, p.reason_zh,
    r.vintage as record_vintage,
    least(coalesce(p.vintage, r.vintage), cast(r.retrieved_at as date)) as vintage,
    coalesce(p.vintage_basis, r.vintage_basis) as vintage_basis,
    p.vintage_basis is not distinct from 'assumed' as is_assumed_per_observation
from read_parquet($files, filename = true) as p
inner join record_input as r on r.readings = p.filename and not r.is_rejected;

-- grain: one value of one key in one record. A late download dates only the first value of a key by the rule.
create or replace temp table dated as
with arrival as (
    select
        *,
        row_number() over (
            partition by source_id, indicator_id, ref_area, freq, time_period
            order by retrieved_at, snapshot_id, sequence, locator
        ) as arrival_number
    from reading
    where outcome = 'value'
)
select
    source_id, sequence, snapshot_id, retrieved_at, indicator_id, ref_area, freq, time_period,
    obs_value, decimals, unit_id, obs_status, locator, is_corrected,
    case when is_assumed_per_observation and arrival_number > 1 then cast(retrieved_at as date) else vintage end as vintage,
    case when is_assumed_per_observation and arrival_number > 1 then 'retrieved' else vintage_basis end as vintage_basis
from arrival;

-- grain: key and record where a complete file spans the key but no longer holds it
create or replace temp table withdrawal as
with several as (
    select source_id from record_input where is_complete and not is_rejected group by source_id having count(*) > 1
),
span_area as (
    select distinct source_id, sequence, indicator_id, ref_area, freq from reading
    where outcome in ('value', 'missing') and is_complete and source_id in (select source_id from several)
),
span_period as (
    select distinct source_id, sequence, indicator_id, freq, time_period from reading
    where outcome in ('value', 'missing') and is_complete and source_id in (select source_id from several)
),
known_key as (
    select distinct source_id, indicator_id, ref_area, freq, time_period from dated
    where source_id in (select source_id from several)
),
mentioned as (
    select distinct source_id, sequence, indicator_id, ref_area, freq, time_period from reading where outcome <> 'missing'
),
assumed_source as (
    select distinct source_id from reading where is_assumed_per_observation
)
select
    k.source_id, p.sequence, r.snapshot_id, r.retrieved_at, k.indicator_id, k.ref_area, k.freq, k.time_period,
    case when s.source_id is null then least(r.vintage, cast(r.retrieved_at as date))
         else cast(r.retrieved_at as date) end as vintage,
    case when s.source_id is null then r.vintage_basis else 'retrieved' end as vintage_basis
from known_key as k
inner join span_period as p
    on p.source_id = k.source_id and p.indicator_id = k.indicator_id and p.freq = k.freq and p.time_period = k.time_period
inner join span_area as a
    on a.source_id = k.source_id and a.sequence = p.sequence and a.indicator_id = k.indicator_id
    and a.ref_area = k.ref_area and a.freq = k.freq
inner join record_input as r on r.source_id = k.source_id and r.sequence = p.sequence
left join assumed_source as s on s.source_id = k.source_id
anti join mentioned as m
    on m.source_id = k.source_id and m.sequence = p.sequence and m.indicator_id = k.indicator_id
    and m.ref_area = k.ref_area and m.freq = k.freq and m.time_period = k.time_period;

-- grain: key, source, vintage: the last statement of that date; of equal statements the first is credited
create or replace temp table statement as
with event as (
    select
        source_id, indicator_id, ref_area, freq, time_period, vintage, retrieved_at, snapshot_id, sequence,
        obs_value, decimals, unit_id, obs_status, locator, vintage_basis, is_corrected
    from dated
    union all
    select
        source_id, indicator_id, ref_area, freq, time_period, vintage, retrieved_at, snapshot_id, sequence,
        null, null, '', 'O', '', vintage_basis, false
    from withdrawal
),
final as (
    select
        *,
        last_value(obs_value) over same_date as final_value,
        last_value(obs_status) over same_date as final_status
    from event
    window same_date as (
        partition by source_id, indicator_id, ref_area, freq, time_period, vintage
        order by retrieved_at, snapshot_id, sequence, locator
        rows between unbounded preceding and unbounded following
    )
)
select * exclude (final_value, final_status)
from final
where obs_value is not distinct from final_value and obs_status = final_status
qualify row_number() over (
    partition by source_id, indicator_id, ref_area, freq, time_period, vintage
    order by retrieved_at, snapshot_id, sequence, locator
) = 1;

-- grain: key, source, vintage where value, status or presence changes; a key never starts with its withdrawal
create or replace temp table change_log as
with compared as (
    select
        *,
        row_number() over by_date = 1 as is_first,
        lag(obs_value) over by_date as previous_value,
        lag(obs_status) over by_date as previous_status
    from statement
    window by_date as (partition by source_id, indicator_id, ref_area, freq, time_period order by vintage)
),
changed as (
    select * exclude (is_first, previous_value, previous_status) from compared
    where (is_first and obs_value is not null)
       or (not is_first and (obs_value is distinct from previous_value or obs_status <> previous_status))
)
select * from changed
qualify obs_value is not null
     or row_number() over (partition by source_id, indicator_id, ref_area, freq, time_period order by vintage) > 1;

-- grain: record and locator: what became of each value cell
create or replace temp table outcome as
select
    r.source_id, r.sequence, r.snapshot_id, r.locator, r.raw_text,
    case
        when r.outcome <> 'value' then r.outcome
        when c.locator is not null then 'loaded'
        when s.obs_value is not distinct from r.obs_value and s.obs_status = r.obs_status then 'unchanged'
        else 'superseded'
    end as outcome,
    r.reason_code, r.reason_en, r.reason_zh
from reading as r
left join dated as d
    on r.outcome = 'value' and d.source_id = r.source_id and d.sequence = r.sequence and d.locator = r.locator
    and d.indicator_id = r.indicator_id and d.ref_area = r.ref_area and d.freq = r.freq and d.time_period = r.time_period
left join statement as s
    on s.source_id = d.source_id and s.indicator_id = d.indicator_id and s.ref_area = d.ref_area
    and s.freq = d.freq and s.time_period = d.time_period and s.vintage = d.vintage
left join change_log as c
    on c.source_id = d.source_id and c.sequence = d.sequence and c.locator = d.locator
    and c.indicator_id = d.indicator_id and c.ref_area = d.ref_area and c.freq = d.freq and c.time_period = d.time_period
    and c.vintage = d.vintage and c.obs_value is not null;
