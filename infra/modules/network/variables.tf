variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the flow logs."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC, a /16 to /24: each private subnet gets a sixteenth of them."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 24, false)
    error_message = "cidr must be a range of IPv4 addresses of /16 to /24, such as 10.40.0.0/16."
  }
}

variable "zones" {
  description = "In how many availability zones there is a private subnet. A database needs two."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3, 4], var.zones)
    error_message = "zones must be 2, 3 or 4."
  }
}

variable "interface_endpoints" {
  description = "Services that are reached from inside the VPC by an interface endpoint. Each costs by the hour and zone."
  type        = set(string)
  default     = ["logs", "secretsmanager"]

  validation {
    condition = alltrue([
      for service in var.interface_endpoints :
      contains(["glue", "kinesis-streams", "logs", "monitoring", "sagemaker.runtime", "secretsmanager", "ssm", "sts", "xray"], service)
    ])
    error_message = "interface_endpoints may hold glue, kinesis-streams, logs, monitoring, sagemaker.runtime, secretsmanager, ssm, sts and xray."
  }
}

variable "more_bucket_arns" {
  description = "ARNs of buckets, beside those whose names begin with the prefix, that may be reached through the S3 endpoint."
  type        = list(string)
  default     = []
}

variable "more_table_arns" {
  description = "ARNs of tables, beside those whose names begin with the prefix, that may be reached through the DynamoDB endpoint."
  type        = list(string)
  default     = []
}

variable "nat" {
  description = "Whether a NAT gateway leads to the internet: needed only for what has no endpoint, such as Amazon Personalize or a package index."
  type        = bool
  default     = false
}

variable "flow_logs" {
  description = "Whether rejected connections are logged."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How long flow logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of the numbers that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}
