"""The audio library: recordings cut into windows, what is said and how it sounds in each, kept on disk and searched."""
