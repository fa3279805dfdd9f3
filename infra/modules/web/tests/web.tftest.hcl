mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  api         = { domain_name = "abc123.execute-api.eu-central-1.amazonaws.com", path = "/prod" }
}

run "page_and_api_of_one_origin" {
  command = plan

  override_resource {
    target          = aws_cloudfront_distribution.page
    override_during = plan
    values          = { arn = "arn:aws:cloudfront::123456789012:distribution/E1", domain_name = "d1.cloudfront.net" }
  }

  override_resource {
    target          = aws_cloudfront_response_headers_policy.this
    override_during = plan
    values          = { id = "00000000-1111-2222-3333-444444444444" }
  }

  assert {
    condition     = { for origin in aws_cloudfront_distribution.page.origin : origin.origin_id => origin.origin_path if origin.origin_id == "api" } == { api = "/prod" }
    error_message = "The HTTP API, with its stage, is the second origin."
  }

  assert {
    condition     = alltrue([for b in aws_cloudfront_distribution.page.ordered_cache_behavior : b.target_origin_id == "api" && b.cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" && b.viewer_protocol_policy == "https-only" && contains(b.allowed_methods, "POST")]) && contains([for b in aws_cloudfront_distribution.page.ordered_cache_behavior : b.path_pattern], "/v1/*")
    error_message = "Nothing of the API is kept, and nothing goes in the clear."
  }

  assert {
    condition     = one(aws_cloudfront_distribution.page.default_cache_behavior).viewer_protocol_policy == "redirect-to-https" && aws_cloudfront_distribution.page.default_root_object == "index.html"
    error_message = "The page comes over TLS."
  }

  assert {
    condition     = strcontains(one(one(aws_cloudfront_response_headers_policy.this["page"].security_headers_config).content_security_policy).content_security_policy, "connect-src 'self';") && length(one(aws_cloudfront_response_headers_policy.this["api"].security_headers_config).content_security_policy) == 0
    error_message = "The page may ask its own origin alone; the API sends its own policies."
  }

  assert {
    condition     = one(aws_cloudfront_distribution.page.default_cache_behavior).response_headers_policy_id == "00000000-1111-2222-3333-444444444444"
    error_message = "The headers are sent."
  }

  assert {
    condition     = [for s in jsondecode(aws_s3_bucket_policy.page.policy).Statement : [s.Sid, s.Effect]] == [["TheDistributionReads", "Allow"], ["OnlyOverTls", "Deny"]] && jsondecode(aws_s3_bucket_policy.page.policy).Statement[0].Condition.StringEquals["AWS:SourceArn"] == "arn:aws:cloudfront::123456789012:distribution/E1"
    error_message = "This distribution alone reads, over TLS."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.page.restrict_public_buckets && aws_s3_bucket_public_access_block.page.block_public_policy && one(one(aws_s3_bucket_server_side_encryption_configuration.page.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
    error_message = "The bucket is private and encrypted."
  }

  assert {
    condition     = output.config == { api = "", credential = "token" } && output.url == "https://d1.cloudfront.net/"
    error_message = "The page asks its own origin, with a token."
  }
}

run "page_with_the_rest_api" {
  command = plan

  variables {
    api             = null
    api_base        = "https://xyz.execute-api.eu-central-1.amazonaws.com/dev/"
    credential      = "key"
    web_acl_arn     = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/endcap-test-web/1"
    aliases         = ["recommendations.shop.example"]
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    log_bucket      = "endcap-test-logs"
  }

  assert {
    condition     = length(aws_cloudfront_distribution.page.ordered_cache_behavior) == 0 && strcontains(one(one(aws_cloudfront_response_headers_policy.this["page"].security_headers_config).content_security_policy).content_security_policy, "connect-src 'self' https://xyz.execute-api.eu-central-1.amazonaws.com;")
    error_message = "The page may ask that API, and no path is the HTTP API's."
  }

  assert {
    condition     = output.config == { api = "https://xyz.execute-api.eu-central-1.amazonaws.com/dev/", credential = "key" } && output.url == "https://recommendations.shop.example/"
    error_message = "The page is told where the API is."
  }

  assert {
    condition     = aws_cloudfront_distribution.page.web_acl_id == var.web_acl_arn && one(aws_cloudfront_distribution.page.viewer_certificate).minimum_protocol_version == "TLSv1.2_2021" && length(aws_s3_bucket_logging.page) == 1
    error_message = "Web ACL, certificate and log are taken up."
  }
}

run "where_cloudfront_is_emulated" {
  command = plan

  variables {
    response_headers = false
  }

  assert {
    condition     = length(aws_cloudfront_response_headers_policy.this) == 0
    error_message = "No policy is made."
  }
}

run "a_name_without_a_certificate" {
  command = plan

  variables {
    aliases = ["recommendations.shop.example"]
  }

  expect_failures = [var.aliases]
}

run "an_api_in_the_clear" {
  command = plan

  variables {
    api_base = "http://api.shop.example/"
  }

  expect_failures = [var.api_base]
}
