# Terraform's state and its lock: who plans reads the one and holds the other.

locals {
  state     = "${local.arn}:s3:::${var.state_bucket}"
  state_key = coalesce(var.state_key, "endcap/${var.environment}.tfstate")

  state_statements = {
    for role, kept in { plan = ["s3:GetObject"], apply = ["s3:GetObject", "s3:PutObject"] } : role => concat(
      [
        {
          Sid      = "State"
          Effect   = "Allow"
          Action   = kept
          Resource = ["${local.state}/${local.state_key}"]
        },
        {
          Sid      = "Lock"
          Effect   = "Allow"
          Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
          Resource = ["${local.state}/${local.state_key}.tflock"]
        },
        {
          Sid      = "StateBucket"
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = [local.state]
        },
      ],
      var.state_kms_key_arn == null ? [] : [
        {
          Sid      = "StateKey"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = [var.state_kms_key_arn]
        },
      ],
    )
  }
}
