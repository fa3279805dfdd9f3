# The same in every environment. What is null follows defaults.tf.

variable "aws_region" {
  description = "Region of AWS that everything stands in."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be a region such as eu-west-1."
  }
}

variable "environment" {
  description = "Name of the environment: a tag, and part of the names."
  type        = string
  default     = null
}

variable "name" {
  description = "Prefix of all names; null: endcap- and the environment."
  type        = string
  default     = null
}

variable "phases" {
  description = "What stands: core, and any of pipeline, application, web, etl, vector-db, streaming-inference."
  type        = set(string)
  default     = ["core", "pipeline", "application", "web"]
}

variable "machines" {
  description = "State machines: nightly or nightly-small, users or users-distributed."
  type        = set(string)
  default     = ["nightly-small", "users"]
}

variable "nightly_schedule" {
  description = "Run the nightly machine every night; else only when it is started, or a file comes."
  type        = bool
  default     = true
}

variable "functions_package" {
  description = "Path of the zip of the functions (`make package`)."
  type        = string
  default     = ""
}

variable "functions_image" {
  description = "URI of the container image of the functions."
  type        = string
  default     = ""
}

variable "training_image" {
  description = "URI of the container image of SageMaker; empty: SageMaker is not used."
  type        = string
  default     = ""
}

variable "architecture" {
  description = "Processor of the functions: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "runtime" {
  description = "Runtime of the functions that come as a zip."
  type        = string
  default     = "python3.12"
}

variable "glue_package" {
  description = "Folder that `make glue` writes."
  type        = string
  default     = ""
}

variable "functions_environment" {
  description = "Variables that all functions get beside those of the module, such as ENDCAP_LOG_LEVEL."
  type        = map(string)
  default     = {}
}

variable "function_environment" {
  description = "Variables of single functions, by name of the function."
  type        = map(map(string))
  default     = {}
}

variable "deletion_protection" {
  description = "What holds data cannot be deleted before this is switched off."
  type        = bool
  default     = null
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = null
}

variable "cloudtrail" {
  description = "Record who called which API of the account."
  type        = bool
  default     = null
}

variable "waf" {
  description = "Put a web application firewall before the REST API and the page."
  type        = bool
  default     = null
}

variable "composite_alarms" {
  description = "Sum up alarms in composite ones."
  type        = bool
  default     = null
}

variable "alarm_email" {
  description = "Address that gets alarms and the message of each run; empty: nobody."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^[^@[:space:]]+@[^@[:space:]]+$", var.alarm_email))
    error_message = "alarm_email must be an address such as ops@shop.example, or empty."
  }
}

variable "stream_shards" {
  description = "Shards of the stream of events, each for 1,000 records and 1 MB a second; 0: on demand."
  type        = number
  default     = 1
}

variable "cidr" {
  description = "Addresses of the network that databases stand in."
  type        = string
  default     = "10.42.0.0/16"
}

variable "etl_schedule" {
  description = "When the Glue job runs by itself, such as cron(30 2 * * ? *), UTC; null: when something starts it."
  type        = string
  default     = null
}

variable "mysql" {
  description = "Make a MySQL database as the source of etl."
  type        = bool
  default     = false
}

variable "multi_az" {
  description = "A second server in another zone takes over when a database fails."
  type        = bool
  default     = null
}

variable "streaming_neighbours" {
  description = "Let streaming-inference ask vector-db for neighbours."
  type        = bool
  default     = false
}

variable "sagemaker_instance_type" {
  description = "Instance of SageMaker's training jobs and endpoint."
  type        = string
  default     = "ml.m5.xlarge"
}

variable "training_spot" {
  description = "Train on spot instances."
  type        = bool
  default     = false
}

variable "sagemaker_endpoint" {
  description = "Let an endpoint of SageMaker rank; needs training_image and model_url."
  type        = bool
  default     = false
}

variable "model_name" {
  description = "Name of the model behind the endpoint."
  type        = string
  default     = "ranker"
}

variable "model_url" {
  description = "s3:// URL of a packed version (`endcap versions pack`) for the endpoint."
  type        = string
  default     = ""
}

variable "personalize_campaign_arn" {
  description = "A campaign of Amazon Personalize that is asked first; empty: none."
  type        = string
  default     = ""
}

variable "control_machine_arn" {
  description = "A state machine of your own that runs `endcap control-job` for the ARN that it is given: imports, training and batch jobs of the Personalize API. Empty: those are refused."
  type        = string
  default     = ""
}

variable "cors_allowed_origins" {
  description = "Origins whose pages may ask the APIs, such as https://shop.example."
  type        = list(string)
  default     = []
}

variable "web_aliases" {
  description = "Host names of one's own for the page; they need web_certificate_arn."
  type        = list(string)
  default     = []
}

variable "web_certificate_arn" {
  description = "ARN of the certificate (ACM, us-east-1) for these names."
  type        = string
  default     = null
}

variable "web_response_headers" {
  description = "Send the page's security headers. Off only where CloudFront is emulated without such policies."
  type        = bool
  default     = true
}

variable "account_logging" {
  description = "Give API Gateway the account's one role to write logs by; false where another environment has done so."
  type        = bool
  default     = true
}

variable "users_file" {
  description = "Path of a file of users to put below users/ of its bucket; empty: none."
  type        = string
  default     = ""
}
