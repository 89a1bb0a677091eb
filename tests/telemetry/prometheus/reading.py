"""Reads an answer to Prometheus with the parsers of Prometheus' own client, in both formats."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text

from understudy.telemetry.prometheus.exposition import exposition
from understudy.telemetry.prometheus.scrape import Scrape

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def families_of(answer: bytes, *, is_open: bool) -> list[Metric]:
    """Return the metrics of an answer. Raise `ValueError` if it is malformed."""
    return list((open_metrics if is_open else text)(answer.decode()))


def samples_of(answer: bytes, *, is_open: bool = False) -> Samples:
    """Return all samples of an answer. Fail if two have the same name and labels, which Prometheus refuses."""
    found: Samples = {}
    for family in families_of(answer, is_open=is_open):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, key
            found[key] = sample.value
    return found


def read(scrape: Scrape) -> Samples:
    """Return all samples of a gateway, which are the same in both formats."""
    samples = samples_of(exposition(scrape))
    assert samples == samples_of(exposition(scrape, is_open=True), is_open=True)
    return samples


def value(samples: Samples, name: str, /, **labels: str) -> float | None:
    """Return the value of one sample; `class_` stands for `class`. `None` if there is no such sample."""
    return samples.get((name, frozenset((key.removesuffix("_"), each) for key, each in labels.items())))
