-- grain: indicator_id, ref_area, freq, time_period, source_id, vintage: every statement known at $as_of.
-- In: temp table preferred = the result of observation_as_of.sql for the same date.
with known as (
    select
        o.indicator_id, o.ref_area, o.freq, o.time_period, o.source_id, o.vintage, o.obs_value, o.decimals, o.unit_id,
        o.obs_status, o.snapshot_id, o.locator, o.vintage_basis, o.is_corrected,
        lead(o.vintage) over (
            partition by o.source_id, o.indicator_id, o.ref_area, o.freq, o.time_period order by o.vintage
        ) as superseded_on
    from core.observation as o
    where $as_of is null or o.vintage <= $as_of
)
select
    k.indicator_id, k.ref_area, k.freq, k.time_period, k.source_id, k.vintage, k.superseded_on, k.obs_value, k.decimals,
    k.unit_id, k.obs_status, k.snapshot_id, k.locator, k.vintage_basis, k.is_corrected,
    p.indicator_id is not null as is_preferred
from known as k
left join preferred as p
    on p.indicator_id = k.indicator_id and p.ref_area = k.ref_area and p.freq = k.freq
    and p.time_period = k.time_period and p.source_id = k.source_id and p.vintage = k.vintage
order by k.indicator_id, k.ref_area, k.freq, k.time_period, k.source_id, k.vintage;
