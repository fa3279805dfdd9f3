"""Every operation of the control plane that is there, by the wire's name."""

from __future__ import annotations

from collections.abc import Mapping

from endcap.control.registry.control import Operation
from endcap.control.registry.operations.datasets import (
    create_dataset,
    describe_dataset,
    list_datasets,
)
from endcap.control.registry.operations.groups import (
    create_dataset_group,
    describe_dataset_group,
    list_dataset_groups,
)
from endcap.control.registry.operations.schemas import (
    create_schema,
    describe_schema,
    list_schemas,
)

OPERATIONS: Mapping[str, Operation] = {
    "CreateDatasetGroup": create_dataset_group,
    "DescribeDatasetGroup": describe_dataset_group,
    "ListDatasetGroups": list_dataset_groups,
    "CreateSchema": create_schema,
    "DescribeSchema": describe_schema,
    "ListSchemas": list_schemas,
    "CreateDataset": create_dataset,
    "DescribeDataset": describe_dataset,
    "ListDatasets": list_datasets,
}
