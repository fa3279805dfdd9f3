output "training_role_arn" {
  description = "ARN of the role of training jobs."
  value       = aws_iam_role.training.arn
}

output "job" {
  description = "The training job as the module pipeline takes it (its variable training); null where there is no image yet."
  value = var.training_image == "" ? null : {
    role_arn        = aws_iam_role.training.arn
    image           = var.training_image
    instance_type   = var.sagemaker_instance_type
    output_url      = local.output_url
    checkpoints_url = local.checkpoints_url
    spot            = var.spot
  }
}

output "endpoint_name" {
  description = "Name of the endpoint: ENDCAP_RANKER is sagemaker://NAME; null without one."
  value       = one(aws_sagemaker_endpoint.this[*].name)
}

output "endpoint_arn" {
  description = "ARN of the endpoint; null without one."
  value       = one(aws_sagemaker_endpoint.this[*].arn)
}

output "endpoint_variant" {
  description = "Name of the endpoint's one variant, a dimension of its metrics."
  value       = local.variant
}

output "repositories" {
  description = "URLs of the repositories of images: functions, training."
  value       = { for held, repository in aws_ecr_repository.this : held => repository.repository_url }
}

output "model_name" {
  description = "Full name of the endpoint's model; null without an endpoint."
  value       = one(aws_sagemaker_model.this[*].name)
}
