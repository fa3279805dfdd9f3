variable "name" {
  description = "Prefix of every name, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "The key with which the topic of alarms is encrypted."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key of KMS."
  }
}

variable "alarm_email" {
  description = "Address that gets alarms; empty: nobody subscribes."
  type        = string
  default     = ""
}

variable "composite_alarms" {
  description = "Whether to sum up the alarms in one for each of availability, quality and data."
  type        = bool
  default     = true
}

variable "saved_queries" {
  description = "Whether to save queries of the functions' logs in Logs Insights."
  type        = bool
  default     = true
}

# What is looked at

variable "functions" {
  description = "Name and log group of each function that stands, by its name in infra/functions.json."
  type        = map(object({ name = string, log_group = string }))
}

variable "http_api" {
  description = "Id and stage of the HTTP API; null: there is none."
  type        = object({ id = string, stage = string })
  default     = null
}

variable "rest_api" {
  description = "Name and stage of the REST API; null: there is none."
  type        = object({ name = string, stage = string })
  default     = null
}

variable "stream" {
  description = "Name of the stream of events and how many shards it has; 0: on demand, where a new stream takes as much as four."
  type        = object({ name = string, shards = number })
}

variable "delivery_streams" {
  description = "Names of the delivery streams of Firehose, by what they do."
  type        = map(string)
  default     = {}
}

variable "tables" {
  description = "Name and ARN of the tables, by what they hold."
  type        = map(object({ name = string, arn = string }))

  validation {
    condition     = alltrue([for held in ["documents", "changes", "events", "CustomerInterest"] : contains(keys(var.tables), held)])
    error_message = "tables must hold documents, changes, events and CustomerInterest."
  }
}

variable "state_machines" {
  description = "Name and ARN of each state machine that stands, by its name in infra/state-machines."
  type        = map(object({ name = string, arn = string }))
  default     = {}
}

variable "daily_machine" {
  description = "Which of the state machines must succeed once in a day; empty: none."
  type        = string
  default     = ""
}

variable "queues" {
  description = "Names of the queues of what was given up, by whose they are."
  type        = map(string)
  default     = {}
}

variable "endpoint" {
  description = "Name and variant of SageMaker's endpoint; null: there is none."
  type        = object({ name = string, variant = string })
  default     = null
}

# When an alarm rings

variable "error_percent" {
  description = "Percent of calls that may fail."
  type        = number
  default     = 1

  validation {
    condition     = var.error_percent > 0 && var.error_percent < 100
    error_message = "error_percent must lie between 0 and 100."
  }
}

variable "latency_ms" {
  description = "Milliseconds within which 99 of 100 requests are answered, cold starts included."
  type        = number
  default     = 1000

  validation {
    condition     = var.latency_ms >= 50 && var.latency_ms <= 29000
    error_message = "latency_ms must be 50 to 29,000."
  }
}

variable "fallback_percent" {
  description = "Stages done without in a hundred answers."
  type        = number
  default     = 10

  validation {
    condition     = var.fallback_percent > 0
    error_message = "fallback_percent must be more than 0."
  }
}

variable "model_age_hours" {
  description = "Hours after which the model that serves is stale."
  type        = number
  default     = 192

  validation {
    condition     = var.model_age_hours >= 1
    error_message = "model_age_hours must be 1 or more."
  }
}

variable "freshness_hours" {
  description = "Hours that the newest event may be old that popular and trending items know: a night and a quiet morning."
  type        = number
  default     = 48

  validation {
    condition     = var.freshness_hours >= 1
    error_message = "freshness_hours must be 1 or more."
  }
}

variable "drift" {
  description = "Population stability index of what shoppers choose, from which on it is another shop."
  type        = number
  default     = 0.25

  validation {
    condition     = var.drift > 0
    error_message = "drift must be more than 0."
  }
}

variable "iterator_age_minutes" {
  description = "Minutes that records of the stream may wait for their function."
  type        = number
  default     = 10

  validation {
    condition     = var.iterator_age_minutes >= 1 && var.iterator_age_minutes < 720
    error_message = "iterator_age_minutes must be 1 to 719: after 12 hours a record is given up."
  }
}
