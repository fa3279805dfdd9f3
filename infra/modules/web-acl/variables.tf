variable "name" {
  description = "Name of the web ACL, such as endcap-dev-rest."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,60}$", var.name))
    error_message = "name must be 3 to 61 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "scope" {
  description = "REGIONAL before a REST API; CLOUDFRONT before a distribution, which needs a provider of us-east-1."
  type        = string

  validation {
    condition     = contains(["REGIONAL", "CLOUDFRONT"], var.scope)
    error_message = "scope must be REGIONAL or CLOUDFRONT."
  }
}

variable "requests_per_5_minutes" {
  description = "Requests of one address in five minutes from which on it is blocked."
  type        = number
  default     = 10000

  validation {
    condition     = var.requests_per_5_minutes >= 10 && var.requests_per_5_minutes <= 2000000000
    error_message = "requests_per_5_minutes must be 10 to 2000000000."
  }
}

variable "counted_rules" {
  description = "Rules of AWSManagedRulesCommonRuleSet that count and do not block. Batches of events and items are larger than the 8 KB that SizeRestrictions_BODY permits; the functions have limits of their own."
  type        = set(string)
  default     = ["SizeRestrictions_BODY"]
}
