variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key of tables, buckets, stream and topic; it encrypts logs and variables too."
  type        = string
}

variable "only" {
  description = "Names of the functions to make, of infra/functions.json; null: all."
  type        = set(string)
  default     = null

  validation {
    condition     = var.only == null ? true : length(setsubtract(var.only, keys(local.table))) == 0
    error_message = "only must name functions of infra/functions.json: ${join(", ", keys(local.table))}."
  }
}

variable "package_file" {
  description = "Path of the zip of the functions, as `make package` writes it. Needed unless all chosen functions run from the image."
  type        = string
  default     = null
}

variable "package_object" {
  description = "Where package_file lies in S3, so that it is uploaded once for all functions; null: it is uploaded for each, one after the other."
  type = object({
    bucket = string
    key    = string
  })
  default = null
}

variable "read_prefixes" {
  description = "Patterns of keys beside those of prefixes that functions may only read, by FUNCTION.BUCKET."
  type        = map(list(string))
  default     = {}
}

variable "image_uri" {
  description = "Container image of the functions (infra/functions.Dockerfile) in ECR, by tag or digest. Needed for those that the zip has no room for, such as Nightly."
  type        = string
  default     = null
}

variable "image_functions" {
  description = "Names of functions that run from the image although the zip holds them, such as those of a shop whose model needs compiled kernels."
  type        = set(string)
  default     = []
}

variable "architecture" {
  description = "Processor of zip and image."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "runtime" {
  description = "Runtime of the zip: the Python that it was made for."
  type        = string
  default     = "python3.12"

  validation {
    condition     = can(regex("^python3\\.1[1-9]$", var.runtime))
    error_message = "runtime must be a Python of Lambda from python3.11 on."
  }
}

variable "resources" {
  description = "ARNs by the resource names of infra/functions.json (documents_table, artifacts_bucket, …). Buckets by their own ARN. What a function may do with a resource that is given as [] is left out of its role."
  type        = map(list(string))
}

variable "prefixes" {
  description = "Patterns of keys that functions may read and write, by the name of a bucket, or by FUNCTION.BUCKET for one function; all keys where nothing is given. Such as { \"Stream.lake_bucket\" = [\"lake/*/stream/*\"] }."
  type        = map(list(string))
  default     = {}
}

variable "environment" {
  description = "Variables of all functions: the ENDCAP_… settings, and those that docs/functions.md lists."
  type        = map(string)
  default     = {}
}

variable "function_environment" {
  description = "Further variables by function; they go before those of all."
  type        = map(map(string))
  default     = {}
}

variable "vpc" {
  description = "Subnets and security groups of the functions, where a database is to be reached; null: outside of any VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "memory_mb" {
  description = "Memory by function, in place of what infra/functions.json says."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for size in values(var.memory_mb) : size >= 128 && size <= 10240])
    error_message = "memory_mb must be 128 to 10240 for each function."
  }
}

variable "timeout_s" {
  description = "Longest time of a call by function, in place of what infra/functions.json says."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for time in values(var.timeout_s) : time >= 1 && time <= 900])
    error_message = "timeout_s must be 1 to 900 for each function."
  }
}

variable "disk_mb" {
  description = "Local disk by function. Where nothing is given: 10240 for those of the image, 2048 for those that load a model, else 512."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for size in values(var.disk_mb) : size >= 512 && size <= 10240])
    error_message = "disk_mb must be 512 to 10240 for each function."
  }
}

variable "reserved_concurrency" {
  description = "Most calls at once by function, taken from what the account has; the others share the rest."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for most in values(var.reserved_concurrency) : most >= 0])
    error_message = "reserved_concurrency must not be negative."
  }
}

variable "provisioned_concurrency" {
  description = "Environments that are kept warm by function, at a price by the hour; none where nothing is given."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for kept in values(var.provisioned_concurrency) : kept >= 1])
    error_message = "provisioned_concurrency must be at least 1 for each function named."
  }
}

variable "asynchronous" {
  description = "Names of functions that are called without waiting for an answer: what fails three times goes to a dead-letter queue. Gateways, state machines and delivery streams wait."
  type        = set(string)
  default     = []
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs knows, such as 14, 30, 90 or 365."
  }
}
