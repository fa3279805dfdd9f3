variable "name" {
  description = "Prefix of every name, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "The key with which the stream, its files and its log are encrypted."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key of KMS."
  }
}

variable "lake_bucket" {
  description = "Where the stream's records are delivered: the bucket \"lake\" of the module lake."
  type        = object({ name = string, arn = string })
}

variable "events_prefix" {
  description = "Below which prefix of that bucket; what cannot be delivered lies beside it, below PREFIX-failed/."
  type        = string
  default     = "events/"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9/_-]*/$", var.events_prefix))
    error_message = "events_prefix must end in a slash and not begin with one."
  }
}

variable "shards" {
  description = "Shards of the stream, each for 1,000 records and 1 MB a second; 0: on demand, for traffic that nobody can foresee."
  type        = number
  default     = 1

  validation {
    condition     = var.shards >= 0 && var.shards <= 200 && floor(var.shards) == var.shards
    error_message = "shards must be a whole number from 0 to 200."
  }
}

variable "retention_hours" {
  description = "How long the stream keeps a record. Its function tries again for 12 hours what cannot be kept."
  type        = number
  default     = 48

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760
    error_message = "retention_hours must be 24 to 8,760."
  }
}

variable "shard_metrics" {
  description = "Whether CloudWatch counts each shard by itself, which is charged by shard: for finding a hot one."
  type        = bool
  default     = false
}

variable "buffer_s" {
  description = "Seconds after which what came in is written as a file."
  type        = number
  default     = 300

  validation {
    condition     = var.buffer_s >= 60 && var.buffer_s <= 900
    error_message = "buffer_s must be 60 to 900."
  }
}

variable "buffer_mb" {
  description = "Megabytes after which it is written earlier."
  type        = number
  default     = 64

  validation {
    condition     = var.buffer_mb >= 1 && var.buffer_mb <= 128
    error_message = "buffer_mb must be 1 to 128."
  }
}

variable "log_retention_days" {
  description = "Days for which the log of deliveries is kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch knows, such as 7, 30, 90 or 365."
  }
}
