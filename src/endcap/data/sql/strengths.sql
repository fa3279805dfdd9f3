-- How much each user had to do with each item, which factors are fitted to: log2(1 + events), 1 for
-- one event. Of a longer history the newest items count, as in cooccurrence.sql.
WITH touched AS (
  SELECT e.user_id, e.item_id, count(*) AS events, max(e.ts) AS newest
  FROM events AS e
  WHERE e.ts >= 0
  GROUP BY e.user_id, e.item_id
),
placed AS (
  SELECT
    t.user_id, t.item_id, t.events,
    row_number() OVER (PARTITION BY t.user_id ORDER BY t.newest DESC, t.item_id) AS place
  FROM touched AS t
)
SELECT
  p.user_id,
  p.item_id,
  ln(CAST(1 + p.events AS DOUBLE)) * 1.4426950408889634e0 AS strength
FROM placed AS p
WHERE p.place <= $most_per_user
