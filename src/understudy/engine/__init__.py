"""How one target is asked: a request under way, its attempts, and the backends that perform them."""
