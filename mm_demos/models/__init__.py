"""Models: what exists (`catalog`), where its bytes come from (`weights`), who holds it (`loader`), what it can do (`protocols`)."""
