# Who is told of a run, and where what could not begin one is kept.

resource "aws_sns_topic" "runs" {
  name              = "${var.name}-runs"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "runs" {
  arn = aws_sns_topic.runs.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedOnTheWay"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["sns:Publish"]
      Resource  = [aws_sns_topic.runs.arn]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.runs.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  given_up     = "${var.name}-runs-given-up"
  given_up_arn = format(local.services, "sqs", local.given_up)
}

# With its policy, since each of the two alone would be waited for.
resource "aws_sqs_queue" "given_up" {
  name                      = local.given_up
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = var.kms_key_arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "EncryptedOnTheWay"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["sqs:ReceiveMessage", "sqs:SendMessage"]
        Resource  = [local.given_up_arn]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [
        for rules in [[for rule in aws_cloudwatch_event_rule.new_data : rule.arn]] : {
          Sid       = "EventsOfOurRules"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = ["sqs:SendMessage"]
          Resource  = [local.given_up_arn]
          Condition = { ArnEquals = { "aws:SourceArn" = rules } }
        } if length(rules) > 0
      ],
    )
  })
}
