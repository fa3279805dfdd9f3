variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key of topic, queue, logs, schedule and executions, and of the bucket of runs."
  type        = string
}

variable "machines" {
  description = "Which state machines of infra/state-machines to make. nightly trains by Glue and SageMaker, nightly-small in functions; users fans out inline, up to 1,000 users, users-distributed any number. Of two of a kind schedule and rules start the larger."
  type        = set(string)
  default     = ["nightly-small", "users"]

  validation {
    condition     = length(setsubtract(var.machines, ["nightly", "nightly-small", "users", "users-distributed"])) == 0
    error_message = "machines may hold nightly, nightly-small, users and users-distributed."
  }
}

variable "functions" {
  description = "ARNs of the functions by the names in infra/functions.json, of their alias: those that the chosen machines call."
  type        = map(string)
}

variable "runs_bucket" {
  description = "Name of the bucket for the lists of users and the results of distributed runs; the function ImportUsersFromS3 writes there too (RunsUrl)."
  type        = string
  default     = null
}

variable "runs_prefix" {
  description = "Prefix of their keys, without a slash at the end."
  type        = string
  default     = "runs"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]*[A-Za-z0-9]$", var.runs_prefix))
    error_message = "runs_prefix must be a prefix of keys such as runs, without a slash at the end."
  }
}

variable "shop" {
  description = "Where the shop lies, as the settings ENDCAP_GROUP, ENDCAP_LAKE, ENDCAP_DOCUMENTS and ENDCAP_ARTIFACTS say it. For the machine nightly."
  type = object({
    group     = optional(string, "default")
    lake      = string
    documents = string
    artifacts = string
  })
  default = null
}

variable "training" {
  description = "The training job of SageMaker: its role, image and instance, and where its output and its unfinished work go (s3://…), whether on spot instances. For the machine nightly."
  type = object({
    role_arn        = string
    image           = string
    instance_type   = string
    output_url      = string
    checkpoints_url = string
    spot            = optional(bool, false)
  })
  default = null
}

variable "glue_job" {
  description = "Name of the Glue job that makes the tables. For the machine nightly."
  type        = string
  default     = null
}

variable "words" {
  description = "Values of further placeholders of the state machines."
  type        = map(string)
  default     = {}
}

variable "schedule" {
  description = "When a night is run by itself and from what: expression and timezone in place of those in triggers.json, a source and a pattern of event files as `endcap pipeline run` takes them."
  type = object({
    enabled      = optional(bool, true)
    expression   = optional(string)
    timezone     = optional(string)
    source       = optional(string, "")
    interactions = optional(string, "")
  })
  default = {}

  validation {
    condition     = alltrue([for place in [var.schedule.source, var.schedule.interactions] : can(regex("^[^\"\\\\\\s]*$", place))])
    error_message = "source and interactions must be places without quotes, backslashes and spaces."
  }

  validation {
    condition     = var.schedule.expression == null ? true : can(regex("^(cron|rate)\\(.+\\)$", var.schedule.expression))
    error_message = "expression must be one of EventBridge Scheduler: cron(…) or rate(…)."
  }
}

variable "new_data" {
  description = "Buckets, with EventBridge notifications switched on, and prefixes whose new files begin a run, by pipeline: nightly, users."
  type = map(object({
    bucket = string
    prefix = string
  }))
  default = {}

  validation {
    condition     = length(setsubtract(keys(var.new_data), ["nightly", "users"])) == 0
    error_message = "new_data may hold nightly and users."
  }
}

variable "emails" {
  description = "Addresses that get the message of each run; each is asked once by mail whether it wants to."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "emails must be addresses such as shop@example.com."
  }
}

variable "encrypt_executions" {
  description = "Encrypt what executions keep, user ids among it, with the KMS key too: who looks at an execution then needs kms:Decrypt."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Days for which the log of executions is kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs knows, such as 14, 30, 90 or 365."
  }
}
