"""The nouns that every face shares: frozen structs, no behaviour that touches the world."""
