"""A small index of flights, for tests of queries."""

from __future__ import annotations

import json
from typing import Any

from tests.services.elasticsearch_address import ElasticsearchAddress

MAPPING = {
    "properties": {
        "carrier": {"type": "keyword"},
        "origin": {"type": "keyword"},
        "delay": {"type": "integer"},
        "distance": {"type": "long"},
        "fare": {"type": "double"},
        "late": {"type": "boolean"},
        "at": {"type": "date"},
        "landed": {"type": "date_nanos"},
        "tower": {"type": "ip"},
        "place": {"type": "geo_point"},
        "remark": {"type": "text"},
        "raw": {"type": "binary"},
        "legs": {"type": "nested", "properties": {"miles": {"type": "long"}}},
        "crew": {"properties": {"first pilot": {"type": "keyword"}}},
        "tags": {"type": "keyword"},
        "empty": {"type": "date"},
    }
}

FLIGHTS: list[dict[str, Any]] = [
    {
        "carrier": "AA", "origin": "JFK", "delay": 3, "distance": 2**53 + 1, "fare": 99.5, "late": False,
        "at": "2024-01-01T10:00:00Z", "landed": "2024-01-01T12:00:00.123456789Z", "tower": "10.0.0.1",
        "place": {"lat": 40.5, "lon": -73.75}, "remark": "smooth ride", "raw": "aGVsbG8=",
        "legs": [{"miles": 100}, {"miles": 300}], "crew": {"first pilot": "Ann"}, "tags": ["a", "b"],
    },
    {"carrier": "UA", "origin": "JFK", "delay": 8, "distance": -5, "fare": 10.25, "late": True,
     "at": "2024-01-02T10:00:00Z", "tower": "::1", "tags": "a"},
    {"carrier": "AA", "origin": "LGA", "delay": 5, "distance": 200, "fare": 20.0, "late": True,
     "at": "2024-01-02T22:00:00Z", "tower": "10.0.1.7"},
    {"carrier": "B6", "origin": "LGA", "at": "2024-01-03T00:00:00Z"},
    {"carrier": "DL", "delay": -2, "distance": 700, "fare": 5.0, "late": False, "at": "2024-01-03T09:00:00Z"},
]  # fmt: skip


def load(node: ElasticsearchAddress, index: str) -> None:
    """Make the index and fill it."""
    node.request("PUT", f"/{index}", {"mappings": MAPPING, "settings": {"number_of_replicas": 0}})
    lines = [line for number, each in enumerate(FLIGHTS) for line in ({"index": {"_id": str(number)}}, each)]
    answer = node.request(
        "POST", f"/{index}/_bulk?refresh=true", "".join(json.dumps(line) + "\n" for line in lines).encode()
    )
    assert not answer["errors"]
