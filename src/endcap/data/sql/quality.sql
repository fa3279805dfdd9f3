-- Data-quality checks: one row for each, with how many rows fail of how many.
WITH crowded AS (
  SELECT e.date, e.user_id, count(*) AS events
  FROM events AS e
  GROUP BY e.date, e.user_id
),
crowds AS (
  SELECT
    count(*) AS checked,
    count(CASE WHEN c.events > $most_events_a_day THEN 1 END) AS crowded
  FROM crowded AS c
),
found AS (
  SELECT
    count(*) AS checked,
    count(CASE WHEN i.item_id IS NULL THEN 1 END) AS unknown_item,
    count(CASE WHEN u.user_id IS NULL THEN 1 END) AS unknown_user,
    count(CASE WHEN e.ts >= $as_of THEN 1 END) AS in_the_future,
    count(CASE WHEN e.ts < $year_2000_us THEN 1 END) AS long_ago,
    count(CASE WHEN e.value < 0e0 THEN 1 END) AS negative_value,
    count(CASE WHEN e.event_type = 'purchase' AND e.value IS NULL THEN 1 END) AS without_value,
    count(CASE
      WHEN e.event_type <> 'view' AND e.event_type <> 'add_to_cart' AND e.event_type <> 'purchase'
      THEN 1
    END) AS other_type
  FROM events AS e
  LEFT JOIN items AS i
    ON i.item_id = e.item_id
  LEFT JOIN users AS u
    ON u.user_id = e.user_id
),
listed AS (
  SELECT
    count(*) AS checked,
    count(CASE WHEN i.price IS NULL THEN 1 END) AS without_price,
    count(CASE WHEN i.department IS NULL THEN 1 END) AS without_department,
    count(CASE WHEN i.name IS NULL THEN 1 END) AS without_name,
    count(CASE WHEN i.created > $as_of THEN 1 END) AS created_later
  FROM items AS i
)
SELECT 'event_of_unknown_item' AS check_name, 'events' AS table_name,
  f.unknown_item AS failing, f.checked
FROM found AS f
UNION ALL
SELECT 'event_of_unknown_user' AS check_name, 'events' AS table_name,
  f.unknown_user AS failing, f.checked
FROM found AS f
UNION ALL
SELECT 'event_in_the_future' AS check_name, 'events' AS table_name,
  f.in_the_future AS failing, f.checked
FROM found AS f
UNION ALL
SELECT 'event_before_2000' AS check_name, 'events' AS table_name,
  f.long_ago AS failing, f.checked
FROM found AS f
UNION ALL
SELECT 'negative_value' AS check_name, 'events' AS table_name,
  f.negative_value AS failing, f.checked
FROM found AS f
UNION ALL
SELECT 'purchase_without_value' AS check_name, 'events' AS table_name,
  f.without_value AS failing, f.checked
FROM found AS f
UNION ALL
SELECT 'other_event_type' AS check_name, 'events' AS table_name,
  f.other_type AS failing, f.checked
FROM found AS f
UNION ALL
SELECT 'user_with_too_many_events_a_day' AS check_name, 'events' AS table_name,
  c.crowded AS failing, c.checked
FROM crowds AS c
UNION ALL
SELECT 'item_without_price' AS check_name, 'items' AS table_name,
  l.without_price AS failing, l.checked
FROM listed AS l
UNION ALL
SELECT 'item_without_department' AS check_name, 'items' AS table_name,
  l.without_department AS failing, l.checked
FROM listed AS l
UNION ALL
SELECT 'item_without_name' AS check_name, 'items' AS table_name,
  l.without_name AS failing, l.checked
FROM listed AS l
UNION ALL
SELECT 'item_created_later' AS check_name, 'items' AS table_name,
  l.created_later AS failing, l.checked
FROM listed AS l
