"""Chat completions, embeddings and models: the wire format that most services speak, in both directions."""
