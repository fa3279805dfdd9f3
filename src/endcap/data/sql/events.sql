-- Canonical events: one row for each, of every date asked for, without users erased since their
-- part was written. arrival orders events of one microsecond; it is unique within a date.
SELECT
  e.user_id,
  e.item_id,
  e.event_type,
  e.ts,
  CASE WHEN e.value > -1e308 AND e.value < 1e308 THEN e.value END AS value,
  e.event_id,
  e.session_id,
  e.attributes,
  e.arrival,
  e.date
FROM raw_events AS e
LEFT JOIN erasures AS x
  ON x.user_id = e.user_id AND x.sequence > e.sequence
WHERE x.user_id IS NULL
