"""Operations that answer with an error of their model, and why."""

from __future__ import annotations

_ATTRIBUTION = "metric attributions are not kept; experiments and reports measure what answers earn"
_ACTIONS = "actions are not kept, items alone"
_EXPORT = "`endcap export` writes the lake's tables to files"
_DELETION = "`endcap erase-user` forgets users, and DeleteDataset a dataset's rows"

REFUSED = {
    "CreateMetricAttribution": _ATTRIBUTION,
    "DeleteMetricAttribution": _ATTRIBUTION,
    "DescribeMetricAttribution": _ATTRIBUTION,
    "ListMetricAttributionMetrics": _ATTRIBUTION,
    "ListMetricAttributions": _ATTRIBUTION,
    "UpdateMetricAttribution": _ATTRIBUTION,
    "CreateDataDeletionJob": _DELETION,
    "DescribeDataDeletionJob": _DELETION,
    "ListDataDeletionJobs": _DELETION,
    "CreateDatasetExportJob": _EXPORT,
    "DescribeDatasetExportJob": _EXPORT,
    "ListDatasetExportJobs": _EXPORT,
    "DescribeAlgorithm": "recipes are described by DescribeRecipe alone",
    "DescribeFeatureTransformation": "recipes are described by DescribeRecipe alone",
    "GetActionRecommendations": _ACTIONS,
    "PutActionInteractions": _ACTIONS,
    "PutActions": _ACTIONS,
}
