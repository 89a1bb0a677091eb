"""The `hf-features` dialect: embeddings as Hugging Face's feature extraction gives them, both halves.

Source: Hugging Face's documentation of its Inference Providers, state 2026-11-22; huggingface_hub 1.33.0.
"""
