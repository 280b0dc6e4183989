"""Models: `catalog` (what exists), `weights` (its bytes), `loader` (who holds it), `protocols` (what it can do)."""
