-- Co-occurrence counts: how many users had events with both items; item_id is not after other_id,
-- and an item with itself counts its users. Of a longer history the newest items count.
WITH touched AS (
  SELECT e.user_id, e.item_id, max(e.ts) AS newest
  FROM events AS e
  WHERE e.ts >= 0
  GROUP BY e.user_id, e.item_id
),
placed AS (
  SELECT
    t.user_id, t.item_id,
    row_number() OVER (PARTITION BY t.user_id ORDER BY t.newest DESC, t.item_id) AS place
  FROM touched AS t
),
kept AS (
  SELECT p.user_id, p.item_id
  FROM placed AS p
  WHERE p.place <= $most_per_user
)
SELECT a.item_id, b.item_id AS other_id, count(*) AS users
FROM kept AS a
JOIN kept AS b
  ON b.user_id = a.user_id AND a.item_id <= b.item_id
GROUP BY a.item_id, b.item_id
