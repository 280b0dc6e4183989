"""Measuring the models: word error rate, speed, accuracy; each module runs from the command line on a folder of data."""
