# Sections become the bodies of dashboards. What has no metric here is left out, and so is a section
# of nothing.

locals {
  sections = {
    for board, sections in { operations = local.operations, business = local.business } : board => [
      for section in [
        for section in sections : {
          title   = section.title
          widgets = [for widget in section.widgets : widget if length([for row in widget.metrics : row if can(tostring(row[0]))]) > 0]
        }
      ] : section if length(section.widgets) > 0
    ]
  }
  # A line for the title, then rows of three.
  heights = { for board, sections in local.sections : board => [for section in sections : 1 + local.height * ceil(length(section.widgets) / 3)] }
  # Where each section begins: alarms stand above the first.
  above  = { operations = 4, business = 0 }
  begins = { for board, heights in local.heights : board => [for n in range(length(heights)) : local.above[board] + sum(concat([0], slice(heights, 0, n)))] }

  bodies = {
    for board, sections in local.sections : board => concat(
      [
        for widget in [{
          type = "alarm", x = 0, y = 0, width = 24, height = local.above[board]
          properties = {
            title  = "Alarms"
            alarms = sort(concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn], [for alarm in aws_cloudwatch_metric_alarm.no_night : alarm.arn]))
          }
        }] : widget if local.above[board] > 0
      ],
      flatten([
        for n, section in sections : concat(
          [{
            type       = "text", x = 0, y = local.begins[board][n], width = 24, height = 1
            properties = { markdown = "## ${section.title}" }
          }],
          [
            for place, widget in section.widgets : {
              type   = "metric"
              x      = local.width * (place % 3)
              y      = local.begins[board][n] + 1 + local.height * floor(place / 3)
              width  = local.width
              height = local.height
              properties = {
                title   = widget.title
                view    = "timeSeries"
                stacked = false
                region  = local.region
                stat    = widget.stat
                period  = 300
                metrics = widget.metrics
              }
            }
          ],
        )
      ]),
    )
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  for_each = local.bodies

  dashboard_name = "${var.name}-${each.key}"
  dashboard_body = jsonencode({ start = each.key == "business" ? "-P14D" : "-PT6H", widgets = each.value })
}
