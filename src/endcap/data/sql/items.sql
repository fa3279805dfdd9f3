-- Canonical items: one row for each id, that of the newest part. A price that is not above 0 is
-- missing; created is in microseconds.
WITH newest AS (
  SELECT n.item_id, max(n.position) AS position
  FROM raw_items AS n
  GROUP BY n.item_id
)
SELECT
  r.item_id,
  r.name,
  r.department,
  r.aisle,
  r.brand,
  CASE WHEN r.price > 0e0 AND r.price < 1e308 THEN r.price END AS price,
  CASE WHEN r.created > -1e308 AND r.created < 1e308 THEN r.created END AS created,
  r.available,
  $raw_attributes
FROM raw_items AS r
JOIN newest AS n
  ON n.item_id = r.item_id AND n.position = r.position
