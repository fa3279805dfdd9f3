output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "The private subnets, one for each zone."
  value       = [for subnet in aws_subnet.private : subnet.id]
}

output "clients_security_group_id" {
  description = "The group that functions and jobs carry: it may ask databases and endpoints."
  value       = aws_security_group.clients.id
}

output "databases_security_group_id" {
  description = "The group that databases carry: clients may ask it."
  value       = aws_security_group.databases.id
}

output "endpoints_security_group_id" {
  description = "The group that interface endpoints carry."
  value       = aws_security_group.endpoints.id
}
