-- User features as of a time, over each user's history: the columns of features/definitions.py of
-- the group "user". A value that does not exist is null. No ts of a history is below 0.
WITH orders AS (
  SELECT
    b.user_id, b.ts, b.back,
    b.ts - lag(b.ts) OVER (PARTITION BY b.user_id ORDER BY b.ts, b.back DESC) AS pause
  FROM history AS b
  WHERE b.event_type = 'purchase'
),
starts AS (
  SELECT
    o.user_id, o.ts, o.back,
    o.ts - lag(o.ts) OVER (PARTITION BY o.user_id ORDER BY o.ts, o.back DESC) AS gap
  FROM orders AS o
  WHERE o.pause IS NULL OR o.pause > $pause_us
),
gaps AS (
  SELECT
    s.user_id, s.gap,
    row_number() OVER (PARTITION BY s.user_id ORDER BY s.gap, s.back) AS place,
    count(*) OVER (PARTITION BY s.user_id) AS gaps
  FROM starts AS s
  WHERE s.gap IS NOT NULL
),
medians AS (
  SELECT g.user_id, avg(CAST(g.gap AS DOUBLE)) AS gap
  FROM gaps AS g
  WHERE 2 * g.place >= g.gaps AND 2 * g.place <= g.gaps + 2
  GROUP BY g.user_id
),
ordered AS (
  SELECT s.user_id, count(*) AS orders
  FROM starts AS s
  GROUP BY s.user_id
),
timed AS (
  SELECT
    h.user_id, h.item_id, h.event_type, h.ts, h.ln_price, h.department,
    h.ts % $day_us AS time_of_day,
    ((($as_of % $day_us) + $day_us) % $day_us) AS time_now,
    (h.ts + $monday_us) % $week_us AS time_of_week
  FROM history AS h
),
counted AS (
  SELECT
    t.user_id,
    count(*) AS events,
    count(CASE WHEN t.event_type = 'view' THEN 1 END) AS views,
    count(CASE WHEN t.event_type = 'add_to_cart' THEN 1 END) AS carts,
    count(CASE WHEN t.event_type = 'purchase' THEN 1 END) AS purchases,
    count(DISTINCT t.item_id) AS products,
    count(DISTINCT CASE WHEN t.event_type = 'purchase' THEN t.item_id END) AS bought,
    count(DISTINCT t.department) AS departments,
    count(DISTINCT t.ts - t.time_of_week) AS weeks,
    max(CASE WHEN t.event_type = 'purchase' THEN t.ts END) AS newest_purchase,
    max(t.ts) AS newest,
    count(CASE
      WHEN t.time_of_day - t.time_of_day % $bucket_us = t.time_now - t.time_now % $bucket_us
      THEN 1
    END) AS same_hours,
    count(CASE
      WHEN (($as_of - t.time_now) - (t.ts - t.time_of_day)) % $week_us = 0 THEN 1
    END) AS same_weekday,
    avg(CASE WHEN t.event_type = 'view' THEN t.ln_price END) AS viewed_price,
    avg(CASE WHEN t.event_type = 'purchase' THEN t.ln_price END) AS paid_price
  FROM timed AS t
  GROUP BY t.user_id
)
SELECT
  c.user_id,
  c.events AS user_events,
  c.views AS user_views,
  c.carts AS user_carts,
  c.purchases AS user_purchases,
  c.products AS user_products,
  c.departments AS user_departments,
  coalesce(o.orders, 0) AS user_orders,
  CAST(c.purchases AS DOUBLE) / nullif(c.weeks, 0) AS user_purchases_per_week,
  m.gap / $day_us AS user_order_gap_days,
  CAST(c.purchases - c.bought AS DOUBLE) / nullif(c.purchases, 0) AS user_reorder_share,
  CAST(c.purchases AS DOUBLE) / nullif(c.views, 0) AS user_purchase_rate,
  CAST($as_of - c.newest_purchase AS DOUBLE) / $day_us AS user_since_order_days,
  CAST($as_of - c.newest AS DOUBLE) / $hour_us AS user_since_event_hours,
  CAST(c.same_hours AS DOUBLE) / nullif(c.events, 0) AS user_hour_share,
  CAST(c.same_weekday AS DOUBLE) / nullif(c.events, 0) AS user_weekday_share,
  c.viewed_price AS user_viewed_price,
  c.paid_price AS user_paid_price
FROM counted AS c
LEFT JOIN ordered AS o
  ON o.user_id = c.user_id
LEFT JOIN medians AS m
  ON m.user_id = c.user_id
