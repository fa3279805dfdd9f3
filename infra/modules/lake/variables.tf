variable "name" {
  description = "Prefix of every name, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "The key with which files, results and logs are encrypted."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key of KMS."
  }
}

variable "deletion_protection" {
  description = "Whether destroying refuses buckets that still hold something."
  type        = bool
  default     = true
}

# Where Endcap keeps what, as the functions are told

variable "lake_prefix" {
  description = "Prefix of Endcap's own files: ENDCAP_LAKE is s3://BUCKET/PREFIX."
  type        = string
  default     = "shop"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]*$", var.lake_prefix)) && !contains(["events", "events-failed", "nightly"], var.lake_prefix)
    error_message = "lake_prefix must be one word of a-z, 0-9, _ and -, and none of the prefixes that files are delivered to."
  }
}

variable "group" {
  description = "The dataset group whose tables the catalogue shows."
  type        = string
  default     = "default"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$", var.group))
    error_message = "group must be a name of a dataset group."
  }
}

variable "consumers" {
  description = "Names of the streams of answers that the catalogue shows: folders below stream/ of the lake."
  type        = list(string)
  default     = ["recommendations", "firehose"]

  validation {
    condition     = length(var.consumers) > 0 && alltrue([for name in var.consumers : can(regex("^[A-Za-z0-9_-]+$", name))])
    error_message = "consumers must hold at least one name of letters, digits, _ and -."
  }
}

# How long what is kept

variable "noncurrent_days" {
  description = "Days for which a bucket keeps what was deleted or replaced. What was erased is there for as long."
  type        = number
  default     = 7

  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 365
    error_message = "noncurrent_days must be 1 to 365."
  }
}

variable "raw_days" {
  description = "Days for which the stream's records are kept as files. The night has brought them into the lake; who is erased meanwhile is in them for as long."
  type        = number
  default     = 21

  validation {
    condition     = var.raw_days >= 14
    error_message = "raw_days must be 14 or more: nights that fail need time to be mended before their events are gone."
  }
}

variable "runs_days" {
  description = "Days for which lists and results of runs are kept, and of queries."
  type        = number
  default     = 21

  validation {
    condition     = var.runs_days >= 15
    error_message = "runs_days must be 15 or more: a run can be taken up again for 14 days."
  }
}

variable "failures_days" {
  description = "Days for which records are kept that a function gave up."
  type        = number
  default     = 21

  validation {
    condition     = var.failures_days >= 14
    error_message = "failures_days must be 14 or more: somebody has to find and mend them."
  }
}

variable "access_log_days" {
  description = "Days for which the record of who read the buckets is kept."
  type        = number
  default     = 90

  validation {
    condition     = var.access_log_days >= 1
    error_message = "access_log_days must be 1 or more."
  }
}

# Queries

variable "query_gb" {
  description = "Gigabytes that one query of Athena may read."
  type        = number
  default     = 50

  validation {
    condition     = var.query_gb >= 1 && var.query_gb <= 100000
    error_message = "query_gb must be 1 to 100,000."
  }
}

variable "crawler_schedule" {
  description = "When the crawler looks for new columns, as cron(…) of AWS; empty: when it is started, as after a run of the ETL."
  type        = string
  default     = ""

  validation {
    condition     = var.crawler_schedule == "" || can(regex("^cron\\(.+\\)$", var.crawler_schedule))
    error_message = "crawler_schedule must be cron(…) or empty."
  }
}
