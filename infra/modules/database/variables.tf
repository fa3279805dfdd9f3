variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "role" {
  description = "What the database is for, as part of its name, such as vectors."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,19}$", var.role)) && !strcontains("${var.name}-${var.role}", "--") && !endswith(var.role, "-")
    error_message = "role must be 3 to 20 lower-case letters, digits and single hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts storage, backups, secrets and logs."
  type        = string
}

variable "engine" {
  description = "postgres or mysql."
  type        = string

  validation {
    condition     = contains(["mysql", "postgres"], var.engine)
    error_message = "engine must be postgres or mysql."
  }
}

variable "engine_version" {
  description = "Version of the engine; a major one alone takes the newest minor one that RDS prefers."
  type        = string
}

variable "family" {
  description = "Family of the parameter group, such as postgres17."
  type        = string
}

variable "parameters" {
  description = "Values of the parameter group that differ from the engine's."
  type        = map(string)
}

variable "logs" {
  description = "Logs that go to CloudWatch."
  type        = set(string)
}

variable "database" {
  description = "Name of the database that is made with the server."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database))
    error_message = "database must be lower-case letters, digits and underscores, and begin with a letter."
  }
}

variable "accounts" {
  description = "Accounts beside the master that infra/bootstrap_databases.py makes: each gets a secret, empty until then."
  type        = set(string)
}

variable "subnet_ids" {
  description = "Private subnets of two zones at least."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must be of two zones at least."
  }
}

variable "security_group_id" {
  description = "The group that databases carry."
  type        = string
}

variable "instance_class" {
  description = "Instance of the server."
  type        = string
  default     = "db.t4g.medium"

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class must be a class of RDS, such as db.t4g.medium."
  }
}

variable "storage_gb" {
  description = "Storage to begin with."
  type        = number
  default     = 20

  validation {
    condition     = var.storage_gb >= 20
    error_message = "storage_gb must be 20 at least."
  }
}

variable "most_storage_gb" {
  description = "Storage up to which the server grows by itself."
  type        = number
  default     = 100

  validation {
    condition     = var.most_storage_gb >= var.storage_gb
    error_message = "most_storage_gb must not be less than storage_gb."
  }
}

variable "multi_az" {
  description = "Whether a second server in another zone takes over when the first fails."
  type        = bool
  default     = false
}

variable "backup_days" {
  description = "For how many days the server can be set back to any moment."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be 1 to 35."
  }
}

variable "deletion_protection" {
  description = "Whether the server refuses to be deleted; where it does not, no last snapshot is taken either."
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

  validation {
    condition     = contains([0, 1, 5, 10, 15, 30, 60], var.monitoring_s)
    error_message = "monitoring_s must be 0, 1, 5, 10, 15, 30 or 60."
  }
}

variable "secret_recovery_days" {
  description = "Days for which a deleted secret can be had back; 0: none, so that a name can be used again at once."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30
    error_message = "secret_recovery_days must be 0, or 7 to 30."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}
