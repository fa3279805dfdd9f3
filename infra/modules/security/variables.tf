variable "name" {
  description = "Prefix of every name, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "deletion_window_days" {
  description = "Days in which a key that was deleted can be had back."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days must be 7 to 30."
  }
}

variable "cloudtrail" {
  description = "Whether to record who called which service of AWS in this account, in a bucket of its own."
  type        = bool
  default     = false
}

variable "trail_days" {
  description = "Days for which the record of calls is kept."
  type        = number
  default     = 365

  validation {
    condition     = var.trail_days >= 90
    error_message = "trail_days must be 90 or more: the record is moved to colder storage after 30 days, which is paid for at least 90."
  }
}

variable "log_retention_days" {
  description = "Days for which the record of calls can be searched in CloudWatch."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch knows, such as 7, 30, 90 or 365."
  }
}

variable "deletion_protection" {
  description = "Whether destroying refuses the trail's bucket while there is something in it."
  type        = bool
  default     = true
}
