# The tables that the code says it keeps things in: `python -m endcap.adapters.dynamodb_tables`.

locals {
  tables = jsondecode(file("${path.module}/../../tables.json"))
  prefix = var.table_prefix == null ? "${var.name}-" : var.table_prefix
}

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV2_AWS_16:Charged by request, the tables have no capacity that could be scaled.
  for_each = local.tables

  name                        = "${local.prefix}${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
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
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = var.recovery_days
  }

  lifecycle {
    precondition {
      condition     = each.value.on_demand && each.value.kms && each.value.recovery
      error_message = "${each.key} is to be charged, encrypted or recovered otherwise, which this module knows no way to."
    }
  }
}
