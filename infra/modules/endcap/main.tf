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
  # Only databases stand in a network: everything else is reached by rights, not by addresses.
  network = max(local.on["vector-db"], var.mysql ? local.on["etl"] : 0)

  # Where what lies in the buckets. The lake's bucket holds four things beside one another.
  shop_prefix    = "shop"     # Endcap's own files
  events_prefix  = "events/"  # the stream's records, raw
  nightly_prefix = "nightly/" # a new file begins a night
  users_prefix   = "users/"   # of the bucket of users: a new file begins a run
  runs_prefix    = "runs"
}
