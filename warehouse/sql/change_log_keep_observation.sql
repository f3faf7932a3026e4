-- grain: key, source, vintage
insert into core.observation
select
    indicator_id, ref_area, freq, time_period, source_id, vintage, obs_value, decimals, unit_id, obs_status, snapshot_id,
    locator, vintage_basis, is_corrected
from change_log
order by source_id, indicator_id, ref_area, freq, time_period, vintage
