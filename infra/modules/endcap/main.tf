# The whole of Endcap. Each phase is a set of modules that stand or do not: `count`.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name

  on = {
    for phase in ["pipeline", "application", "web", "etl", "vector-db", "streaming-inference"] :
    phase => contains(var.phases, phase) ? 1 : 0
  }
  network = max(local.on["etl"], local.on["vector-db"])

  # Where what lies in the buckets.
  lake_url       = "s3://${module.lake.buckets["lake"].name}/shop"
  artifacts_url  = "s3://${module.lake.buckets["artifacts"].name}/shop"
  events_prefix  = "events/"  # of the lake's bucket: the stream's records, raw
  nightly_prefix = "nightly/" # of the lake's bucket: a new file begins a night
  users_prefix   = "users/"
  runs_prefix    = "runs"
}
