-- Histories: the newest events of each user strictly before as_of, with what features take from the
-- catalogue. As in training, nothing before 1970 counts; back counts from 1, the newest.
WITH recent AS (
  SELECT
    e.user_id, e.item_id, e.event_type, e.ts,
    CAST(row_number() OVER (
      PARTITION BY e.user_id ORDER BY e.ts DESC, e.arrival DESC
    ) AS BIGINT) AS back
  FROM events AS e
  WHERE e.ts >= 0 AND e.ts < $as_of
)
SELECT
  r.user_id,
  r.item_id,
  r.event_type,
  r.ts,
  r.back,
  ln(i.price) AS ln_price,
  i.department,
  i.aisle,
  i.brand
FROM recent AS r
LEFT JOIN items AS i
  ON i.item_id = r.item_id
WHERE r.back <= $history_events
