"""Elasticsearch: the official client's transport, with pages, aggregations and ES|QL as Arrow."""

from dk_notebook.backends.elasticsearch.backend import ElasticsearchBackend
from dk_notebook.backends.elasticsearch.database import AsyncElasticsearchDatabase

BACKEND = ElasticsearchBackend

__all__ = ["BACKEND", "AsyncElasticsearchDatabase", "ElasticsearchBackend"]
