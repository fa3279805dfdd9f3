"""One ETL on two engines: the lake's parts become tables that others read."""
