# What goes by itself. Endcap removes its own files: what it still reads is in no rule here, neither
# the lake's manifests and parts nor models and snapshots.

locals {
  # By bucket: prefix and days after which a file goes; an empty prefix is the whole bucket.
  expiring = {
    lake = {
      raw    = { prefix = "events/", days = var.raw_days }
      failed = { prefix = "events-failed/", days = max(var.raw_days, var.failures_days) }
    }
    artifacts = {}
    users     = {}
    runs      = { all = { prefix = "", days = var.runs_days } }
    failures  = { all = { prefix = "", days = var.failures_days } }
    logs      = { all = { prefix = "", days = var.access_log_days } }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.expiring

  bucket     = aws_s3_bucket.this[each.key].id
  depends_on = [aws_s3_bucket_versioning.this]

  # What was deleted or replaced is gone for good some days later, and uploads that were cut short.
  rule {
    id     = "gone"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  dynamic "rule" {
    for_each = each.value

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      expiration {
        days = rule.value.days
      }
    }
  }
}
