variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts storage, backups, secrets and logs."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of two zones at least (network: private_subnet_ids)."
  type        = list(string)
}

variable "security_group_id" {
  description = "The group that databases carry (network: databases_security_group_id)."
  type        = string
}

variable "engine_version" {
  description = "Version of PostgreSQL, a major one alone or with its minor one: 13.17, 14.14, 15.9, 16.5 and 17.1 are the first with pgvector 0.8."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^(13|14|15|16|17|18)(\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version must be a version of PostgreSQL from 13 to 18, such as 17 or 17.4."
  }

  validation {
    condition = try(
      tonumber(split(".", var.engine_version)[1]) >= lookup({ "13" = 17, "14" = 14, "15" = 9, "16" = 5, "17" = 1 }, split(".", var.engine_version)[0], 0),
      true,
    )
    error_message = "engine_version must have pgvector 0.8: 13.17, 14.14, 15.9, 16.5 or 17.1 are the first of RDS."
  }
}

variable "database" {
  description = "Name of the database."
  type        = string
  default     = "endcap"
}

variable "url_options" {
  description = "Parameters of the URLs that the accounts get: sslmode=verify-full&sslrootcert=FILE where the clients have the certificates of RDS."
  type        = string
  default     = "sslmode=require"

  validation {
    condition     = can(regex("(^|&)sslmode=(require|verify-ca|verify-full)(&|$)", var.url_options))
    error_message = "url_options must hold sslmode=require, verify-ca or verify-full: the server refuses what is not encrypted."
  }
}

variable "instance_class" {
  description = "Instance of the server: vectors and their HNSW indexes should fit its memory."
  type        = string
  default     = "db.t4g.medium"
}

variable "storage_gb" {
  description = "Storage to begin with."
  type        = number
  default     = 20
}

variable "most_storage_gb" {
  description = "Storage up to which the server grows by itself."
  type        = number
  default     = 100
}

variable "multi_az" {
  description = "Whether a second server in another zone takes over when the first fails."
  type        = bool
  default     = false
}

variable "backup_days" {
  description = "For how many days the server can be set back to any moment. Erased users stand in backups for so long."
  type        = number
  default     = 7
}

variable "deletion_protection" {
  description = "Whether the server refuses to be deleted."
  type        = bool
  default     = true
}

variable "performance_insights" {
  description = "Whether Performance Insights keeps a week of what the server waited for."
  type        = bool
  default     = true
}

variable "monitoring_s" {
  description = "Seconds between two readings of the operating system; 0: none."
  type        = number
  default     = 60
}

variable "secret_recovery_days" {
  description = "Days for which a deleted secret can be had back; 0: none."
  type        = number
  default     = 7
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}
