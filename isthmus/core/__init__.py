"""The words every room speaks. Imports nothing of Isthmus outside this folder."""
