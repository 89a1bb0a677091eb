"""The `hf-features` dialect: embeddings in the form of Hugging Face's feature extraction, both halves.

Source: Hugging Face's documentation of its Inference Providers, state 2026-11-22; huggingface_hub 1.33.0.
"""
