variable "name" {
  description = "Prefix of every name, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "The key with which images, tables and files are encrypted."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key of KMS."
  }
}

variable "buckets" {
  description = "Name and ARN of the buckets, by what they hold: lake and artifacts are used."
  type        = map(object({ name = string, arn = string }))

  validation {
    condition     = alltrue([for held in ["lake", "artifacts"] : contains(keys(var.buckets), held)])
    error_message = "buckets must hold lake and artifacts."
  }
}

variable "tables" {
  description = "Name and ARN of the tables, by what they hold: documents is used."
  type        = map(object({ name = string, arn = string }))

  validation {
    condition     = contains(keys(var.tables), "documents")
    error_message = "tables must hold documents."
  }
}

variable "shop_prefix" {
  description = "Prefix of Endcap's own files in both buckets: ENDCAP_LAKE is s3://BUCKET/PREFIX."
  type        = string
  default     = "shop"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]*$", var.shop_prefix)) && !contains(["training", "endpoints"], var.shop_prefix)
    error_message = "shop_prefix must be one word of a-z, 0-9, _ and -, and neither training nor endpoints."
  }
}

variable "sagemaker_instance_type" {
  description = "Instance of training jobs and of the endpoint."
  type        = string
  default     = "ml.m5.xlarge"

  validation {
    condition     = can(regex("^ml\\.[a-z0-9-]+\\.[a-z0-9-]+$", var.sagemaker_instance_type))
    error_message = "sagemaker_instance_type must be an instance of SageMaker such as ml.m5.xlarge."
  }
}

variable "training_image" {
  description = "URI of the container image of training jobs and endpoint, infra/training.Dockerfile; empty: there is none yet."
  type        = string
  default     = ""
}

variable "spot" {
  description = "Whether training jobs run on spot instances: cheaper, and interrupted at times. A job goes on where it was."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether destroying refuses repositories that still hold images."
  type        = bool
  default     = true
}

variable "kept_images" {
  description = "How many images each repository keeps, the newest."
  type        = number
  default     = 20

  validation {
    condition     = var.kept_images >= 2 && var.kept_images <= 1000
    error_message = "kept_images must be 2 to 1,000: the one before is needed to go back to."
  }
}

variable "log_retention_days" {
  description = "Days for which the endpoint's log is kept."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch knows, such as 30, 90 or 365."
  }
}

# The endpoint

variable "endpoint" {
  description = "Whether an endpoint answers with the ranker of a packed version."
  type        = bool
  default     = false
}

variable "model_name" {
  description = "Name of the model behind the endpoint: part of its names."
  type        = string
  default     = "ranker"

  validation {
    condition     = can(regex("^[a-zA-Z0-9]([a-zA-Z0-9-]{0,19}[a-zA-Z0-9])?$", var.model_name))
    error_message = "model_name must be 1 to 21 letters, digits and hyphens, and neither begin nor end with a hyphen."
  }
}

variable "model_url" {
  description = "s3:// URL of a packed version in the bucket of artifacts (`endcap versions pack`). Another URL is another model: the endpoint changes over to it."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^s3://[a-z0-9.-]+/.+\\.tar\\.gz$", var.model_url))
    error_message = "model_url must be the s3:// URL of a .tar.gz."
  }

  validation {
    condition     = !var.endpoint || var.model_url != "" && var.training_image != ""
    error_message = "endpoint needs training_image and model_url."
  }
}

variable "serverless" {
  description = "An endpoint without instances: memory, and how many calls at once. null: instances."
  type = object({
    memory_mb       = optional(number, 2048)
    max_concurrency = optional(number, 20)
  })
  default = null

  validation {
    condition = var.serverless == null ? true : (
      contains([1024, 2048, 3072, 4096, 5120, 6144], var.serverless.memory_mb)
      && var.serverless.max_concurrency >= 1 && var.serverless.max_concurrency <= 200
    )
    error_message = "serverless.memory_mb must be 1024 to 6144 in steps of 1024, serverless.max_concurrency 1 to 200."
  }
}

variable "instances" {
  description = "Fewest and most instances of the endpoint."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 4 }

  validation {
    condition     = var.instances.min >= 1 && var.instances.max >= var.instances.min && var.instances.max <= 100
    error_message = "instances.min must be 1 or more, instances.max that many or more, and at most 100."
  }
}

variable "invocations_per_instance" {
  description = "Calls a minute that one instance is given before there is another."
  type        = number
  default     = 3000

  validation {
    condition     = var.invocations_per_instance > 0
    error_message = "invocations_per_instance must be more than 0."
  }
}

variable "capture_percent" {
  description = "Of how many in a hundred calls of the endpoint questions and answers are kept in the bucket of artifacts; 0: of none. They are rows of features, without ids."
  type        = number
  default     = 0

  validation {
    condition     = var.capture_percent >= 0 && var.capture_percent <= 100 && (var.capture_percent == 0 || var.serverless == null)
    error_message = "capture_percent must be 0 to 100, and 0 with serverless, which captures nothing."
  }
}

variable "rollback_alarms" {
  description = "Names of alarms that take an endpoint back to the model before while it changes over; empty: it changes over at once."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.rollback_alarms) <= 10 && (length(var.rollback_alarms) == 0 || var.serverless == null)
    error_message = "rollback_alarms must be at most ten, and none with serverless, where traffic cannot be shifted piece by piece."
  }
}
