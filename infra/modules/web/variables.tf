variable "name" {
  description = "Prefix of the names of all resources, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must be 3 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the page's bucket; its policy lets CloudFront decrypt."
  type        = string
}

variable "api" {
  description = "The HTTP API behind the page, as the module api gives it in http_origin: the page asks its own origin. null: the page stands alone, and config.json names an API."
  type        = object({ domain_name = string, path = string })
  default     = null
}

variable "credential" {
  description = "What the page asks its user for: token (HTTP API), key (REST API), or nothing."
  type        = string
  default     = "token"

  validation {
    condition     = contains(["token", "key", ""], var.credential)
    error_message = "credential must be token, key or empty."
  }
}

variable "api_base" {
  description = "Base address of an API of another origin, such as the REST API's; empty: the page's own origin. That API must permit the page's origin (cors_allowed_origins)."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^https://[^/[:space:]']+(/[^?#[:space:]]*)?$", var.api_base))
    error_message = "api_base must be an https:// address without a query, or empty."
  }
}

variable "web_acl_arn" {
  description = "ARN of a web ACL of scope CLOUDFRONT (module web-acl with a provider of us-east-1); null: none."
  type        = string
  default     = null
}

variable "aliases" {
  description = "Host names of one's own, such as recommendations.shop.example; they need certificate_arn."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.aliases) == 0 || var.certificate_arn != null
    error_message = "aliases need certificate_arn: a certificate in us-east-1 for these names."
  }
}

variable "certificate_arn" {
  description = "ARN of the certificate (ACM, us-east-1) for aliases; null: CloudFront's own name and certificate."
  type        = string
  default     = null
}

variable "price_class" {
  description = "Where the page is kept: PriceClass_100 (North America, Europe), PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "response_headers" {
  description = "Send the security headers. Off only where CloudFront is emulated without such policies."
  type        = bool
  default     = true
}

variable "log_bucket" {
  description = "Name of the bucket that takes the access log of the page's bucket; null: none."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Keep the bucket from being destroyed while there are files in it."
  type        = bool
  default     = false
}
