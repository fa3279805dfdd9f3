# What is made

variable "name" {
  description = "Prefix of all names, such as endcap-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name must begin with a letter and hold 3 to 31 small letters, digits and hyphens."
  }
}

variable "phases" {
  description = "What stands: core, and any of pipeline, application, web, etl, vector-db, streaming-inference."
  type        = set(string)
  default     = ["core", "pipeline", "application", "web"]

  validation {
    condition     = contains(var.phases, "core")
    error_message = "phases must hold core: every other phase stands on its key, buckets and tables."
  }

  validation {
    condition = length(setsubtract(var.phases, [
      "core", "pipeline", "application", "web", "etl", "vector-db", "streaming-inference",
    ])) == 0
    error_message = "phases may hold core, pipeline, application, web, etl, vector-db and streaming-inference."
  }

  validation {
    condition     = !contains(var.phases, "web") || contains(var.phases, "application")
    error_message = "The phase web needs application: the page asks its HTTP API."
  }
}

variable "machines" {
  description = "State machines of infra/state-machines: nightly (features by Glue, training by SageMaker) or nightly-small (every step in a function), users (up to 1,000 of them) or users-distributed."
  type        = set(string)
  default     = ["nightly-small", "users"]

  validation {
    condition     = !contains(var.machines, "nightly") || contains(var.phases, "etl") && var.training_image != ""
    error_message = "The machine nightly needs the phase etl, whose Glue job it runs, and training_image, which SageMaker runs."
  }
}

variable "nightly_schedule" {
  description = "Run the nightly machine every night; else only when it is started, or a file comes."
  type        = bool
  default     = true
}

# Code

variable "functions_package" {
  description = "Path of the zip of the functions, as `make package` writes it. Needed by pipeline, application and streaming-inference."
  type        = string
  default     = ""

  validation {
    condition = (
      length(setintersection(var.phases, ["pipeline", "application", "streaming-inference"])) == 0
      || var.functions_package != ""
    )
    error_message = "The phases pipeline, application and streaming-inference need functions_package: `make package` writes it."
  }
}

variable "functions_image" {
  description = "URI of the container image of the functions that no zip holds. Needed by pipeline."
  type        = string
  default     = ""

  validation {
    condition     = !contains(var.phases, "pipeline") || var.functions_image != ""
    error_message = "The phase pipeline needs functions_image: push infra/functions.Dockerfile into the repository that core makes."
  }
}

variable "training_image" {
  description = "URI of the container image of SageMaker's training jobs and endpoint; empty: neither is used."
  type        = string
  default     = ""
}

variable "architecture" {
  description = "Processor of the functions: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "runtime" {
  description = "Runtime of the functions that come as a zip."
  type        = string
  default     = "python3.12"

  validation {
    condition     = can(regex("^python3\\.[0-9]{2}$", var.runtime))
    error_message = "runtime must be one of Python, such as python3.12."
  }
}

variable "glue_package" {
  description = "Folder that `make glue` writes (wheel, script, arguments.json). Needed by etl."
  type        = string
  default     = ""

  validation {
    condition     = !contains(var.phases, "etl") || var.glue_package != ""
    error_message = "The phase etl needs glue_package: `make glue` writes the folder."
  }
}

variable "functions_environment" {
  description = "Variables that all functions get beside those that this module sets, such as ENDCAP_LOG_LEVEL."
  type        = map(string)
  default     = {}
}

variable "function_environment" {
  description = "Variables of single functions, by name of the function."
  type        = map(map(string))
  default     = {}
}

# How it is kept

variable "deletion_protection" {
  description = "Tables, databases and buckets that hold data cannot be deleted before this is switched off."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 90
}

variable "cloudtrail" {
  description = "Record who called which API of the account, in the bucket of logs."
  type        = bool
  default     = false
}

variable "waf" {
  description = "Put a web application firewall before the REST API and the page (which carries the HTTP API)."
  type        = bool
  default     = false
}

variable "alarm_email" {
  description = "Address that gets alarms and the message of each run; empty: nobody subscribes."
  type        = string
  default     = ""
}

variable "composite_alarms" {
  description = "Sum up the alarms in one for each of availability, quality and data."
  type        = bool
  default     = true
}

variable "stream_shards" {
  description = "Shards of the stream of events, each for 1,000 records and 1 MB a second; 0: on demand."
  type        = number
  default     = 1
}

# Networks and databases

variable "cidr" {
  description = "Addresses of the network that databases stand in."
  type        = string
  default     = "10.42.0.0/16"
}

variable "etl_schedule" {
  description = "When the Glue job runs by itself, such as cron(30 2 * * ? *), UTC; null: when the machine nightly starts it, or a person."
  type        = string
  default     = null
}

variable "mysql" {
  description = "Make a MySQL database as the source of etl."
  type        = bool
  default     = false

  validation {
    condition     = !var.mysql || contains(var.phases, "etl")
    error_message = "mysql is the source of the phase etl, which phases do not hold."
  }
}

variable "multi_az" {
  description = "Whether a second server in another zone takes over when a database fails."
  type        = bool
  default     = false
}

variable "streaming_neighbours" {
  description = "Let streaming-inference ask vector-db for neighbours; its function then runs from the image, in the network."
  type        = bool
  default     = false

  validation {
    condition = !var.streaming_neighbours || (
      length(setsubtract(["vector-db", "streaming-inference"], var.phases)) == 0 && var.functions_image != ""
    )
    error_message = "streaming_neighbours needs the phases vector-db and streaming-inference, and functions_image, which holds the client of PostgreSQL."
  }
}

# Models

variable "sagemaker_instance_type" {
  description = "Instance of training jobs and of the endpoint."
  type        = string
  default     = "ml.m5.xlarge"
}

variable "training_spot" {
  description = "Train on spot instances: cheaper, and interrupted at times; a job goes on where it was."
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
  description = "A campaign of Amazon Personalize that is asked first; empty: the engine answers."
  type        = string
  default     = ""
}

variable "control_machine_arn" {
  description = "A state machine of your own that runs `endcap control-job` for the ARN that it is given: imports, training and batch jobs of the Personalize API. Empty: those are refused."
  type        = string
  default     = ""
}

# Who asks

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
  description = "Give API Gateway the account's one role to write logs by; false where another environment of the account has done so."
  type        = bool
  default     = true
}

variable "users_file" {
  description = "Path of a file of users that is put below users/ of its bucket, where a new file starts the machine of users; empty: none."
  type        = string
  default     = ""
}
