"""Puts this folder's parts (corridor_parts.py) within reach of its tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
