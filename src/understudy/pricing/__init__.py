"""What an entry's models cost, and the source of each price.

`lookup` consults the sources in order: the entry's own table, the provider's live list if it was fetched, genai-prices.
`cache` loads the last of them once a process, in a thread; `published` reads it. Nothing is ever fetched over the
network for a price.
"""
