# One origin for browsers: the page from its bucket, everything else from the HTTP API. The page
# then asks where it comes from, and a web ACL before it is one before the HTTP API too.

locals {
  # The routes that the page and its visitors ask; a test holds them to openapi.yaml.
  api_paths = var.api == null ? [] : [
    "/v1/*", "/recommendations/*", "/submit", "/recommend", "/events", "/health", "/docs", "/openapi.json",
  ]

  # Of AWS, with the same ids in every account: nothing is kept; all that the browser says, but the
  # name of the host, is handed on.
  caching_disabled              = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  caching_optimized             = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  all_viewer_except_host_header = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

  # As the server says it; a test compares.
  asks    = join(" ", compact(["'self'", try(regex("^https://[^/]+", var.api_base), "")]))
  policy  = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src ${local.asks}; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  headers = var.response_headers ? { page = local.policy, api = null } : {}
}

resource "aws_cloudfront_origin_access_control" "page" {
  name                              = "${var.name}-web"
  description                       = "Signs what is read from the bucket of the page"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_response_headers_policy" "this" {
  for_each = local.headers

  name    = "${var.name}-${each.key}"
  comment = "Security headers of the ${each.key}"

  security_headers_config {
    # The API sends a policy of its own with the page that shows its document.
    dynamic "content_security_policy" {
      for_each = each.value[*]

      content {
        content_security_policy = content_security_policy.value
        override                = true
      }
    }

    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "DENY"
      override     = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = 63072000 # two years
      include_subdomains         = true
      override                   = true
    }
  }
}

resource "aws_cloudfront_distribution" "page" {
  #checkov:skip=CKV_AWS_86:its log would hold the addresses of shoppers, and the ids in what they ask
  #checkov:skip=CKV_AWS_68:the web ACL is a variable, web_acl_arn; it costs by the month
  #checkov:skip=CKV2_AWS_47:the same; web-acl has the rules against bad inputs, Log4j among them
  #checkov:skip=CKV_AWS_174:with a certificate of one's own it is TLS 1.2; CloudFront's own name takes no other choice
  #checkov:skip=CKV2_AWS_42:the same
  #checkov:skip=CKV_AWS_310:a second region would need a second API; there is one
  #checkov:skip=CKV_AWS_374:shoppers are wherever the shop sends to
  #checkov:skip=CKV2_AWS_32:the policy is there, see response_headers
  enabled             = true
  is_ipv6_enabled     = true
  comment             = "${var.name}: page and HTTP API"
  default_root_object = "index.html"
  http_version        = "http2and3"
  price_class         = var.price_class
  aliases             = var.aliases
  web_acl_id          = var.web_acl_arn

  origin {
    origin_id                = "page"
    domain_name              = aws_s3_bucket.page.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.page.id
  }

  dynamic "origin" {
    for_each = var.api[*]

    content {
      origin_id   = "api"
      domain_name = origin.value.domain_name
      origin_path = origin.value.path

      custom_origin_config {
        http_port                = 80
        https_port               = 443
        origin_protocol_policy   = "https-only"
        origin_ssl_protocols     = ["TLSv1.2"]
        origin_read_timeout      = 30
        origin_keepalive_timeout = 60
      }
    }
  }

  default_cache_behavior {
    target_origin_id           = "page"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = local.caching_optimized
    response_headers_policy_id = try(aws_cloudfront_response_headers_policy.this["page"].id, null)
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.api_paths

    content {
      path_pattern               = ordered_cache_behavior.value
      target_origin_id           = "api"
      viewer_protocol_policy     = "https-only"
      allowed_methods            = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = true
      cache_policy_id            = local.caching_disabled
      origin_request_policy_id   = local.all_viewer_except_host_header
      response_headers_policy_id = try(aws_cloudfront_response_headers_policy.this["api"].id, null)
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.certificate_arn == null
    acm_certificate_arn            = var.certificate_arn
    minimum_protocol_version       = var.certificate_arn == null ? "TLSv1" : "TLSv1.2_2021"
    ssl_support_method             = var.certificate_arn == null ? null : "sni-only"
  }
}
