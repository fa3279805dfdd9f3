# What sets this environment apart. Each can be given as a variable of the same name.

locals {
  defaults = {
    environment         = "prod"
    deletion_protection = true
    log_retention_days  = 365
    cloudtrail          = true
    waf                 = true
    multi_az            = true
    composite_alarms    = true
  }
}
