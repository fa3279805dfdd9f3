# What may stand with what. A file of this module stands in for the zip: a plan reads its digest only.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }
}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  name              = "endcap-test"
  functions_package = "main.tf"
  functions_image   = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/endcap-test-functions:1"
}

run "core_alone" {
  command = plan

  variables {
    phases = ["core"]
  }

  assert {
    condition     = length(module.pipeline) == 0 && length(module.api) == 0 && length(module.network) == 0
    error_message = "core alone makes machines, gateways or a network."
  }

  assert {
    condition     = output.state_machines == {} && output.http_api_url == null && output.web_url == null
    error_message = "What does not stand must be told as null or empty."
  }

  assert {
    condition     = keys(output.tables) == keys(jsondecode(file("../../tables.json")))
    error_message = "Tables are missing."
  }
}

run "the_usual_phases" {
  command = plan

  variables {
    phases = ["core", "pipeline", "application", "web"]
    waf    = true
  }

  assert {
    condition     = length(module.pipeline_functions[0].functions) == 6
    error_message = "The pipeline has six functions."
  }

  assert {
    condition     = toset(keys(module.application_functions[0].functions)) == toset(["api", "Submit", "RecordPreference", "Stream"])
    error_message = "The application has four functions."
  }

  assert {
    condition     = length(module.network) == 0
    error_message = "Without a database there is no network."
  }
}

run "a_database_stands_in_a_network" {
  command = plan

  variables {
    phases = ["core", "vector-db"]
  }

  assert {
    condition     = length(module.network) == 1 && length(module.vector_db) == 1
    error_message = "vector-db needs a network."
  }
}

run "without_core" {
  command = plan

  variables {
    phases = ["application"]
  }

  expect_failures = [var.phases]
}

run "an_unknown_phase" {
  command = plan

  variables {
    phases = ["core", "applications"]
  }

  expect_failures = [var.phases]
}

run "a_page_without_its_api" {
  command = plan

  variables {
    phases = ["core", "web"]
  }

  expect_failures = [var.phases]
}

run "functions_without_a_package" {
  command = plan

  variables {
    phases            = ["core", "application"]
    functions_package = ""
  }

  expect_failures = [var.functions_package]
}

run "nights_without_an_image" {
  command = plan

  variables {
    phases          = ["core", "pipeline"]
    functions_image = ""
  }

  expect_failures = [var.functions_image]
}

run "etl_without_its_files" {
  command = plan

  variables {
    phases = ["core", "etl"]
  }

  expect_failures = [var.glue_package]
}

run "the_large_machine_without_its_jobs" {
  command = plan

  variables {
    phases   = ["core", "pipeline"]
    machines = ["nightly"]
  }

  expect_failures = [var.machines]
}

run "neighbours_without_a_database" {
  command = plan

  variables {
    phases               = ["core", "streaming-inference"]
    streaming_neighbours = true
  }

  expect_failures = [var.streaming_neighbours]
}

run "a_source_without_etl" {
  command = plan

  variables {
    phases = ["core"]
    mysql  = true
  }

  expect_failures = [var.mysql]
}
