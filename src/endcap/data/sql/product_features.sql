-- Product features as of a time, over all events before it: the columns of features/definitions.py
-- of the group "product". Rates are drawn to the shop's own as by $prior events more.
WITH weighed AS (
  SELECT
    e.item_id, e.event_type, e.ts,
    CASE e.event_type
      WHEN 'view' THEN $view_weight
      WHEN 'add_to_cart' THEN $cart_weight
      WHEN 'purchase' THEN $purchase_weight
      ELSE 1e0
    END AS weight,
    CAST($as_of - e.ts AS DOUBLE) / $day_us AS age_days
  FROM events AS e
  WHERE e.ts >= 0 AND e.ts < $as_of
),
counted AS (
  SELECT
    w.item_id,
    CAST(count(CASE WHEN w.event_type = 'view' THEN 1 END) AS DOUBLE) AS views,
    CAST(count(CASE WHEN w.event_type = 'add_to_cart' THEN 1 END) AS DOUBLE) AS carts,
    CAST(count(CASE WHEN w.event_type = 'purchase' THEN 1 END) AS DOUBLE) AS purchases,
    sum(w.weight * pow(2e0, -w.age_days / $fast_half_life_days)) AS fast,
    sum(w.weight * pow(2e0, -w.age_days / $slow_half_life_days)) AS slow,
    min(w.ts) AS oldest,
    max(w.ts) AS newest
  FROM weighed AS w
  GROUP BY w.item_id
),
paired AS (
  SELECT
    e.user_id, e.item_id,
    max(CASE WHEN e.event_type = 'purchase' THEN 1 ELSE 0 END) AS bought
  FROM events AS e
  WHERE e.ts >= 0 AND e.ts < $as_of
  GROUP BY e.user_id, e.item_id
),
reached AS (
  SELECT
    p.item_id,
    CAST(count(*) AS DOUBLE) AS shoppers,
    CAST(count(CASE WHEN p.bought = 1 THEN 1 END) AS DOUBLE) AS buyers
  FROM paired AS p
  GROUP BY p.item_id
),
totals AS (
  SELECT
    c.item_id, c.views, c.carts, c.purchases, c.fast, c.slow, c.oldest, c.newest,
    r.shoppers, r.buyers
  FROM counted AS c
  JOIN reached AS r
    ON r.item_id = c.item_id
),
shop AS (
  SELECT
    sum(c.carts) / nullif(sum(c.views), 0e0) AS carts_by_view,
    sum(c.purchases) / nullif(sum(c.carts), 0e0) AS purchases_by_cart,
    sum(c.purchases) / nullif(sum(c.views), 0e0) AS purchases_by_view,
    sum(c.purchases - c.buyers) / nullif(sum(c.purchases), 0e0) AS repeats_by_purchase
  FROM totals AS c
),
priced AS (
  SELECT
    c.item_id, c.views, c.carts, c.purchases, c.buyers, c.shoppers,
    c.fast / $fast_half_life_days AS fast_day,
    c.slow / $slow_half_life_days AS slow_day,
    c.fast, c.slow, c.newest,
    coalesce(i.created, CAST(c.oldest AS DOUBLE)) AS since,
    ln(i.price) AS ln_price,
    i.department, i.aisle, i.brand
  FROM totals AS c
  LEFT JOIN items AS i
    ON i.item_id = c.item_id
),
departments AS (
  SELECT q.department, avg(q.ln_price) AS ln_price
  FROM priced AS q
  WHERE q.department IS NOT NULL
  GROUP BY q.department
)
SELECT
  p.item_id,
  p.department,
  p.aisle,
  p.brand,
  ln(1e0 + p.fast) AS product_popularity_fast,
  ln(1e0 + p.slow) AS product_popularity_slow,
  ln((p.fast_day + 1e-2) / nullif(p.slow_day + 1e-2, 0e0)) AS product_trend,
  ln(1e0 + p.purchases) AS product_purchases,
  ln(1e0 + p.shoppers) AS product_shoppers,
  (p.purchases - p.buyers + $prior * s.repeats_by_purchase)
    / nullif(p.purchases + $prior, 0e0) AS product_reorder_rate,
  (p.carts + $prior * s.carts_by_view)
    / nullif(p.views + $prior, 0e0) AS product_view_to_cart,
  (p.purchases + $prior * s.purchases_by_cart)
    / nullif(p.carts + $prior, 0e0) AS product_cart_to_purchase,
  (p.purchases + $prior * s.purchases_by_view)
    / nullif(p.views + $prior, 0e0) AS product_view_to_purchase,
  CAST($as_of - p.newest AS DOUBLE) / $day_us AS product_since_event_days,
  CASE WHEN p.since < $as_of THEN (CAST($as_of AS DOUBLE) - p.since) / $day_us ELSE 0e0 END
    AS product_age_days,
  p.ln_price AS product_price,
  p.ln_price - d.ln_price AS product_price_in_department
FROM priced AS p
CROSS JOIN shop AS s
LEFT JOIN departments AS d
  ON d.department = p.department
