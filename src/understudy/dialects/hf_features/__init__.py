"""The `hf-features` dialect: embeddings as Hugging Face's feature extraction gives them, both halves.

Source: wire card of Hugging Face's Inference Providers, state 2026-11-22; huggingface_hub 1.33.0.
"""

from understudy.dialects.hf_features.client import FeaturesDialect
from understudy.dialects.hf_features.server import FeaturesServer

__all__ = ["DIALECT", "SERVER", "FeaturesDialect", "FeaturesServer"]

DIALECT = FeaturesDialect()
SERVER = FeaturesServer()
