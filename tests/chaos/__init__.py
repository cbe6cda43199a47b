"""The chaos run: real processes are killed, and at the end every byte has to be where it belongs.

`plan` says what will happen (by a seed), `run` lets it happen, `oracle` judges what is left.
"""
