# What sets this environment apart. Each can be given as a variable of the same name.

locals {
  defaults = {
    environment         = "dev"
    deletion_protection = false
    log_retention_days  = 14
    cloudtrail          = false
    waf                 = false
    multi_az            = false
    composite_alarms    = false
  }
}
