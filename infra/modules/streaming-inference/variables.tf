variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts records, objects and logs."
  type        = string
}

variable "source_stream_arn" {
  description = "ARN of the Kinesis stream that is read from its newest record on; null: programs put records into the delivery stream itself."
  type        = string
  default     = null
}

variable "lake_bucket" {
  description = "The bucket of ENDCAP_LAKE."
  type        = object({ name = string, arn = string })
}

variable "lake_prefix" {
  description = "The prefix of ENDCAP_LAKE within its bucket, without slashes around it; may be empty."
  type        = string
  default     = ""

  validation {
    condition     = var.lake_prefix == trim(var.lake_prefix, "/")
    error_message = "lake_prefix must neither begin nor end with a slash."
  }
}

variable "group" {
  description = "The dataset group (ENDCAP_GROUP) whose model answers."
  type        = string
  default     = "default"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]*$", var.group))
    error_message = "group must be letters, digits, - and _."
  }
}

variable "consumer" {
  description = "Name of the folder of the answers, beside those of other consumers of the stream."
  type        = string
  default     = "firehose"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.consumer))
    error_message = "consumer must be letters, digits, - and _."
  }
}

variable "resources" {
  description = "ARNs by the resource names of infra/functions.json that the function reads: documents_table and artifacts_bucket."
  type        = map(list(string))

  validation {
    condition     = length(setsubtract(["artifacts_bucket", "documents_table"], keys(var.resources))) == 0
    error_message = "resources must have artifacts_bucket and documents_table."
  }
}

variable "environment" {
  description = "Settings of the function: ENDCAP_ARTIFACTS, ENDCAP_DOCUMENTS and whatever else the shop sets."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["ENDCAP_ARTIFACTS", "ENDCAP_DOCUMENTS"], keys(var.environment))) == 0
    error_message = "environment must have ENDCAP_ARTIFACTS and ENDCAP_DOCUMENTS: where the model lies and what says which one serves."
  }
}

variable "vectors" {
  description = "ENDCAP_VECTORS of a PostgreSQL with pgvector that is asked for neighbours, such as secret:ARN#url; null: the model's own neighbours. Needs image_uri, since the zip holds no PostgreSQL client, and vpc."
  type        = string
  default     = null

  validation {
    condition     = var.vectors == null ? true : can(regex("^(secret:|ssm:)", var.vectors))
    error_message = "vectors must name where the URL with its password stands: secret:ARN#url, or ssm:/NAME."
  }

  validation {
    condition     = var.vectors == null || (var.image_uri != null && var.vpc != null)
    error_message = "vectors needs image_uri, since the zip holds no PostgreSQL client, and vpc, where the database is."
  }
}

variable "vpc" {
  description = "Subnets and security groups of the function; null: outside of any VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "package_object" {
  description = "Where that zip lies in S3; null: it is uploaded from here."
  type = object({
    bucket = string
    key    = string
  })
  default = null
}

variable "package_file" {
  description = "Path of the zip of the functions (`make package`); not needed with vectors."
  type        = string
  default     = null
}

variable "image_uri" {
  description = "Container image of the functions (infra/functions.Dockerfile); needed with vectors."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Processor of zip and image: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "runtime" {
  description = "Runtime of the zip: the Python that it was made for."
  type        = string
  default     = "python3.12"
}

variable "reserved_concurrency" {
  description = "Most calls of the function at once, taken from what the account has; null: shared with the others. Not fewer than the source's shards."
  type        = number
  default     = null
}

variable "call_mb" {
  description = "How much Firehose gathers for one call of the function, before base64. The answer must fit 6 MB: one with 20 items takes up to 2 KB, so .25 is good for records of 100 bytes, 1 for those of 400."
  type        = number
  default     = 0.25

  validation {
    condition     = var.call_mb >= 0.2 && var.call_mb <= 3
    error_message = "call_mb must be 0.2 to 3."
  }
}

variable "call_s" {
  description = "How long Firehose gathers for one call of the function."
  type        = number
  default     = 60

  validation {
    condition     = var.call_s >= 0 && var.call_s <= 900
    error_message = "call_s must be 0 to 900."
  }
}

variable "object_mb" {
  description = "Size at which an object is written; Firehose takes no less than 64 where it partitions."
  type        = number
  default     = 64

  validation {
    condition     = var.object_mb >= 64 && var.object_mb <= 128
    error_message = "object_mb must be 64 to 128."
  }
}

variable "object_s" {
  description = "Time after which an object is written, whatever its size."
  type        = number
  default     = 60

  validation {
    condition     = var.object_s >= 60 && var.object_s <= 900
    error_message = "object_s must be 60 to 900: Firehose takes no less than 60 where it partitions."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}
