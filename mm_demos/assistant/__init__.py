"""What the assistant is made of: knowledge with sources, tools, intents, prompts, memory and the store of conversations."""
