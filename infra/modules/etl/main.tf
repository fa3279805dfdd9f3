# The ETL as a job of Glue: docs/etl.md. Its tables remember what they were made from, so that a run makes what
# is new, and a run that is repeated makes nothing.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name
  suffix    = data.aws_partition.this.dns_suffix

  job   = "${var.name}-etl"
  group = join("/", compact([var.lake_prefix, var.group]))
  shop  = "s3://${var.lake_bucket.name}/${local.group}"
  files = "s3://${var.files_bucket.name}/${var.files_prefix}"

  # `make glue` knows the wheels, and not where they will lie.
  packed  = jsondecode(file("${var.package_folder}/arguments.json"))
  modules = split(",", local.packed["--additional-python-modules"])
  wheels  = toset([for module in local.modules : basename(module) if endswith(module, ".whl")])
}

resource "aws_s3_object" "script" {
  bucket      = var.files_bucket.name
  key         = "${var.files_prefix}/glue.py"
  source      = "${var.package_folder}/glue.py"
  source_hash = filemd5("${var.package_folder}/glue.py")
}

resource "aws_s3_object" "wheel" {
  for_each = local.wheels

  bucket      = var.files_bucket.name
  key         = "${var.files_prefix}/${each.key}"
  source      = "${var.package_folder}/${each.key}"
  source_hash = filemd5("${var.package_folder}/${each.key}")
}

resource "aws_cloudwatch_log_group" "job" {
  #checkov:skip=CKV_AWS_338:How long logs are kept is a variable
  name              = "/aws-glue/jobs/${local.job}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_glue_job" "etl" {
  name                   = local.job
  description            = "Makes the tables of the shop's lake that are new or stale."
  role_arn               = aws_iam_role.job.arn
  glue_version           = "5.0"
  worker_type            = var.worker_type
  number_of_workers      = var.workers
  timeout                = var.timeout_min
  max_retries            = 0 # who starts it tries it again
  security_configuration = var.security_configuration
  connections            = aws_glue_connection.network[*].name

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = "${local.files}/${basename(aws_s3_object.script.key)}"
  }

  execution_property {
    max_concurrent_runs = 1 # nothing locks on object stores
  }

  default_arguments = merge(
    local.packed,
    {
      "--additional-python-modules" = join(",", [
        for module in local.modules : endswith(module, ".whl") ? "${local.files}/${basename(module)}" : module
      ])
      "--lake"                             = local.shop
      "--output"                           = "${local.shop}/tables"
      "--enable-continuous-cloudwatch-log" = "true"
      "--continuous-log-logGroup"          = aws_cloudwatch_log_group.job.name
    },
    length(var.tables) > 0 ? { "--tables" = join(",", var.tables) } : {},
    var.factors > 0 ? { "--factors" = tostring(var.factors) } : {},
  )

  depends_on = [aws_s3_object.wheel, aws_iam_role_policy.job]
}

resource "aws_glue_trigger" "schedule" {
  count = var.schedule == null ? 0 : 1

  name              = "${local.job}-schedule"
  type              = "SCHEDULED"
  schedule          = var.schedule
  start_on_creation = true

  actions {
    job_name               = aws_glue_job.etl.name
    security_configuration = var.security_configuration
  }
}

# Glue starts this for runs of its own schedule alone; after others the crawler's schedule comes.
resource "aws_glue_trigger" "crawler" {
  count = var.schedule == null || var.crawler_name == null ? 0 : 1

  name              = "${local.job}-crawler"
  type              = "CONDITIONAL"
  start_on_creation = true

  predicate {
    conditions {
      job_name = aws_glue_job.etl.name
      state    = "SUCCEEDED"
    }
  }

  actions {
    crawler_name = var.crawler_name
  }
}
