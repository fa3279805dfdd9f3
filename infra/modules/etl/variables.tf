variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts lake, files, logs and the source."
  type        = string
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
  description = "The dataset group (ENDCAP_GROUP) whose tables are made."
  type        = string
  default     = "default"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]*$", var.group))
    error_message = "group must be letters, digits, - and _."
  }
}

variable "package_folder" {
  description = "Folder that `make glue` writes: script, wheels, arguments.json."
  type        = string

  validation {
    condition     = fileexists("${var.package_folder}/glue.py") && fileexists("${var.package_folder}/arguments.json")
    error_message = "package_folder must hold glue.py and arguments.json: `make glue` writes build/glue."
  }
}

variable "files_bucket" {
  description = "The bucket that script and wheels are put into."
  type        = object({ name = string, arn = string })
}

variable "files_prefix" {
  description = "Where in it, without slashes around it."
  type        = string
  default     = "glue"

  validation {
    condition     = var.files_prefix != "" && var.files_prefix == trim(var.files_prefix, "/")
    error_message = "files_prefix must not be empty, and neither begin nor end with a slash."
  }
}

variable "security_configuration" {
  description = "Security configuration of Glue (lake: glue_security_configuration)."
  type        = string
}

variable "tables" {
  description = "Tables that are made, of docs/etl.md; none named: all."
  type        = list(string)
  default     = []
}

variable "factors" {
  description = "Dimensions of the vectors of items and users that are fitted as well; 0: none."
  type        = number
  default     = 0

  validation {
    condition     = var.factors >= 0 && var.factors <= 512
    error_message = "factors must be 0 to 512."
  }
}

variable "worker_type" {
  description = "Worker of the job."
  type        = string
  default     = "G.1X"

  validation {
    condition     = contains(["G.1X", "G.2X", "G.4X", "G.8X"], var.worker_type)
    error_message = "worker_type must be G.1X, G.2X, G.4X or G.8X."
  }
}

variable "workers" {
  description = "Workers of the job, with the driver."
  type        = number
  default     = 2

  validation {
    condition     = var.workers >= 2 && var.workers <= 299
    error_message = "workers must be 2 to 299."
  }
}

variable "timeout_min" {
  description = "Minutes after which a run is stopped; the state machine waits no longer than two hours."
  type        = number
  default     = 120

  validation {
    condition     = var.timeout_min >= 5 && var.timeout_min <= 2880
    error_message = "timeout_min must be 5 to 2880."
  }
}

variable "schedule" {
  description = "When the job runs by itself, such as cron(30 2 * * ? *), UTC; null: when something starts it, as the nightly state machine does."
  type        = string
  default     = null

  validation {
    condition     = var.schedule == null ? true : can(regex("^cron\\(.+\\)$", var.schedule))
    error_message = "schedule must be a cron(…) expression of Glue."
  }
}

variable "crawler_name" {
  description = "Crawler that starts after a run of the schedule has made tables; null: none."
  type        = string
  default     = null
}

variable "network" {
  description = "Where a database stands (outputs of the module network); null: nowhere. Needed by mysql, mysql_at and job_in_network."
  type = object({
    vpc_id                      = string
    subnet_ids                  = list(string)
    clients_security_group_id   = string
    databases_security_group_id = string
  })
  default = null
}

variable "job_in_network" {
  description = "Whether the job runs inside the network. It needs nothing there: S3 and its own wheels are reached either way."
  type        = bool
  default     = false

  validation {
    condition     = !var.job_in_network || var.network != null
    error_message = "job_in_network needs network."
  }
}

variable "mysql" {
  description = "Whether a MySQL server is made as the shop's database."
  type        = bool
  default     = false

  validation {
    condition     = !var.mysql || var.network != null
    error_message = "mysql needs network."
  }
}

variable "mysql_at" {
  description = "A MySQL or MariaDB that stands already, and the group it carries; null: none. Hosts that carry the group of clients may ask it then, and there is a secret for its reader."
  type = object({
    host              = string
    port              = optional(number, 3306)
    security_group_id = string
  })
  default = null

  validation {
    condition     = var.mysql_at == null || var.network != null
    error_message = "mysql_at needs network."
  }

  validation {
    condition     = var.mysql_at == null || !var.mysql
    error_message = "mysql_at goes without mysql: there is one source."
  }
}

variable "mysql_version" {
  description = "Version of MySQL, such as 8.4."
  type        = string
  default     = "8.4"

  validation {
    condition     = can(regex("^(8\\.0|8\\.4)(\\.[0-9]+)?$", var.mysql_version))
    error_message = "mysql_version must be 8.0 or 8.4, or one of their minor versions."
  }
}

variable "mysql_database" {
  description = "Name of the shop's database."
  type        = string
  default     = "shop"
}

variable "mysql_instance_class" {
  description = "Instance of the MySQL server."
  type        = string
  default     = "db.t4g.small"
}

variable "mysql_multi_az" {
  description = "Whether a second MySQL server in another zone takes over when the first fails."
  type        = bool
  default     = false
}

variable "performance_insights" {
  description = "Whether Performance Insights watches the MySQL server. The smallest instances do not have it."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the MySQL server refuses to be deleted."
  type        = bool
  default     = true
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
