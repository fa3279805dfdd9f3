-- User × product features as of a time, of each product in the user's history: the columns of
-- features/definitions.py of the group "user_product".
WITH weighed AS (
  SELECT
    h.user_id, h.item_id, h.event_type, h.ts, h.back,
    CASE h.event_type
      WHEN 'view' THEN $view_weight
      WHEN 'add_to_cart' THEN $cart_weight
      WHEN 'purchase' THEN $purchase_weight
      ELSE 1e0
    END * pow(2e0, -(CAST($as_of - h.ts AS DOUBLE) / $day_us) / $pair_half_life_days) AS decayed
  FROM history AS h
),
pairs AS (
  SELECT
    w.user_id,
    w.item_id,
    count(CASE WHEN w.event_type = 'view' THEN 1 END) AS views,
    count(CASE WHEN w.event_type = 'add_to_cart' THEN 1 END) AS carts,
    count(CASE WHEN w.event_type = 'purchase' THEN 1 END) AS purchases,
    max(CASE WHEN w.event_type = 'view' THEN w.ts END) AS newest_view,
    max(CASE WHEN w.event_type = 'add_to_cart' THEN w.ts END) AS newest_cart,
    max(CASE WHEN w.event_type = 'purchase' THEN w.ts END) AS newest_purchase,
    min(CASE WHEN w.event_type = 'purchase' THEN w.ts END) AS oldest_purchase,
    min(w.back) - 1 AS events_since,
    sum(w.decayed) AS decayed
  FROM weighed AS w
  GROUP BY w.user_id, w.item_id
),
shoppers AS (
  SELECT
    h.user_id,
    count(*) AS events,
    count(CASE WHEN h.event_type = 'purchase' THEN 1 END) AS purchases,
    avg(CASE WHEN h.event_type = 'view' THEN h.ln_price END) AS viewed_price,
    avg(CASE WHEN h.event_type = 'purchase' THEN h.ln_price END) AS paid_price
  FROM history AS h
  GROUP BY h.user_id
),
departments AS (
  SELECT
    h.user_id,
    h.department,
    count(*) AS events,
    count(CASE WHEN h.event_type = 'purchase' THEN 1 END) AS purchases,
    max(h.ts) AS newest
  FROM history AS h
  WHERE h.department IS NOT NULL
  GROUP BY h.user_id, h.department
),
aisles AS (
  SELECT h.user_id, h.aisle, count(*) AS events, max(h.ts) AS newest
  FROM history AS h
  WHERE h.aisle IS NOT NULL
  GROUP BY h.user_id, h.aisle
),
brands AS (
  SELECT h.user_id, h.brand, count(*) AS events
  FROM history AS h
  WHERE h.brand IS NOT NULL
  GROUP BY h.user_id, h.brand
)
SELECT
  p.user_id,
  p.item_id,
  p.views AS pair_views,
  p.carts AS pair_carts,
  p.purchases AS pair_purchases,
  CAST($as_of - p.newest_view AS DOUBLE) / $hour_us AS pair_since_view_hours,
  CAST($as_of - p.newest_cart AS DOUBLE) / $hour_us AS pair_since_cart_hours,
  CAST($as_of - p.newest_purchase AS DOUBLE) / $hour_us AS pair_since_purchase_hours,
  p.events_since AS pair_events_since,
  p.decayed AS pair_decayed,
  CAST($as_of - p.newest_purchase AS DOUBLE) * (p.purchases - 1)
    / nullif(p.newest_purchase - p.oldest_purchase, 0) AS pair_due,
  CAST(d.events AS DOUBLE) / nullif(s.events, 0) AS department_share,
  CAST(a.events AS DOUBLE) / nullif(s.events, 0) AS aisle_share,
  CAST(b.events AS DOUBLE) / nullif(s.events, 0) AS brand_share,
  CAST(d.purchases AS DOUBLE) / nullif(s.purchases, 0) AS department_bought_share,
  CAST($as_of - d.newest AS DOUBLE) / $hour_us AS department_since_hours,
  CAST($as_of - a.newest AS DOUBLE) / $hour_us AS aisle_since_hours,
  ln(i.price) - s.viewed_price AS price_to_viewed,
  ln(i.price) - s.paid_price AS price_to_paid
FROM pairs AS p
JOIN shoppers AS s
  ON s.user_id = p.user_id
LEFT JOIN items AS i
  ON i.item_id = p.item_id
LEFT JOIN departments AS d
  ON d.user_id = p.user_id AND d.department = i.department
LEFT JOIN aisles AS a
  ON a.user_id = p.user_id AND a.aisle = i.aisle
LEFT JOIN brands AS b
  ON b.user_id = p.user_id AND b.brand = i.brand
