variable "name" {
  description = "Prefix of every name, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "The key with which the tables are encrypted."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key of KMS."
  }
}

variable "table_prefix" {
  description = "What goes before the names of tables; null: the name and a hyphen. An empty text gives tables their bare names, of which an account has one set in a region."
  type        = string
  default     = null

  validation {
    condition     = var.table_prefix == null || can(regex("^[A-Za-z0-9_.-]{0,60}$", var.table_prefix))
    error_message = "table_prefix must be up to 60 letters, digits, _, . and -."
  }
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the tables, whoever asks."
  type        = bool
  default     = true
}

variable "recovery_days" {
  description = "Days of which each second can be restored. What was erased can be restored for as long."
  type        = number
  default     = 35

  validation {
    condition     = var.recovery_days >= 1 && var.recovery_days <= 35
    error_message = "recovery_days must be 1 to 35."
  }
}
