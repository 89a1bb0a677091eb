"""Tokens to money: what an entry's models cost, and who says so.

`tariff` knows the order of the sources: the entry's own table, the provider's live list where it was fetched,
genai-prices. `shelf` fetches the last of them once a process, in a thread; `published` reads it. Nothing is ever
fetched over the network for it.
"""
