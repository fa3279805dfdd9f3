# What sets this environment apart. Each can be given as a variable of the same name.

locals {
  defaults = {
    environment         = "staging"
    deletion_protection = true
    log_retention_days  = 30
    cloudtrail          = false
    waf                 = false
    multi_az            = false
    composite_alarms    = true
  }
}
