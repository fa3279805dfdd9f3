variable "name" {
  description = "Prefix of every name in the environment that these roles serve, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "repository" {
  description = "The repository at GitHub whose workflows take these roles: OWNER/REPOSITORY."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$", var.repository))
    error_message = "repository must be OWNER/REPOSITORY, without a wildcard."
  }
}

variable "environment" {
  description = "The environment at GitHub whose jobs may apply; also the tag `environment` of what they make."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.environment))
    error_message = "environment must be 2 to 31 of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "oidc_provider_arn" {
  description = "GitHub's OIDC provider in this account where there is one; null makes it. An account can have only one."
  type        = string
  default     = null

  validation {
    condition     = var.oidc_provider_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn must be the ARN of the provider token.actions.githubusercontent.com."
  }
}

variable "state_bucket" {
  description = "The bucket of Terraform's state. Its name must not begin with the prefix, under which buckets may be changed."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket)) && !startswith(var.state_bucket, "${var.name}-")
    error_message = "state_bucket must be the name of a bucket that does not begin with name: whoever applies may change all those."
  }
}

variable "state_key" {
  description = "The state's key in that bucket; null: endcap/ENVIRONMENT.tfstate, as in backend.tf.example."
  type        = string
  default     = null

  validation {
    condition     = var.state_key == null || can(regex("^[A-Za-z0-9._/-]+$", var.state_key))
    error_message = "state_key must be a key of letters, digits, ., _, / and -."
  }
}

variable "state_kms_key_arn" {
  description = "The key of KMS that encrypts the state; null where S3's own does."
  type        = string
  default     = null

  validation {
    condition     = var.state_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.state_kms_key_arn))
    error_message = "state_kms_key_arn must be the ARN of a key."
  }
}

variable "project" {
  description = "The tag `project` by which what has no name of its own (networks, keys, user pools) is known as the environment's."
  type        = string
  default     = "endcap"

  validation {
    condition     = can(regex("^[A-Za-z0-9 _.:/=+@-]{1,128}$", var.project))
    error_message = "project must be the value of a tag, without a wildcard."
  }
}

variable "permissions_boundary_arn" {
  description = "A boundary of your organisation for both roles; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a policy."
  }
}
