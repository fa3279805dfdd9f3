# The tables that the code says it keeps things in: `python -m endcap.adapters.dynamodb_tables`.

locals {
  tables = jsondecode(file("${path.module}/../../tables.json"))
  prefix = var.table_prefix == null ? "${var.name}-" : var.table_prefix
}

resource "aws_dynamodb_table" "this" {
  for_each = local.tables

  name                        = "${local.prefix}${each.key}"
  billing_mode                = each.value.on_demand ? "PAY_PER_REQUEST" : "PROVISIONED"
  hash_key                    = each.value.partition
  range_key                   = each.value.sort == "" ? null : each.value.sort
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = compact([each.value.partition, each.value.sort])

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "ttl" {
    for_each = each.value.expires == "" ? [] : [each.value.expires]

    content {
      enabled        = true
      attribute_name = ttl.value
    }
  }

  server_side_encryption {
    enabled     = each.value.kms
    kms_key_arn = each.value.kms ? var.kms_key_arn : null
  }

  point_in_time_recovery {
    enabled                 = each.value.recovery
    recovery_period_in_days = each.value.recovery ? var.recovery_days : null
  }

  lifecycle {
    precondition {
      condition     = each.value.on_demand
      error_message = "${each.key} is not charged by request: this module knows no capacity for it."
    }
  }
}
