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

variable "force_destroy" {
  description = "Whether destroying the trail's bucket may delete what is in it."
  type        = bool
  default     = false
}
