-- The denormalised training table: one row for each event with what the catalogue says of the item
-- and what is known of the user, as of the run that made the partition.
SELECT
  e.user_id,
  e.item_id,
  e.event_type,
  e.ts,
  e.arrival,
  e.value,
  e.session_id,
  CASE e.event_type
    WHEN 'view' THEN $view_weight
    WHEN 'add_to_cart' THEN $cart_weight
    WHEN 'purchase' THEN $purchase_weight
    ELSE 1e0
  END AS weight,
  CASE WHEN e.event_type = 'purchase' THEN 1 ELSE 0 END AS purchased,
  i.name AS item_name,
  i.department AS item_department,
  i.aisle AS item_aisle,
  i.brand AS item_brand,
  i.price AS item_price,
  i.created AS item_created,
  i.available AS item_available,
  $item_attributes,
  $user_attributes,
  e.date
FROM events AS e
LEFT JOIN items AS i
  ON i.item_id = e.item_id
LEFT JOIN users AS u
  ON u.user_id = e.user_id
