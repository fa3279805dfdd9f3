-- Canonical users: one row for each id, that of the newest part written since an erasure.
WITH newest AS (
  SELECT n.user_id, max(n.position) AS position
  FROM raw_users AS n
  LEFT JOIN erasures AS x
    ON x.user_id = n.user_id AND x.sequence > n.sequence
  WHERE x.user_id IS NULL
  GROUP BY n.user_id
)
SELECT
  r.user_id,
  $raw_attributes
FROM raw_users AS r
JOIN newest AS n
  ON n.user_id = r.user_id AND n.position = r.position
