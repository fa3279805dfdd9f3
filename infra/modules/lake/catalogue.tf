# What Athena, QuickSight and Spark find: the tables that the ETL makes, the stream's records and the
# answers to them. Columns stand in catalogue.json, which a test holds to the files themselves.

locals {
  catalogue = jsondecode(file("${path.module}/catalogue.json"))
  database  = replace(var.name, "-", "_")
  shop      = "s3://${local.names["lake"]}/${var.lake_prefix}/${var.group}"
  first_day = "2015-01-01"

  # Days are found by their names: no partition has to be registered.
  by_day = {
    "projection.enabled"     = "true"
    "projection.date.type"   = "date"
    "projection.date.format" = "yyyy-MM-dd"
    "projection.date.range"  = "${local.first_day},NOW"
  }

  # Their columns are the ETL's, and whatever a shop calls its own: the crawler adds those.
  open   = { for name, table in local.catalogue.tables : name => table if table.open }
  closed = { for name, table in local.catalogue.tables : name => table if !table.open }

  lines = {
    raw_events = {
      location   = "s3://${local.names["lake"]}/events/"
      partitions = ["date"]
      parameters = merge(local.by_day, {
        "storage.location.template" = "s3://${local.names["lake"]}/events/date=$${date}/"
      })
    }
    recommendations = {
      location   = "${local.shop}/stream/"
      partitions = ["consumer", "date"]
      parameters = merge(local.by_day, {
        "projection.consumer.type"   = "enum"
        "projection.consumer.values" = join(",", var.consumers)
        "storage.location.template"  = "${local.shop}/stream/$${consumer}/recommendations/date=$${date}/"
      })
    }
  }

  parquet = {
    input  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
    serde  = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
  }
  json = {
    input  = "org.apache.hadoop.mapred.TextInputFormat"
    output = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
    serde  = "org.openx.data.jsonserde.JsonSerDe"
  }
}

resource "aws_glue_catalog_database" "this" {
  name        = local.database
  description = "What ${var.name} knows of its shop: times are microseconds since 1970, UTC."
}

resource "aws_glue_catalog_table" "closed" {
  for_each = local.closed

  name          = each.key
  database_name = aws_glue_catalog_database.this.name
  description   = each.value.about
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(
    { EXTERNAL = "TRUE", classification = "parquet" },
    each.value.dated ? merge(local.by_day, {
      "storage.location.template" = "${local.shop}/tables/${each.key}/date=$${date}/"
    }) : {},
  )

  dynamic "partition_keys" {
    for_each = each.value.dated ? ["date"] : []

    content {
      name = partition_keys.value
      type = "string"
    }
  }

  storage_descriptor {
    location      = "${local.shop}/tables/${each.key}/"
    input_format  = local.parquet.input
    output_format = local.parquet.output

    ser_de_info {
      serialization_library = local.parquet.serde
      parameters            = { "serialization.format" = "1" }
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

resource "aws_glue_catalog_table" "open" {
  for_each = local.open

  name          = each.key
  database_name = aws_glue_catalog_database.this.name
  description   = each.value.about
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(
    { EXTERNAL = "TRUE", classification = "parquet" },
    each.value.dated ? merge(local.by_day, {
      "storage.location.template" = "${local.shop}/tables/${each.key}/date=$${date}/"
    }) : {},
  )

  dynamic "partition_keys" {
    for_each = each.value.dated ? ["date"] : []

    content {
      name = partition_keys.value
      type = "string"
    }
  }

  storage_descriptor {
    location      = "${local.shop}/tables/${each.key}/"
    input_format  = local.parquet.input
    output_format = local.parquet.output

    ser_de_info {
      serialization_library = local.parquet.serde
      parameters            = { "serialization.format" = "1" }
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }

  # The crawler adds a shop's own columns, and notes what it saw.
  lifecycle {
    ignore_changes = [parameters, storage_descriptor]
  }
}

resource "aws_glue_catalog_table" "lines" {
  for_each = local.lines

  name          = each.key
  database_name = aws_glue_catalog_database.this.name
  description   = local.catalogue.lines[each.key].about
  table_type    = "EXTERNAL_TABLE"
  parameters    = merge({ EXTERNAL = "TRUE", classification = "json" }, each.value.parameters)

  dynamic "partition_keys" {
    for_each = each.value.partitions

    content {
      name = partition_keys.value
      type = "string"
    }
  }

  storage_descriptor {
    location      = each.value.location
    input_format  = local.json.input
    output_format = local.json.output

    ser_de_info {
      serialization_library = local.json.serde
      parameters            = { "ignore.malformed.json" = "true" }
    }

    dynamic "columns" {
      for_each = local.catalogue.lines[each.key].columns

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}
