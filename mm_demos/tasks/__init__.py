"""What the suite can do, one function a verb: pure inference on leased models, no page and no printing."""
