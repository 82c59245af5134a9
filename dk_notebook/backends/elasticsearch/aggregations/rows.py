"""Answers to aggregations as rows: nested buckets multiplied out, a row a bucket that has none below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from dk_notebook.backends.elasticsearch.aggregations.tree import (
    ROW_COUNT,
    ROW_WHICH,
    Aggregation,
    Column,
    Tree,
)
from dk_notebook.backends.elasticsearch.aggregations.values import array_of, field_of

Row = dict[Column, Any]


def schema_of(tree: Tree) -> pa.Schema:
    """The table's, by the request and the mapping alone."""
    named = zip(tree.columns, tree.names, strict=True)
    return pa.schema([field_of(name, column.part.form) for column, name in named])


def batch_of(tree: Tree, answer: Mapping[str, Any], *, first: bool = True) -> pa.RecordBatch:
    """The rows of an answer. ``first``: of the first page, on which what has no bucket is told too."""
    found = list(_rows(tree.roots, answer, keep=False))
    if not found and first:
        own = _own(tree.roots, answer)
        found = [{**own, ROW_COUNT: 0}] if own else []
    arrays = [array_of([row.get(column) for row in found], column.part.form) for column in tree.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema_of(tree))


def _rows(level: Sequence[Aggregation], answer: Mapping[str, Any], *, keep: bool) -> Iterator[Row]:
    """The rows of one bucket's aggregations. ``keep``: the bucket is a row also where none below it is one."""
    own = _own(level, answer)
    branches = [each for each in level if each.is_branch]
    if not branches:
        yield own
        return
    several = False
    for branch in branches:
        for row in _branch_rows(branch, answer.get(branch.name) or {}):
            several = True
            yield {**own, **row}
    if not several and keep:
        yield {**own, ROW_COUNT: 0}


def _own(level: Sequence[Aggregation], answer: Mapping[str, Any]) -> Row:
    """The values of what has no buckets."""
    row: Row = {}
    for each in level:
        if each.is_branch:
            continue
        said = answer.get(each.name) or {}
        row.update((column, column.part.find(said)) for column in each.columns)
        row.update(_own(each.below, said))
    return row


def _branch_rows(branch: Aggregation, answer: Mapping[str, Any]) -> Iterator[Row]:
    if branch.shape == "bucket":
        own = _own(branch.below, answer)
        yield from _rows(branch.below, answer, keep=bool(own) and bool(answer))
        return
    for bucket in _buckets(answer):
        row: Row = {column: column.part.find(bucket) for column in branch.columns}
        row[ROW_COUNT] = bucket.get("doc_count")
        row[ROW_WHICH] = branch.name
        for inner in _rows(branch.below, bucket, keep=True):
            merged = {**row, **inner}
            if ROW_WHICH in inner:
                merged[ROW_WHICH] = f"{branch.name}>{inner[ROW_WHICH]}"
            yield merged


def _buckets(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The buckets, each with its key, also where they have names or nothing but a place."""
    buckets = answer.get("buckets") or []
    if isinstance(buckets, Mapping):
        for key, bucket in buckets.items():
            yield bucket if "key" in bucket else {**bucket, "key": key}
    else:
        for place, bucket in enumerate(buckets):
            yield bucket if "key" in bucket else {**bucket, "key": place}
