"""The dialogue (dialogue.py) and the other readers (readers.py) stand beside the tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
