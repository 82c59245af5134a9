"""What an answer to aggregations does not hold, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dk_notebook.backends.elasticsearch.aggregations.kinds import LEFT_OVERS
from dk_notebook.backends.elasticsearch.aggregations.tree import Aggregation, Tree
from dk_notebook.backends.elasticsearch.errors import fault_of, message_of


def notices(answer: Mapping[str, Any], tree: Tree) -> Iterator[str]:
    """A sentence for each thing that is missing or may be wrong."""
    shards = answer.get("_shards") or {}
    if failed := shards.get("failed"):
        reasons = [message_of(fault_of(each.get("reason") or {})) for each in shards.get("failures") or []]
        why = f" ({'; '.join(dict.fromkeys(reasons))})" if reasons else ""
        yield f"{failed} of {shards.get('total')} shards failed{why}: their documents are in none of the figures"
    if answer.get("timed_out"):
        yield "the search ran into its timeout: not all documents are in the figures"
    clusters = answer.get("_clusters") or {}
    if skipped := clusters.get("skipped"):
        yield f"{skipped} of {clusters.get('total')} clusters were skipped: their documents are in none of the figures"
    others: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    _count(tree.roots, answer.get("aggregations") or {}, others, wrong)
    sizes = {each: _size(tree.roots, each) for each in others}
    for name, documents in others.items():
        if documents:
            yield (
                f"{name!r} has the {sizes[name]} largest buckets only, and {documents:,} documents are in others: "
                "a larger size= of the aggregation shows more, a composite aggregation all"
            )
    for name, documents in wrong.items():
        if documents:
            yield (
                f"counts of {name!r} may be too small by up to {documents:,}, and a bucket may be missing: "
                "a larger shard_size= of the aggregation makes them exact"
            )


def _count(level: Sequence[Aggregation], answer: Mapping[str, Any], others: Counter[str], wrong: Counter[str]) -> None:
    """Sum up what buckets beyond size hold, and find the largest error of a count."""
    for each in level:
        said = answer.get(each.name) or {}
        path = ">".join(each.path)
        if each.kind in LEFT_OVERS:
            others[path] += said.get("sum_other_doc_count") or 0
            wrong[path] = max(wrong[path], said.get("doc_count_error_upper_bound") or 0)
        if not each.below:
            continue
        if each.shape == "bucket":
            _count(each.below, said, others, wrong)
        else:
            buckets = said.get("buckets") or []
            for bucket in buckets.values() if isinstance(buckets, Mapping) else buckets:
                _count(each.below, bucket, others, wrong)


def _size(level: Sequence[Aggregation], path: str) -> int:
    for each in level:
        own = ">".join(each.path)
        if own == path:
            return int(each.body.get("size", 10))
        if path.startswith(own + ">"):
            return _size(each.below, path)
    return 10
