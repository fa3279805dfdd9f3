variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the logs."
  type        = string
}

variable "functions" {
  description = "The functions behind the gateways, as the module functions gives them: api, Submit and RecordPreference at least. Their alias is what is called."
  type        = map(object({ arn = string, name = string, alias_arn = string }))

  validation {
    condition     = length(setsubtract(["api", "Submit", "RecordPreference"], keys(var.functions))) == 0
    error_message = "functions must hold api, Submit and RecordPreference."
  }
}

variable "cors_allowed_origins" {
  description = "Origins whose pages may ask, such as https://shop.example. The functions must be told the same in ENDCAP_CORS_ORIGINS: behind the REST API they answer browsers themselves."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_allowed_origins : can(regex("^https?://[^/*,[:space:]]+$", origin))])
    error_message = "cors_allowed_origins must be origins such as https://shop.example, without a path and without *."
  }
}

variable "jwt" {
  description = "Ask every request of the HTTP API for a token, except those of open paths. Without, the HTTP API answers everybody: for a demonstration only."
  type        = bool
  default     = true
}

variable "jwt_issuer" {
  description = "An identity provider of one's own, in place of the Cognito user pool that this module makes: who signs tokens, and for whom."
  type        = object({ issuer = string, audience = list(string) })
  default     = null

  validation {
    condition     = var.jwt_issuer == null ? true : startswith(var.jwt_issuer.issuer, "https://") && length(var.jwt_issuer.audience) > 0
    error_message = "jwt_issuer must hold an issuer that begins with https:// and at least one audience."
  }
}

variable "deletion_protection" {
  description = "Keep the user pool from being deleted."
  type        = bool
  default     = false
}

variable "waf" {
  description = "Put a web ACL before the REST API. Before the HTTP API stands the one of CloudFront: see the module web."
  type        = bool
  default     = false
}

variable "waf_requests_per_5_minutes" {
  description = "Requests of one address in five minutes from which on it is blocked, where waf is on."
  type        = number
  default     = 10000
}

variable "throttle" {
  description = "Requests a second, and at once, of each gateway's stage as a whole; more are answered 429."
  type        = object({ rate_per_s = number, burst = number })
  default     = { rate_per_s = 500, burst = 1000 }

  validation {
    condition     = var.throttle.rate_per_s >= 1 && var.throttle.burst >= 1
    error_message = "throttle must let at least one request through."
  }
}

variable "route_throttles" {
  description = "Of the HTTP API, limits of single routes within those of the stage, such as { \"POST /v1/submit\" = { rate_per_s = 100, burst = 200 } }."
  type        = map(object({ rate_per_s = number, burst = number }))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.route_throttles), keys(local.http_routes))) == 0
    error_message = "route_throttles may name these routes: ${join(", ", keys(local.http_routes))}."
  }
}

variable "key_throttle" {
  description = "Requests a second, and at once, of each API key of the REST API's usage plan."
  type        = object({ rate_per_s = number, burst = number })
  default     = { rate_per_s = 100, burst = 200 }
}

variable "key_requests_per_day" {
  description = "Requests of each API key in a day; null: as many as the rate lets through."
  type        = number
  default     = null
}

variable "execution_log_level" {
  description = "What the REST API logs of each request it handles: INFO (errors and info), ERROR or OFF. INFO holds the paths of requests, and so the ids in them; bodies are never logged."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["INFO", "ERROR", "OFF"], var.execution_log_level)
    error_message = "execution_log_level must be INFO, ERROR or OFF."
  }
}

variable "account_logging" {
  description = "Give API Gateway a role to write logs by. It is one for the account and region: false where another environment of the same account has given it."
  type        = bool
  default     = true
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
