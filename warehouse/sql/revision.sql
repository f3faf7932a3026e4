-- grain: indicator_id, ref_area, freq, time_period, source_id, vintage: each later statement beside the one before it.
-- A withdrawal has no obs_value; change_pct is missing where the previous value is not above 0.
with ordered as (
    select
        o.indicator_id, o.ref_area, o.freq, o.time_period, o.source_id, o.vintage, o.obs_value,
        lag(o.vintage) over by_date as previous_vintage,
        lag(o.obs_value) over by_date as previous_value
    from core.observation as o
    where $as_of is null or o.vintage <= $as_of
    window by_date as (
        partition by o.source_id, o.indicator_id, o.ref_area, o.freq, o.time_period order by o.vintage
    )
)
select
    indicator_id, ref_area, freq, time_period, source_id, vintage, previous_vintage, obs_value, previous_value,
    obs_value - previous_value as change_abs,
    case when previous_value > 0 then 100 * (obs_value / previous_value - 1) end as change_pct
from ordered
where previous_vintage is not null
order by indicator_id, ref_area, freq, time_period, source_id, vintage;
