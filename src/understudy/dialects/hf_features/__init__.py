"""The `hf-features` dialect: embeddings as Hugging Face's feature extraction gives them, both halves.

Source: wire card of Hugging Face's Inference Providers, state 2026-11-22; huggingface_hub 1.33.0.
"""
