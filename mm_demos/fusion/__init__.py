"""The trainable multimodal classifier: tables, features, fusion strategies, training, evaluation and the model folder."""
