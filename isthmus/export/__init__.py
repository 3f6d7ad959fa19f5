"""Files that leave the house: their marks for machines, their labels for people, and what a region asks of both.

One file per container format; the folder is the registry (containers.py). Every parser here reads untrusted files:
lengths are checked before they are believed, nothing is executed, and what cannot be read is a Refusal bad_file.
"""
