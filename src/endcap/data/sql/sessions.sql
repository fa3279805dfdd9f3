-- Sessions: a user's events of one UTC date without a pause longer than half an hour. A session ends
-- at midnight UTC, so that a date stands for itself, and where the client names another one.
WITH ordered AS (
  SELECT
    e.user_id, e.item_id, e.event_type, e.ts, e.arrival, e.value, e.session_id, e.date,
    lag(e.ts) OVER (PARTITION BY e.date, e.user_id ORDER BY e.ts, e.arrival) AS previous_ts,
    lag(e.session_id) OVER (PARTITION BY e.date, e.user_id ORDER BY e.ts, e.arrival)
      AS previous_session
  FROM events AS e
),
marked AS (
  SELECT
    o.user_id, o.item_id, o.event_type, o.ts, o.arrival, o.value, o.date,
    CASE
      WHEN o.previous_ts IS NULL OR o.ts - o.previous_ts > $pause_us
        OR o.session_id <> o.previous_session THEN 1
      ELSE 0
    END AS begins
  FROM ordered AS o
),
numbered AS (
  SELECT
    m.user_id, m.item_id, m.event_type, m.ts, m.arrival, m.value, m.date,
    CAST(sum(m.begins) OVER (
      PARTITION BY m.date, m.user_id ORDER BY m.ts, m.arrival
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS BIGINT) AS session_number
  FROM marked AS m
),
placed AS (
  SELECT
    n.user_id, n.item_id, n.event_type, n.ts, n.value, n.date, n.session_number,
    row_number() OVER (
      PARTITION BY n.date, n.user_id, n.session_number ORDER BY n.ts, n.arrival
    ) AS place,
    row_number() OVER (
      PARTITION BY n.date, n.user_id, n.session_number ORDER BY n.ts DESC, n.arrival DESC
    ) AS back
  FROM numbered AS n
)
SELECT
  p.user_id,
  p.session_number,
  min(p.ts) AS begin_ts,
  max(p.ts) AS end_ts,
  CAST(max(p.ts) - min(p.ts) AS DOUBLE) / 1e6 AS duration_s,
  count(*) AS events,
  count(CASE WHEN p.event_type = 'view' THEN 1 END) AS views,
  count(CASE WHEN p.event_type = 'add_to_cart' THEN 1 END) AS carts,
  count(CASE WHEN p.event_type = 'purchase' THEN 1 END) AS purchases,
  count(DISTINCT p.item_id) AS products,
  max(CASE WHEN p.place = 1 THEN p.item_id END) AS first_item_id,
  max(CASE WHEN p.back = 1 THEN p.item_id END) AS last_item_id,
  sum(CASE WHEN p.event_type = 'purchase' THEN p.value END) AS purchased_value,
  p.date
FROM placed AS p
GROUP BY p.date, p.user_id, p.session_number
