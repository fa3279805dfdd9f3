-- The strongest neighbours of each item by shrunk co-occurrence: c / (c + $shrinkage) · c / √(nᵢ nⱼ),
-- c users of both, n users of one. The square root is the same on every machine to the last bit.
WITH own AS (
  SELECT c.item_id, c.users
  FROM cooccurrence AS c
  WHERE c.item_id = c.other_id
),
directed AS (
  SELECT c.item_id, c.other_id, c.users
  FROM cooccurrence AS c
  WHERE c.item_id <> c.other_id
  UNION ALL
  SELECT c.other_id AS item_id, c.item_id AS other_id, c.users
  FROM cooccurrence AS c
  WHERE c.item_id <> c.other_id
),
weighed AS (
  SELECT
    d.item_id,
    d.other_id,
    d.users,
    CAST(d.users AS DOUBLE) / nullif(d.users + $shrinkage, 0e0)
      * (CAST(d.users AS DOUBLE) / nullif(sqrt(CAST(a.users * b.users AS DOUBLE)), 0e0)) AS weight
  FROM directed AS d
  JOIN own AS a
    ON a.item_id = d.item_id
  JOIN own AS b
    ON b.item_id = d.other_id
),
placed AS (
  SELECT
    w.item_id, w.other_id, w.users, w.weight,
    CAST(row_number() OVER (
      PARTITION BY w.item_id ORDER BY w.weight DESC, w.other_id
    ) AS BIGINT) AS place
  FROM weighed AS w
)
SELECT p.item_id, p.other_id, p.users, p.weight, p.place
FROM placed AS p
WHERE p.place <= $neighbours_kept
